// One session: why it is in its state, its curves, its log, what happened, and what one can do.
import type { Condition, Failure, Progress, SessionInfo } from "../api/types";
import { Actions } from "../parts/actions";
import { AxesForm, axes } from "../parts/axes";
import { Chart } from "../parts/chart";
import { Log } from "../parts/log";
import { now } from "../state/clock";
import { link } from "../state/place";
import { lineOf } from "../text/curves";
import { age, clock, duration, startInterval, WAITING } from "../text/words";
import { line, visible } from "../text/visible";
import { manifest } from "../text/yaml";
import { useFollowing } from "./following";

interface Status {
  message?: string;
  reason?: string;
  attempt?: number;
  preemptions?: number;
  startTime?: string;
  queuedTime?: string;
  completionTime?: string;
  runSeconds?: number;
  queue?: { position?: number; message?: string; estimatedStart?: { earliest?: string; latest?: string } };
  progress?: Progress;
  failure?: Failure;
  conditions?: Condition[];
  model?: { name?: string; version?: number };
}

export function SessionPage({ session: name }: { session: string }) {
  const known = useFollowing(name);
  const { session } = known;
  const how = axes();
  if (!session) return <p class="notice" role="alert">{known.problem || "Reading the session …"}</p>;
  const status = session.status as Status;
  const series = [...known.series.values()].sort((a, b) => (a.name < b.name ? -1 : 1));

  return (
    <>
      <p>
        <a href={link("/")}>All sessions</a>
      </p>
      <h1>
        <bdi>{visible(session.name)}</bdi> <span class={`phase ${session.phase}`}>{visible(session.phase)}</span>
      </h1>
      {known.problem && <p role="alert" class="problem">{known.problem}</p>}
      <Why session={session} status={status} />
      <Actions session={session} done={known.refresh} />
      {status.failure && <Failed failure={status.failure} />}
      <section aria-labelledby="curves">
        <h2 id="curves">Curves</h2>
        {series.length === 0 ? (
          <p class="notice">Nothing was measured yet.</p>
        ) : (
          <>
            <AxesForm {...how} />
            <p>Drag over a chart to see finer points; a double click shows all again.</p>
            <div class="charts">
              {series.map((each) => (
                <Chart key={each.name} title={each.name} lines={[lineOf(each.name, each)]} zoom={(steps) => void known.readSteps(each.name, steps)} {...how} />
              ))}
            </div>
          </>
        )}
      </section>
      <Log
        lines={known.lines}
        more={known.more}
        fromStart={() => void known.readLines("after=0&limit=10000")}
        newest={() => void known.readLines("tail=true&limit=2000")}
      />
      <Story session={session} status={status} />
      <section aria-labelledby="yaml">
        <h2 id="yaml">Configuration</h2>
        <pre class="wide" tabIndex={0} aria-label="The session as YAML" role="region">
          {visibleYaml(manifest(session.name, session.spec))}
        </pre>
      </section>
    </>
  );
}

const visibleYaml = (text: string): string => text.split("\n").map(line).join("\n");

function Why({ session, status }: { session: SessionInfo; status: Status }) {
  const progress = status.progress ?? {};
  const waits = WAITING.includes(session.phase);
  const facts: [string, string][] = [
    ["Why", status.queue?.message ?? status.message ?? ""],
    ["Queue place", waits && status.queue?.position ? `${status.queue.position}, ${startInterval(status.queue.estimatedStart, now.value)}` : ""],
    ["Progress", progress.percent === undefined ? "" : `${Math.round(progress.percent)} %${step(progress)}`],
    ["Time left", progress.etaSeconds === undefined || status.completionTime ? "" : duration(progress.etaSeconds)],
    ["Last checkpoint", progress.lastCheckpoint ? `step ${progress.lastCheckpoint.step ?? 0}` : ""],
    ["Owner", session.user ?? ""],
    ["Created", `${age(session.created, now.value)} ago, ${clock(session.created)}`],
    ["Model", status.model?.name ? `${status.model.name} version ${status.model.version ?? 1}` : ""],
    ["Deleted", session.deleted ? "The cluster no longer has this session; its history stays." : ""],
  ];
  return (
    <dl class="facts">
      {facts.filter(([, value]) => value).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <bdi>{visible(value)}</bdi>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function step(progress: Progress): string {
  if (progress.step === undefined) return "";
  return progress.totalSteps === undefined ? `, step ${progress.step}` : `, step ${progress.step} of ${progress.totalSteps}`;
}

function Failed({ failure }: { failure: Failure }) {
  return (
    <section class="failure" aria-labelledby="failed">
      <h2 id="failed">
        {`Attempt ${failure.attempt ?? 1} failed: `}
        <bdi>{visible(failure.class)}</bdi>
      </h2>
      {failure.message && <p>{visible(failure.message)}</p>}
      {failure.hint && (
        <p>
          <strong>What to do:</strong> {visible(failure.hint)}
        </p>
      )}
      {failure.lastLogLines && (
        <pre class="wide" tabIndex={0} role="region" aria-label="The last lines">
          {failure.lastLogLines.map(line).join("\n")}
        </pre>
      )}
    </section>
  );
}

function Story({ session, status }: { session: SessionInfo; status: Status }) {
  const events: [string, string][] = [["created", session.created]];
  if (status.queuedTime) events.push(["ready to run", status.queuedTime]);
  if (status.startTime) events.push(["began to run", status.startTime]);
  if (status.completionTime) events.push(["ended", status.completionTime]);
  for (const each of status.conditions ?? []) {
    const said = each.message ? `: ${each.message}` : "";
    events.push([`${each.type} is ${each.status} (${each.reason})${said}`, each.lastTransitionTime]);
  }
  events.sort(([, a], [, b]) => Date.parse(a) - Date.parse(b));
  return (
    <section aria-labelledby="story">
      <h2 id="story">What happened</h2>
      <ol class="story">
        {events.map(([said, at]) => (
          <li key={said}>
            <time dateTime={at}>{clock(at)}</time> <bdi>{visible(said)}</bdi>
          </li>
        ))}
      </ol>
      {(status.attempt ?? 0) > 1 && <p>{`This is attempt ${status.attempt}; ${status.preemptions ?? 0} were preempted or disrupted.`}</p>}
    </section>
  );
}
