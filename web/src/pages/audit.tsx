// The audit log, for administrators: who created, changed and deleted what.
import type { components } from "../../build/schema";
import { Filter } from "../parts/filter";
import { Listing, Name } from "../parts/listing";
import { may } from "../state/login";
import { link, place, setParameters } from "../state/place";
import { useRead } from "../state/reading";
import { auditPath, CHANNELS, KINDS, VERBS } from "../text/audit";
import { clock } from "../text/words";
import { visible } from "../text/visible";
import { Choice } from "./sessions";

type Event = components["schemas"]["AuditEventInfo"];

export function AuditPage() {
  const { parameters } = place.value;
  const path = auditPath(parameters.toString());
  const found = useRead<{ events: Event[]; cursor?: string | null }>(may("keys:admin") ? path : null);
  const asked = (name: string) => parameters.get(name) ?? "";
  if (!may("keys:admin")) return <p class="notice" role="alert">This key may not see the audit log: it needs the scope keys:admin.</p>;
  return (
    <>
      <h1>Audit log</h1>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Filter name="User" parameter="user" />
        <Filter name="Name, id or UID" parameter="object" />
        <Choice name="Kind" parameter="kind" value={asked("kind")} values={["", ...KINDS]} all="all" />
        <Choice name="Verb" parameter="verb" value={asked("verb")} values={["", ...VERBS]} all="all" />
        <Choice name="Channel" parameter="channel" value={asked("channel")} values={["", ...CHANNELS]} all="all" />
      </form>
      <Listing
        title="Events"
        columns={["When", "User", "Did", "Detail", "Answer", "Channel", "Credential", "From"]}
        rows={found.value?.events}
        problem={found.problem}
        empty="There are no such events."
        name={(event) => event.id}
        row={(event) => [
          clock(event.time),
          <Name>{event.user || "not known"}</Name>,
          <What event={event} />,
          <Name>{event.detail}</Name>,
          event.status || "",
          event.channel,
          <code>{visible(event.credential)}</code>,
          visible(event.client),
        ]}
      />
      <p class="buttons">
        {asked("cursor") && (
          <button type="button" onClick={() => setParameters({ cursor: "" })}>
            Newest events
          </button>
        )}
        {found.value?.cursor && (
          <button type="button" onClick={() => setParameters({ cursor: found.value?.cursor ?? "" })}>
            Older events
          </button>
        )}
      </p>
    </>
  );
}

/** What was done to what; a session is a link. */
function What({ event }: { event: Event }) {
  return (
    <>
      {`${event.verb} ${event.kind} `}
      {event.kind === "session" && event.uid ? (
        <a href={link(`/session/${encodeURIComponent(event.uid)}`)}>
          <Name>{event.object}</Name>
        </a>
      ) : (
        <Name>{event.object}</Name>
      )}
    </>
  );
}
