// A new session: a form of the same schema as the custom resource, with the estimate beside it.
import { useEffect, useRef, useState } from "preact/hooks";
import schema from "schema:session";
import { get, Refused, send, sentence } from "../api/client";
import type { Estimate, SessionInfo } from "../api/types";
import { Fields } from "../parts/fields";
import { now } from "../state/clock";
import { may } from "../state/login";
import { link, place } from "../state/place";
import { bodyOf, typedOf, type Values } from "../text/form";
import { count, startInterval } from "../text/words";
import { visible } from "../text/visible";
import { manifest } from "../text/yaml";

/** What most sessions set; the rest waits behind a click. */
const FIRST = ["name", "command", "dataset", "training", "resources", "queue"];
const PAUSE = 400;

interface Told {
  estimate?: Estimate;
  problem: string;
  fields: ReadonlyMap<string, string>;
}

const NOTHING: Told = { problem: "", fields: new Map() };

/** The first name that a fork may have: `digits-2` after `digits`. Pure. */
export function nextName(name: string): string {
  const found = /^(.*?)-?(\d{1,6})$/.exec(name);
  const next = found ? `${found[1]}-${Number(found[2]) + 1}` : `${name}-2`;
  return next.length <= 48 && !next.startsWith("-") ? next : "";
}

/** The form of the same once more; of another session that begins from a checkpoint of it. Pure. */
function again(session: SessionInfo, checkpoint: string): Values {
  const values = { ...typedOf(session.spec, schema), name: nextName(session.name) };
  return checkpoint ? { ...values, resumeFrom: { session: session.name, checkpoint } } : values;
}

export function NewPage() {
  const from = place.value.parameters.get("from") ?? "";
  const checkpoint = place.value.parameters.get("checkpoint") ?? "";
  const [values, setValues] = useState<Values>({});
  const [problem, setProblem] = useState("");
  const [sending, setSending] = useState(false);
  const [refused, setRefused] = useState<Told>(NOTHING);
  const attempt = useRef(crypto.getRandomValues(new Uint32Array(4)).join("-"));
  const body = bodyOf(values, schema);
  const told = useEstimate(body);
  const known = useNames();
  const problems = refused.fields.size > 0 ? refused.fields : told.fields;

  useEffect(() => {
    if (!/^[A-Za-z0-9.-]{1,64}$/.test(from)) return;
    get<SessionInfo>(`/training/${from}/status`)
      .then((session) => setValues(again(session, checkpoint)))
      .catch((error: unknown) => setProblem(`${from} cannot be read: ${sentence(error)}`));
  }, [from, checkpoint]);

  function change(next: Values) {
    setValues(next);
    setRefused(NOTHING);
    attempt.current = crypto.getRandomValues(new Uint32Array(4)).join("-");
  }

  async function start(event: SubmitEvent) {
    event.preventDefault();
    setSending(true);
    try {
      const headers = { "Content-Type": "application/json", "Idempotency-Key": attempt.current };
      const response = await send("POST", "/training/start", { headers, body: JSON.stringify(body) });
      location.hash = link(`/session/${((await response.json()) as SessionInfo).uid}`);
    } catch (error) {
      setRefused(toldBy(error));
      setSending(false);
    }
  }

  const first = schema.filter(({ name }) => FIRST.includes(name)).sort((a, b) => FIRST.indexOf(a.name) - FIRST.indexOf(b.name));
  const others = schema.filter(({ name }) => !FIRST.includes(name));
  return (
    <>
      <h1>New session</h1>
      {problem && <p role="alert" class="problem">{problem}</p>}
      {!may("sessions:write") && <p class="notice">This key may look, not start: it lacks the scope sessions:write.</p>}
      <form class="new" onSubmit={(event) => void start(event)}>
        <div>
          <Fields fields={first} path="" values={values} problems={problems} put={change} known={known} />
          <details>
            <summary>More fields</summary>
            <Fields fields={others} path="" values={values} problems={problems} put={change} />
          </details>
        </div>
        <section class="beside" aria-label="What comes of it">
          <Expected body={body} told={told} />
          {refused.problem && <p role="alert" class="problem">{visible(refused.problem)}</p>}
          <p class="buttons">
            <button type="submit" class="main" disabled={sending || !may("sessions:write")}>
              Start
            </button>
          </p>
          <h2 id="same">The same by a command</h2>
          <p>
            Save this as <code>session.yaml</code>, then <code>trainyard submit -f session.yaml</code> or{" "}
            <code>kubectl apply -f session.yaml</code>.
          </p>
          <pre class="wide" tabIndex={0} role="region" aria-label="The session as YAML">
            {manifest(String(body["name"] ?? "NAME"), { ...body, name: undefined })}
          </pre>
        </section>
      </form>
    </>
  );
}

function Expected({ body, told }: { body: object; told: Told }) {
  const { estimate } = told;
  return (
    <div aria-live="polite">
      <h2>When it starts</h2>
      {Object.keys(body).length === 0 ? (
        <p class="notice">Enter a command, or a dataset and a task.</p>
      ) : estimate ? (
        <>
          <p>
            <strong>{estimate.startsNow ? "It starts now." : estimate.possible ? interval(estimate) : "It cannot start."}</strong>
          </p>
          <p>{visible(estimate.message)}</p>
          {!!estimate.ahead?.sessions && (
            <p>{`${count(estimate.ahead.sessions, "session")} with ${count(estimate.ahead.gpus, "GPU")} wait before it.`}</p>
          )}
        </>
      ) : (
        <p class={told.problem ? "problem" : "notice"}>{visible(told.problem) || "Asking …"}</p>
      )}
    </div>
  );
}

function interval(estimate: Estimate): string {
  const said = startInterval(estimate.estimatedStart as Record<string, string> | undefined, now.value);
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
}

/** The estimate of what is typed, asked for when typing pauses. */
function useEstimate(body: Record<string, unknown>): Told {
  const [told, setTold] = useState<Told>(NOTHING);
  const text = JSON.stringify(body);
  useEffect(() => {
    if (text === "{}") return setTold(NOTHING);
    const stop = new AbortController();
    const timer = setTimeout(() => {
      const headers = { "Content-Type": "application/json" };
      send("POST", "/training/estimate", { headers, body: text, signal: stop.signal })
        .then(async (response) => setTold({ ...NOTHING, estimate: (await response.json()) as Estimate }))
        .catch((error: unknown) => {
          if (!stop.signal.aborted) setTold(toldBy(error));
        });
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text]);
  return told;
}

function toldBy(error: unknown): Told {
  const fields = error instanceof Refused ? error.fields : [];
  return { problem: sentence(error), fields: new Map(fields.map(({ field, message }) => [field, message])) };
}

/** Names of datasets and queues that are there, to choose from. */
function useNames(): Record<string, string[]> {
  const [names, setNames] = useState<Record<string, string[]>>({});
  useEffect(() => {
    if (!may("datasets:read")) return;
    get<{ datasets: { name: string }[] }>("/datasets")
      .then(({ datasets }) => setNames((before) => ({ ...before, dataset: datasets.map(({ name }) => name) })))
      .catch(() => undefined);
  }, []);
  return names;
}
