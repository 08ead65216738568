// A chart of lines by uPlot: raw behind smoothed, with the band of the lowest and highest values.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { columns, gaps, type Axis, type Line } from "../text/curves";
import { number } from "../text/words";
import { visible } from "../text/visible";

export const COLOURS = ["#2f6fc4", "#c2541b", "#2d8a4e", "#8a4fc0", "#b8336a", "#7a6a00", "#00798a", "#a03030"];
const HEIGHT = 260;
const FAINT = "55";

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

  useEffect(() => {
    const element = place.current;
    if (!element || !near) return undefined;
    const plot = new uPlot(options(shown, element), data(shown), element);
    const sized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      plot.destroy();
    };
  }, [near, shown.lines, shown.axis, shown.log, shown.smoothing]);

  const undrawn = gaps(shown.lines);
  return (
    <figure>
      <figcaption>
        <bdi>{visible(shown.title)}</bdi>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={described(shown)} onDblClick={() => shown.zoom?.(null)} />
      <ul class="legend">
        {shown.lines.map((line, n) => (
          <li key={n}>
            <span class={`swatch c${n % COLOURS.length}`} aria-hidden="true" /> <bdi>{visible(line.label)}</bdi>{" "}
            {visible(number(line.points.at(-1)?.value))}
          </li>
        ))}
        {undrawn > 0 && <li>{`${undrawn} points are NaN or infinite and leave a gap`}</li>}
      </ul>
    </figure>
  );
}

/** Whether the element was near the screen once: nothing off screen is drawn. */
function useNear(place: { current: HTMLDivElement | null }): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    const seen = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && setNear(true),
      { rootMargin: "300px" },
    );
    if (place.current) seen.observe(place.current);
    return () => seen.disconnect();
  }, []);
  return near;
}

function described({ title, lines }: Shown): string {
  const values = lines.slice(0, 8).map((line) => {
    const finite = line.points.map((point) => point.value).filter((value) => typeof value === "number");
    const [low, high] = [finite.reduce((a, b) => Math.min(a, b), Infinity), finite.reduce((a, b) => Math.max(a, b), -Infinity)];
    return `${visible(line.label)}: last ${number(line.points.at(-1)?.value)}, lowest ${number(low)}, highest ${number(high)}`;
  });
  return `Chart of ${visible(title)}. ${values.join("; ")}`;
}

function data({ lines, axis, smoothing }: Shown): uPlot.AlignedData {
  const tables = lines.map((line): uPlot.AlignedData => {
    const { x, raw, smooth, low, high } = columns(line, axis, smoothing);
    return [x, high, low, raw, smooth];
  });
  return tables.length > 0 ? uPlot.join(tables) : [[], []];
}

function options({ lines, axis, log, smoothing, zoom }: Shown, element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const ink = style.getPropertyValue("--text") || "#222";
  const grid = { stroke: style.getPropertyValue("--line") || "#ccc", width: 1 };
  const series: uPlot.Series[] = [{ label: TITLES[axis] }];
  const bands: uPlot.Band[] = [];
  lines.forEach((line, n) => {
    const colour = COLOURS[n % COLOURS.length] ?? ink;
    const hidden = { stroke: "transparent", width: 0, points: { show: false } };
    bands.push({ series: [series.length, series.length + 1], fill: `${colour}33` });
    series.push({ ...hidden, label: "highest" }, { ...hidden, label: "lowest" });
    series.push({ label: line.label, stroke: smoothing > 0 ? colour + FAINT : colour, width: 1, points: { show: line.points.length < 3 } });
    series.push({ ...hidden, label: "smoothed", stroke: colour, width: 2, show: smoothing > 0 });
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
