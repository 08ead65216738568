// The nodes on which a session runs, and how busy their GPUs are.
import type { SessionInfo } from "../api/types";
import { may } from "../state/login";
import { useSystem } from "../state/system";
import { nodesOf } from "../text/machines";
import { HOLDING } from "../text/words";
import { Name } from "./listing";

export function Machines({ session }: { session: SessionInfo }) {
  const runs = HOLDING.includes(session.phase) && may("system:read");
  const { system, problem } = useSystem(runs);
  const found = runs ? nodesOf(session.name, system?.nodes ?? []) : [];
  if (!problem && found.length === 0) return null;
  return (
    <section aria-labelledby="machines">
      <h2 id="machines">Where it runs</h2>
      {problem && <p role="alert" class="problem">{problem}</p>}
      <dl class="facts">
        {found.map(({ node, said }) => (
          <div key={node}>
            <dt>
              <Name>{node}</Name>
            </dt>
            {said.map((each) => (
              <dd key={each}>
                <Name>{each}</Name>
              </dd>
            ))}
          </div>
        ))}
      </dl>
    </section>
  );
}
