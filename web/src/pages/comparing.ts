// What is read to compare sessions: their specs, and the curves of one metric.
import { useEffect, useState } from "preact/hooks";
import { get, sentence } from "../api/client";
import type { Comparison, SessionInfo } from "../api/types";
import { lineOfCurve, type Line } from "../text/curves";

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

/** Points of all curves together that are read; a chart shows no more of them. */
const POINTS_IN_ALL = 60_000;
const MOST_POINTS = 2000;
const LEAST_POINTS = 400;
const NOTHING: Compared = { all: [], metrics: [], problem: "", unknown: [], reading: false };
const NO_CURVE = { uid: "", total: 0, steps: [], times: [], values: [] };

/** The curves of a metric over some steps, or over all. */
export function useCompared(uids: string[], metric: string, steps: [number, number] | null): Compared {
  const [found, setFound] = useState<Compared>({ ...NOTHING, reading: true });
  const key = `${uids.join(",")} ${metric} ${steps?.join("-") ?? ""}`;

  useEffect(() => {
    const stop = new AbortController();
    const most = Math.max(LEAST_POINTS, Math.min(MOST_POINTS, Math.floor(POINTS_IN_ALL / Math.max(1, uids.length))));
    const query = new URLSearchParams({ maxPoints: String(most), ...(metric ? { metric } : {}) });
    for (const uid of uids) query.append("session", uid);
    if (steps) {
      query.set("firstStep", String(Math.max(0, steps[0])));
      query.set("lastStep", String(Math.max(0, steps[1])));
    }
    if (uids.length === 0) {
      setFound(NOTHING);
      return undefined;
    }
    setFound((before) => ({ ...before, reading: true }));
    get<Comparison>(`/training/compare?${query}`, stop.signal)
      .then(({ sessions, curves, unknown }) => {
        const lines = new Map(curves.map((curve) => [curve.uid, curve]));
        const names = sessions.flatMap(({ status }) => ((status?.["metrics"] ?? []) as { name: string }[]).map(({ name }) => name));
        setFound({
          all: sessions.map((session) => ({ session, line: lineOfCurve(session.name, lines.get(session.uid) ?? NO_CURVE) })),
          metrics: [...new Set([metric, ...names])].filter(Boolean).sort(),
          problem: "",
          unknown,
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
