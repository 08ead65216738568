// The last value of a metric with its best one and its curve.
import { useEffect, useRef } from "preact/hooks";
import type { Row } from "../api/types";
import { metricOf, stepOf } from "../pages/listing";
import { sparkKey, sparks, want } from "../state/sparks";
import { sparkPath, summary } from "../text/curves";
import { isHigherBetter, number } from "../text/words";
import { visible } from "../text/visible";
import { useNear } from "./near";

const [WIDTH, HEIGHT] = [84, 18];

export function Spark({ row, metric }: { row: Row; metric: string }) {
  const cell = useRef<HTMLDivElement>(null);
  const near = useNear(cell);
  const step = stepOf(row, metric);
  useEffect(() => {
    if (near && metric && step !== undefined) want(row.uid, metric, step);
  }, [near, row.uid, metric, step]);
  const found = sparks.value.get(sparkKey(row.uid, metric));
  const reached = found && summary(found.line);
  const best = isHigherBetter(metric) ? reached?.highest : reached?.lowest;
  return (
    <div ref={cell}>
      {visible(number(metricOf(row, metric)))}
      {found && found.line.points.length > 1 && (
        <svg class="spark" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" focusable="false">
          <path d={sparkPath(found.line, WIDTH, HEIGHT)} />
        </svg>
      )}
      {best !== undefined && <small>{`${isHigherBetter(metric) ? "highest" : "lowest"} ${number(best)}`}</small>}
    </div>
  );
}
