// The curves of several sessions laid over each other, and the parameters in which they differ beside what they reached.
import { useMemo, useState } from "preact/hooks";
import { AxesForm, axes } from "../parts/axes";
import { Chart, COLOURS } from "../parts/chart";
import { Name } from "../parts/listing";
import { Parallel, Scatter } from "../parts/parallel";
import { link, place, setParameters } from "../state/place";
import { csv, summary } from "../text/curves";
import { differing } from "../text/parameters";
import { svgOf } from "../text/svg";
import { count, number } from "../text/words";
import { visible } from "../text/visible";
import { useCompared } from "./comparing";
import { Choice, MOST_COMPARED } from "./sessions";

/** Rows of the table by a column: numbers by size, what has no value last. Pure. */
export function sorted(rows: string[][], column: number, down: boolean): string[][] {
  const numeric = rows.every((row) => row[column] === "" || Number.isFinite(Number(row[column])));
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [one, two] = [a[column] ?? "", b[column] ?? ""];
    if (one === two) return 0;
    if (one === "") return 1;
    if (two === "") return -1;
    return sign * (numeric ? Number(one) - Number(two) : one < two ? -1 : 1);
  });
}

export function ComparePage() {
  const { parameters } = place.value;
  const asked = (parameters.get("sessions") ?? "").split(",").filter((uid) => /^[A-Za-z0-9.-]{1,64}$/.test(uid));
  const uids = asked.slice(0, MOST_COMPARED);
  const metric = parameters.get("metric") ?? "";
  const [steps, setSteps] = useState<[number, number] | null>(null);
  const found = useCompared(uids, metric, steps);
  const how = axes();
  const lines = useMemo(() => found.all.map(({ line }) => line), [found.all]);
  const differences = useMemo(() => differing(found.all.map(({ session }) => session.spec)), [found.all]);
  const reached = useMemo(() => lines.map(summary), [lines]);

  const columns = ["Session", ...differences.map(([name]) => name), `last ${metric}`, `lowest ${metric}`, `highest ${metric}`];
  const rows = found.all.map(({ session }, n) => [
    session.name,
    ...differences.map(([, values]) => values[n] ?? ""),
    ...[reached[n]?.last, reached[n]?.lowest, reached[n]?.highest].map((value) => (value === undefined ? "" : String(value))),
    session.uid,
  ]);
  const against = parameters.get("against") ?? "lowest";
  const goal = columns.length - (against === "last" ? 3 : against === "highest" ? 1 : 2);
  const beside = rows.map((row) => ({ label: row[0] ?? "", values: [...row.slice(1, differences.length + 1), row[goal] ?? ""] }));
  const chosen = differences.findIndex(([name]) => name === parameters.get("parameter"));

  return (
    <>
      <p>
        <a href={link("/")}>All sessions</a>
      </p>
      <h1>{`Compare ${count(found.all.length, "session")}`}</h1>
      {found.problem && <p role="alert" class="problem">{visible(found.problem)}</p>}
      {found.unknown.length > 0 && <p role="alert" class="problem">{`${count(found.unknown.length, "session")} of this link are not known here.`}</p>}
      {asked.length > MOST_COMPARED && <p class="notice">{`The first ${MOST_COMPARED} of ${asked.length} sessions are compared.`}</p>}
      {uids.length === 0 && <p class="notice">Choose sessions in the table of all sessions, then Compare.</p>}
      <div class="filters">
        {found.metrics.length > 0 && <Choice name="Metric" parameter="metric" value={metric} values={found.metrics} all="" />}
        {found.reading && <span class="notice">Reading …</span>}
      </div>
      <AxesForm {...how} />
      <Chart title={metric} lines={lines} zoom={setSteps} {...how} />
      <p class="buttons">
        <button type="button" onClick={() => save("curves.csv", new Blob([csv(lines)], { type: "text/csv" }))}>
          Save as CSV
        </button>
        <button type="button" onClick={savePicture}>
          Save as PNG
        </button>
        <button type="button" onClick={() => save("curves.svg", new Blob([svgOf(metric, lines, how.axis, how.log, COLOURS)], { type: "image/svg+xml" }))}>
          Save as SVG
        </button>
      </p>
      <h2 id="differ">What differs, and what came of it</h2>
      {differences.length === 0 && found.all.length > 0 && <p class="notice">The sessions have the same parameters.</p>}
      {differences.length > 0 && (
        <>
          <div class="filters">
            <Choice name="Value of the metric" parameter="against" value={against} values={["lowest", "highest", "last"]} all="" />
            <Choice name="Parameter" parameter="parameter" value={parameters.get("parameter") ?? ""} values={["", ...differences.map(([name]) => name)]} all="none" />
          </div>
          <Parallel axes={[...differences.map(([name]) => name), `${against} ${metric}`]} all={beside} />
          {chosen >= 0 && (
            <Scatter
              name={differences[chosen]?.[0] ?? ""}
              metric={`${against} ${metric}`}
              all={beside.map(({ label, values }) => ({ label, values: [values[chosen] ?? "", values.at(-1) ?? ""] }))}
            />
          )}
        </>
      )}
      {rows.length > 0 && <Table columns={columns} rows={rows} />}
    </>
  );
}

/** `rows` hold the UID behind the last column. */
function Table({ columns, rows }: { columns: string[]; rows: string[][] }) {
  const { parameters } = place.value;
  const by = Math.max(0, columns.indexOf(parameters.get("by") ?? ""));
  const down = parameters.get("order") === "down";
  return (
    <div class="wide" role="region" aria-labelledby="differ" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((name, n) => (
              <th scope="col" key={name} aria-sort={n === by ? (down ? "descending" : "ascending") : "none"}>
                <button type="button" class="sort" onClick={() => setParameters({ by: name, order: n === by && !down ? "down" : "up" })}>
                  <Name>{name}</Name>
                  <span aria-hidden="true">{n === by ? (down ? " ↓" : " ↑") : ""}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, by, down).map((row) => (
            <tr key={row.at(-1)}>
              <th scope="row">
                <a href={link(`/session/${row.at(-1)}`)}>
                  <Name>{row[0]}</Name>
                </a>
              </th>
              {row.slice(1, -1).map((value, n) => (
                <td key={n}>
                  <Name>{n >= columns.length - 4 ? number(value === "" ? undefined : value) : value}</Name>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function save(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function savePicture(): void {
  document.querySelector<HTMLCanvasElement>(".plot canvas")?.toBlob((content) => content && save("curves.png", content));
}
