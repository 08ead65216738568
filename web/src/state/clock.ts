// The time as the page shows it, once a second: the gateway's, since this machine's clock may be wrong.
import { signal } from "@preact/signals";

/** Differences below come from the network and from headers in whole seconds. */
const LEAST_SKEW = 5000;
let skew = 0;

export const now = signal(Date.now());

/** Take the time of an answer's Date header. */
export function heard(date: string | null): void {
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told)) return;
  const found = told - Date.now();
  skew = Math.abs(found) < LEAST_SKEW ? 0 : found;
}

setInterval(() => {
  if (!document.hidden) now.value = Date.now() + skew;
}, 1000);
