// The queue as a timeline: what ran, what runs and until when, what waits and when it is expected to start.
import { Queues } from "../parts/queues";
import { link, place, setParameters } from "../state/place";
import { known, rows } from "../state/sessions";
import { now } from "../state/clock";
import { placed, stretches, type Stretch } from "../text/timeline";
import { clock, count, duration, startInterval, WAITING } from "../text/words";
import { visible } from "../text/visible";

const SPANS: [string, string, number][] = [
  ["hour", "one hour", 3600],
  ["", "six hours", 6 * 3600],
  ["day", "one day", 24 * 3600],
  ["week", "one week", 7 * 24 * 3600],
];
const MOST = 300;
const EVERY = 10_000;
const WORDS = { ran: "ran", runs: "runs", waits: "waits" };

export function QueuePage() {
  const asked = place.value.parameters.get("span") ?? "";
  const queue = place.value.parameters.get("queue") ?? "";
  const seconds = SPANS.find(([name]) => name === asked)?.[2] ?? 6 * 3600;
  // The picture moves with the time, but not each second.
  const at = Math.floor(now.value / EVERY) * EVERY;
  const [first, last] = [at - seconds * 1000, at + seconds * 1000];
  const all = [...rows.value.values()];
  const queues = [...new Set(all.map((row) => row.queue))].sort();
  const found = stretches(all.filter((row) => !queue || row.queue === queue), at, first, last);
  const waiting = found.filter(({ kind }) => kind === "waits").length;
  return (
    <>
      <h1>
        Queue <small>{`${count(waiting, "session")} waiting`}</small>
      </h1>
      <Queues chosen={queue} />
      <h2>What ran, runs and will run</h2>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          Before and after now
          <select value={asked} onChange={(event) => setParameters({ span: event.currentTarget.value })}>
            {SPANS.map(([name, title]) => (
              <option key={name} value={name} selected={name === asked}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label>
          Queue
          <select value={queue} onChange={(event) => setParameters({ queue: event.currentTarget.value })}>
            <option value="">all</option>
            {queues.map((name) => (
              <option key={name} value={name} selected={name === queue}>
                {visible(name)}
              </option>
            ))}
          </select>
        </label>
      </form>
      {!known.value && <p class="notice">Reading the sessions …</p>}
      {known.value && found.length === 0 && <p class="notice">Nothing ran, runs or waits in this time.</p>}
      {found.length > MOST && <p class="notice">{`The first ${MOST} of ${found.length} are shown.`}</p>}
      {found.length > 0 && (
        <div class="wide" role="region" aria-label="Timeline" tabIndex={0}>
          <table class="timeline">
            <thead>
              <tr>
                <th scope="col">Session</th>
                <th scope="col">When</th>
                <th scope="col">
                  <span class="ends">
                    <span>{clock(first)}</span>
                    <span>now</span>
                    <span>{clock(last)}</span>
                  </span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, MOST).map((stretch) => (
                <One key={stretch.row.uid} stretch={stretch} first={first} last={last} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function One({ stretch, first, last }: { stretch: Stretch; first: number; last: number }) {
  const { row, kind } = stretch;
  const [from, length] = placed(stretch, first, last);
  return (
    <tr>
      <th scope="row">
        <a href={link(`/session/${row.uid}`)}>
          <bdi>{visible(row.name)}</bdi>
        </a>
        <small>
          {count(row.gpus, "GPU")}
          {row.user ? ", " : ""}
          <bdi>{visible(row.user ?? "")}</bdi>
        </small>
      </th>
      <td class="why">
        {said(stretch)}
        {kind === "waits" && (
          <small title={visible(row.message ?? "")}>
            <bdi>{visible(row.message ?? "")}</bdi>
          </small>
        )}
      </td>
      <td class="bar">
        <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
          <rect class={WORDS[kind] + (stretch.to === undefined ? " open" : "")} x={from} y="1" width={length} height="8" />
          <line x1="50" x2="50" y1="0" y2="10" />
        </svg>
      </td>
    </tr>
  );
}

function said({ row, kind, to }: Stretch): string {
  if (kind === "ran") return `${row.phase}, ended ${clock(to)}`;
  if (kind === "runs") return to === undefined ? "runs, end not known" : `runs, ${duration((to - now.value) / 1000)} left`;
  const place = row.position ? `place ${row.position}, ` : "";
  return WAITING.includes(row.phase) ? place + startInterval(row.estimatedStart as Record<string, string> | undefined, now.value) : "";
}
