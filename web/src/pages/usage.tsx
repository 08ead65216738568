// Who used how much: sums of the ledger by user, queue, label and month.
import type { UsageRow } from "../api/types";
import { Listing, Name } from "../parts/listing";
import { now } from "../state/clock";
import { place, setParameters } from "../state/place";
import { useList } from "../state/reading";
import { rows } from "../state/sessions";
import { GROUPS, hours, months, question, usagePath, type Question } from "../text/usage";
import { count } from "../text/words";
import { labelNames } from "./listing";
import { Choice } from "./sessions";

type Group = (typeof GROUPS)[number];
const YEAR = "year";

export function UsagePage() {
  const asked = question(place.value.parameters);
  // The months that can be chosen change once a month, not each second.
  const listed = months(Math.floor(now.value / 60_000) * 60_000);
  const path = usagePath(asked, Date.parse(`${listed[0]}-01`));
  const found = useList<UsageRow>(path, "usage");
  return (
    <>
      <h1>
        Usage {found.value && <small>{`${hours(sum(found.value, "gpuSeconds"))} GPU hours`}</small>}
      </h1>
      <Ask asked={asked} months={listed} />
      {path === null ? (
        <p class="notice">Name the label by whose values the sums are, such as project.</p>
      ) : (
        <>
          <Sums by={asked.by as Group[]} found={found.value} problem={found.problem} />
          <Unknown found={found.value ?? []} />
          <p class="buttons">
            <a class="button" href={`/api/v1${path}&format=csv`} download="usage.csv">
              Save as CSV
            </a>
            <button type="button" onClick={found.again}>
              Sum again
            </button>
          </p>
        </>
      )}
    </>
  );
}

function Ask({ asked, months: listed }: { asked: Question; months: string[] }) {
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <Choice name="Sum by" parameter="by" value={asked.by[0] ?? "user"} values={[...GROUPS]} all="" />
      <Choice name="and by" parameter="and" value={asked.by[1] ?? ""} values={["", ...GROUPS.filter((name) => name !== asked.by[0])]} all="nothing" />
      {asked.by.includes("label") && (
        <label>
          Label
          <input list="labels" value={asked.label} maxLength={317} autocomplete="off" onChange={(event) => setParameters({ label: event.currentTarget.value.trim() })} />
          <datalist id="labels">
            {labelNames(rows.value.values()).map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </label>
      )}
      <label>
        Month in UTC
        <select value={asked.month} onChange={(event) => setParameters({ month: event.currentTarget.value })}>
          <option value="">{`${listed[0]}, until now`}</option>
          {listed.slice(1).map((month) => (
            <option key={month} value={month} selected={month === asked.month}>
              {month}
            </option>
          ))}
          <option value={YEAR} selected={asked.month === YEAR}>
            these twelve months
          </option>
        </select>
      </label>
      <label>
        Only of user
        <input value={asked.user} maxLength={64} autocomplete="off" onChange={(event) => setParameters({ user: event.currentTarget.value.trim() })} />
      </label>
      <label>
        Only of queue
        <input value={asked.queue} maxLength={64} autocomplete="off" onChange={(event) => setParameters({ queue: event.currentTarget.value.trim() })} />
      </label>
    </form>
  );
}

const TITLES: Record<Group, string> = { user: "User", queue: "Queue", label: "Label", month: "Month" };
const ABSENT: Record<Group, string> = { user: "no user", queue: "no queue", label: "without the label", month: "" };

function Sums({ by, found, problem }: { by: Group[]; found: UsageRow[] | undefined; problem: string }) {
  const most = Math.max(...(found ?? []).map((row) => row.gpuSeconds), 1);
  const label = by.map((name) => TITLES[name]).join(", ");
  return (
    <Listing
      title={`Usage by ${label}`}
      columns={[...by.map((name) => TITLES[name]), "GPU hours", "Lost by failures", "Lost by interruptions", "Core hours", "GiB hours", "Attempts", "Under way"]}
      rows={found}
      problem={problem}
      empty="Nothing was used in this time."
      name={(row) => by.map((name) => row[name] ?? "").join("\n")}
      row={(row) => [
        ...by.map((name) => <Name>{row[name] || ABSENT[name]}</Name>),
        <>
          {hours(row.gpuSeconds)}
          <meter min={0} max={most} value={row.gpuSeconds} aria-label={`GPU hours of ${by.map((name) => row[name] || ABSENT[name]).join(", ")}`} />
        </>,
        hours(row.failedGpuSeconds),
        hours(row.interruptedGpuSeconds),
        hours(row.cpuCoreSeconds),
        hours(row.memoryGibSeconds),
        row.attempts,
        row.runningAttempts,
      ]}
    />
  );
}

/** What is missing from the sums is said, never shown as nothing. */
function Unknown({ found }: { found: UsageRow[] }) {
  const attempts = sum(found, "unknownAttempts");
  if (attempts === 0) return null;
  return <p class="notice">{`${count(attempts, "attempt")} of unknown length: not in these sums, or only in part.`}</p>;
}

function sum(found: UsageRow[], field: "gpuSeconds" | "unknownAttempts"): number {
  return found.reduce((before, row) => before + row[field], 0);
}
