// States, times and numbers in words. Pure.

export const WAITING = ["Pending", "Queued"];
export const HOLDING = ["Starting", "Running", "Suspending", "Stopping"];
export const ENDED = ["Succeeded", "Failed", "Stopped", "Cancelled"];

/** A length of time with its two largest units: `4 min`, `2 h 10 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** When a waiting session starts: `in 4 min to 9 min`. */
export function startInterval(
  estimate: { earliest?: string; latest?: string } | null | undefined,
  now: number,
): string {
  const from = estimate?.earliest ? (Date.parse(estimate.earliest) - now) / 1000 : undefined;
  const to = estimate?.latest ? (Date.parse(estimate.latest) - now) / 1000 : undefined;
  if (from === undefined && to === undefined) return "start not known yet";
  if (from === undefined) return `starts within ${duration(to ?? 0)}`;
  if (to === undefined) return `starts in ${duration(from)} at the earliest`;
  const [first, second] = [duration(from), duration(to)];
  return first === second ? `starts in ${first}` : `starts in ${first} to ${second}`;
}

/** `3 min ago`. */
export function age(time: string, now: number): string {
  return duration((now - Date.parse(time)) / 1000);
}

/** A time in the reader's zone. */
export function clock(time: string | number | null | undefined): string {
  if (time === undefined || time === null) return "";
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** A number with four significant digits. */
export function number(value: number | string | null | undefined): string {
  if (value === undefined || value === null) return "";
  const read = typeof value === "number" ? value : Number(value);
  if (!Number.isFinite(read)) return String(value);
  if (read === 0) return "0";
  const size = Math.abs(read);
  return size >= 1e6 || size < 1e-3 ? read.toExponential(3) : String(Number(read.toPrecision(4)));
}

/** `1 GPU`, `2 GPUs`. */
export function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? "" : "s"}`;
}
