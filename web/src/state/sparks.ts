// Small curves of the rows that are on the screen: each is read once, then only what was measured after it.
import { signal } from "@preact/signals";
import { get } from "../api/client";
import type { History } from "../api/types";
import { longer, sparkOf, type Spark } from "../text/spark";
import { rows } from "./sessions";

interface Kept {
  /** Nothing: there is no finite value. */
  spark: Spark | undefined;
  at: number;
}

const POINTS = 60;
const LATER_POINTS = 8;
const PAUSE = 10_000;
/** A browser opens six connections to a host; one is the stream. */
const AT_ONCE = 2;
const MOST_KEPT = 2000;

/** By UID and metric. */
const kept = signal<ReadonlyMap<string, Kept>>(new Map());

/** Keys of curves that are wanted, the newest wish first. */
let waiting: string[] = [];
const reading = new Set<string>();
const MOST_WAITING = 200;

const key = (uid: string, metric: string): string => `${uid} ${metric}`;

/** The curve of a session; undefined before it is read, and without a value. */
export function sparkFor(uid: string, metric: string): Spark | undefined {
  return kept.value.get(key(uid, metric))?.spark;
}

/** Read what is missing of the curves of these sessions. */
export function wantSparks(uids: string[], metric: string): void {
  const now = Date.now();
  const missing = uids.filter((uid) => {
    const before = kept.value.get(key(uid, metric));
    return before === undefined || (now - before.at > PAUSE && newestStep(uid, metric) > lastStep(before));
  });
  const all = new Set([...missing.map((uid) => key(uid, metric)), ...waiting]);
  waiting = [...all].filter((name) => !reading.has(name)).slice(0, MOST_WAITING);
  while (reading.size < AT_ONCE && waiting.length > 0 && !document.hidden) void work(waiting.shift()!);
}

function newestStep(uid: string, metric: string): number {
  const found = (rows.value.get(uid)?.metrics ?? []).find((each) => each["name"] === metric);
  return Number(found?.["step"] ?? -1);
}

const lastStep = ({ spark }: Kept): number => spark?.points.at(-1)?.[0] ?? -1;

async function work(name: string): Promise<void> {
  reading.add(name);
  try {
    const [uid = "", ...metric] = name.split(" ");
    await read(uid, metric.join(" "));
  } catch {
    // The rows show their last values; what is missing is asked for again a second later.
    waiting = [];
  }
  reading.delete(name);
  const next = waiting.shift();
  if (next !== undefined) void work(next);
}

async function read(uid: string, metric: string): Promise<void> {
  const before = kept.value.get(key(uid, metric));
  const query = new URLSearchParams({ metric, maxPoints: String(before?.spark ? LATER_POINTS : POINTS) });
  if (before?.spark) query.set("firstStep", String(lastStep(before) + 1));
  const { series } = await get<History>(`/training/${encodeURIComponent(uid)}/history?${query}`);
  const found = sparkOf(series[0]);
  const spark = before?.spark ? longer(before.spark, found) : found;
  const others = [...kept.value].filter(([name]) => name !== key(uid, metric));
  kept.value = new Map([...others.slice(1 - MOST_KEPT), [key(uid, metric), { spark, at: Date.now() }]]);
}
