// The nodes: their GPUs and who holds them, and how busy each is by its monitor.
import type { NodeInfo } from "../api/types";
import { Listing, Name } from "../parts/listing";
import { may } from "../state/login";
import { link } from "../state/place";
import { useSystem } from "../state/system";
import { size } from "../text/bytes";
import { gpuLine } from "../text/machines";
import { count } from "../text/words";

export function NodesPage() {
  const allowed = may("system:read");
  const { system, problem } = useSystem(allowed);
  if (!allowed) return <p class="notice" role="alert">This key may not see nodes: it needs the scope system:read.</p>;
  return (
    <>
      <h1>
        Nodes {system && <small>{`${system.gpusUsed} of ${count(system.gpusTotal, "GPU")} held`}</small>}
      </h1>
      {problem && system && <p role="alert" class="problem">{problem}</p>}
      <Listing
        title="Nodes"
        columns={["Node", "State", "GPUs held", "Held by", "GPUs", "CPU", "Memory", "Disk"]}
        rows={system?.nodes}
        problem={system ? "" : problem}
        empty="The cluster has no nodes."
        name={(node) => node.name}
        row={(node) => [
          <Name>{node.name}</Name>,
          node.ready ? "ready" : "not ready",
          node.gpus > 0 ? `${node.gpusUsed} of ${node.gpus}` : "has no GPUs",
          <Holders node={node} />,
          ...measured(node),
        ]}
      />
      {system && (
        <p class="notice">
          {`The gateway's own machine: CPU ${Math.round(system.cpuPercent)} % of ${count(system.cpuCount, "core")}, memory ${size(system.memory.usedBytes)} of ${size(system.memory.totalBytes)}, volume ${size(system.disk.usedBytes)} of ${size(system.disk.totalBytes)}.`}
        </p>
      )}
    </>
  );
}

function Holders({ node }: { node: NodeInfo }) {
  const held = node.holders ?? [];
  const others = node.gpusUsed - held.reduce((sum, { gpus }) => sum + gpus, 0);
  return (
    <>
      {held.map(({ session, gpus }) => (
        <span class="pair" key={session}>
          <a href={link(`/session/${session}`)}>
            <Name>{session}</Name>
          </a>{" "}
          {gpus}
        </span>
      ))}
      {others > 0 && <span class="pair">{`other pods ${others}`}</span>}
    </>
  );
}

function measured(node: NodeInfo) {
  const { machine } = node;
  if (!machine) return [<small>no node monitor</small>, "", "", ""];
  return [
    (machine.gpus ?? []).map((gpu) => (
      <small class="gpu" key={gpu.index}>
        <Name>{gpuLine(gpu)}</Name>
      </small>
    )),
    `${Math.round(machine.cpuPercent)} % of ${count(machine.cpuCount, "core")}`,
    `${size(machine.memory.usedBytes)} of ${size(machine.memory.totalBytes)}`,
    `${size(machine.disk.usedBytes)} of ${size(machine.disk.totalBytes)}`,
  ];
}
