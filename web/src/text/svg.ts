// A chart of lines as an SVG file. Pure.
import { columns, type Axis, type Line } from "./curves";
import { number } from "./words";
import { visible } from "./visible";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [900, 420, 70, 20, 30, 40];

/** The file; every text of names is escaped. */
export function svgOf(title: string, lines: Line[], axis: Axis, log: boolean, colours: string[]): string {
  const all = lines.map((line) => columns(line, axis, 0, log));
  const xs = extent(all.flatMap(({ x, raw }) => x.filter((_, n) => raw[n] !== null)));
  const ys = extent(all.flatMap(({ raw }) => raw.filter((value) => value !== null).map((value) => (log ? Math.log10(value) : value))));
  const x = (value: number) => LEFT + ((value - xs[0]) / (xs[1] - xs[0])) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - (((log ? Math.log10(value) : value) - ys[0]) / (ys[1] - ys[0])) * (HEIGHT - TOP - BOTTOM);
  const paths = all.map((line, n) => {
    let pen = "M";
    const steps = line.x.map((at, m) => {
      const value = line.raw[m];
      if (value === null || value === undefined) {
        pen = "M";
        return "";
      }
      const step = `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return step;
    });
    const colour = colours[n % colours.length] ?? "#222";
    const label = escaped(lines[n]?.label ?? "");
    return `<path d="${steps.join("")}" fill="none" stroke="${colour}"><title>${label}</title></path>
<text x="${LEFT + 10}" y="${TOP + 14 * (n + 1)}" fill="${colour}">${n < 20 ? label : ""}</text>`;
  });
  const ends = [
    [LEFT, HEIGHT - BOTTOM + 16, "start", xs[0]],
    [WIDTH - RIGHT, HEIGHT - BOTTOM + 16, "end", xs[1]],
    [LEFT - 6, HEIGHT - BOTTOM, "end", log ? 10 ** ys[0] : ys[0]],
    [LEFT - 6, TOP + 10, "end", log ? 10 ** ys[1] : ys[1]],
  ] as const;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/><text x="${LEFT}" y="18" font-weight="bold">${escaped(title)}</text>
<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="#888"/>
${ends.map(([at, up, anchor, value]) => `<text x="${at}" y="${up}" text-anchor="${anchor}">${axis === "clock" && up > HEIGHT - BOTTOM ? new Date(value * 1000).toISOString() : number(value)}</text>`).join("\n")}
<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">${axis}</text>
${paths.join("\n")}
</svg>
`;
}

function extent(values: number[]): [number, number] {
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  return low < high ? [low, high] : low === high ? [low - 0.5, high + 0.5] : [0, 1];
}

const SIGNS: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escaped(text: string): string {
  return visible(text).replace(/[&<>"]/g, (sign) => SIGNS[sign] ?? "");
}
