// Something that the gateway measures, read again while the page is looked at.
import { useEffect, useState } from "preact/hooks";
import { get, sentence } from "../api/client";

export interface Polled<T> {
  value: T | undefined;
  problem: string;
}

const PAUSE = 5000;

/** The newest answer at a path; `null`: nothing is read. After a failure the one before stays. */
export function usePolled<T>(path: string | null): Polled<T> {
  const [value, setValue] = useState<T>();
  const [problem, setProblem] = useState("");

  useEffect(() => {
    if (path === null) return undefined;
    const look = async () => {
      if (document.hidden) return;
      try {
        setValue(await get<T>(path));
        setProblem("");
      } catch (error) {
        setProblem(sentence(error));
      }
    };
    void look();
    const timer = setInterval(() => void look(), PAUSE);
    return () => clearInterval(timer);
  }, [path]);

  return { value, problem };
}
