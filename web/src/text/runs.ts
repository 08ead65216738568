// What of a page of runs is asked of the gateway. Pure.

const ASKED = ["experiment", "name", "status", "kind", "cursor"];

/** The path of the runs that the query of the page's URL names. */
export function runsPath(given: string): string {
  const parameters = new URLSearchParams(given);
  const query = new URLSearchParams();
  for (const name of ASKED) {
    const value = parameters.get(name);
    if (value) query.set(name, value);
  }
  const text = query.toString();
  return text ? `/runs?${text}` : "/runs";
}
