// The log of a session: the newest lines, searched, filtered and followed. Only lines near the window are drawn.
import { useEffect, useRef, useState } from "preact/hooks";
import { sentence } from "../api/client";
import type { LogEntry } from "../api/types";
import { LONGEST_SEARCH, searched, type Searched } from "../pages/searching";
import { firstError, wanted, workers } from "../text/loglines";
import { clock, count } from "../text/words";
import { pieces } from "../text/visible";

const LINE_HEIGHT = 20;
const BEYOND = 20;

interface Shown {
  session: string;
  lines: LogEntry[];
  /** Whether there are lines before and after these. */
  older: boolean;
  newer: boolean;
  read: (from: "start" | "next" | "newest") => void;
}

export function Log({ session, lines: loaded, older, newer, read }: Shown) {
  const window_ = useRef<HTMLDivElement>(null);
  const [search, setSearch] = useState("");
  const [level, setLevel] = useState("");
  const [worker, setWorker] = useState("");
  const [follows, setFollows] = useState(true);
  const [seen, setSeen] = useState<[number, number]>([0, 400]);
  const whole = useWhole(session);
  const lines = whole.found?.lines ?? loaded;
  const found = wanted(lines, { search, level, worker });
  const first = Math.max(0, Math.floor(seen[0] / LINE_HEIGHT) - BEYOND);
  const drawn = found.slice(first, Math.ceil((seen[0] + seen[1]) / LINE_HEIGHT) + BEYOND);

  useEffect(() => {
    const element = window_.current;
    if (!element) return;
    if (follows) element.scrollTop = element.scrollHeight;
    setSeen([element.scrollTop, element.clientHeight]);
  }, [found.length, follows]);

  function scrolled(element: HTMLDivElement) {
    setSeen([element.scrollTop, element.clientHeight]);
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - LINE_HEIGHT;
    if (!atEnd && follows) setFollows(false);
  }

  function beginning(from: "start" | "next" | "newest") {
    setFollows(from === "newest");
    if (from === "start") window_.current?.scrollTo({ top: 0 });
    read(from);
  }

  function searchFor(text: string) {
    setSearch(text);
    whole.leave();
  }

  function jump() {
    const at = firstError(found);
    setFollows(false);
    if (at >= 0) window_.current?.scrollTo({ top: at * LINE_HEIGHT });
  }

  return (
    <section aria-labelledby="log">
      <h2 id="log">
        Log <small>{`${found.length} of ${count(lines.length, "line")}`}</small>
      </h2>
      <form class="filters" aria-label="Lines of the log" onSubmit={(event) => event.preventDefault()}>
        <label>
          Search lines
          <input type="search" maxLength={LONGEST_SEARCH} value={search} onInput={(event) => searchFor(event.currentTarget.value)} />
        </label>
        {(older || newer) && search !== "" && search !== whole.found?.text && (
          <button type="button" disabled={whole.reading} onClick={() => void whole.search(search)}>
            {whole.reading ? "Searching …" : "Search the whole log"}
          </button>
        )}
        <label>
          Level
          <select value={level} onChange={(event) => setLevel(event.currentTarget.value)}>
            <option value="">all</option>
            <option value="warning">warnings and errors</option>
            <option value="error">errors</option>
          </select>
        </label>
        {workers(lines).length > 1 && (
          <label>
            Worker
            <select value={worker} onChange={(event) => setWorker(event.currentTarget.value)}>
              <option value="">all</option>
              {workers(lines).map((rank) => (
                <option key={rank} value={rank}>
                  {rank}
                </option>
              ))}
            </select>
          </label>
        )}
        <label class="line">
          <input type="checkbox" checked={follows} onChange={(event) => setFollows(event.currentTarget.checked)} /> follow
        </label>
        <button type="button" onClick={jump} disabled={firstError(found) < 0}>
          First error
        </button>
        {older && !whole.found && (
          <button type="button" onClick={() => beginning("start")}>
            From the first line
          </button>
        )}
        {newer && !whole.found && (
          <button type="button" onClick={() => beginning("next")}>
            Next lines
          </button>
        )}
        {newer && !whole.found && (
          <button type="button" onClick={() => beginning("newest")}>
            Newest lines
          </button>
        )}
      </form>
      {whole.problem && <p role="alert" class="problem">{whole.problem}</p>}
      {(older || newer) && <p class="notice">{explained(whole.found, newer)}</p>}
      <div class={lines.length === 0 ? "log empty" : "log"} ref={window_} role="region" aria-label="Lines of the log" tabIndex={0} onScroll={(event) => scrolled(event.currentTarget)}>
        <ol style={{ height: `${found.length * LINE_HEIGHT}px`, paddingTop: `${first * LINE_HEIGHT}px` }}>
          {drawn.map((entry) => (
            <li key={entry.cursor} class={entry.level} title={`${clock(entry.time)}, worker ${entry.rank}, attempt ${entry.attempt}`}>
              {pieces(entry.message).map(({ text, style }, n) => (style ? <span key={n} class={style}>{text}</span> : text))}
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}

function explained(found: Searched | undefined, newer: boolean): string {
  if (found?.more) return `These are the first ${count(found.lines.length, "line")} of the whole log with this text; there are more.`;
  if (found) return "These are all lines of the log with this text.";
  return `These are ${newer ? "earlier" : "the newest"} lines; filters look at them only. The command trainyard logs prints all.`;
}

/** Lines of the whole log with a text, while they are shown instead of those that are loaded. */
function useWhole(session: string) {
  const [found, setFound] = useState<Searched>();
  const [reading, setReading] = useState(false);
  const [problem, setProblem] = useState("");
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);

  async function search(text: string) {
    stop.current = new AbortController();
    const { signal } = stop.current;
    setReading(true);
    setProblem("");
    try {
      const read = await searched(session, text, signal);
      if (!signal.aborted) setFound(read);
    } catch (error) {
      if (!signal.aborted) setProblem(sentence(error));
    }
    if (!signal.aborted) setReading(false);
  }

  function leave() {
    stop.current.abort();
    setFound(undefined);
    setReading(false);
  }

  return { found, reading, problem, search, leave };
}
