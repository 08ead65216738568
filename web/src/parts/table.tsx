// The table of sessions. Of many rows only those near the screen are drawn.
import { Fragment, type ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Progress, Row } from "../api/types";
import { metricOf, type Asked } from "../pages/listing";
import { now } from "../state/clock";
import { link, setParameters } from "../state/place";
import { sparkFor, wantSparks } from "../state/sparks";
import { HEIGHT, polyline, WIDTH } from "../text/spark";
import { age, clock, duration, number, startInterval, WAITING } from "../text/words";
import { visible } from "../text/visible";

const ROW_HEIGHT = 52;
const BEYOND = 15;
const DRAWN_WHOLE = 100;
/** Whoever scrolls past a row does not want its curve. */
const SOON = 150;
const PAUSE = 1000;

const COLUMNS = [
  ["name", "Session"],
  ["phase", "State and why"],
  ["position", "Queue place and start"],
  ["progress", "Progress"],
  ["left", "Time left"],
  ["metric", ""],
  ["gpus", "GPUs"],
  ["user", "Owner"],
  ["queue", "Queue"],
  ["created", "Age"],
] as const;

/** Columns that can be hidden, with their titles. */
export const OPTIONAL = COLUMNS.filter(([name]) => name !== "name").map(([name, title]): [string, string] => [name, title || "Metric"]);

function shownColumns(hidden: readonly string[]) {
  return COLUMNS.filter(([name]) => !hidden.includes(name));
}

interface Shown {
  rows: Row[];
  by: Asked;
  chosen: ReadonlySet<string>;
  choose: (uid: string, is: boolean) => void;
}

/** The first and the last row to draw. Pure. */
export function drawn(rows: number, top: number, height: number): [number, number] {
  if (rows <= DRAWN_WHOLE) return [0, rows];
  const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - BEYOND);
  return [Math.min(first, rows), Math.min(rows, Math.ceil((top + height) / ROW_HEIGHT) + BEYOND)];
}

export function SessionTable({ rows, by, chosen, choose }: Shown) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [seen, setSeen] = useState<[number, number]>([0, innerHeight]);
  useEffect(() => {
    const look = () => setSeen([Math.max(0, -(body.current?.getBoundingClientRect().top ?? 0)), innerHeight]);
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, []);
  const [first, last] = drawn(rows.length, ...seen);
  const measured = rows.slice(first, last).filter((row) => metricOf(row, by.metric) !== undefined).map((row) => row.uid);
  const wanted = by.hidden.includes("metric") ? "" : measured.join(",");
  useEffect(() => {
    if (!wanted) return undefined;
    const look = () => wantSparks(wanted.split(","), by.metric);
    const soon = setTimeout(look, SOON);
    const timer = setInterval(look, PAUSE);
    return () => {
      clearTimeout(soon);
      clearInterval(timer);
    };
  }, [wanted, by.metric]);

  return (
    <div class="wide" role="region" aria-label="Table of sessions" tabIndex={0}>
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Choose</span>
            </th>
            {shownColumns(by.hidden).map(([name, title]) => (
              <Heading key={name} name={name} title={title || visible(by.metric) || "Metric"} by={by} />
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {first > 0 && <Gap rows={first} />}
          {rows.slice(first, last).map((row, place) => (
            <SessionRow key={row.uid} row={row} place={first + place + 2} by={by} chosen={chosen.has(row.uid)} choose={choose} />
          ))}
          {last < rows.length && <Gap rows={rows.length - last} />}
        </tbody>
      </table>
    </div>
  );
}

function Gap({ rows }: { rows: number }) {
  return (
    <tr aria-hidden="true">
      <td colSpan={COLUMNS.length + 1} style={{ height: `${rows * ROW_HEIGHT}px`, padding: 0 }} />
    </tr>
  );
}

function Heading({ name, title, by }: { name: string; title: string; by: Asked }) {
  const is = by.sort === name;
  const next = is && by.down ? "up" : "down";
  return (
    <th scope="col" aria-sort={is ? (by.down ? "descending" : "ascending") : "none"}>
      <button type="button" class="sort" onClick={() => setParameters({ sort: name, order: next })}>
        <bdi>{title}</bdi>
        <span aria-hidden="true">{is ? (by.down ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

interface OneRow {
  row: Row;
  place: number;
  by: Asked;
  chosen: boolean;
  choose: Shown["choose"];
}

function SessionRow({ row, place, by, chosen, choose }: OneRow) {
  const progress = (row.progress ?? {}) as Progress;
  const name = visible(row.name);
  const why = visible(row.message ?? (row.failure ? `Failed: ${row.failure}` : ""));
  const waits = WAITING.includes(row.phase);
  const cells: Record<(typeof COLUMNS)[number][0], ComponentChildren> = {
    name: "",
    phase: (
      <td class="why">
        <span class={`phase ${row.phase}`}>{visible(row.phase)}</span>
        <small title={why}>
          <bdi>{why}</bdi>
        </small>
      </td>
    ),
    position: (
      <td>
        {waits && row.position ? `place ${row.position}` : ""}
        {waits && <small>{startInterval(row.estimatedStart as Record<string, string> | undefined, now.value)}</small>}
      </td>
    ),
    progress: (
      <td>
        {progress.percent !== undefined && (
          <>
            <progress max={100} value={progress.percent} aria-label={`Progress of ${name}`} />
            <small>{`${Math.round(progress.percent)} %`}</small>
          </>
        )}
      </td>
    ),
    left: <td>{progress.etaSeconds !== undefined && !row.completionTime ? duration(progress.etaSeconds) : ""}</td>,
    metric: <Metric row={row} by={by} />,
    gpus: <td class="number">{row.gpus}</td>,
    user: (
      <td>
        <bdi>{visible(row.user ?? "")}</bdi>
      </td>
    ),
    queue: (
      <td>
        <bdi>{visible(row.queue)}</bdi>
      </td>
    ),
    created: <td title={clock(row.created)}>{age(row.created, now.value)}</td>,
  };
  return (
    <tr aria-rowindex={place}>
      <td>
        <input type="checkbox" checked={chosen} aria-label={`Choose ${name}`} onChange={(event) => choose(row.uid, event.currentTarget.checked)} />
      </td>
      <th scope="row">
        <a href={link(`/session/${row.uid}`)}>
          <bdi>{name}</bdi>
        </a>
        <small>
          <bdi>{visible(row.dataset ?? row.command ?? "")}</bdi>
        </small>
      </th>
      {shownColumns(by.hidden).map(([column]) => (column === "name" ? null : <Fragment key={column}>{cells[column]}</Fragment>))}
    </tr>
  );
}

/** The last value of the chosen metric, its curve, and its best value. */
function Metric({ row, by }: { row: Row; by: Asked }) {
  const spark = sparkFor(row.uid, by.metric);
  return (
    <td class="number">
      {visible(number(metricOf(row, by.metric)))}
      {spark && (
        <small class="spark">
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
            <polyline points={polyline(spark)} />
          </svg>
          {` ${by.best} ${number(by.best === "lowest" ? spark.lowest : spark.highest)}`}
        </small>
      )}
    </td>
  );
}
