// What a session has saved to go on from, and a way to begin another session from it.
import { useEffect, useState } from "preact/hooks";
import type { components } from "../../build/schema";
import { get, Refused, sentence } from "../api/client";
import { may } from "../state/login";
import { link } from "../state/place";
import { size } from "../text/bytes";
import { checkpointsOf, type Checkpoint } from "../text/checkpoints";
import { clock } from "../text/words";
import { address } from "./files";
import { Listing, Name } from "./listing";

type FileList = components["schemas"]["RunFilesResponse"];

interface Shown {
  uid: string;
  /** Changes when one was written. */
  last: string;
}

export function Checkpoints({ uid, last }: Shown) {
  const { all, problem } = useCheckpoints(uid, last);
  return (
    <section aria-labelledby="checkpoints">
      <h2 id="checkpoints">Checkpoints</h2>
      <Listing
        title="Checkpoints of the session"
        columns={["Name", "Size", "Written", "Action"]}
        rows={all}
        problem={problem}
        empty="None was written yet."
        name={(one) => one.path}
        row={(one) => [
          one.kind === "file" ? (
            <a href={address(uid, one.path)} download>
              <Name>{one.name}</Name>
            </a>
          ) : (
            <Name>{`${one.name} (${one.kind})`}</Name>
          ),
          one.kind === "file" ? size(one.sizeBytes) : "",
          clock(one.modified),
          one.beginFrom && may("sessions:write") ? (
            <a href={link("/new", { from: uid, checkpoint: one.beginFrom })}>
              Begin a session<span class="hidden">{` from ${one.beginFrom}`}</span>
            </a>
          ) : (
            ""
          ),
        ]}
      />
    </section>
  );
}

/** The folder is read again when `last` changes; a session without it has none. */
function useCheckpoints(uid: string, last: string): { all: Checkpoint[] | undefined; problem: string } {
  const [all, setAll] = useState<Checkpoint[]>();
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    saved(uid, stop.signal)
      .then((files) => {
        setAll(checkpointsOf(files));
        setProblem("");
      })
      .catch((error: unknown) => {
        if (stop.signal.aborted) return;
        if (error instanceof Refused && error.status === 404) setAll([]);
        else setProblem(sentence(error));
      });
    return () => stop.abort();
  }, [uid, last]);
  return { all, problem };
}

/** What is in the folder of checkpoints. Whether there is one is looked up first: most sessions have none, and a browser notes each 404. */
async function saved(uid: string, stop: AbortSignal): Promise<FileList["files"]> {
  const path = `/training/${encodeURIComponent(uid)}/files?limit=1000`;
  const top = await get<FileList>(path, stop);
  const is = top.cursor || top.files.some(({ path: name }) => name === "checkpoints");
  return is ? (await get<FileList>(`${path}&path=checkpoints`, stop)).files : [];
}
