// What of the audit log is asked of the gateway. Pure.
import type { components } from "../../build/schema";

type Schemas = components["schemas"];

export const KINDS: Schemas["AuditKind"][] = [
  "session", "dataset", "model", "upload", "code", "run", "experiment", "user", "team", "key", "login", "limit", "receiver", "notice", "job", "pod",
];
export const VERBS: Schemas["AuditVerb"][] = ["create", "update", "delete"];
export const CHANNELS: Schemas["Channel"][] = ["key", "browser", "bot", "program", "kubectl", "operator"];
const ASKED = ["user", "object", "kind", "verb", "channel", "since", "until", "cursor"];
const ON_A_PAGE = 200;

/** The path of the events that the query of the page's URL names. */
export function auditPath(given: string): string {
  const parameters = new URLSearchParams(given);
  const query = new URLSearchParams({ limit: String(ON_A_PAGE) });
  for (const name of ASKED) {
    const value = parameters.get(name);
    if (value) query.set(name, value);
  }
  return `/audit?${query}`;
}
