// Many long lines on one grid of places, so that a chart draws no more than a screen shows. Pure.
import type { Columns } from "./curves";

/** What a chart draws: places, and of each line its values there. `undefined`: no point there; `null`: a gap. */
export interface Grid {
  x: number[];
  lines: { raw: Value[]; smooth: Value[]; low: Value[]; high: Value[] }[];
}

type Value = number | null | undefined;

/**
 * The lines on `buckets` stretches of the axis. Each stretch of a line shows its lowest and its highest value in the order in
 * which they came, so that no spike is lost.
 */
export function gridded(columns: Columns[], buckets: number): Grid {
  const [first, last] = range(columns);
  const width = (last - first) / buckets || 1;
  const rows = 2 * buckets;
  const used = new Uint8Array(rows);
  const lines = columns.map((line) => {
    const made = { raw: empty(rows), smooth: empty(rows), low: empty(rows), high: empty(rows) };
    for (let start = 0; start < line.x.length; ) {
      const bucket = Math.min(buckets - 1, Math.floor(((line.x[start] ?? first) - first) / width));
      let end = start + 1;
      while (end < line.x.length && Math.min(buckets - 1, Math.floor(((line.x[end] ?? first) - first) / width)) === bucket) end++;
      const [a, b] = extremes(line, start, end);
      for (const [row, at] of [[2 * bucket, a], [2 * bucket + 1, b]] as const) {
        if (row % 2 === 1 && a === b) continue;
        used[row] = 1;
        made.raw[row] = line.raw[at];
        made.smooth[row] = line.smooth[at];
        made.low[row] = line.low[at];
        made.high[row] = line.high[at];
      }
      start = end;
    }
    return made;
  });
  const kept = [...used.keys()].filter((row) => used[row] === 1);
  const only = (values: Value[]) => kept.map((row) => values[row]);
  return {
    x: kept.map((row) => first + ((row >> 1) + (row % 2 ? 0.75 : 0.25)) * width),
    lines: lines.map(({ raw, smooth, low, high }) => ({ raw: only(raw), smooth: only(smooth), low: only(low), high: only(high) })),
  };
}

const empty = (rows: number): Value[] => new Array<Value>(rows).fill(undefined);

function range(columns: Columns[]): [number, number] {
  let [first, last] = [Infinity, -Infinity];
  for (const { x } of columns) {
    for (const at of x) {
      if (at < first) first = at;
      if (at > last) last = at;
    }
  }
  return first <= last ? [first, last] : [0, 1];
}

/** Places of the lowest and the highest value from `start` to before `end`, in their order; of a stretch without values its first. */
function extremes({ raw }: Columns, start: number, end: number): [number, number] {
  let [low, high] = [-1, -1];
  for (let at = start; at < end; at++) {
    const value = raw[at];
    if (value === null || value === undefined) continue;
    if (low < 0 || value < (raw[low] ?? 0)) low = at;
    if (high < 0 || value > (raw[high] ?? 0)) high = at;
  }
  if (low < 0) return [start, start];
  return low < high ? [low, high] : [high, low];
}
