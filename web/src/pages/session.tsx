// One session: why it is in its state, its curves, its log, what happened, and what one can do.
import type { Condition, Failure, Progress, SessionInfo } from "../api/types";
import { Actions } from "../parts/actions";
import { AxesForm, axes } from "../parts/axes";
import { Chart } from "../parts/chart";
import { Checkpoints } from "../parts/checkpoints";
import { Files } from "../parts/files";
import { Log } from "../parts/log";
import { Machines } from "../parts/machines";
import { now } from "../state/clock";
import { may } from "../state/login";
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
  gpuSeconds?: number;
  dataset?: { name?: string; sha256?: string; samples?: number };
  datasets?: { name?: string }[];
  code?: { bundle?: string };
  outputs?: { name?: string; version?: number; path?: string }[];
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
      {may("sessions:write") && (
        <p class="buttons">
          <a class="button" href={link("/new", { from: session.uid })}>
            Start again, as it is or changed
          </a>
        </p>
      )}
      <Machines session={session} />
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
      <Log session={session.uid} lines={known.lines} older={known.older} newer={known.newer} read={(from) => void known.readLines(from)} />
      {status.startTime && <Checkpoints uid={session.uid} last={status.progress?.lastCheckpoint?.time ?? ""} />}
      <Files uid={session.uid} />
      <Lineage session={session} status={status} />
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
    ["Last checkpoint", checkpoint(progress)],
    ["GPU time", gpuTime(status)],
    ["Owner", session.user ?? ""],
    ["Created", `${age(session.created, now.value)} ago, ${clock(session.created)}`],
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

function checkpoint({ lastCheckpoint: last }: Progress): string {
  if (!last) return "";
  return `step ${last.step ?? 0}${last.time ? `, ${age(last.time, now.value)} ago` : ""}`;
}

/** GPUs × time of the attempts that have ended. */
function gpuTime(status: Status): string {
  return status.gpuSeconds === undefined ? "" : `${duration(status.gpuSeconds)} in ended attempts`;
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

/** What it was made of, and what came of it. */
function Lineage({ session, status }: { session: SessionInfo; status: Status }) {
  const spec = session.spec as { resumeFrom?: { session: string; checkpoint?: string }; runtime?: string; code?: { commit?: string; dirty?: boolean } };
  const facts: [string, string][] = [];
  if (spec.resumeFrom) facts.push(["Began from", `checkpoint ${spec.resumeFrom.checkpoint ?? "latest"} of ${spec.resumeFrom.session}`]);
  if (status.datasets?.length) facts.push(["Datasets", status.datasets.map(({ name }) => name ?? "").join(", ")]);
  if (status.dataset?.name) facts.push(["Dataset", `${status.dataset.name}, SHA-256 ${(status.dataset.sha256 ?? "").slice(0, 12)}`]);
  if (status.code?.bundle) {
    const commit = spec.code?.commit ? `, commit ${spec.code.commit.slice(0, 12)}${spec.code.dirty ? " with changes" : ""}` : "";
    facts.push(["Code", `bundle ${status.code.bundle.slice(0, 12)}${commit}`]);
  }
  if (spec.runtime) facts.push(["Runtime", spec.runtime]);
  if (status.model?.name) facts.push(["Model", `${status.model.name} version ${status.model.version ?? 1}`]);
  for (const each of status.outputs ?? []) facts.push(["Output", `${each.name ?? ""} version ${each.version ?? 1}`]);
  if (facts.length === 0) return null;
  return (
    <section aria-labelledby="lineage">
      <h2 id="lineage">Made of, and made</h2>
      <dl class="facts">
        {facts.map(([name, value], n) => (
          <div key={n}>
            <dt>{name}</dt>
            <dd>
              <bdi>{visible(value)}</bdi>
            </dd>
          </div>
        ))}
      </dl>
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
