// How charts are drawn: axis, scale and smoothing, kept in the URL.
import { place, setParameters } from "../state/place";
import type { Axis } from "../text/curves";
import type { Asked } from "./chart";

const AXES: [Axis, string][] = [
  ["step", "step"],
  ["epoch", "epoch"],
  ["time", "time since the start"],
  ["clock", "time of day"],
];

/** What the URL asks for. */
export function axes(): Asked {
  const { parameters } = place.value;
  const smoothing = Number(parameters.get("smooth") ?? 0);
  return {
    axis: AXES.find(([name]) => name === parameters.get("x"))?.[0] ?? "step",
    log: parameters.get("log") === "1",
    smoothing: smoothing > 0 && smoothing < 1 ? smoothing : 0,
  };
}

export function AxesForm({ axis, log, smoothing }: Asked) {
  return (
    <form class="filters" aria-label="How the charts are drawn" onSubmit={(event) => event.preventDefault()}>
      <label>
        Over
        <select value={axis} onChange={(event) => setParameters({ x: event.currentTarget.value })}>
          {AXES.map(([name, title]) => (
            <option key={name} value={name} selected={name === axis}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <label>
        Smoothing
        <input type="range" min="0" max="0.99" step="0.01" value={smoothing} onInput={(event) => setParameters({ smooth: event.currentTarget.value })} />
      </label>
      <label class="line">
        <input type="checkbox" checked={log} onChange={(event) => setParameters({ log: event.currentTarget.checked ? "1" : "" })} /> logarithmic
      </label>
    </form>
  );
}
