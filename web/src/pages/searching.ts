// A text in the whole log of a session, which the gateway searches in steps.
import { get } from "../api/client";
import type { LogEntry, Logs } from "../api/types";

export interface Searched {
  text: string;
  lines: LogEntry[];
  /** Whether there may be more lines with this text. */
  more: boolean;
}

/** What the gateway takes. */
export const LONGEST_SEARCH = 200;
const MOST_FOUND = 5000;

/** The first lines of a session with a text. Throws Refused. */
export async function searched(session: string, text: string, signal: AbortSignal): Promise<Searched> {
  const lines: LogEntry[] = [];
  let after = 0;
  let more = true;
  while (more && lines.length < MOST_FOUND) {
    const query = new URLSearchParams({ search: text, after: String(after), limit: String(MOST_FOUND - lines.length) });
    const read = await get<Logs>(`/training/${encodeURIComponent(session)}/logs?${query}`, signal);
    lines.push(...read.lines);
    after = read.next;
    more = read.more;
  }
  return { text, lines, more };
}
