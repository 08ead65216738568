// The queues: what each may use, what it uses, and who uses it.
import type { QueueInfo } from "../api/types";
import { setParameters } from "../state/place";
import { usePolled } from "../state/polled";
import { rows } from "../state/sessions";
import { holders, limits, part, quota } from "../text/shares";
import { count } from "../text/words";
import { Listing, Name } from "./listing";

export function Queues({ chosen }: { chosen: string }) {
  const found = usePolled<{ queues: QueueInfo[] }>("/queues");
  return (
    <section aria-labelledby="quotas">
      <h2 id="quotas">Quota, use and shares</h2>
      {found.problem && found.value && <p role="alert" class="problem">{found.problem}</p>}
      <Listing
        title="Queues"
        columns={["Queue", "GPUs held", "Quota", "Share by weight", "Sessions", "Held by", "Limits"]}
        rows={found.value?.queues}
        problem={found.value ? "" : found.problem}
        empty="There is no queue: sessions wait until an administrator makes one."
        name={(queue) => queue.name}
        row={(queue) => [
          <>
            <button type="button" aria-pressed={queue.name === chosen} onClick={() => setParameters({ queue: queue.name === chosen ? "" : queue.name })}>
              <Name>{queue.name}</Name>
            </button>
            {queue.paused && <small>paused: starts no session</small>}
          </>,
          <Held queue={queue} />,
          quota(queue),
          <>
            {queue.paused ? "none while paused" : `${Math.round(100 * queue.share)} %`}
            <small>{`weight ${queue.weight}`}</small>
          </>,
          queue.running === undefined || queue.running === null ? "not counted yet" : `${queue.running} running, ${queue.waiting ?? 0} waiting`,
          <Holders queue={queue.name} />,
          limits(queue) || "none",
        ]}
      />
    </section>
  );
}

function Held({ queue }: { queue: QueueInfo }) {
  const { gpusUsed: held, gpusTotal: total } = queue;
  if (held === undefined || held === null) return <>not counted yet</>;
  const most = Math.max(queue.gpuQuota ?? total ?? 0, held, 1);
  return (
    <>
      <meter min={0} max={most} value={held} aria-label={`GPUs held by ${queue.name}`} />
      <small>
        {count(held, "GPU")}
        {total ? `, ${part(held, total)} of all ${total}` : ""}
      </small>
    </>
  );
}

function Holders({ queue }: { queue: string }) {
  const found = holders(rows.value.values(), queue);
  if (found.length === 0) return <>nobody</>;
  return (
    <>
      {found.map(([user, gpus]) => (
        <span class="pair" key={user}>
          <Name>{user}</Name> {gpus}
        </span>
      ))}
    </>
  );
}
