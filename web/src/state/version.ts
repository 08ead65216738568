// Whether this page is the one that the gateway serves now. A tab may be older than an upgrade.
import { signal } from "@preact/signals";

export const outdated = signal(false);

/** Whether a served page loads another script than this one. Pure. */
export function isOther(served: string, script: string): boolean {
  return served.includes('type="module"') && !served.includes(`src="${script}"`);
}

/** Ask the gateway for the page, and compare. Without an answer nothing is known. */
export async function compareVersion(): Promise<void> {
  try {
    const response = await fetch("/", { cache: "no-cache" });
    if (response.ok) outdated.value = isOther(await response.text(), new URL(import.meta.url).pathname);
  } catch {
    // The gateway is away; the stream asks again when it is back.
  }
}
