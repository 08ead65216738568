// Which stretch of time a session takes: ran, runs, or is expected to start. Pure.
import type { Progress, Row } from "../api/types";
import { HOLDING, WAITING } from "./words";

export interface Stretch {
  row: Row;
  kind: "ran" | "runs" | "waits";
  from: number;
  /** The end; for what runs the expected one, for what waits the latest expected start. Undefined: not known. */
  to: number | undefined;
}

/** The stretches of sessions that touch the time from `first` to `last`; what runs comes first, then the queue, then what ended. */
export function stretches(rows: Iterable<Row>, now: number, first: number, last: number): Stretch[] {
  const found: Stretch[] = [];
  for (const row of rows) {
    const stretch = of(row, now);
    if (stretch && stretch.from <= last && (stretch.to ?? last) >= first) found.push(stretch);
  }
  const order = { runs: 0, waits: 1, ran: 2 };
  return found.sort(
    (a, b) =>
      order[a.kind] - order[b.kind] ||
      (a.kind === "ran" ? (b.to ?? 0) - (a.to ?? 0) : 0) ||
      (a.row.position ?? 0) - (b.row.position ?? 0) ||
      a.from - b.from,
  );
}

function of(row: Row, now: number): Stretch | undefined {
  const began = row.startTime ? Date.parse(row.startTime) : undefined;
  if (HOLDING.includes(row.phase)) {
    const left = (row.progress as Progress | undefined)?.etaSeconds;
    return { row, kind: "runs", from: began ?? now, to: left === undefined ? undefined : now + left * 1000 };
  }
  if (WAITING.includes(row.phase)) {
    const estimate = row.estimatedStart as { earliest?: string; latest?: string } | undefined;
    if (!estimate?.earliest) return { row, kind: "waits", from: now, to: undefined };
    const from = Math.max(now, Date.parse(estimate.earliest));
    return { row, kind: "waits", from, to: estimate.latest ? Math.max(from, Date.parse(estimate.latest)) : undefined };
  }
  if (row.completionTime && began !== undefined) {
    return { row, kind: "ran", from: began, to: Date.parse(row.completionTime) };
  }
  return undefined;
}

/** Where a stretch lies on a line from 0 to 100, at least half a unit long. */
export function placed(stretch: Stretch, first: number, last: number): [number, number] {
  const at = (time: number) => Math.min(100, Math.max(0, ((time - first) / (last - first)) * 100));
  const from = at(stretch.from);
  return [Math.min(from, 99.5), Math.max(0.5, at(stretch.to ?? last) - from)];
}
