// Which sessions a table shows, in which order and groups. Pure.
import type { Progress, Row } from "../api/types";
import { ENDED, HOLDING, WAITING } from "../text/words";

export interface Asked {
  search: string;
  state: string;
  sort: string;
  down: boolean;
  group: string;
  metric: string;
  /** Which value of the metric is the best. */
  best: "lowest" | "highest";
  /** Columns that are not shown. */
  hidden: string[];
}

export interface Group {
  name: string;
  rows: Row[];
}

/** What the URL's parameters ask for. */
export function asked(parameters: URLSearchParams): Asked {
  return {
    search: parameters.get("search") ?? "",
    state: parameters.get("state") ?? "",
    sort: parameters.get("sort") ?? "created",
    down: (parameters.get("order") ?? "down") === "down",
    group: parameters.get("group") ?? "",
    metric: parameters.get("metric") ?? "",
    best: parameters.get("best") === "highest" ? "highest" : "lowest",
    hidden: (parameters.get("hide") ?? "").split(",").filter((name) => name !== "" && name !== "name"),
  };
}

const STATES: Record<string, readonly string[]> = {
  waiting: WAITING,
  running: HOLDING,
  suspended: ["Suspended"],
  ended: ENDED,
  failed: ["Failed"],
};

/** Begins what groups by a label, before the label's name. */
export const LABEL = "label ";

/** The rows that are asked for, in order, by group. */
export function listed(all: Iterable<Row>, by: Asked): Group[] {
  const phases = STATES[by.state];
  const words = by.search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...all].filter(
    (row) => (!phases || phases.includes(row.phase)) && words.every((word) => text(row).includes(word)),
  );
  const sign = by.down ? -1 : 1;
  found.sort((a, b) => sign * compare(value(a, by), value(b, by)) || (a.name < b.name ? -1 : 1));
  if (!by.group) return [{ name: "", rows: found }];
  const groups = new Map<string, Row[]>();
  for (const row of found) {
    const name = groupOf(row, by.group);
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return [...groups].sort(([a], [b]) => compare(a, b)).map(([name, rows]) => ({ name, rows }));
}

/** Names of the metrics of all rows. */
export function metricNames(all: Iterable<Row>): string[] {
  const names = new Set<string>();
  for (const row of all) for (const metric of row.metrics ?? []) names.add(String(metric["name"]));
  return [...names].sort();
}

/** The latest value of a metric, as the gateway wrote it. */
export function metricOf(row: Row, name: string): string | undefined {
  const found = (row.metrics ?? []).find((metric) => metric["name"] === name);
  return found === undefined ? undefined : String(found["value"]);
}

/** Names of the labels of all rows. */
export function labelNames(all: Iterable<Row>): string[] {
  const names = new Set<string>();
  for (const row of all) for (const name of Object.keys(row.labels ?? {})) names.add(name);
  return [...names].sort();
}

function text(row: Row): string {
  const labels = Object.entries(row.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const parts = [...labels, row.name, row.user, row.queue, row.dataset, row.command, row.phase, row.message, row.failure];
  return parts.filter(Boolean).join(" ").toLowerCase();
}

function groupOf(row: Row, by: string): string {
  if (by === "queue") return row.queue;
  if (by === "user") return row.user ?? "no user";
  if (by === "dataset") return row.dataset ?? "no dataset";
  if (by.startsWith(LABEL)) return row.labels?.[by.slice(LABEL.length)] ?? "no such label";
  return row.phase;
}

function value(row: Row, by: Asked): string | number | undefined {
  const progress = row.progress as Progress | undefined;
  switch (by.sort) {
    case "name":
      return row.name;
    case "phase":
      return row.phase;
    case "position":
      return row.position ?? undefined;
    case "progress":
      return progress?.percent;
    case "left":
      return progress?.etaSeconds;
    case "metric": {
      const found = Number(metricOf(row, by.metric) ?? Number.NaN);
      return Number.isNaN(found) ? undefined : found;
    }
    case "gpus":
      return row.gpus;
    case "user":
      return row.user ?? undefined;
    case "queue":
      return row.queue;
    default:
      return Date.parse(row.created);
  }
}

/** What has no value comes after what has one, in ascending order. */
function compare(a: string | number | undefined, b: string | number | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b ? -1 : 1;
}
