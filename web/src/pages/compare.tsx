// The curves of several sessions laid over each other, and the parameters in which they differ.
import { useEffect, useState } from "preact/hooks";
import { get, sentence } from "../api/client";
import type { History, SessionInfo } from "../api/types";
import { AxesForm, axes } from "../parts/axes";
import { Chart } from "../parts/chart";
import { link, place } from "../state/place";
import { csv, lineOf, type Line } from "../text/curves";
import { differing } from "../text/parameters";
import { visible } from "../text/visible";
import { Choice, MOST_COMPARED } from "./sessions";

interface Compared {
  sessions: SessionInfo[];
  metrics: string[];
  lines: Line[];
  problem: string;
}

const AT_ONCE = 4;
const MOST_POINTS = 1000;

/** What `read` gives for each, few at a time. */
async function each<T, R>(all: T[], read: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE) {
    results.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map(read))));
  }
  return results;
}

export function ComparePage() {
  const { parameters } = place.value;
  const asked = (parameters.get("sessions") ?? "").split(",").filter((uid) => /^[A-Za-z0-9.-]{1,64}$/.test(uid));
  const uids = asked.slice(0, MOST_COMPARED);
  const metric = parameters.get("metric") ?? "";
  const found = useCompared(uids, metric);
  const how = axes();
  const rows = differing(found.sessions.map((session) => session.spec));

  return (
    <>
      <p>
        <a href={link("/")}>All sessions</a>
      </p>
      <h1>{`Compare ${found.sessions.length} sessions`}</h1>
      {found.problem && <p role="alert" class="problem">{found.problem}</p>}
      <div class="filters">
        {found.metrics.length > 0 && <Choice name="Metric" parameter="metric" value={metric} values={found.metrics} all="" />}
      </div>
      <AxesForm {...how} />
      <Chart title={metric} lines={found.lines} {...how} />
      <p class="buttons">
        <button type="button" onClick={() => save("curves.csv", new Blob([csv(found.lines)], { type: "text/csv" }))}>
          Save as CSV
        </button>
        <button type="button" onClick={savePicture}>
          Save as PNG
        </button>
      </p>
      <h2 id="differ">What differs</h2>
      {rows.length === 0 ? (
        <p class="notice">The sessions have the same parameters.</p>
      ) : (
        <div class="wide" role="region" aria-labelledby="differ" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Parameter</th>
                {found.sessions.map((session) => (
                  <th scope="col" key={session.uid}>
                    <a href={link(`/session/${session.uid}`)}>
                      <bdi>{visible(session.name)}</bdi>
                    </a>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(([name, values]) => (
                <tr key={name}>
                  <th scope="row">
                    <bdi>{visible(name)}</bdi>
                  </th>
                  {values.map((value, n) => (
                    <td key={n}>
                      <bdi>{visible(value)}</bdi>
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function useCompared(uids: string[], metric: string): Compared {
  const [found, setFound] = useState<Compared>({ sessions: [], metrics: [], lines: [], problem: "" });
  const key = uids.join(",");

  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      const sessions = await each(uids, (uid) => get<SessionInfo>(`/training/${uid}/status`, stop.signal));
      const histories = await each(uids, (uid) => {
        const query = new URLSearchParams({ maxPoints: String(MOST_POINTS), metric });
        return get<History>(`/training/${uid}/history?${query}`, stop.signal);
      });
      const lines = histories.flatMap((history, n) => history.series.map((series) => lineOf(sessions[n]?.name ?? "", series)));
      const metrics = sessions.flatMap((session) => ((session.status?.["metrics"] ?? []) as { name: string }[]).map(({ name }) => name));
      setFound({ sessions, lines, metrics: [...new Set([metric, ...metrics])].filter(Boolean).sort(), problem: "" });
    };
    read().catch((error: unknown) => {
      if (!stop.signal.aborted) setFound((before) => ({ ...before, problem: sentence(error) }));
    });
    return () => stop.abort();
  }, [key, metric]);

  return found;
}

function save(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function savePicture(): void {
  document.querySelector<HTMLCanvasElement>(".plot canvas")?.toBlob((content) => content && save("curves.png", content));
}
