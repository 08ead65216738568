// One run: what it was made with, what it measured, and its curves.
import { useState } from "preact/hooks";
import type { components } from "../../build/schema";
import type { Series } from "../api/types";
import { AxesForm, axes } from "../parts/axes";
import { Chart } from "../parts/chart";
import { Listing, Name } from "../parts/listing";
import { link } from "../state/place";
import { useRead } from "../state/reading";
import { lineOf } from "../text/curves";
import { clock, number } from "../text/words";
import { visible } from "../text/visible";

type RunInfo = components["schemas"]["RunInfo"];
type RunHistory = components["schemas"]["RunHistory"];

export function RunPage({ id }: { id: string }) {
  const { value: run, problem } = useRead<RunInfo>(`/runs/${id}`);
  if (!run) return <p class="notice" role={problem ? "alert" : "status"}>{visible(problem) || "Reading the run …"}</p>;
  return (
    <>
      <p>
        <a href={link("/runs")}>All runs</a>
      </p>
      <h1>
        <Name>{run.name || run.id}</Name> <span class="phase">{visible(run.status)}</span>
      </h1>
      <Facts run={run} />
      <Curves id={id} />
      <Pairs title="Parameters" all={run.params} />
      <h2>Newest values</h2>
      <Listing
        title="Newest values"
        columns={["Metric", "Newest value", "Step", "Measured"]}
        rows={run.metrics}
        problem=""
        empty="Nothing was measured yet."
        name={(metric) => metric.name}
        row={(metric) => [<Name>{metric.name}</Name>, number(metric.value), metric.step, clock(metric.time)]}
      />
      <Pairs title="Tags" all={run.tags} />
    </>
  );
}

function Facts({ run }: { run: RunInfo }) {
  return (
    <dl class="facts">
      <div>
        <dt>Experiment</dt>
        <dd>
          <a href={link("/runs", { experiment: run.experiment })}>
            <Name>{run.experiment}</Name>
          </a>
        </dd>
      </div>
      {run.sessionUid && (
        <div>
          <dt>Session</dt>
          <dd>
            <a href={link(`/session/${run.sessionUid}`)}>
              <Name>{run.session ?? "session"}</Name>
            </a>
          </dd>
        </div>
      )}
      {run.parent && (
        <div>
          <dt>Nested in</dt>
          <dd>
            <a href={link(`/run/${run.parent}`)}>another run</a>
          </dd>
        </div>
      )}
      <div>
        <dt>Began</dt>
        <dd>{clock(run.startTime)}</dd>
      </div>
      {run.endTime && (
        <div>
          <dt>Ended</dt>
          <dd>{clock(run.endTime)}</dd>
        </div>
      )}
      <div>
        <dt>User</dt>
        <dd>
          <Name>{run.user ?? run.key}</Name>
        </dd>
      </div>
    </dl>
  );
}

function Curves({ id }: { id: string }) {
  const found = useRead<RunHistory>(`/runs/${id}/history`);
  const how = axes();
  if (found.problem) return <p role="alert" class="problem">{visible(found.problem)}</p>;
  if (!found.value?.series.length) return null;
  return (
    <section aria-labelledby="curves">
      <h2 id="curves">Curves</h2>
      <AxesForm {...how} />
      <div class="charts">
        {found.value.series.map((each) => (
          <Curve key={each.name} id={id} series={each} />
        ))}
      </div>
    </section>
  );
}

/** One curve; finer points are read of the steps that were dragged over. */
function Curve({ id, series }: { id: string; series: Series }) {
  const [steps, setSteps] = useState<[number, number] | null>(null);
  const query = new URLSearchParams({ metric: series.name });
  if (steps) {
    query.set("firstStep", String(Math.max(0, steps[0])));
    query.set("lastStep", String(Math.max(0, steps[1])));
  }
  const finer = useRead<RunHistory>(steps ? `/runs/${id}/history?${query}` : null);
  const shown = (steps && finer.value?.series[0]) || series;
  return <Chart title={series.name} lines={[lineOf(series.name, shown)]} zoom={setSteps} {...axes()} />;
}

function Pairs({ title, all = {} }: { title: string; all?: Record<string, string> }) {
  const rows = Object.entries(all);
  if (rows.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <Listing
        title={`${title} of the run`}
        columns={["Name", "Value"]}
        rows={rows}
        problem=""
        empty=""
        name={([name]) => name}
        row={([name, value]) => [<Name>{name}</Name>, <Name>{value}</Name>]}
      />
    </section>
  );
}
