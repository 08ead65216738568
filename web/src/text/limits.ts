// Limits and budgets in words, and what a form sets. Pure.
import type { components } from "../../build/schema";
import type { Fields } from "./rules";
import { duration, number } from "./words";

type LimitInfo = components["schemas"]["LimitInfo"];
export type LimitSpec = components["schemas"]["LimitSpec"];

/** Whose limit it is. */
export function nameOf(limit: { kind: string; name: string }): string {
  return `${limit.kind} ${limit.name}`;
}

/** Where the gateway keeps it. */
export function pathOf(limit: { kind: string; name: string }): string {
  return `/limits/${limit.kind}/${encodeURIComponent(limit.name)}`;
}

/** `12.5 of 100 GPU hours, 12 %`. */
export function spent({ gpuHours, spentGpuHours = 0 }: LimitInfo): string {
  const hours = gpuHours ?? 0;
  const share = hours > 0 ? `, ${Math.floor((spentGpuHours / hours) * 100)} %` : "";
  return `${number(spentGpuHours)} of ${number(hours)} GPU hours${share}`;
}

/** When the budget is there again in full: `each month, in 3 d 4 h`. */
export function renews({ gpuHours, period, renews: at }: LimitInfo, now: number): string {
  if (typeof gpuHours !== "number") return "";
  return at ? `each ${period}, in ${duration((Date.parse(at) - now) / 1000)}` : "never";
}

/** What a form asks for; empty fields are no limit. */
export function asked(fields: Fields): LimitSpec {
  const text = (name: string) => String(fields.find(([each]) => each === name)?.[1] ?? "").trim();
  const maybe = (name: string) => (text(name) === "" ? null : Number(text(name)));
  const queues = text("queues").split(/[\s,]+/).filter(Boolean);
  return {
    maxGpus: maybe("maxGpus"),
    gpuHours: maybe("gpuHours"),
    period: text("period") as LimitSpec["period"],
    whenSpent: text("whenSpent") as LimitSpec["whenSpent"],
    warnPercent: Number(text("warnPercent") || 80),
    queues: queues.length > 0 ? queues : null,
    maxPriority: maybe("maxPriority"),
  };
}
