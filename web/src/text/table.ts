// The first rows of a table as it is written. Pure.

export interface Dialect {
  delimiter?: string;
  quote?: string;
  skipLines?: number;
}

/** The fields of the first rows. A row that the text does not end is left out, unless the text is `whole`. */
export function firstRows(text: string, { delimiter = ",", quote = '"', skipLines = 0 }: Dialect, most: number, whole: boolean): string[][] {
  let at = text.startsWith("\ufeff") ? 1 : 0;
  for (let n = 0; n < skipLines; n++) {
    const end = text.indexOf("\n", at);
    at = end < 0 ? text.length : end + 1;
  }
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  for (; at < text.length && rows.length < most; at++) {
    const letter = text.charAt(at);
    if (quoted) {
      if (letter !== quote) field += letter;
      else if (text.charAt(at + 1) === quote) field += text.charAt(++at);
      else quoted = false;
    } else if (letter === quote && field === "") quoted = true;
    else if (letter === delimiter) {
      row.push(field);
      field = "";
    } else if (letter === "\n" || letter === "\r") {
      if (letter === "\r" && text.charAt(at + 1) === "\n") at += 1;
      rows.push([...row, field]);
      [row, field] = [[], ""];
    } else field += letter;
  }
  if (whole && rows.length < most && (row.length > 0 || field !== "")) rows.push([...row, field]);
  return rows;
}
