// The log of a session: the newest lines, searched, filtered and followed. Only lines near the window are drawn.
import { useEffect, useRef, useState } from "preact/hooks";
import type { LogEntry } from "../api/types";
import { firstError, wanted, workers } from "../text/loglines";
import { clock, count } from "../text/words";
import { pieces } from "../text/visible";

const LINE_HEIGHT = 20;
const BEYOND = 20;

interface Shown {
  lines: LogEntry[];
  /** Whether there are lines before and after these. */
  older: boolean;
  newer: boolean;
  read: (from: "start" | "next" | "newest") => void;
}

export function Log({ lines, older, newer, read }: Shown) {
  const window_ = useRef<HTMLDivElement>(null);
  const [search, setSearch] = useState("");
  const [level, setLevel] = useState("");
  const [worker, setWorker] = useState("");
  const [follows, setFollows] = useState(true);
  const [seen, setSeen] = useState<[number, number]>([0, 400]);
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
          <input type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
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
        {older && (
          <button type="button" onClick={() => beginning("start")}>
            From the first line
          </button>
        )}
        {newer && (
          <button type="button" onClick={() => beginning("next")}>
            Next lines
          </button>
        )}
        {newer && (
          <button type="button" onClick={() => beginning("newest")}>
            Newest lines
          </button>
        )}
      </form>
      {(older || newer) && (
        <p class="notice">{`These are ${newer ? "earlier" : "the newest"} lines; search and filters look at them only. The command trainyard logs prints all.`}</p>
      )}
      <div class="log" ref={window_} role="region" aria-label="Lines of the log" tabIndex={0} onScroll={(event) => scrolled(event.currentTarget)}>
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
