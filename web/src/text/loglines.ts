// Which lines of a log are shown. Pure.
import type { LogEntry } from "../api/types";

export interface Wanted {
  search: string;
  level: string;
  worker: string;
}

export const MOST_LINES = 20_000;
const LEVELS = ["debug", "info", "warning", "error"];

/** The lines with later ones, of which the newest are kept; none comes twice. */
export function joinedLines(lines: LogEntry[], later: LogEntry[]): LogEntry[] {
  const last = lines.at(-1)?.cursor ?? -1;
  const all = [...lines, ...later.filter((entry) => entry.cursor > last)];
  return all.length > MOST_LINES ? all.slice(-MOST_LINES) : all;
}

/** The lines that are wanted: of this level or a worse one, of this worker, with this text. */
export function wanted(lines: LogEntry[], { search, level, worker }: Wanted): LogEntry[] {
  const least = LEVELS.indexOf(level);
  const text = search.toLowerCase();
  return lines.filter(
    (entry) =>
      (least <= 0 || LEVELS.indexOf(entry.level) >= least) &&
      (worker === "" || entry.rank === Number(worker)) &&
      (text === "" || entry.message.toLowerCase().includes(text)),
  );
}

/** The place of the first line that tells of an error, -1 without one. */
export function firstError(lines: LogEntry[]): number {
  return lines.findIndex((entry) => entry.level === "error" || /\b(error|exception|traceback)\b/i.test(entry.message));
}

/** The workers that printed lines. */
export function workers(lines: LogEntry[]): number[] {
  return [...new Set(lines.map((entry) => entry.rank))].sort((a, b) => a - b);
}
