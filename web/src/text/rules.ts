// Rules of receivers of notices: in words, and made of what a form holds. Pure.
import type { components } from "../../build/schema";
import { duration, number } from "./words";

type Schemas = components["schemas"];
export type Rule = Schemas["NewReceiver"]["rules"][number];
export type Phase = Schemas["Phase"];
export type FailureClass = Schemas["FailureClass"];

export const PHASES: Phase[] = ["Succeeded", "Failed", "Stopped", "Cancelled", "Suspended", "Running", "Queued"];
export const DEFAULT_SECONDS = 600;

/** What a rule is about, as it stands after "when". */
export function inWords(rule: Rule): string {
  switch (rule.on) {
    case "phase":
      return `a session is ${rule.phases.join(" or ")}`;
    case "failure":
      return rule.classes?.length ? `an attempt fails with ${rule.classes.join(" or ")}` : "an attempt fails";
    case "metric":
      return `${rule.name} is ${bounds(rule.above, rule.below)}`;
    case "stalled":
      return `a session makes no step for ${duration(rule.seconds ?? DEFAULT_SECONDS)}`;
    case "starts-soon":
      return `a session is expected to start within ${duration(rule.seconds ?? DEFAULT_SECONDS)}`;
    case "budget":
      return "a budget is nearly spent, or spent";
    default:
      return String((rule as { on: string }).on);
  }
}

function bounds(above: number | null | undefined, below: number | null | undefined): string {
  const found = [
    ...(above === null || above === undefined ? [] : [`above ${number(above)}`]),
    ...(below === null || below === undefined ? [] : [`below ${number(below)}`]),
  ];
  return `${found.join(" or ")}, or not a number`;
}

/** Names and values of a form's fields. */
export type Fields = [string, unknown][];

/** The rules that a form asks for, in the order of its fields. A field without its box is no rule. */
export function asked(fields: Fields): Rule[] {
  const all = (name: string) => fields.filter(([each]) => each === name).map(([, value]) => String(value).trim());
  const text = (name: string) => all(name)[0] ?? "";
  const has = (name: string) => all(name).length > 0;
  const rules: Rule[] = [];
  const phases = all("phase") as Phase[];
  if (phases.length > 0) rules.push({ on: "phase", phases });
  if (has("failure")) {
    const classes = text("classes").split(/[\s,]+/).filter(Boolean) as FailureClass[];
    rules.push(classes.length > 0 ? { on: "failure", classes } : { on: "failure" });
  }
  if (text("metric")) {
    const bound = Number(text("bound"));
    rules.push(text("side") === "below" ? { on: "metric", name: text("metric"), below: bound } : { on: "metric", name: text("metric"), above: bound });
  }
  if (has("stalled")) rules.push({ on: "stalled", seconds: seconds(text("stalledMinutes")) });
  if (has("starts")) rules.push({ on: "starts-soon", seconds: seconds(text("startsMinutes")) });
  if (has("budget")) rules.push({ on: "budget" });
  return rules;
}

function seconds(minutes: string): number {
  return minutes === "" ? DEFAULT_SECONDS : Math.round(Number(minutes) * 60);
}

/** A webhook's URL without what may be a secret: services put tokens into path and query. */
export function masked(url: string): string {
  try {
    const { protocol, host, pathname, search } = new URL(url);
    return `${protocol}//${host}${pathname.length > 1 || search ? "/…" : "/"}`;
  } catch {
    return "…";
  }
}
