// All sessions of the cluster, from one stream.
import { signal } from "@preact/signals";
import { follow } from "../api/stream";
import type { Row, SessionsEvent } from "../api/types";
import { applied } from "../text/rows";
import { compareVersion } from "./version";

/** By UID. */
export const rows = signal<ReadonlyMap<string, Row>>(new Map());
/** Whether the first rows have come. */
export const known = signal(false);

let last: string | undefined;

/** Follow the sessions, on from where it stopped before; returns what ends it. */
export function followSessions(): () => void {
  return follow("/training/events", {
    from: last,
    passed: (id) => (last = id),
    opened: () => void compareVersion(),
    tell: (told) => {
      if (told.event !== "sessions") return;
      rows.value = applied(rows.value, told.data as SessionsEvent);
      known.value = true;
    },
  });
}
