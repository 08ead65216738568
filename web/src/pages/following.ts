// What is known of one session, kept current by its stream. What a screen shows is read at once; what was
// read before the stream was open is read again then, so that nothing is missed.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, sentence } from "../api/client";
import { follow } from "../api/stream";
import type { History, LogEntry, Logs, Point, Series, SessionInfo } from "../api/types";
import { joinedLines, MOST_LINES } from "../text/loglines";
import { early, FIRST_LINES, newestPath, statusPath } from "../state/early";
import { joined } from "../text/curves";

export interface Known {
  session?: SessionInfo;
  series: ReadonlyMap<string, Series>;
  lines: LogEntry[];
  /** Whether there are older lines than these. */
  older: boolean;
  /** Whether there are newer lines, which are read in pages and not followed. */
  newer: boolean;
  problem: string;
}

export interface Following extends Known {
  refresh: () => Promise<void>;
  readLines: (from: "start" | "next" | "newest") => Promise<void>;
  readSteps: (metric: string, steps: [number, number] | null) => Promise<void>;
}

type LivePoint = Point & { name: string };
type Told = { points?: LivePoint[]; lines?: LogEntry[]; truncated?: boolean };

const MOST_POINTS = 1000;
/** A chart that has grown beyond this is read again, thinned by the gateway. */
const REREAD_POINTS = 4000;
/** What a screen shows is read first, then the rest. */
const MOST_NEWEST = 2000;
const PAGE_LINES = 10_000;
/** A program may print a million lines while the page is hidden. */
const LONGEST_AWAY = 60_000;
const NOTHING: Known = { series: new Map(), lines: [], older: false, newer: false, problem: "" };

/** The series with the points of an event. Pure. */
export function grown(series: ReadonlyMap<string, Series>, points: LivePoint[]): Map<string, Series> {
  const all = new Map(series);
  for (const name of new Set(points.map((point) => point.name))) {
    const later = points.filter((point) => point.name === name);
    const before = all.get(name) ?? { name, total: 0, points: [] };
    const after = joined(before.points, later);
    all.set(name, { ...before, points: after, total: before.total + after.length - before.points.length });
  }
  return all;
}

/** What was read, with the points that came by the stream meanwhile. Pure. */
export function reread(before: ReadonlyMap<string, Series>, read: Series[]): Map<string, Series> {
  const all = new Map(before);
  for (const each of read) {
    const points = joined(each.points, before.get(each.name)?.points ?? []);
    all.set(each.name, { ...each, points, total: each.total + points.length - each.points.length });
  }
  return all;
}

export function useFollowing(name: string): Following {
  const [known, setKnown] = useState<Known>(NOTHING);
  const zoomed = useRef(new Set<string>()).current;
  const rereading = useRef(new Set<string>()).current;
  const turns = useRef(0);
  const path = `/training/${encodeURIComponent(name)}`;
  const put = (change: (before: Known) => Partial<Known>) => setKnown((before) => ({ ...before, ...change(before) }));

  async function guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      put(() => ({ problem: "" }));
    } catch (error) {
      put(() => ({ problem: sentence(error) }));
    }
  }

  const refresh = useOneAtATime(() =>
    guarded(async () => {
      const session = await early<SessionInfo>(statusPath(name));
      put(() => ({ session }));
    }),
  );

  const readSteps = (metric: string, steps: [number, number] | null) =>
    guarded(async () => {
      const query = new URLSearchParams({ maxPoints: String(MOST_POINTS) });
      if (metric) query.set("metric", metric);
      if (steps) {
        query.set("firstStep", String(Math.max(0, steps[0])));
        query.set("lastStep", String(Math.max(0, steps[1])));
        zoomed.add(metric);
      } else zoomed.delete(metric);
      const { series } = await get<History>(`${path}/history?${query}`);
      put((before) => ({
        series: steps
          ? new Map([...before.series, ...series.map((each) => [each.name, each] as const)])
          : reread(before.series, series.filter((each) => metric || !zoomed.has(each.name))),
      }));
    });

  const readLines = (from: "start" | "next" | "newest", limits = [FIRST_LINES, MOST_NEWEST]) =>
    guarded(async () => {
      const turn = ++turns.current;
      // Whoever has asked for other lines meanwhile does not want these any more.
      const read = async (where: string, change: (read: Logs, before: Known) => Partial<Known>) => {
        const found = await early<Logs>(where);
        if (turn === turns.current) put((before) => change(found, before));
        return turn === turns.current && found.more;
      };
      if (from === "newest") {
        for (const limit of limits) {
          const more = await read(newestPath(name, limit), (found, before) => ({
            lines: before.newer ? found.lines : joinedLines(found.lines, before.lines),
            older: found.more,
            newer: false,
          }));
          if (!more) return;
        }
        return;
      }
      const after = from === "start" ? 0 : (known.lines.at(-1)?.cursor ?? 0);
      await read(`${path}/logs?after=${after}&limit=${PAGE_LINES}`, (found, before) => ({
        lines: from === "start" ? found.lines : joinedLines(before.lines, found.lines),
        older: from === "next" && (before.older || before.lines.length + found.lines.length > MOST_LINES),
        newer: found.more,
      }));
    });

  function tell(told: Told): void {
    const points = (told.points ?? []).filter((point) => !zoomed.has(point.name));
    put((before) => {
      const series = points.length > 0 ? grown(before.series, points) : before.series;
      for (const each of series.values()) {
        if (each.points.length <= REREAD_POINTS || rereading.has(each.name)) continue;
        rereading.add(each.name);
        queueMicrotask(() => void readSteps(each.name, null).finally(() => rereading.delete(each.name)));
      }
      const lines = told.lines && !before.newer ? joinedLines(before.lines, told.lines) : before.lines;
      return { series, lines, older: before.older || lines.length === MOST_LINES };
    });
  }

  useEffect(() => {
    let hasRead = false;
    void refresh();
    const shown = readLines("newest", [FIRST_LINES]);
    return follow(`${path}/events`, {
      tell: ({ event, data }) => {
        if (event !== "metrics" && event !== "logs") void refresh();
        else if ((data as Told).truncated) void readSteps("", null);
        else tell(data as Told);
      },
      freshAfter: LONGEST_AWAY,
      refused: (error) => put(() => ({ problem: sentence(error) })),
      opened: (resumed) => {
        void refresh();
        if (resumed && hasRead) return;
        hasRead = true;
        // Lines are there sooner than curves, whose drawing would hold them up.
        void shown.then(() => {
          void readSteps("", null);
          if (turns.current === 1) void readLines("newest", [MOST_NEWEST]);
        });
      },
    });
  }, [name]);

  return { ...known, refresh, readLines, readSteps };
}

/** `work`, which is not begun again while it runs, but once more when it has ended. */
function useOneAtATime(work: () => Promise<void>): () => Promise<void> {
  const state = useRef({ running: false, again: false }).current;
  return async () => {
    state.again = true;
    if (state.running) return;
    state.running = true;
    while (state.again) {
      state.again = false;
      await work();
    }
    state.running = false;
  };
}
