// The first screen: GPUs above, sessions below.
import { useState } from "preact/hooks";
import { Gpus } from "../parts/gpus";
import { ForChosen } from "../parts/chosen";
import { OPTIONAL, SessionTable } from "../parts/table";
import { link, place, setParameters } from "../state/place";
import { known, rows } from "../state/sessions";
import { count } from "../text/words";
import { visible } from "../text/visible";
import { bestOf } from "../text/spark";
import { asked, LABEL, labelNames, listed, metricNames } from "./listing";

const STATES = ["", "waiting", "running", "suspended", "ended", "failed"];
const GROUPS = ["", "queue", "user", "dataset", "phase"];
const BEST = ["lowest", "highest"];
export const MOST_COMPARED = 100;

export function SessionsPage() {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const all = [...rows.value.values()];
  const metrics = metricNames(all);
  const given = asked(place.value.parameters);
  const metric = given.metric || (metrics.find((name) => /loss/.test(name)) ?? metrics[0] ?? "");
  const by = { ...given, metric, best: place.value.parameters.has("best") ? given.best : bestOf(metric) };
  const grouped = [...GROUPS, ...labelNames(all).map((name) => LABEL + name)];
  const groups = listed(all, by);
  const shown = groups.reduce((sum, group) => sum + group.rows.length, 0);

  function choose(uid: string, is: boolean) {
    const next = new Set(chosen);
    if (is) next.add(uid);
    else next.delete(uid);
    setChosen(next);
  }

  return (
    <>
      <Gpus />
      <section aria-labelledby="sessions">
        <h1 id="sessions">
          Sessions <small>{`${shown} of ${count(all.length, "session")}`}</small>
        </h1>
        <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
          <label>
            Search
            <input type="search" value={by.search} onInput={(event) => setParameters({ search: event.currentTarget.value })} />
          </label>
          <Choice name="State" parameter="state" value={by.state} values={STATES} all="all" />
          <Choice name="Group by" parameter="group" value={by.group} values={grouped} all="nothing" />
          {metrics.length > 0 && <Choice name="Metric" parameter="metric" value={by.metric} values={metrics} all="" />}
          {metrics.length > 0 && <Choice name="Best value" parameter="best" value={by.best} values={BEST} all="" />}
          {chosen.size > 1 && chosen.size <= MOST_COMPARED && (
            <a class="button" href={link("/compare", { sessions: [...chosen].join(","), metric: by.metric })}>
              {`Compare ${chosen.size} sessions`}
            </a>
          )}
          {chosen.size > MOST_COMPARED && <span>{`At most ${MOST_COMPARED} sessions can be compared; ${chosen.size} are chosen.`}</span>}
          <Columns hidden={by.hidden} />
        </form>
        <ForChosen rows={all.filter((row) => chosen.has(row.uid))} />
        {!known.value && <p class="notice">Reading the sessions …</p>}
        {known.value && all.length === 0 && (
          <p class="notice">
            There are no sessions. Start one: <code>trainyard run -- python train.py</code>
          </p>
        )}
        {known.value && all.length > 0 && shown === 0 && <p class="notice">No session is like this search.</p>}
        {groups.map((group) => (
          <section key={group.name} aria-label={group.name || "all"}>
            {group.name && (
              <h2>
                <bdi>{visible(group.name)}</bdi> <small>{count(group.rows.length, "session")}</small>
              </h2>
            )}
            {group.rows.length > 0 && <SessionTable rows={group.rows} by={by} chosen={chosen} choose={choose} />}
          </section>
        ))}
      </section>
    </>
  );
}

function Columns({ hidden }: { hidden: string[] }) {
  return (
    <details class="columns">
      <summary>Columns</summary>
      {OPTIONAL.map(([name, title]) => (
        <label class="line" key={name}>
          <input
            type="checkbox"
            checked={!hidden.includes(name)}
            onChange={(event) =>
              setParameters({ hide: (event.currentTarget.checked ? hidden.filter((each) => each !== name) : [...hidden, name]).join(",") })
            }
          />{" "}
          {title}
        </label>
      ))}
    </details>
  );
}

interface Choices {
  name: string;
  parameter: string;
  value: string;
  values: string[];
  all: string;
}

export function Choice({ name, parameter, value, values, all }: Choices) {
  return (
    <label>
      {name}
      <select value={value} onChange={(event) => setParameters({ [parameter]: event.currentTarget.value })}>
        {values.map((each) => (
          <option key={each} value={each} selected={each === value}>
            {visible(each || all)}
          </option>
        ))}
      </select>
    </label>
  );
}
