// Points as what a chart draws. Pure.
import type { Curve, Point, Series } from "../api/types";

export type Axis = "step" | "epoch" | "time" | "clock";

/** A point whose time is a text, or a number of microseconds since 1970. */
export type LinePoint = Omit<Point, "time"> & { time: string | number };

export interface Line {
  label: string;
  points: LinePoint[];
  /** Whether the points are the lowest and highest of stretches. */
  thinned: boolean;
}

/** Columns of one line: x, value, smoothed value, lowest and highest of each stretch. */
export interface Columns {
  x: number[];
  raw: (number | null)[];
  smooth: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

/** A line of a series. */
export function lineOf(label: string, series: Series): Line {
  return { label, points: series.points, thinned: series.total > series.points.length };
}

/** A line of lists. */
export function lineOfCurve(label: string, curve: Curve): Line {
  const { steps, times, values, epochs } = curve;
  const points = steps.map((step, n) => ({ step, time: times[n] ?? 0, value: values[n] ?? "NaN", epoch: epochs?.[n] ?? null }));
  return { label, points, thinned: curve.total > points.length };
}

/** When a point was measured, in milliseconds since 1970. */
export function timeOf({ time }: LinePoint): number {
  return typeof time === "number" ? time / 1000 : Date.parse(time);
}

/** The points with later ones; what is already there comes no second time. */
export function joined(points: Point[], later: Point[]): Point[] {
  const last = points.at(-1)?.step ?? -1;
  return [...points, ...later.filter((point) => point.step > last)];
}

/** The value of a point; null for NaN and infinities, which leave a gap. */
export function valueOf(point: Pick<Point, "value">): number | null {
  return typeof point.value === "number" && Number.isFinite(point.value) ? point.value : null;
}

/** The number of points that a chart cannot draw. */
export function gaps(lines: Line[]): number {
  return lines.reduce((sum, line) => sum + line.points.filter((point) => valueOf(point) === null).length, 0);
}

/** The number of points at or below zero, which have no place on a logarithmic axis. */
export function notPositive(lines: Line[]): number {
  return lines.reduce((sum, line) => sum + line.points.filter((point) => (valueOf(point) ?? 1) <= 0).length, 0);
}

/** The lowest, the highest and the last finite value of a line. */
export function summary(line: Line): { lowest?: number; highest?: number; last?: number } {
  const found: { lowest?: number; highest?: number; last?: number } = {};
  for (const point of line.points) {
    const value = valueOf(point);
    if (value === null) continue;
    if (found.lowest === undefined || value < found.lowest) found.lowest = value;
    if (found.highest === undefined || value > found.highest) found.highest = value;
    found.last = value;
  }
  return found;
}

/** A line's columns on an axis, smoothed by an exponential mean of weight `smoothing` (0 to 0.99). */
export function columns(line: Line, axis: Axis, smoothing: number, log = false): Columns {
  const some = axis === "epoch" ? line.points.filter((point) => typeof point.epoch === "number") : line.points;
  const began = axis === "time" ? some.reduce((first, point) => Math.min(first, timeOf(point)), Infinity) : 0;
  const placed = some.map((point) => [place(point, axis, began), valueOf(point)] as const);
  // Clocks of workers jump, and attempts repeat times; a chart needs its places in order.
  if (placed.some(([x], n) => n > 0 && x < (placed[n - 1]?.[0] ?? x))) placed.sort(([a], [b]) => a - b);
  const x = placed.map(([at]) => at);
  const raw = placed.map(([, value]) => (log && value !== null && value <= 0 ? null : value));
  return { x, raw, smooth: smoothed(raw, smoothing), ...band(raw, line.thinned) };
}

function place(point: LinePoint, axis: Axis, began: number): number {
  if (axis === "epoch") return point.epoch ?? 0;
  if (axis === "step") return point.step;
  const at = timeOf(point);
  return axis === "clock" ? at / 1000 : (at - began) / 1000;
}

/** An exponential mean without a bias at its beginning. */
export function smoothed(values: (number | null)[], weight: number): (number | null)[] {
  let mean = 0;
  let seen = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = mean * weight + value * (1 - weight);
    seen += 1;
    return mean / (1 - weight ** seen);
  });
}

/** Of each stretch of two points the lowest and the highest. */
function band(raw: (number | null)[], thinned: boolean): Pick<Columns, "low" | "high"> {
  if (!thinned) return { low: raw.map(() => null), high: raw.map(() => null) };
  const pairs = raw.map((value, n) => [value, raw[n % 2 ? n - 1 : n + 1] ?? value].filter((each) => each !== null));
  return {
    low: pairs.map((pair) => (pair.length ? Math.min(...pair) : null)),
    high: pairs.map((pair) => (pair.length ? Math.max(...pair) : null)),
  };
}

/** The points of all lines as CSV. */
export function csv(lines: Line[]): string {
  const rows = lines.flatMap((line) =>
    line.points.map((point) => [line.label, point.step, point.epoch ?? "", timeText(point.time), point.value].map(quoted).join(",")),
  );
  return ["line,step,epoch,time,value", ...rows].join("\n");
}

/** A time as the gateway writes it, in microseconds. */
function timeText(time: string | number): string {
  if (typeof time === "string") return time;
  const milliseconds = Math.floor(time / 1000);
  return new Date(milliseconds).toISOString().replace("Z", `${String(time - 1000 * milliseconds).padStart(3, "0")}Z`);
}

/** A text that begins like a formula gets a quote in front, so that no spreadsheet computes it. */
function quoted(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
