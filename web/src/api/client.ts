// Requests to /api/v1 with the login's cookie.
import { signal } from "@preact/signals";
import { heard } from "../state/clock";
import type { FieldProblem, Problem } from "./types";

const PREFIX = "/api/v1";

/** Whether the gateway said that it does not hear from the cluster. */
export const stale = signal(false);

/** A refused request; `message` is the gateway's sentence. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: FieldProblem[] = [],
  ) {
    super(message);
  }
}

let whenLoggedOut: (why: string) => void = () => undefined;

/** Call `then` with the gateway's sentence when it says that the login is over. */
export function onLoggedOut(then: (why: string) => void): void {
  whenLoggedOut = then;
}

/** Send a request. Throws Refused, also when the gateway does not answer (status 0). */
export async function send(method: string, path: string, more: RequestInit = {}): Promise<Response> {
  const headers = new Headers(more.headers);
  headers.set("X-Trainyard-Request", "web");
  let response: Response;
  try {
    response = await fetch(PREFIX + path, { ...more, method, headers, cache: "no-store" });
  } catch (error) {
    if (more.signal?.aborted) throw error;
    throw new Refused(0, "The gateway does not answer.");
  }
  heard(response.headers.get("Date"));
  if (response.ok) stale.value = (response.headers.get("Warning") ?? "").startsWith("110");
  if (!response.ok) throw await refusal(response);
  return response;
}

/** The JSON of a GET. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send("GET", path, signal ? { signal } : {});
  return (await response.json()) as T;
}

/** A request with a JSON body or none. */
export async function change(method: string, path: string, body?: unknown): Promise<void> {
  const more: RequestInit =
    body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  await send(method, path, more);
}

async function refusal(response: Response): Promise<Refused> {
  let found: Refused;
  try {
    const problem = (await response.json()) as Problem;
    found = new Refused(response.status, problem.detail, problem.errors);
  } catch {
    found = new Refused(response.status, `The gateway answers ${response.status}.`);
  }
  if (response.status === 401) whenLoggedOut(found.message);
  return found;
}

/** What to show of an error. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
