// The rows of the table as the stream of all sessions tells them. Pure.
import type { Row, SessionsEvent } from "../api/types";

/** The rows after an event. Pure. */
export function applied(before: ReadonlyMap<string, Row>, told: SessionsEvent): Map<string, Row> {
  const after = new Map(told.reset ? [] : before);
  for (const uid of told.gone) after.delete(uid);
  for (const row of told.sessions) after.set(row.uid, row);
  for (const { uid, ...values } of told.values ?? []) {
    const row = after.get(uid);
    if (row) after.set(uid, { ...row, ...values });
  }
  return after;
}
