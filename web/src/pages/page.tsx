// What stands around every page: name, places, login, and whether the page is live.
import { useEffect } from "preact/hooks";
import { connected } from "../api/stream";
import { link, place } from "../state/place";
import { login, logOut, may } from "../state/login";
import { followSessions } from "../state/sessions";
import { clock } from "../text/words";
import { visible } from "../text/visible";
import { ComparePage } from "./compare";
import { LoginPage } from "./login";
import { SessionPage } from "./session";
import { SessionsPage } from "./sessions";

export function Page() {
  if (login.value === undefined) return <p class="notice">Asking the gateway who you are …</p>;
  if (login.value === null) return <LoginPage />;
  return <Inside key={login.value.keyId} />;
}

function Inside() {
  useEffect(() => (may("sessions:read") ? followSessions() : undefined), []);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <header>
        <a class="brand" href={link("/")}>
          Trainyard
        </a>
        <span role="status" class="live">
          {connected.value ? "live" : "connection lost; trying again"}
        </span>
        <span class="who" title={`This login ends ${clock(login.value?.expires)}`}>
          <bdi>{visible(login.value?.name ?? "")}</bdi>
        </span>
        <button type="button" onClick={() => void logOut()}>
          Log out
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        <Place />
      </main>
      <footer>
        <a href="/assets/licenses.txt">Licenses of the libraries in this page</a>
      </footer>
    </>
  );
}

function Place() {
  const { path } = place.value;
  if (!may("sessions:read")) {
    return (
      <p class="notice" role="alert">
        This key may not read sessions: it needs the scope sessions:read. An administrator makes keys.
      </p>
    );
  }
  const session = /^\/session\/([A-Za-z0-9.-]{1,64})$/.exec(path)?.[1];
  if (session) return <SessionPage key={session} session={session} />;
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
