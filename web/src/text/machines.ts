// Nodes and their GPUs: who holds them, and how busy they are. Pure.
import type { GpuInfo, NodeInfo } from "../api/types";
import { size } from "./bytes";
import { count } from "./words";

export interface Told {
  node: string;
  said: string[];
}

/** `GPU 0, NVIDIA H200: 97 % busy, 100 GiB of 139 GiB`. */
export function gpuLine(gpu: GpuInfo): string {
  const memory = `${size(gpu.memoryUsedBytes)} of ${size(gpu.memoryTotalBytes)}`;
  return `GPU ${gpu.index}, ${gpu.name}: ${Math.round(gpu.utilizationPercent)} % busy, ${memory}`;
}

/** Of each node with GPUs of the session: how many, and what the node's monitor measured. */
export function nodesOf(session: string, nodes: NodeInfo[]): Told[] {
  return nodes.flatMap((node) => {
    const held = (node.holders ?? []).filter((holder) => holder.session === session).reduce((sum, { gpus }) => sum + gpus, 0);
    if (held === 0) return [];
    const { machine } = node;
    const said = [`${count(held, "GPU")} of ${node.gpus} held`];
    if (!machine) return [{ node: node.name, said: [...said, "no node monitor measures this node"] }];
    said.push(...(machine.gpus ?? []).map(gpuLine));
    said.push(`CPU ${Math.round(machine.cpuPercent)} % of ${count(machine.cpuCount, "core")}`);
    said.push(`memory ${size(machine.memory.usedBytes)} of ${size(machine.memory.totalBytes)}`);
    return [{ node: node.name, said }];
  });
}

/** One box: a session, another pod, or nobody; how busy the GPU is in percent. */
export interface Box {
  session?: string;
  other?: boolean;
  busy?: number;
}

/**
 * The boxes of a node, held ones first. Which GPUs of a node a session holds is not known, so a box says how busy its
 * GPU is only where all GPUs have one holder.
 */
export function boxes(node: NodeInfo): Box[] {
  const all = holders(node);
  const measured = node.machine?.gpus ?? [];
  const alike = all.every(({ session, other }) => session === all[0]?.session && other === all[0]?.other);
  if (!alike || measured.length !== all.length) return all;
  return all.map((box, n) => ({ ...box, busy: Math.round(measured[n]?.utilizationPercent ?? 0) }));
}

function holders(node: NodeInfo): Box[] {
  const held: Box[] = (node.holders ?? []).flatMap((holder) =>
    Array.from({ length: holder.gpus }, () => ({ session: holder.session })),
  );
  const others = Math.max(0, node.gpusUsed - held.length);
  for (let n = 0; n < others; n++) held.push({ other: true });
  while (held.length < node.gpus) held.push({});
  return held;
}

/** How busy the GPUs of a node are, where its node monitor says so. */
export function busy(node: NodeInfo): string {
  const gpus = node.machine?.gpus ?? [];
  if (gpus.length === 0) return "";
  return `; busy: ${gpus.map((gpu) => `${Math.round(gpu.utilizationPercent)} %`).join(", ")}`;
}
