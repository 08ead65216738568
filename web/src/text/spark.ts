// A curve as small as a word, with its lowest, highest and last value. Pure.
import type { Series } from "../api/types";
import { valueOf } from "./curves";

export interface Spark {
  /** Steps and finite values, by step. */
  points: [number, number][];
  lowest: number;
  highest: number;
}

const RISES = /acc|auc|f1|precision|recall|reward|score|bleu|rouge|iou|return|win/i;
export const WIDTH = 90;
export const HEIGHT = 20;

/** Whether the best value of a metric is its lowest or its highest, by its name. */
export function bestOf(metric: string): "lowest" | "highest" {
  return RISES.test(metric) && !/loss|error/i.test(metric) ? "highest" : "lowest";
}

/** What is drawn of a series; nothing without a finite value. */
export function sparkOf(series: Series | undefined): Spark | undefined {
  const points = (series?.points ?? []).flatMap((point): [number, number][] => {
    const value = valueOf(point);
    return value === null ? [] : [[point.step, value]];
  });
  if (points.length === 0) return undefined;
  const values = points.map(([, value]) => value);
  return { points, lowest: Math.min(...values), highest: Math.max(...values) };
}

/** A curve and what was measured after it. */
export function longer(spark: Spark, later: Spark | undefined): Spark {
  const last = spark.points.at(-1)?.[0] ?? -1;
  const points = (later?.points ?? []).filter(([step]) => step > last);
  const values = points.map(([, value]) => value);
  return {
    points: thinned([...spark.points, ...points]),
    lowest: Math.min(spark.lowest, ...values),
    highest: Math.max(spark.highest, ...values),
  };
}

const MOST_POINTS = 240;

/** Of four points the lowest and the highest, where there are many. */
function thinned(points: [number, number][]): [number, number][] {
  if (points.length <= MOST_POINTS) return points;
  const kept: [number, number][] = [];
  for (let at = 0; at < points.length - 1; at += 4) {
    const some = points.slice(at, Math.min(at + 4, points.length - 1)).sort(([, a], [, b]) => a - b);
    const ends = some.length > 1 ? [some[0]!, some.at(-1)!] : some;
    kept.push(...ends.sort(([a], [b]) => a - b));
  }
  // The last value is the newest, whatever it is.
  return [...kept, points.at(-1)!];
}

/** The points of an SVG polyline. */
export function polyline({ points, lowest, highest }: Spark): string {
  const [first, last] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0];
  const across = (step: number) => (last > first ? ((step - first) / (last - first)) * WIDTH : WIDTH / 2);
  const down = (value: number) => (highest > lowest ? 1 + (1 - (value - lowest) / (highest - lowest)) * (HEIGHT - 2) : HEIGHT / 2);
  return points.map(([step, value]) => `${across(step).toFixed(1)},${down(value).toFixed(1)}`).join(" ");
}
