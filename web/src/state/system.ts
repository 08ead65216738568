// Nodes and GPUs as the gateway measures them.
import type { SystemInfo } from "../api/types";
import { usePolled } from "./polled";

/** The newest measurement; nothing is read unless `wanted`. */
export function useSystem(wanted: boolean): { system: SystemInfo | undefined; problem: string } {
  const { value, problem } = usePolled<SystemInfo>(wanted ? "/system/info" : null);
  return { system: value, problem };
}
