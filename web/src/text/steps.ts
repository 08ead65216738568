// Which steps of a curve are looked at. Pure.

/** A stretch of the same length, half a length on: `direction` 1 to later steps, -1 to earlier ones, not below 0. */
export function moved([from, to]: [number, number], direction: 1 | -1): [number, number] {
  const half = Math.max(1, Math.round((to - from) / 2));
  const first = Math.max(0, from + direction * half);
  return [first, first + (to - from)];
}
