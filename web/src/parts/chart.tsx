// A chart of lines by uPlot: raw behind smoothed, with the band of the lowest and highest values.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { columns, gaps, notPositive, type Axis, type Line } from "../text/curves";
import { gridded } from "../text/grid";
import { number } from "../text/words";
import { visible } from "../text/visible";
import { useNear } from "./near";
import { moved } from "../text/steps";

export const COLOURS = ["#2f6fc4", "#c2541b", "#2d8a4e", "#8a4fc0", "#b8336a", "#7a6a00", "#00798a", "#a03030"];
const HEIGHT = 260;
const FAINT = "55";
const MOST_LISTED = 24;

export interface Asked {
  axis: Axis;
  log: boolean;
  smoothing: number;
}

interface Shown extends Asked {
  title: string;
  lines: Line[];
  /** Called with the steps that were dragged over; null: all of them again. */
  zoom?: (steps: [number, number] | null) => void;
}

const TITLES: Record<Axis, string> = { step: "step", epoch: "epoch", time: "seconds since the first point", clock: "time" };

export function Chart(shown: Shown) {
  const place = useRef<HTMLDivElement>(null);
  const near = useNear(place);
  const [steps, setSteps] = useState<[number, number] | null>(null);

  function zoomTo(next: [number, number] | null) {
    setSteps(next);
    shown.zoom?.(next);
  }

  useEffect(() => {
    const element = place.current;
    if (!element || !near) return undefined;
    const plot = new uPlot(options({ ...shown, zoom: shown.zoom && zoomTo }, element), data(shown), element);
    const sized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      plot.destroy();
    };
  }, [near, shown.lines, shown.axis, shown.log, shown.smoothing]);

  const undrawn = gaps(shown.lines);
  const below = shown.log ? notPositive(shown.lines) : 0;
  const listed = shown.lines.slice(0, MOST_LISTED);
  return (
    <figure>
      <figcaption>
        <bdi>{visible(shown.title)}</bdi>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={described(shown)} onDblClick={() => zoomTo(null)} />
      {steps && (
        <p class="buttons" role="group" aria-label={`Steps of ${visible(shown.title)}`}>
          <button type="button" disabled={steps[0] <= 0} onClick={() => zoomTo(moved(steps, -1))}>
            Earlier steps
          </button>
          <button type="button" onClick={() => zoomTo(moved(steps, 1))}>
            Later steps
          </button>
          <button type="button" onClick={() => zoomTo(null)}>
            All steps
          </button>
          <small>{`${steps[0]} to ${steps[1]}`}</small>
        </p>
      )}
      <ul class="legend">
        {listed.map((line, n) => (
          <li key={n}>
            <span class={`swatch c${n % COLOURS.length}`} aria-hidden="true" /> <bdi>{visible(line.label)}</bdi>{" "}
            {visible(number(line.points.at(-1)?.value))}
          </li>
        ))}
        {shown.lines.length > MOST_LISTED && <li>{`and ${shown.lines.length - MOST_LISTED} more lines`}</li>}
        {below > 0 && <li>{`${below} points at or below zero have no place on a logarithmic axis`}</li>}
        {undrawn > 0 && <li>{`${undrawn} points are NaN or infinite and leave a gap`}</li>}
      </ul>
    </figure>
  );
}

function described({ title, lines }: Shown): string {
  const values = lines.slice(0, 8).map((line) => {
    const finite = line.points.map((point) => point.value).filter((value) => typeof value === "number");
    const [low, high] = [finite.reduce((a, b) => Math.min(a, b), Infinity), finite.reduce((a, b) => Math.max(a, b), -Infinity)];
    return `${visible(line.label)}: last ${number(line.points.at(-1)?.value)}, lowest ${number(low)}, highest ${number(high)}`;
  });
  return `Chart of ${visible(title)}. ${values.join("; ")}`;
}

/** Beyond so many points in all, lines are drawn on a grid of this screen. */
const MOST_POINTS = 4000;
const BUCKETS = 800;
/** Bands of more lines would hide each other. */
const MOST_BANDS = 12;

/** Which columns a chart has of each line. */
function layers({ lines, smoothing }: Shown): { band: boolean; smooth: boolean } {
  return { band: lines.length <= MOST_BANDS && lines.some((line) => line.thinned), smooth: smoothing > 0 };
}

function data(shown: Shown): uPlot.AlignedData {
  const { lines, axis, log, smoothing } = shown;
  const { band, smooth } = layers(shown);
  const all = lines.map((line) => columns(line, axis, smoothing, log));
  const chosen = (line: { raw: unknown; smooth: unknown; low: unknown; high: unknown }) =>
    [...(band ? [line.high, line.low] : []), line.raw, ...(smooth ? [line.smooth] : [])] as number[][];
  if (lines.length === 0) return [[], []];
  if (lines.length > 1 && all.reduce((sum, { x }) => sum + x.length, 0) > MOST_POINTS) {
    const grid = gridded(all, BUCKETS);
    return [grid.x, ...grid.lines.flatMap(chosen)];
  }
  return uPlot.join(all.map((line): uPlot.AlignedData => [line.x, ...chosen(line)]));
}

function options(shown: Shown, element: HTMLElement): uPlot.Options {
  const { lines, axis, log, smoothing, zoom } = shown;
  const { band, smooth } = layers(shown);
  const style = getComputedStyle(element);
  const ink = style.getPropertyValue("--text") || "#222";
  const grid = { stroke: style.getPropertyValue("--line") || "#ccc", width: 1 };
  const series: uPlot.Series[] = [{ label: TITLES[axis] }];
  const bands: uPlot.Band[] = [];
  lines.forEach((line, n) => {
    const colour = COLOURS[n % COLOURS.length] ?? ink;
    const hidden = { stroke: "transparent", width: 0, points: { show: false } };
    if (band) {
      bands.push({ series: [series.length, series.length + 1], fill: `${colour}33` });
      series.push({ ...hidden, label: "highest" }, { ...hidden, label: "lowest" });
    }
    series.push({ label: line.label, stroke: smoothing > 0 ? colour + FAINT : colour, width: 1, points: { show: line.points.length < 3 } });
    if (smooth) series.push({ ...hidden, label: "smoothed", stroke: colour, width: 2 });
  });
  return {
    width: element.clientWidth,
    height: HEIGHT,
    series,
    bands,
    legend: { show: false },
    cursor: { sync: { key: "trainyard" }, drag: { x: true, y: false, setScale: axis !== "step" || !zoom } },
    scales: { x: { time: axis === "clock" }, y: { distr: log ? 3 : 1 } },
    axes: [
      { stroke: ink, grid, ticks: grid, label: TITLES[axis] },
      { stroke: ink, grid, ticks: grid, size: 64, values: (_, ticks) => ticks.map((tick) => number(tick)) },
    ],
    hooks: {
      setSelect: [
        (plot) => {
          if (axis !== "step" || !zoom || plot.select.width < 4) return;
          const [from, to] = [plot.select.left, plot.select.left + plot.select.width];
          zoom([Math.floor(plot.posToVal(from, "x")), Math.ceil(plot.posToVal(to, "x"))]);
        },
      ],
    },
  };
}
