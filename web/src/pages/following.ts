// What is known of one session, kept current by its stream: opened first, so that nothing is missed between it and the rest.
import { useEffect, useState } from "preact/hooks";
import { get, sentence } from "../api/client";
import { follow } from "../api/stream";
import type { History, LogEntry, Logs, Point, Series, SessionInfo } from "../api/types";
import { joinedLines } from "../text/loglines";
import { joined } from "../text/curves";

export interface Known {
  session?: SessionInfo;
  series: ReadonlyMap<string, Series>;
  lines: LogEntry[];
  more: boolean;
  problem: string;
}

export interface Following extends Known {
  refresh: () => Promise<void>;
  readLines: (query: string) => Promise<void>;
  readSteps: (metric: string, steps: [number, number] | null) => Promise<void>;
}

type LivePoint = Point & { name: string };
type Told = { points?: LivePoint[]; lines?: LogEntry[] };

const MOST_POINTS = 1000;
/** A chart that has grown beyond this is read again, thinned by the gateway. */
const REREAD_POINTS = 4000;
const NOTHING: Known = { series: new Map(), lines: [], more: false, problem: "" };

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

export function useFollowing(name: string): Following {
  const [known, setKnown] = useState<Known>(NOTHING);
  const [zoomed] = useState(() => new Set<string>());
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

  const refresh = () =>
    guarded(async () => {
      const session = await get<SessionInfo>(`${path}/status`);
      put(() => ({ session }));
    });

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
      put((before) => ({ series: new Map([...before.series, ...series.map((each) => [each.name, each] as const)]) }));
    });

  const readLines = (query: string) =>
    guarded(async () => {
      const read = await get<Logs>(`${path}/logs?${query}`);
      put(() => ({ lines: read.lines, more: query.includes("tail") && read.more }));
    });

  function tell(told: Told): void {
    const points = (told.points ?? []).filter((point) => !zoomed.has(point.name));
    put((before) => {
      const series = points.length > 0 ? grown(before.series, points) : before.series;
      for (const each of series.values()) {
        if (each.points.length > REREAD_POINTS) queueMicrotask(() => void readSteps(each.name, null));
      }
      const lines = told.lines ? joinedLines(before.lines, told.lines) : before.lines;
      return { series, lines };
    });
  }

  useEffect(() => {
    const stop = follow(`${path}/events`, ({ event, data }) => {
      if (event === "metrics" || event === "logs") tell(data as Told);
      else void refresh();
    });
    void refresh();
    void readSteps("", null);
    void readLines("tail=true&limit=2000");
    return stop;
  }, [name]);

  return { ...known, refresh, readLines, readSteps };
}
