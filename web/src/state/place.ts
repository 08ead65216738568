// The place in the page: path and parameters stand in the URL's fragment, so that a link shows the same.
import { signal } from "@preact/signals";

export interface Place {
  path: string;
  parameters: URLSearchParams;
}

function read(): Place {
  const [path = "", query = ""] = location.hash.replace(/^#/, "").split("?", 2);
  return { path: path || "/", parameters: new URLSearchParams(query) };
}

export const place = signal<Place>(read());

addEventListener("hashchange", () => {
  place.value = read();
});

/** The URL of a place. */
export function link(path: string, parameters: Record<string, string> = {}): string {
  const query = new URLSearchParams(parameters).toString();
  return `#${path}${query ? `?${query}` : ""}`;
}

/** Change parameters of this place without a new step in the browser's history; empty ones go. */
export function setParameters(changes: Record<string, string>): void {
  const parameters = new URLSearchParams(place.value.parameters);
  for (const [name, value] of Object.entries(changes)) {
    if (value) parameters.set(name, value);
    else parameters.delete(name);
  }
  const query = parameters.toString();
  history.replaceState(null, "", `#${place.value.path}${query ? `?${query}` : ""}`);
  place.value = { path: place.value.path, parameters };
}
