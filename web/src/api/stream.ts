// Server-sent events by fetch: unlike EventSource it comes back after every error, with the id of the last event.
import { signal } from "@preact/signals";
import { Refused, send } from "./client";

/** Whether the last stream that was opened is connected. */
export const connected = signal(true);

export interface Told {
  event: string;
  data: unknown;
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

/**
 * Follow a stream until `stop` is called. While the page is hidden the stream is closed; it goes on from the same event.
 *
 * Returns `stop`.
 */
export function follow(path: string, tell: (told: Told) => void, first?: string): () => void {
  let last = first;
  let over = false;
  let controller = new AbortController();
  let wake = (): void => undefined;

  async function run(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!over) {
      if (document.hidden) await woken();
      if (over) return;
      controller = new AbortController();
      try {
        for await (const block of blocks(path, last, controller.signal)) {
          connected.value = true;
          pause = FIRST_PAUSE;
          const { id, event, data } = parsed(block);
          last = id ?? last;
          if (event === "end") return;
          if (event) tell({ event, data: JSON.parse(data) });
        }
      } catch (error) {
        if (error instanceof Refused && [400, 401, 403, 404].includes(error.status)) {
          if (error.status !== 400) return;
          last = undefined;
        }
      }
      if (over) return;
      if (!document.hidden) {
        connected.value = false;
        await Promise.race([woken(), later(pause * (0.75 + Math.random() / 2))]);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }

  const woken = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  const looked = (): void => (document.hidden ? controller.abort() : wake());
  document.addEventListener("visibilitychange", looked);
  void run();
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", looked);
    controller.abort();
    wake();
  };
}

const later = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

async function* blocks(path: string, last: string | undefined, signal: AbortSignal): AsyncGenerator<string> {
  const response = await send("GET", path, { signal, headers: last ? { "Last-Event-ID": last } : {} });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 2);
    }
  }
}

/** The fields of one event. */
export function parsed(block: string): { id?: string; event: string; data: string } {
  const found: { id?: string; event: string; data: string } = { event: "", data: "" };
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    const value = line.slice(at + 2);
    if (line.startsWith("id: ")) found.id = value;
    if (line.startsWith("event: ")) found.event = value;
    if (line.startsWith("data: ")) found.data += value;
  }
  return found;
}
