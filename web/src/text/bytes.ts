// Sizes in words. Pure.

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `1 byte`, `640 bytes`, `1.5 GiB`. */
export function size(bytes: number): string {
  if (bytes === 1) return "1 byte";
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toPrecision(3))} ${UNITS[unit]}`;
}
