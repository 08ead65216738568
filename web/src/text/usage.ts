// Questions to the ledger, and its figures in words. Pure.

export const GROUPS = ["user", "queue", "label", "month"] as const;
/** Months before this one that can be chosen. */
const EARLIER = 11;

export interface Question {
  by: string[];
  label: string;
  /** Such as 2026-11; empty: this one; `year`: the twelve last ones. */
  month: string;
  user: string;
  queue: string;
}

/** What the URL's parameters ask. A group by a label needs its name. */
export function question(parameters: URLSearchParams): Question {
  const given = [parameters.get("by") ?? "user", parameters.get("and") ?? ""];
  const by = [...new Set(given)].filter((name) => (GROUPS as readonly string[]).includes(name));
  return {
    by: by.length > 0 ? by : ["user"],
    label: parameters.get("label") ?? "",
    month: parameters.get("month") ?? "",
    user: parameters.get("user") ?? "",
    queue: parameters.get("queue") ?? "",
  };
}

/** This month in UTC and those before it, the newest first. */
export function months(now: number): string[] {
  const at = new Date(now);
  return Array.from({ length: EARLIER + 1 }, (_, n) =>
    new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - n, 1)).toISOString().slice(0, 7),
  );
}

/** The path of a question at the gateway; null while the name of the label is missing. */
export function usagePath(asked: Question, now: number): string | null {
  if (asked.by.includes("label") && !asked.label) return null;
  const query = new URLSearchParams(asked.by.map((name) => ["by", name]));
  if (asked.by.includes("label")) query.set("label", asked.label);
  const [first, last] = asked.month === "year" ? [months(now).at(-1) ?? "", ""] : [asked.month, asked.month];
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(first)) query.set("since", `${first}-01T00:00:00Z`);
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(last)) query.set("until", new Date(endOf(last)).toISOString());
  if (asked.user) query.set("user", asked.user);
  if (asked.queue) query.set("queue", asked.queue);
  return `/usage?${query}`;
}

function endOf(month: string): number {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return Date.UTC(year, number, 1);
}

/** Hours with two decimals: `1,234.50`, in the reader's way of writing numbers. */
export function hours(seconds: number): string {
  return (seconds / 3600).toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
