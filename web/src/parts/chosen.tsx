// What one can do with several chosen sessions at once. Each action asks first.
import { useState } from "preact/hooks";
import { sentence } from "../api/client";
import type { Row } from "../api/types";
import { may } from "../state/login";
import { count } from "../text/words";
import { visible } from "../text/visible";
import { Explained, possible, sent, TITLES, type Action } from "./actions";
import { Dialog } from "./dialog";

const OFFERED: Action[] = ["suspend", "resume", "stop", "cancel"];
const MOST_NAMED = 10;

export function ForChosen({ rows }: { rows: Row[] }) {
  const [asked, setAsked] = useState<Action>();
  const [problems, setProblems] = useState<string[]>([]);
  if (!may("sessions:write")) return null;
  const ready = (action: Action) => rows.filter((row) => possible(row.phase, false).includes(action));

  async function act(action: Action) {
    const failed: string[] = [];
    for (const row of ready(action)) {
      try {
        await sent(row.uid, action);
      } catch (error) {
        failed.push(`${visible(row.name)}: ${visible(sentence(error))}`);
      }
    }
    setProblems(failed);
  }

  const those = asked ? ready(asked) : [];
  return (
    <div class="buttons" role="group" aria-label="What to do with the chosen sessions">
      {OFFERED.filter((action) => ready(action).length > 0).map((action) => (
        <button key={action} type="button" onClick={() => setAsked(action)}>
          {`${TITLES[action]} ${count(ready(action).length, "session")}`}
        </button>
      ))}
      {problems.length > 0 && (
        <ul role="alert" class="problem">
          {problems.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
      {asked && (
        <Dialog
          title={`${TITLES[asked]} ${count(those.length, "session")}?`}
          action={TITLES[asked]}
          final={asked === "stop" || asked === "cancel"}
          close={() => setAsked(undefined)}
          act={() => void act(asked)}
        >
          <Explained action={asked} priority={0} />
          <ul>
            {those.slice(0, MOST_NAMED).map((row) => (
              <li key={row.uid}>
                <bdi>{visible(row.name)}</bdi>
              </li>
            ))}
            {those.length > MOST_NAMED && <li>{`and ${those.length - MOST_NAMED} more`}</li>}
          </ul>
        </Dialog>
      )}
    </div>
  );
}
