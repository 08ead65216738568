// What stands around every page: name, places, login, and whether the page is live.
import { useEffect, useRef, useState } from "preact/hooks";
import { sentence, stale } from "../api/client";
import { connected } from "../api/stream";
import { link, place } from "../state/place";
import { login, logOut, may, trouble } from "../state/login";
import { followSessions } from "../state/sessions";
import { outdated } from "../state/version";
import { clock } from "../text/words";
import { visible } from "../text/visible";
import { AuditPage } from "./audit";
import { ComparePage } from "./compare";
import { DatasetsPage } from "./datasets";
import { KeysPage } from "./keys";
import { LimitsPage } from "./limits";
import { LoginPage } from "./login";
import { ModelsPage } from "./models";
import { NewPage } from "./new";
import { NodesPage } from "./nodes";
import { NoticesPage } from "./notices";
import { QueuePage } from "./queue";
import { RunPage } from "./run";
import { RunsPage } from "./runs";
import { SessionPage } from "./session";
import { SessionsPage } from "./sessions";
import { UsagePage } from "./usage";
import { UsersPage } from "./users";

const PLACES = [
  ["/", "Sessions"],
  ["/new", "New session"],
  ["/queue", "Queue"],
  ["/nodes", "Nodes"],
  ["/datasets", "Datasets"],
  ["/models", "Models"],
  ["/runs", "Runs"],
  ["/usage", "Usage"],
  ["/limits", "Limits"],
  ["/notices", "Notices"],
  ["/users", "Users"],
  ["/keys", "Keys"],
  ["/audit", "Audit log"],
] as const;

/** Pages for administrators. */
const ADMINISTER: string[] = ["/users", "/keys", "/audit"];

export function Page() {
  if (login.value === undefined) {
    return (
      <p class="notice" role="status">
        {trouble.value || "Asking the gateway who you are …"}
      </p>
    );
  }
  if (login.value === null) return <LoginPage />;
  return <Inside key={login.value.keyId} />;
}

function Inside() {
  const [problem, setProblem] = useState("");
  const { path } = place.value;
  // A page of one session has a stream of its own: a browser opens few connections to a host.
  const followsAll = may("sessions:read") && !path.startsWith("/session/");
  useEffect(() => (followsAll ? followSessions() : undefined), [followsAll]);
  const first = useRef(path);
  useEffect(() => {
    document.title = titleOf(path);
    if (first.current === path) return;
    // Whoever follows a link by keyboard or screen reader begins at the top of the new page.
    first.current = "";
    document.getElementById("main")?.focus();
    scrollTo(0, 0);
  }, [path]);

  async function leave() {
    try {
      await logOut();
    } catch (error) {
      setProblem(`You are still logged in. ${sentence(error)}`);
    }
  }

  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <header>
        <a class="brand" href={link("/")}>
          Trainyard
        </a>
        <nav aria-label="Pages">
          {PLACES.filter(([to]) => !ADMINISTER.includes(to) || may("keys:admin")).map(([to, title]) => (
            <a key={to} href={link(to)} aria-current={to === path ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <span role="status" class="live">
          {!connected.value ? "connection lost; trying again" : stale.value ? "the cluster does not answer; this may be old" : "live"}
        </span>
        <span class="who" title={`This login ends ${clock(login.value?.expires)}`}>
          <bdi>{visible(login.value?.name ?? "")}</bdi>
        </span>
        <button type="button" onClick={() => void leave()}>
          Log out
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        {problem && <p role="alert" class="problem">{problem}</p>}
        {login.value?.warning && (
          <p role="status" class="notice">
            {visible(login.value.warning)}
          </p>
        )}
        {outdated.value && (
          <p role="alert" class="notice">
            The gateway was upgraded and has a newer page.{" "}
            <button type="button" onClick={() => location.reload()}>
              Load it
            </button>
          </p>
        )}
        <Place />
      </main>
      <footer>
        <a href="/assets/licenses.txt">Licenses of the libraries in this page</a>
      </footer>
    </>
  );
}

function titleOf(path: string): string {
  const found = PLACES.find(([to]) => to === path)?.[1];
  return found ? `${found} – Trainyard` : "Trainyard";
}

function Place() {
  const { path, parameters } = place.value;
  if (path === "/datasets") return <DatasetsPage />;
  if (path === "/models") return <ModelsPage />;
  if (path === "/nodes") return <NodesPage />;
  if (path === "/keys") return <KeysPage />;
  if (path === "/users") return <UsersPage />;
  if (path === "/audit") return <AuditPage />;
  if (!may("sessions:read")) {
    return (
      <p class="notice" role="alert">
        This key may not read sessions: it needs the scope sessions:read. An administrator makes keys.
      </p>
    );
  }
  const session = /^\/session\/([A-Za-z0-9.-]{1,64})$/.exec(path)?.[1];
  if (session) return <SessionPage key={session} session={session} />;
  if (path === "/new") return <NewPage key={parameters.get("from") ?? ""} />;
  if (path === "/queue") return <QueuePage />;
  if (path === "/usage") return <UsagePage />;
  const run = /^\/run\/([A-Za-z0-9.-]{1,64})$/.exec(path)?.[1];
  if (run) return <RunPage key={run} id={run} />;
  if (path === "/runs") return <RunsPage />;
  if (path === "/limits") return <LimitsPage />;
  if (path === "/notices") return <NoticesPage />;
  if (path === "/compare") return <ComparePage />;
  if (path === "/") return <SessionsPage />;
  return (
    <p class="notice">
      There is no page at this address. <a href={link("/")}>All sessions</a>
    </p>
  );
}

function skip(event: Event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
