// What is typed into the form of a session, as the body of a request. Pure.

/** What is typed: texts as they are; a list of rows for `rows`; an object of them for `object`. */
export type Typed = string | Typed[] | { [name: string]: Typed };
export type Values = { [name: string]: Typed };

export interface Shape {
  name: string;
  kind: string;
  item?: string | undefined;
  fields?: Shape[] | undefined;
}

/** The body; what is empty is left out, so that the defaults hold. */
export function bodyOf(values: Values, shapes: Shape[]): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const shape of shapes) {
    const value = valueOf(values[shape.name], shape);
    if (value !== undefined) body[shape.name] = value;
  }
  return body;
}

function valueOf(typed: Typed | undefined, shape: Shape): unknown {
  if (typed === undefined || typed === "") return undefined;
  if (shape.kind === "object") {
    const body = bodyOf(typed as Values, shape.fields ?? []);
    return Object.keys(body).length > 0 ? body : undefined;
  }
  if (shape.kind === "rows") {
    const rows = (typed as Typed[]).map((row) => bodyOf(row as Values, shape.fields ?? []));
    const filled = rows.filter((row) => Object.keys(row).length > 0);
    return filled.length > 0 ? filled : undefined;
  }
  const text = typed as string;
  if (shape.name === "command") return words(text);
  if (shape.kind === "list") {
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    return lines.length > 0 ? lines.map((line) => scalar(line, shape.item ?? "text")) : undefined;
  }
  return scalar(text, shape.kind);
}

/** A number where one is expected and typed; else the text, about which the gateway says what is wrong. */
function scalar(text: string, kind: string): unknown {
  const trimmed = text.trim();
  if (kind === "boolean") return trimmed === "true" ? true : trimmed === "false" ? false : trimmed;
  const isNumber = (kind === "integer" || kind === "number") && trimmed !== "" && Number.isFinite(Number(trimmed));
  return isNumber ? Number(trimmed) : kind === "text" ? text : trimmed;
}

/** A spec as it would be typed, without what the form does not know. */
export function typedOf(spec: Record<string, unknown>, shapes: Shape[]): Values {
  const values: Values = {};
  for (const shape of shapes) {
    const value = spec[shape.name];
    if (value !== undefined && value !== null) values[shape.name] = typed(value, shape);
  }
  return values;
}

function typed(value: unknown, shape: Shape): Typed {
  if (shape.kind === "object") return typedOf(value as Record<string, unknown>, shape.fields ?? []);
  if (shape.kind === "rows") {
    return (value as Record<string, unknown>[]).map((row) => typedOf(row, shape.fields ?? []));
  }
  if (shape.name === "command") return (value as string[]).map(quoted).join(" ");
  if (shape.kind === "list") return (value as unknown[]).map(String).join("\n");
  return String(value);
}

/** The words of a command line, by the quotes of a shell; nothing else of a shell is done. */
export function words(text: string): string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const letter = text.charAt(at);
    if (quote) {
      if (letter === quote) quote = "";
      else if (letter === "\\" && quote === '"' && /["\\]/.test(text.charAt(at + 1))) word += text.charAt(++at);
      else word += letter;
    } else if (letter === "'" || letter === '"') {
      quote = letter;
      word ??= "";
    } else if (letter === "\\" && at + 1 < text.length) {
      const next = text.charAt(++at);
      // A line that goes on.
      if (next !== "\n") word = (word ?? "") + next;
    } else if (/\s/.test(letter)) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else word = (word ?? "") + letter;
  }
  if (word !== undefined) found.push(word);
  return found;
}

/** A word as `words` reads it. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
