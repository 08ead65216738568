// Runs by experiment: those of sessions, and those that programs elsewhere have reported.
import type { components } from "../../build/schema";
import { Listing, Name } from "../parts/listing";
import { Filter } from "../parts/filter";
import { now } from "../state/clock";
import { link, place, setParameters } from "../state/place";
import { useRead } from "../state/reading";
import { runsPath } from "../text/runs";
import { age, clock, duration } from "../text/words";
import { visible } from "../text/visible";
import { Choice } from "./sessions";

type RunSummary = components["schemas"]["RunSummary"];

const KINDS = ["", "session", "program", "local"];
const STATES = ["", "SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"];

export function RunsPage() {
  const { parameters } = place.value;
  const found = useRead<{ runs: RunSummary[]; cursor?: string | null }>(runsPath(parameters.toString()));
  const asked = (name: string) => parameters.get(name) ?? "";
  return (
    <>
      <h1>Runs</h1>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Filter name="Experiment" parameter="experiment" />
        <Filter name="Part of the name" parameter="name" />
        <Choice name="State" parameter="status" value={asked("status")} values={STATES} all="all" />
        <Choice name="Kind" parameter="kind" value={asked("kind")} values={KINDS} all="all" />
      </form>
      <Listing
        title="Runs"
        columns={["Run", "Experiment", "State", "Kind", "Session", "User", "Began", "Took"]}
        rows={found.value?.runs}
        problem={found.problem}
        empty="There are no such runs."
        name={(run) => run.id}
        row={(run) => [
          <a href={link(`/run/${run.id}`)}>
            <Name>{run.name || run.id}</Name>
          </a>,
          <button type="button" onClick={() => setParameters({ experiment: run.experiment, cursor: "" })}>
            <span class="hidden">Only runs of </span>
            <Name>{run.experiment}</Name>
          </button>,
          visible(run.status),
          run.kind,
          run.sessionUid && (
            <a href={link(`/session/${run.sessionUid}`)}>
              <Name>{run.session ?? "session"}</Name>
            </a>
          ),
          <Name>{run.user ?? run.key}</Name>,
          <span title={clock(run.startTime)}>{`${age(run.startTime, now.value)} ago`}</span>,
          run.endTime ? duration((Date.parse(run.endTime) - Date.parse(run.startTime)) / 1000) : "",
        ]}
      />
      <p class="buttons">
        {asked("cursor") && (
          <button type="button" onClick={() => setParameters({ cursor: "" })}>
            Newest runs
          </button>
        )}
        {found.value?.cursor && (
          <button type="button" onClick={() => setParameters({ cursor: found.value?.cursor ?? "" })}>
            Older runs
          </button>
        )}
      </p>
    </>
  );
}
