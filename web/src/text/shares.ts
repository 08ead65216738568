// What a queue may use and what it uses, in words, and who uses it. Pure.
import type { QueueInfo, Row } from "../api/types";
import { count, duration, HOLDING } from "./words";

/** `4 GPUs guaranteed, more while they are free`. */
export function quota({ gpuQuota, borrow }: QueueInfo): string {
  if (gpuQuota === undefined || gpuQuota === null) return "no quota";
  return `${count(gpuQuota, "GPU")} guaranteed, ${borrow ? "more while they are free" : "no more"}`;
}

/** Its limits for users and sessions; empty without. */
export function limits({ maxSessionsPerUser, maxGpusPerSession, timeSliceSeconds }: QueueInfo): string {
  const found: string[] = [];
  if (maxSessionsPerUser !== undefined && maxSessionsPerUser !== null) found.push(`${count(maxSessionsPerUser, "session")} of one user at once`);
  if (maxGpusPerSession !== undefined && maxGpusPerSession !== null) found.push(`${count(maxGpusPerSession, "GPU")} for one session`);
  if (timeSliceSeconds !== undefined && timeSliceSeconds !== null) found.push(`short ones first, turns of ${duration(timeSliceSeconds)}`);
  return found.join(", ");
}

/** GPUs by owner in a queue, the most first. */
export function holders(rows: Iterable<Row>, queue: string): [string, number][] {
  const found = new Map<string, number>();
  for (const row of rows) {
    if (row.queue !== queue || row.gpus === 0 || !HOLDING.includes(row.phase)) continue;
    const user = row.user ?? "no user";
    found.set(user, (found.get(user) ?? 0) + row.gpus);
  }
  return [...found].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}

/** `62 %`; empty where the whole is nothing. */
export function part(of: number | null | undefined, whole: number | null | undefined): string {
  return of === undefined || of === null || !whole ? "" : `${Math.round((100 * of) / whole)} %`;
}
