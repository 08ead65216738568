// Every GPU as a box on its node: who holds it, and until when.
import type { NodeInfo, Progress, Row } from "../api/types";
import { may } from "../state/login";
import { link } from "../state/place";
import { rows } from "../state/sessions";
import { useSystem } from "../state/system";
import { count, duration } from "../text/words";
import { visible } from "../text/visible";

/** One box: a session, another pod, or nobody. */
export interface Box {
  session?: string;
  other?: boolean;
}

/** The boxes of a node, held ones first. Pure. */
export function boxes(node: NodeInfo): Box[] {
  const held: Box[] = (node.holders ?? []).flatMap((holder) =>
    Array.from({ length: holder.gpus }, () => ({ session: holder.session })),
  );
  const others = Math.max(0, node.gpusUsed - held.length);
  for (let n = 0; n < others; n++) held.push({ other: true });
  while (held.length < node.gpus) held.push({});
  return held;
}

export function Gpus() {
  const allowed = may("system:read");
  const { system, problem } = useSystem(allowed);
  if (!allowed) return <p class="notice">Nodes and GPUs are shown with the scope system:read, which this key lacks.</p>;
  return (
    <section aria-labelledby="gpus">
      <h2 id="gpus">
        GPUs {system && <small>{`${system.gpusUsed} of ${system.gpusTotal} held`}</small>}
      </h2>
      {problem && <p role="alert" class="problem">{problem}</p>}
      <div class="strip" role="region" aria-label="GPUs by node" tabIndex={0}>
        <ul class="nodes">
          {(system?.nodes ?? []).filter((node) => node.gpus > 0).map((node) => (
            <Node key={node.name} node={node} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function Node({ node }: { node: NodeInfo }) {
  const known = new Map([...rows.value.values()].map((row) => [row.name, row]));
  return (
    <li>
      <h3>
        {visible(node.name)} {!node.ready && <em>not ready</em>}
      </h3>
      <ul class="boxes">
        {boxes(node).map((box, place) => (
          <li key={place} class={box.session ? "held" : box.other ? "other" : "free"}>
            {box.session ? <Held session={box.session} row={known.get(box.session)} /> : box.other ? "other pod" : "free"}
          </li>
        ))}
      </ul>
      <p class="sum">
        {`${node.gpusUsed} of ${count(node.gpus, "GPU")} held`}
        {busy(node)}
      </p>
    </li>
  );
}

/** How busy the GPUs of a node are, where its node monitor says so. Pure. */
export function busy(node: NodeInfo): string {
  const gpus = node.machine?.gpus ?? [];
  if (gpus.length === 0) return "";
  return `; busy: ${gpus.map((gpu) => `${Math.round(gpu.utilizationPercent)} %`).join(", ")}`;
}

function Held({ session, row }: { session: string; row: Row | undefined }) {
  const eta = (row?.progress as Progress | undefined)?.etaSeconds;
  return (
    <a href={link(`/session/${session}`)}>
      <bdi>{visible(session)}</bdi>
      {row?.user && <small>{visible(row.user)}</small>}
      <small>{eta === undefined ? "end not known" : `${duration(eta)} left`}</small>
    </a>
  );
}
