// What the page of a session shows first is asked for before it is known who is logged in: two ways to the gateway become one.
import { get } from "../api/client";

const begun = new Map<string, Promise<unknown>>();

/** Lines of a log that a screen shows. */
export const FIRST_LINES = 200;

/** Where a session's fields are. */
export function statusPath(session: string): string {
  return `/training/${encodeURIComponent(session)}/status`;
}

/** Where the newest lines of its log are. */
export function newestPath(session: string, limit: number): string {
  return `/training/${encodeURIComponent(session)}/logs?tail=true&limit=${limit}`;
}

/** What is asked for early at a place. Pure. */
export function wantedAt(path: string): string[] {
  const session = /^\/session\/([A-Za-z0-9.-]{1,64})$/.exec(path)?.[1];
  return session ? [newestPath(session, FIRST_LINES), statusPath(session)] : [];
}

/** Ask for it. */
export function begin(path: string): void {
  for (const each of wantedAt(path)) {
    const reading = get(each);
    // Whoever takes it hears of a failure; without a login there is always one.
    reading.catch(() => undefined);
    begun.set(each, reading);
  }
}

/** The JSON at a path: what was asked for early, once, or else what is read now. */
export async function early<T>(path: string): Promise<T> {
  const reading = begun.get(path);
  begun.delete(path);
  try {
    if (reading) return (await reading) as T;
  } catch {
    // It was asked for without a login, perhaps.
  }
  return get<T>(path);
}
