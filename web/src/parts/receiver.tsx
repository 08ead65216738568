// The form of a new receiver of notices.
import { useRef, useState } from "preact/hooks";
import { asked, PHASES } from "../text/rules";

/** `make` takes the body of POST /notices/receivers, and the team whose receiver it is; empty: the reader's. */
export function NewReceiver({ make }: { make: (body: unknown, team: string) => Promise<void> }) {
  const form = useRef<HTMLFormElement>(null);
  const [problem, setProblem] = useState("");

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const data = new FormData(form.current!);
    const rules = asked([...data]);
    setProblem(rules.length === 0 ? "Choose at least one occasion." : "");
    if (rules.length === 0) return;
    await make({ name: data.get("name"), url: data.get("url"), sessions: data.get("sessions"), rules }, String(data.get("team") ?? "").trim());
  }

  return (
    <form ref={form} onSubmit={(event) => void submit(event)}>
      <h2>Add a receiver</h2>
      <div class="filters">
        <label>
          Name
          <input name="name" required maxLength={63} autocomplete="off" />
        </label>
        <label>
          URL, with https
          <input name="url" type="url" required maxLength={2048} size={40} autocomplete="off" />
        </label>
        <label>
          Of which sessions
          <select name="sessions">
            <option value="own">your own</option>
            <option value="all">all that you see</option>
          </select>
        </label>
        <label>
          Of the team; empty: yours
          <input name="team" maxLength={63} autocomplete="off" />
        </label>
      </div>
      <Occasions />
      {problem && <p role="alert" class="problem">{problem}</p>}
      <button type="submit" class="main">
        Add
      </button>
    </form>
  );
}

function Occasions() {
  return (
    <>
      <fieldset class="scopes">
        <legend>When a session is</legend>
        {PHASES.map((phase) => (
          <label class="line" key={phase}>
            <input type="checkbox" name="phase" value={phase} /> {phase}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>When something happens</legend>
        <div class="filters">
          <label class="line">
            <input type="checkbox" name="failure" defaultChecked /> an attempt fails
          </label>
          <label>
            of these classes; empty: all
            <input name="classes" maxLength={600} placeholder="OutOfMemory, NodeLost" autocomplete="off" />
          </label>
        </div>
        <div class="filters">
          <label>
            A metric; empty: none
            <input name="metric" maxLength={128} autocomplete="off" />
          </label>
          <label>
            is
            <select name="side">
              <option value="above">above</option>
              <option value="below">below</option>
            </select>
          </label>
          <label>
            this value
            <input name="bound" type="number" step="any" defaultValue="0" required />
          </label>
        </div>
        <div class="filters">
          <Minutes name="stalled" title="a running session makes no step" unit="for minutes" least={1} />
          <Minutes name="starts" title="a waiting session starts soon" unit="within minutes" least={0} />
          <label class="line">
            <input type="checkbox" name="budget" /> a budget is nearly spent, or spent
          </label>
        </div>
      </fieldset>
    </>
  );
}

function Minutes({ name, title, unit, least }: { name: string; title: string; unit: string; least: number }) {
  return (
    <>
      <label class="line">
        <input type="checkbox" name={name} /> {title}
      </label>
      <label>
        {unit}
        <input name={`${name}Minutes`} type="number" min={least} max={1440} step="any" defaultValue="10" />
      </label>
    </>
  );
}
