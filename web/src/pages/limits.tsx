// Limits: what the sessions of a user, a team or a key may use together, and what they have spent.
import { useState } from "preact/hooks";
import type { components } from "../../build/schema";
import { change, sentence } from "../api/client";
import { Dialog } from "../parts/dialog";
import { LimitForm } from "../parts/limit";
import { Listing, Name } from "../parts/listing";
import { now } from "../state/clock";
import { may } from "../state/login";
import { useRead } from "../state/reading";
import { nameOf, pathOf, renews, spent } from "../text/limits";
import { visible } from "../text/visible";

export type LimitInfo = components["schemas"]["LimitInfo"];

export function LimitsPage() {
  const found = useRead<{ limits: LimitInfo[] }>("/limits");
  const [edited, setEdited] = useState<LimitInfo | null>(null);
  const [asked, setAsked] = useState<LimitInfo>();
  const [said, setSaid] = useState("");
  const [problem, setProblem] = useState("");
  const sets = may("keys:admin");

  async function guarded(words: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
    } catch (error) {
      setSaid("");
      setProblem(sentence(error));
      return false;
    }
    setSaid(words);
    setProblem("");
    found.again();
    return true;
  }

  const put = (kind: string, name: string, spec: unknown) =>
    guarded(`The limit of ${kind} ${visible(name)} is set.`, () => change("PUT", pathOf({ kind, name }), spec));

  return (
    <>
      <h1>Limits</h1>
      <p>
        {sets ? "What the sessions of a user, a team or a key use together." : "The limits of you, your teams and this key. Administrators set them."} A budget counts
        GPU hours of its period.
      </p>
      {problem && <p role="alert" class="problem">{visible(problem)}</p>}
      {said && <p role="status">{said}</p>}
      <Listing
        title="Limits"
        columns={["Of", "Budget spent", "Renews", "When spent", "GPUs at once", "Queues", "Highest priority", ...(sets ? ["Action"] : [])]}
        rows={found.value?.limits}
        problem={found.value ? "" : found.problem}
        empty={sets ? "There are no limits." : "You are under no limit."}
        name={nameOf}
        row={(limit) => [
          <Name>{nameOf(limit)}</Name>,
          <Spent limit={limit} />,
          renews(limit, now.value),
          typeof limit.gpuHours !== "number" ? "" : limit.whenSpent === "suspend" ? "running sessions save and wait" : "running sessions run on",
          limit.maxGpus ?? "any number",
          <Name>{limit.queues?.join(", ") ?? "all"}</Name>,
          limit.maxPriority ?? "any",
          ...(sets
            ? [
                <span class="buttons">
                  <button type="button" onClick={() => setEdited(limit)}>
                    Change<span class="hidden">{` the limit of ${visible(nameOf(limit))}`}</span>
                  </button>
                  <button type="button" onClick={() => setAsked(limit)}>
                    Remove<span class="hidden">{` the limit of ${visible(nameOf(limit))}`}</span>
                  </button>
                </span>,
              ]
            : []),
        ]}
      />
      {sets && <LimitForm key={edited ? nameOf(edited) : ""} limit={edited} put={put} leave={() => setEdited(null)} />}
      {asked && (
        <Dialog
          title={`Remove the limit of ${visible(nameOf(asked))}?`}
          action="Remove"
          final
          close={() => setAsked(undefined)}
          act={() => void guarded(`${visible(nameOf(asked))} has no limit any more.`, () => change("DELETE", pathOf(asked)))}
        >
          <p>Sessions that wait for it start when their queue allows.</p>
        </Dialog>
      )}
    </>
  );
}

function Spent({ limit }: { limit: LimitInfo }) {
  if (typeof limit.gpuHours !== "number") return <>no budget</>;
  const name = `GPU hours spent by ${visible(nameOf(limit))}`;
  return (
    <>
      {spent(limit)}
      <meter min={0} max={limit.gpuHours || 1} high={((limit.gpuHours || 1) * limit.warnPercent) / 100} value={limit.spentGpuHours ?? 0} aria-label={name} />
    </>
  );
}
