// Notices: the webhooks that get them, and what was sent.
import { useState } from "preact/hooks";
import type { components } from "../../build/schema";
import { change, send, sentence } from "../api/client";
import { Dialog } from "../parts/dialog";
import { Listing, Name } from "../parts/listing";
import { NewReceiver } from "../parts/receiver";
import { now } from "../state/clock";
import { may } from "../state/login";
import { link, place } from "../state/place";
import { usePolled } from "../state/polled";
import { useRead } from "../state/reading";
import { inWords, masked } from "../text/rules";
import { age, clock, count, duration } from "../text/words";
import { visible } from "../text/visible";
import { Choice } from "./sessions";

type Schemas = components["schemas"];
type Receiver = Schemas["ReceiverInfo"];
type Created = Schemas["CreatedReceiver"];
type Notice = Schemas["NoticeInfo"];

const SESSIONS = { you: ["your own", "all that you see"], team: ["the team's own", "all that the team sees"] };
const STATES = ["Waiting", "Delivered", "Dead"];

export function NoticesPage() {
  const found = useRead<{ receivers: Receiver[] }>("/notices/receivers");
  const [made, setMade] = useState<Created>();
  const [asked, setAsked] = useState<Receiver>();
  const [said, setSaid] = useState("");
  const [problem, setProblem] = useState("");
  const writes = may("sessions:write");

  async function guarded(work: () => Promise<string>) {
    try {
      setSaid(await work());
      setProblem("");
    } catch (error) {
      setSaid("");
      setProblem(sentence(error));
    }
  }

  const make = (body: unknown, team: string) =>
    guarded(async () => {
      const response = await send("POST", `/notices/receivers${ofTeam(team)}`, { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
      setMade((await response.json()) as Created);
      found.again();
      return "";
    });
  const test = (receiver: Receiver) =>
    guarded(async () => {
      await change("POST", `/notices/receivers/${encodeURIComponent(receiver.name)}/test${ofTeam(receiver.team)}`);
      return `A test is on its way to ${visible(receiver.name)}. Its state stands below.`;
    });
  const remove = (receiver: Receiver) =>
    guarded(async () => {
      await change("DELETE", `/notices/receivers/${encodeURIComponent(receiver.name)}${ofTeam(receiver.team)}`);
      found.again();
      return `${visible(receiver.name)} gets no more notices.`;
    });

  return (
    <>
      <h1>Notices</h1>
      {problem && <p role="alert" class="problem">{visible(problem)}</p>}
      {said && <p role="status">{said}</p>}
      {made && <Secret made={made} done={() => setMade(undefined)} />}
      <h2>Receivers</h2>
      <Listing
        title="Receivers"
        columns={["Receiver", "Of", "URL", "Gets a notice when", "Sessions", "Action"]}
        rows={found.value?.receivers}
        problem={found.problem}
        empty="You have no receivers. A receiver is a webhook: a URL to which notices are sent."
        name={(receiver) => `${receiver.team ?? ""}/${receiver.name}`}
        row={(receiver) => [
          <Name>{receiver.name}</Name>,
          receiver.team ? <Name>{`team ${receiver.team}`}</Name> : "you",
          <Url url={receiver.url} name={receiver.name} />,
          <ul class="plain">
            {receiver.rules.map((rule, n) => (
              <li key={n}>
                <Name>{inWords(rule)}</Name>
              </li>
            ))}
          </ul>,
          SESSIONS[receiver.team ? "team" : "you"][receiver.sessions === "all" ? 1 : 0],
          writes && receiver.changeable !== false && (
            <span class="buttons">
              <button type="button" onClick={() => void test(receiver)}>
                Send a test<span class="hidden">{` to ${visible(receiver.name)}`}</span>
              </button>
              <button type="button" onClick={() => setAsked(receiver)}>
                Remove<span class="hidden">{` the receiver ${visible(receiver.name)}`}</span>
              </button>
            </span>
          ),
        ]}
      />
      {writes ? <NewReceiver make={make} /> : <p class="notice">This key may look, not change: it lacks the scope sessions:write.</p>}
      <Sent writes={writes} guarded={guarded} />
      {asked && (
        <Dialog title={`Remove the receiver ${visible(asked.name)}?`} action="Remove" final close={() => setAsked(undefined)} act={() => void remove(asked)}>
          <p>Its notices go with it, also those that wait. This is final.</p>
        </Dialog>
      )}
    </>
  );
}

/** The part of a path that names the team of a receiver; none of your own. */
function ofTeam(team: string | null | undefined): string {
  return team ? `?team=${encodeURIComponent(team)}` : "";
}

function Secret({ made, done }: { made: Created; done: () => void }) {
  return (
    <div class="made" role="status">
      <p>
        The secret of <Name>{made.name}</Name>, by which its messages are signed. It is shown this once:
      </p>
      <p>
        <code>{made.secret}</code>
      </p>
      <button type="button" onClick={done}>
        I have it
      </button>
    </div>
  );
}

/** Paths of webhooks are often secrets: they are shown when asked for. */
function Url({ url, name }: { url: string; name: string }) {
  const [whole, setWhole] = useState(false);
  const short = masked(url);
  return (
    <>
      <code>{visible(whole ? url : short)}</code>
      {short !== url && (
        <button type="button" aria-pressed={whole} onClick={() => setWhole(!whole)}>
          {whole ? "Hide" : "Show"}
          <span class="hidden">{` the URL of ${visible(name)}`}</span>
        </button>
      )}
    </>
  );
}

interface SentNotices {
  writes: boolean;
  guarded: (work: () => Promise<string>) => Promise<void>;
}

function Sent({ writes, guarded }: SentNotices) {
  const state = STATES.find((each) => each === place.value.parameters.get("state")) ?? "";
  const found = usePolled<{ notices: Notice[]; cursor?: string | null }>(`/notices${state ? `?state=${state}` : ""}`);
  const rows = found.value?.notices;
  const retry = (notice: Notice) =>
    guarded(async () => {
      await change("POST", `/notices/${encodeURIComponent(notice.id)}/retry`);
      return "It is tried again.";
    });
  return (
    <section aria-labelledby="sent">
      <h2 id="sent">What was sent</h2>
      <div class="filters">
        <Choice name="State" parameter="state" value={state} values={["", ...STATES]} all="all" />
      </div>
      <Listing
        title="Notices"
        columns={["About", "Receiver", "State", "Made", "Action"]}
        rows={rows}
        problem={rows ? "" : found.problem}
        empty="There are no such notices of the last 30 days."
        name={(notice) => notice.id}
        row={(notice) => [
          <About message={notice.message} />,
          <Name>{notice.receiver}</Name>,
          <State notice={notice} />,
          clock(notice.created),
          writes && notice.state === "Dead" && (
            <button type="button" onClick={() => void retry(notice)}>
              Try again<span class="hidden">{` the notice ${notice.id}`}</span>
            </button>
          ),
        ]}
      />
      {found.value?.cursor && <p class="notice">{`These are the newest ${rows?.length ?? 0}. The command trainyard notices sent lists all.`}</p>}
    </section>
  );
}

function State({ notice }: { notice: Notice }) {
  const next = notice.nextTry ? (Date.parse(notice.nextTry) - now.value) / 1000 : undefined;
  const tries = notice.tries > 0 ? `, ${count(notice.tries, "try").replace("trys", "tries")}` : "";
  return (
    <>
      {notice.state}
      {tries}
      {next !== undefined && notice.tries > 0 && <small>{next > 0 ? `next in ${duration(next)}` : "next now"}</small>}
      {notice.words && (
        <small class="whole">
          <Name>{notice.words}</Name>
        </small>
      )}
    </>
  );
}

interface Message {
  type?: string;
  timestamp?: string;
  data?: { session?: string; uid?: string; phase?: string; class?: string; metric?: string; message?: string; kind?: string; name?: string };
}

/** What a notice says: its type, the session or the limit, and the reason. */
function About({ message }: { message: Record<string, unknown> }) {
  const { type = "", timestamp, data = {} } = message as Message;
  const named = data.session ?? [data.kind, data.name].filter(Boolean).join(" ");
  const why = [data.class ?? data.phase, data.message].filter(Boolean).join(": ");
  return (
    <>
      <code>{visible(String(type))}</code>{" "}
      {data.uid && data.session ? (
        <a href={link(`/session/${encodeURIComponent(data.uid)}`)}>
          <Name>{data.session}</Name>
        </a>
      ) : (
        <Name>{String(named)}</Name>
      )}
      <small title={visible(why)}>
        <Name>{why}</Name>
        {timestamp && ` ${age(timestamp, now.value)} ago`}
      </small>
    </>
  );
}
