// Every GPU as a box on its node: who holds it, how busy it is, and until when.
import type { NodeInfo, Progress, Row } from "../api/types";
import { may } from "../state/login";
import { link } from "../state/place";
import { rows } from "../state/sessions";
import { useSystem } from "../state/system";
import { boxes, busy } from "../text/machines";
import { count, duration } from "../text/words";
import { visible } from "../text/visible";

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
  const all = boxes(node);
  return (
    <li>
      <h3>
        {visible(node.name)} {!node.ready && <em>not ready</em>}
      </h3>
      <ul class="boxes">
        {all.map((box, place) => (
          <li key={place} class={box.session ? "held" : box.other ? "other" : "free"}>
            {box.session ? <Held session={box.session} row={known.get(box.session)} /> : box.other ? "other pod" : "free"}
            {box.busy !== undefined && <small>{`${box.busy} % busy`}</small>}
          </li>
        ))}
      </ul>
      <p class="sum">
        {`${node.gpusUsed} of ${count(node.gpus, "GPU")} held`}
        {all.some(({ busy: known }) => known !== undefined) ? "" : busy(node)}
      </p>
    </li>
  );
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
