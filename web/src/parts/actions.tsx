// What one can do with a session. What is final asks first.
import { useState } from "preact/hooks";
import { change, sentence } from "../api/client";
import type { SessionInfo } from "../api/types";
import { may } from "../state/login";
import { visible } from "../text/visible";
import { Dialog } from "./dialog";

export type Action = "suspend" | "resume" | "priority" | "stop" | "cancel";

/** The actions that a phase allows. Pure. */
export function possible(phase: string, deleted: boolean): Action[] {
  if (deleted) return [];
  switch (phase) {
    case "Pending":
    case "Queued":
      return ["priority", "suspend", "cancel"];
    case "Starting":
    case "Running":
      return ["suspend", "priority", "stop"];
    case "Suspending":
      return ["resume", "priority", "stop"];
    case "Suspended":
      return ["resume", "priority", "cancel"];
    default:
      return [];
  }
}

export const TITLES: Record<Action, string> = {
  suspend: "Suspend",
  resume: "Resume",
  priority: "Change priority",
  stop: "Stop",
  cancel: "Cancel",
};

export function Actions({ session, done }: { session: SessionInfo; done: () => Promise<void> }) {
  const [asked, setAsked] = useState<Action>();
  const [problem, setProblem] = useState("");
  const actions = possible(session.phase, session.deleted ?? false);
  if (actions.length === 0) return null;
  if (!may("sessions:write")) return <p class="notice">This key may look, not change: it lacks the scope sessions:write.</p>;

  async function act(action: Action, form?: FormData) {
    try {
      await sent(session.uid, action, form);
      setProblem("");
      await done();
    } catch (error) {
      setProblem(sentence(error));
    }
  }

  return (
    <div class="buttons" role="group" aria-label="What to do with the session">
      {actions.map((action) => (
        <button key={action} type="button" onClick={() => (action === "resume" ? void act(action) : setAsked(action))}>
          {TITLES[action]}
        </button>
      ))}
      {problem && <p role="alert" class="problem">{problem}</p>}
      {asked && (
        <Dialog
          title={`${TITLES[asked]}: ${visible(session.name)}?`}
          action={TITLES[asked]}
          final={asked === "stop" || asked === "cancel"}
          close={() => setAsked(undefined)}
          act={(form) => void act(asked, form)}
        >
          <Explained action={asked} priority={Number(session.spec["priority"] ?? 0)} />
        </Dialog>
      )}
    </div>
  );
}

export function Explained({ action, priority }: { action: Action; priority: number }) {
  if (action === "priority") {
    return (
      <label>
        Priority, −1000 to 1000; higher goes first
        <input name="priority" type="number" min="-1000" max="1000" step="1" required value={priority} />
      </label>
    );
  }
  if (action === "suspend") return <p>It saves a checkpoint and releases its GPUs. You can resume it.</p>;
  if (action === "resume") return <p>It goes back to its queue and on from its checkpoint.</p>;
  if (action === "cancel") return <p>It leaves the queue. This is final.</p>;
  return <p>It saves a checkpoint and ends. This is final.</p>;
}

/** Ask the gateway for an action. Throws Refused. */
export async function sent(uid: string, action: Action, form?: FormData): Promise<void> {
  if (action === "priority") await change("PATCH", `/training/${uid}`, { priority: Number(form?.get("priority")) });
  else if (action === "cancel") await change("DELETE", `/training/queue/${uid}`);
  else await change("POST", `/training/${uid}/${action}`);
}
