// The parameters in which sessions differ. Pure.

interface Named {
  name: string;
  value: unknown;
}

/** A spec as flat names with their values; lists of named values, such as `env`, by those names. */
export function flat(value: unknown, prefix = ""): Map<string, string> {
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every(isNamed)) {
      return new Map(value.map((each: Named) => [`${prefix}.${each.name}`, shown(each.value)]));
    }
    return new Map([[prefix, value.map(shown).join(" ")]]);
  }
  if (typeof value !== "object" || value === null) return new Map([[prefix, shown(value)]]);
  return new Map(Object.entries(value).flatMap(([name, field]) => [...flat(field, prefix ? `${prefix}.${name}` : name)]));
}

function isNamed(item: unknown): item is Named {
  return typeof item === "object" && item !== null && "name" in item && "value" in item;
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Rows of a name and each session's value, of names whose values differ. */
export function differing(specs: unknown[]): [string, string[]][] {
  const all = specs.map((spec) => flat(spec));
  const names = [...new Set(all.flatMap((each) => [...each.keys()]))].sort();
  return names
    .map((name): [string, string[]] => [name, all.map((each) => each.get(name) ?? "")])
    .filter(([, values]) => new Set(values).size > 1);
}
