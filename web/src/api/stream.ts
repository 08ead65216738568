// Server-sent events by fetch: unlike EventSource it comes back after every error, with the id of the last event.
import { computed, signal } from "@preact/signals";
import { Refused, send } from "./client";

const broken = signal<ReadonlySet<symbol>>(new Set());

/** Whether every stream that is followed is connected. */
export const connected = computed(() => broken.value.size === 0);

export interface Told {
  event: string;
  data: unknown;
}

export interface Follower {
  /** Called with each event. */
  tell: (told: Told) => void;
  /** Called when the stream is open; `resumed`: what changed while it was not follows as events. */
  opened?: (resumed: boolean) => void;
  /** Called when the gateway refuses the stream for good. */
  refused?: (error: Refused) => void;
  /** Where to go on: the id of an event that an earlier follower got. */
  from?: string | undefined;
  /** After so many milliseconds away it begins anew, since reading the state is less than all that happened. */
  freshAfter?: number;
  /** Called with the id of the last event. */
  passed?: (id: string) => void;
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
/** The gateway says something every 15 s. A connection that is silent for longer is dead, though no one said so. */
const LONGEST_SILENCE = 45_000;
/** Coming back does not help against these. */
const FINAL = [401, 403, 404];

/** Follow a stream until `stop` is called. While the page is hidden the stream is closed; it goes on from the same event. */
export function follow(path: string, follower: Follower): () => void {
  const me = Symbol(path);
  const stopped = new AbortController();
  let last = follower.from;
  let current = new AbortController();
  let wake = (): void => undefined;
  let heard = Date.now();

  async function read(): Promise<"end" | "again"> {
    current = new AbortController();
    for await (const block of blocks(path, last, current, () => {
      marked(me, false);
      follower.opened?.(last !== undefined);
    })) {
      heard = Date.now();
      const { id, event, data } = parsed(block);
      if (event && event !== "end") follower.tell({ event, data: JSON.parse(data) });
      if (id !== undefined) follower.passed?.((last = id));
      if (event === "end") return "end";
    }
    return "again";
  }

  async function run(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!stopped.signal.aborted) {
      if (document.hidden) await woken();
      if (stopped.signal.aborted) return;
      const began = Date.now();
      if (began - heard > (follower.freshAfter ?? Infinity)) last = undefined;
      try {
        if ((await read()) === "end") return;
      } catch (error) {
        if (error instanceof Refused && FINAL.includes(error.status)) return follower.refused?.(error);
        if (error instanceof Refused && error.status === 400) last = undefined;
      }
      if (stopped.signal.aborted) return;
      if (document.hidden) continue;
      if (Date.now() - began > LONGEST_PAUSE) pause = FIRST_PAUSE;
      marked(me, true);
      await Promise.race([woken(), later(pause * (0.75 + Math.random() / 2))]);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  const woken = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  const looked = (): void => (document.hidden ? current.abort() : wake());
  document.addEventListener("visibilitychange", looked);
  addEventListener("online", looked);
  void run().finally(() => marked(me, false));
  return () => {
    stopped.abort();
    document.removeEventListener("visibilitychange", looked);
    removeEventListener("online", looked);
    current.abort();
    wake();
  };
}

function marked(which: symbol, isBroken: boolean): void {
  if (broken.value.has(which) === isBroken) return;
  const all = new Set(broken.value);
  if (isBroken) all.add(which);
  else all.delete(which);
  broken.value = all;
}

const later = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

async function* blocks(
  path: string,
  last: string | undefined,
  controller: AbortController,
  opened: () => void,
): AsyncGenerator<string> {
  let silence = setTimeout(() => controller.abort(), LONGEST_SILENCE);
  try {
    const headers: Record<string, string> = last ? { "Last-Event-ID": last } : {};
    const response = await send("GET", path, { signal: controller.signal, headers });
    opened();
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => controller.abort(), LONGEST_SILENCE);
      text += value;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        yield text.slice(0, end);
        text = text.slice(end + 2);
      }
    }
  } finally {
    clearTimeout(silence);
    // Whoever stops listening leaves no connection behind.
    controller.abort();
  }
}

/** The fields of one event. Pure. */
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
