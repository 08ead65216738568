// What is read to compare sessions: their specs, and the curves of one metric.
import { useEffect, useState } from "preact/hooks";
import { get, Refused, sentence } from "../api/client";
import type { History, SessionInfo } from "../api/types";
import { lineOf, type Line } from "../text/curves";

export interface One {
  session: SessionInfo;
  line: Line;
}

export interface Compared {
  all: One[];
  metrics: string[];
  problem: string;
  /** UIDs that the gateway does not know. */
  unknown: string[];
  reading: boolean;
}

/** A browser opens six connections to a host; one is the stream. */
const AT_ONCE = 4;
/** Points of all curves together that are read; a chart shows no more of them. */
const POINTS_IN_ALL = 60_000;
const MOST_POINTS = 2000;
const LEAST_POINTS = 400;

/** What `read` gives for each, few at a time. */
async function each<T, R>(all: T[], read: (one: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(all.length);
  let next = 0;
  const worker = async () => {
    while (next < all.length) {
      const at = next++;
      results[at] = await read(all[at] as T);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

/** The curves of a metric over some steps, or over all. */
export function useCompared(uids: string[], metric: string, steps: [number, number] | null): Compared {
  const [found, setFound] = useState<Compared>({ all: [], metrics: [], problem: "", unknown: [], reading: true });
  const key = `${uids.join(",")} ${metric} ${steps?.join("-") ?? ""}`;

  useEffect(() => {
    const stop = new AbortController();
    const most = Math.max(LEAST_POINTS, Math.min(MOST_POINTS, Math.floor(POINTS_IN_ALL / Math.max(1, uids.length))));
    const query = new URLSearchParams({ maxPoints: String(most), ...(metric ? { metric } : {}) });
    if (steps) {
      query.set("firstStep", String(Math.max(0, steps[0])));
      query.set("lastStep", String(Math.max(0, steps[1])));
    }
    const read = async (uid: string) => {
      try {
        const session = await get<SessionInfo>(`/training/${uid}/status`, stop.signal);
        const history = metric ? await get<History>(`/training/${uid}/history?${query}`, stop.signal) : { series: [] };
        const series = history.series[0] ?? { name: metric, total: 0, points: [] };
        return { session, line: lineOf(session.name, series) };
      } catch (error) {
        if (error instanceof Refused && error.status === 404) return uid;
        throw error;
      }
    };
    setFound((before) => ({ ...before, reading: true }));
    each(uids, read)
      .then((results) => {
        const all = results.filter((result) => typeof result !== "string");
        const names = all.flatMap(({ session }) => ((session.status?.["metrics"] ?? []) as { name: string }[]).map(({ name }) => name));
        setFound({
          all,
          metrics: [...new Set([metric, ...names])].filter(Boolean).sort(),
          problem: "",
          unknown: results.filter((result) => typeof result === "string"),
          reading: false,
        });
      })
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setFound((before) => ({ ...before, problem: sentence(error), reading: false }));
      });
    return () => stop.abort();
  }, [key]);

  return found;
}
