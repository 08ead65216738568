// Names and lines come from programs and people. What is not drawn, or turns the direction, is shown as an escape.

/** What is not drawn, or changes how others are drawn. */
export const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0e\uffa0]/gu;
const COLOURS = /\u001b\[[0-9;:]*[A-Za-z]/g;

/** `text` with each hidden character as an escape. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (found) => {
    const code = found.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** A log line without colours; tabs become blanks. */
export function line(text: string): string {
  return visible(text.replace(COLOURS, "").replaceAll("\t", "    "));
}
