// Axes of parameters, whose values are numbers or words. Pure.

export interface Scale {
  /** The place of a value from 0 to 1; undefined for one that is missing. */
  place: (value: string) => number | undefined;
  ticks: [number, string][];
}

const MOST_TICKS = 12;

/** An axis for values as texts: numbers by size, by their order of magnitude where they span three; other words by name. */
export function scale(values: string[]): Scale {
  const given = values.filter((value) => value !== "");
  const numbers = given.map(Number);
  if (given.length > 0 && numbers.every(Number.isFinite)) return ofNumbers(numbers);
  const words = [...new Set(given)].sort();
  const place = (value: string) => (value === "" ? undefined : words.length > 1 ? words.indexOf(value) / (words.length - 1) : 0.5);
  const each = Math.ceil(words.length / MOST_TICKS);
  return { place, ticks: words.filter((_, n) => n % each === 0).map((word) => [place(word) ?? 0, word]) };
}

function ofNumbers(numbers: number[]): Scale {
  const [low, high] = [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];
  const isWide = low > 0 && high / low >= 1000;
  const at = (value: number) => (isWide ? Math.log10(value) : value);
  const span = at(high) - at(low);
  const place = (value: string) => {
    if (value === "") return undefined;
    return span > 0 ? (at(Number(value)) - at(low)) / span : 0.5;
  };
  const middle = isWide ? Math.sqrt(low * high) : (low + high) / 2;
  const shown = span > 0 ? [low, middle, high] : [low];
  return { place, ticks: shown.map((value) => [place(String(value)) ?? 0.5, String(Number(value.toPrecision(3)))]) };
}

/** The places of values on their axis. */
export function places(values: string[]): (number | undefined)[] {
  const { place } = scale(values);
  return values.map(place);
}
