// The form by which an administrator sets a limit.
import type { components } from "../../build/schema";
import { asked, nameOf, type LimitSpec } from "../text/limits";
import { visible } from "../text/visible";

interface Shown {
  /** The limit to change; null: a new one. */
  limit: components["schemas"]["LimitInfo"] | null;
  put: (kind: string, name: string, spec: LimitSpec) => Promise<boolean>;
  leave: () => void;
}

export function LimitForm({ limit, put, leave }: Shown) {
  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const [kind, name] = limit ? [limit.kind, limit.name] : [String(data.get("kind")), String(data.get("name")).trim()];
    if (!(await put(kind, name, asked([...data])))) return;
    form.reset();
    leave();
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <h2>{limit ? `Change the limit of ${visible(nameOf(limit))}` : "Set a limit"}</h2>
      {!limit && <Whose />}
      <div class="filters">
        <Figure name="gpuHours" title="Budget in GPU hours" value={limit?.gpuHours} most={1e9} step="any" />
        <label>
          of each
          <Options name="period" value={limit?.period ?? "month"} all={[["day", "day"], ["week", "week"], ["month", "month"], ["total", "total: it never renews"]]} />
        </label>
        <label>
          When it is spent
          <Options
            name="whenSpent"
            value={limit?.whenSpent ?? "wait"}
            all={[["wait", "running sessions run on, new ones wait"], ["suspend", "running sessions save a checkpoint and wait"]]}
          />
        </label>
        <label>
          A notice from this % on
          <input name="warnPercent" type="number" min={1} max={100} defaultValue={String(limit?.warnPercent ?? 80)} />
        </label>
      </div>
      <div class="filters">
        <Figure name="maxGpus" title="GPUs at once" value={limit?.maxGpus} most={100_000} />
        <label>
          Only these queues
          <input name="queues" defaultValue={limit?.queues?.join(", ") ?? ""} maxLength={1300} autocomplete="off" />
        </label>
        <Figure name="maxPriority" title="Highest priority" value={limit?.maxPriority} least={-1000} most={1000} />
      </div>
      <p class="about">An empty field is no limit.</p>
      <p class="buttons">
        <button type="submit" class="main">
          Set
        </button>
        {limit && (
          <button type="button" onClick={leave}>
            Leave it as it is
          </button>
        )}
      </p>
    </form>
  );
}

function Whose() {
  return (
    <div class="filters">
      <label>
        Of a
        <Options name="kind" value="user" all={[["user", "user"], ["team", "team"], ["key", "key, by its id"]]} />
      </label>
      <label>
        named
        <input name="name" required maxLength={64} autocomplete="off" />
      </label>
    </div>
  );
}

function Options({ name, value, all }: { name: string; value: string; all: [string, string][] }) {
  return (
    <select name={name}>
      {all.map(([each, title]) => (
        <option key={each} value={each} selected={each === value}>
          {title}
        </option>
      ))}
    </select>
  );
}

interface Number {
  name: string;
  title: string;
  value: number | null | undefined;
  least?: number;
  most: number;
  step?: string;
}

function Figure({ name, title, value, least = 0, most, step = "1" }: Number) {
  return (
    <label>
      {title}
      <input name={name} type="number" min={least} max={most} step={step} defaultValue={value === null || value === undefined ? "" : String(value)} />
    </label>
  );
}
