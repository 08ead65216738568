// Parameters beside a metric: parallel axes with a line for each session, and a scatter of one parameter.
import { scale } from "../text/scales";
import { visible } from "../text/visible";

export interface Compared {
  label: string;
  /** One value for each axis; empty: not set. */
  values: string[];
}

const WIDTH = 1000;
const HEIGHT = 300;
const EDGE = 60;
const TOP = 40;
const MOST_AXES = 9;
const MOST_LETTERS = 18;
const short = (text: string) => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);
const y = (place: number) => HEIGHT - 20 - place * (HEIGHT - 20 - TOP);

/** Parallel axes; the last one is the metric. */
export function Parallel({ axes, all }: { axes: string[]; all: Compared[] }) {
  const first = Math.max(0, axes.length - MOST_AXES);
  const shown = axes.slice(first);
  const scales = shown.map((_, n) => scale(all.map(({ values }) => values[first + n] ?? "")));
  const x = (n: number) => EDGE + (n * (WIDTH - 2 * EDGE)) / Math.max(1, shown.length - 1);
  return (
    <figure>
      <figcaption>Parameters and metric</figcaption>
      <svg class="drawing" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Parallel axes of ${shown.map(visible).join(", ")}; the table below has the values`}>
        {all.map((each, n) => {
          const points = scales.flatMap(({ place }, axis) => {
            const at = place(each.values[first + axis] ?? "");
            return at === undefined ? [] : [`${x(axis)},${y(at)}`];
          });
          return (
            <polyline key={n} class={`line l${n % 8}`} points={points.join(" ")}>
              <title>{visible(each.label)}</title>
            </polyline>
          );
        })}
        {shown.map((name, axis) => (
          <g key={name}>
            <line class="axis" x1={x(axis)} x2={x(axis)} y1={TOP} y2={HEIGHT - 20} />
            <text x={axis === 0 ? 4 : axis === shown.length - 1 ? WIDTH - 4 : x(axis)} y={axis % 2 ? 12 : 26} text-anchor={anchor(axis, shown.length)}>
              {short(visible(name))}
              <title>{visible(name)}</title>
            </text>
            {(scales[axis]?.ticks ?? []).map(([at, label]) => (
              <text key={label} x={x(axis) + 4} y={y(at) + 4} class="tick">
                {short(visible(label))}
              </text>
            ))}
          </g>
        ))}
      </svg>
      {first > 0 && <p class="notice">{`The last ${MOST_AXES} of ${axes.length} axes are drawn; the table has all.`}</p>}
    </figure>
  );
}

/** The names at the edges of the drawing begin and end there. */
function anchor(axis: number, of: number): "start" | "middle" | "end" {
  return axis === 0 ? "start" : axis === of - 1 ? "end" : "middle";
}

/** One parameter against the metric. */
export function Scatter({ name, metric, all }: { name: string; metric: string; all: Compared[] }) {
  const [across, up] = [0, 1].map((n) => scale(all.map(({ values }) => values[n] ?? "")));
  if (!across || !up) return null;
  const x = (place: number) => EDGE + place * (WIDTH - 2 * EDGE);
  return (
    <figure>
      <figcaption>
        <bdi>{visible(metric)}</bdi> over <bdi>{visible(name)}</bdi>
      </figcaption>
      <svg class="drawing" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${visible(metric)} over ${visible(name)}; the table below has the values`}>
        <line class="axis" x1={EDGE} x2={WIDTH - EDGE} y1={HEIGHT - 20} y2={HEIGHT - 20} />
        <line class="axis" x1={EDGE} x2={EDGE} y1={TOP} y2={HEIGHT - 20} />
        {across.ticks.map(([at, label]) => (
          <text key={label} x={x(at)} y={HEIGHT - 4} text-anchor="middle" class="tick">
            {short(visible(label))}
          </text>
        ))}
        {up.ticks.map(([at, label]) => (
          <text key={label} x={EDGE - 6} y={y(at) + 4} text-anchor="end" class="tick">
            {short(visible(label))}
          </text>
        ))}
        {all.map(({ label, values }, n) => {
          const [a, b] = [across.place(values[0] ?? ""), up.place(values[1] ?? "")];
          return a === undefined || b === undefined ? null : (
            <circle key={n} class={`dot l${n % 8}`} cx={x(a)} cy={y(b)} r="6">
              <title>{`${visible(label)}: ${visible(values[0] ?? "")}, ${visible(values[1] ?? "")}`}</title>
            </circle>
          );
        })}
      </svg>
    </figure>
  );
}
