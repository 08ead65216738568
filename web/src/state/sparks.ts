// Short curves for the table: read for rows on the screen, two at once, and each at most twice a minute.
import { signal } from "@preact/signals";
import { get } from "../api/client";
import type { History } from "../api/types";
import { lineOf, type Line } from "../text/curves";

const POINTS = 60;
const AT_ONCE = 2;
const FRESH = 30_000;
/** Curves that are kept; the oldest go first. */
const MOST = 2000;

interface Spark {
  line: Line;
  /** Step of the last value that was known when it was read. */
  step: number;
  at: number;
}

export const sparks = signal<ReadonlyMap<string, Spark>>(new Map());
const waiting = new Map<string, () => Promise<void>>();
let running = 0;

export const sparkKey = (uid: string, metric: string): string => `${uid} ${metric}`;

/** Ask for the curve of a metric, unless a fresh one is there. */
export function want(uid: string, metric: string, step: number): void {
  const key = sparkKey(uid, metric);
  const known = sparks.value.get(key);
  if (known && (known.step === step || Date.now() - known.at < FRESH)) return;
  waiting.set(key, async () => {
    const query = new URLSearchParams({ metric, maxPoints: String(POINTS) });
    const { series } = await get<History>(`/training/${uid}/history?${query}`);
    const line = lineOf(metric, series[0] ?? { name: metric, total: 0, points: [] });
    const all = new Map(sparks.value);
    all.delete(key);
    all.set(key, { line, step, at: Date.now() });
    if (all.size > MOST) all.delete(all.keys().next().value ?? "");
    sparks.value = all;
  });
  void work();
}

async function work(): Promise<void> {
  if (running >= AT_ONCE) return;
  running += 1;
  for (let next = waiting.entries().next(); !next.done; next = waiting.entries().next()) {
    const [key, read] = next.value;
    waiting.delete(key);
    // A session that is gone has no curve; the row goes, too.
    await read().catch(() => undefined);
  }
  running -= 1;
}
