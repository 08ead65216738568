// Nodes and GPUs as the gateway measures them, read again while the page is looked at.
import { useEffect, useState } from "preact/hooks";
import { get, sentence } from "../api/client";
import type { SystemInfo } from "../api/types";

const PAUSE = 5000;

/** The newest measurement; nothing is read unless `wanted`. */
export function useSystem(wanted: boolean): { system: SystemInfo | undefined; problem: string } {
  const [system, setSystem] = useState<SystemInfo>();
  const [problem, setProblem] = useState("");

  useEffect(() => {
    if (!wanted) return undefined;
    const look = async () => {
      if (document.hidden) return;
      try {
        setSystem(await get<SystemInfo>("/system/info"));
        setProblem("");
      } catch (error) {
        setProblem(sentence(error));
      }
    };
    void look();
    const timer = setInterval(() => void look(), PAUSE);
    return () => clearInterval(timer);
  }, [wanted]);

  return { system, problem };
}
