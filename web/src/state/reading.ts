// Things that a page reads once, and again when asked.
import { useEffect, useState } from "preact/hooks";
import { get, sentence } from "../api/client";

export interface Read<T> {
  value?: T;
  problem: string;
  again: () => void;
}

/** The JSON at a path; `null`: nothing is read. */
export function useRead<T>(path: string | null): Read<T> {
  return useWork(path, (stop) => get<T>(path ?? "", stop));
}

/** Lists come in pages of some thousand; beyond so many pages a table helps nobody. */
const MOST_PAGES = 20;

interface Page {
  cursor?: string | null;
}

/** All entries of a list that comes in pages. */
export function useList<T>(path: string | null, name: string): Read<T[]> {
  return useWork(path, async (stop) => {
    const found: T[] = [];
    let cursor: string | null | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const more = cursor ? `${(path ?? "").includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : "";
      const read = await get<Page & Record<string, unknown>>(`${path}${more}`, stop);
      found.push(...(read[name] as T[]));
      cursor = read.cursor;
      if (!cursor) break;
    }
    return found;
  });
}

function useWork<T>(path: string | null, read: (stop: AbortSignal) => Promise<T>): Read<T> {
  const [found, setFound] = useState<{ path: string | null; value?: T; problem: string }>({ path, problem: "" });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    read(stop.signal)
      .then((value) => setFound({ path, value, problem: "" }))
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setFound((before) => ({ ...before, path, problem: sentence(error) }));
      });
    return () => stop.abort();
  }, [path, round]);
  const again = () => setRound((before) => before + 1);
  const is = found.path === path;
  return is && found.value !== undefined ? { value: found.value, problem: found.problem, again } : { problem: is ? found.problem : "", again };
}
