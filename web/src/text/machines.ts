// Nodes on which a session holds GPUs, in words. Pure.
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
