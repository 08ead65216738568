// Names and lines come from programs and people. What is not drawn, or turns the direction, is shown as an escape.

/** What is not drawn, or changes how others are drawn. */
export const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0e\uffa0]/gu;

/** `text` with each hidden character as an escape. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (found) => {
    const code = found.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** A part of a log line in one colour. */
export interface Piece {
  text: string;
  /** `a1` to `a6` for red to cyan, `bold`, or none. */
  style: string;
}

const SELECTS = /^\u001b\[([0-9;:]*)m$/;

/** A log line as a terminal shows it: coloured, tabs as blanks, after a carriage return only what was printed last. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let style = "";
  const shown = text.replace(/\r+$/, "");
  for (const part of shown.slice(shown.lastIndexOf("\r") + 1).split(/(\u001b\[[0-9;:]*[A-Za-z])/)) {
    const codes = SELECTS.exec(part)?.[1];
    if (codes !== undefined) style = styled(style, codes);
    else if (part !== "" && !part.startsWith("\u001b[")) found.push({ text: visible(part.replaceAll("\t", "    ")), style });
  }
  return found;
}

function styled(before: string, codes: string): string {
  let style = before;
  for (const code of (codes || "0").split(";").map(Number)) {
    // 38 and 48 begin colours of other palettes, whose numbers follow.
    if (code === 38 || code === 48) break;
    if (code === 0 || code === 39) style = "";
    else if (code === 1) style ||= "bold";
    else if ((code > 30 && code < 37) || (code > 90 && code < 97)) style = `a${code % 10}`;
  }
  return style;
}

/** A log line without colours; tabs become blanks. */
export function line(text: string): string {
  return pieces(text)
    .map((piece) => piece.text)
    .join("");
}
