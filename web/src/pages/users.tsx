// Users and teams, for administrators.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { components } from "../../build/schema";
import { change, sentence } from "../api/client";
import { Dialog } from "../parts/dialog";
import { Listing, Name } from "../parts/listing";
import { may } from "../state/login";
import { useList, useRead } from "../state/reading";
import { clock } from "../text/words";
import { visible } from "../text/visible";

type UserInfo = components["schemas"]["UserInfo"];
type TeamInfo = components["schemas"]["TeamInfo"];
type Role = components["schemas"]["Role"];

const ROLES: [Role, string][] = [
  ["viewer", "viewer: reads"],
  ["member", "member: makes, and changes what is the member's own"],
  ["maintainer", "maintainer: changes what the teams see"],
  ["administrator", "administrator: does everything"],
];
/** As browsers read it, which take a bare hyphen among these for a mistake. */
const NAME = "[A-Za-z0-9]([A-Za-z0-9_.\\-]*[A-Za-z0-9])?";

type Asked = { what: "change" | "remove"; user: UserInfo } | { what: "team"; team: TeamInfo };

/** Names of teams between commas. Pure. */
export function teamsOf(text: FormDataEntryValue | null): string[] {
  return String(text ?? "").split(/[\s,]+/).filter(Boolean);
}

export function UsersPage() {
  const admin = may("keys:admin");
  const users = useList<UserInfo>(admin ? "/users" : null, "users");
  const teams = useRead<{ teams: TeamInfo[] }>(admin ? "/teams" : null);
  const [asked, setAsked] = useState<Asked>();
  const [problem, setProblem] = useState("");
  if (!admin) return <p class="notice" role="alert">This key may not see users: it needs the scope keys:admin.</p>;

  async function act(method: string, path: string, body?: unknown): Promise<boolean> {
    try {
      await change(method, path, body);
      setProblem("");
    } catch (error) {
      setProblem(sentence(error));
      return false;
    } finally {
      users.again();
      teams.again();
    }
    return true;
  }

  return (
    <>
      <h1>Users and teams</h1>
      {problem && <p role="alert" class="problem">{visible(problem)}</p>}
      <h2>Users</h2>
      <Listing
        title="Users"
        columns={["User", "Role", "Teams", "Made", "Action"]}
        rows={users.value}
        problem={users.value ? "" : users.problem}
        empty="There are no users."
        name={(user) => user.name}
        row={(user) => [
          <Name>{user.name}</Name>,
          user.role,
          <Name>{user.teams.join(", ")}</Name>,
          clock(user.created),
          <span class="buttons">
            <button type="button" onClick={() => setAsked({ what: "change", user })}>
              Change<span class="hidden">{` the user ${visible(user.name)}`}</span>
            </button>
            <button type="button" onClick={() => setAsked({ what: "remove", user })}>
              Remove<span class="hidden">{` the user ${visible(user.name)}`}</span>
            </button>
          </span>,
        ]}
      />
      <Add title="Add a user" act={(form) => act("POST", "/users", { name: form.get("name"), role: form.get("role"), teams: teamsOf(form.get("teams")) })}>
        <RoleChoice role="member" />
        <TeamsField teams={["default"]} />
      </Add>
      <h2>Teams</h2>
      <Listing
        title="Teams"
        columns={["Team", "Users", "Action"]}
        rows={teams.value?.teams}
        problem={teams.value ? "" : teams.problem}
        empty="There are no teams."
        name={(team) => team.name}
        row={(team) => [
          <Name>{team.name}</Name>,
          <Name>{team.users.join(", ")}</Name>,
          team.users.length === 0 && (
            <button type="button" onClick={() => setAsked({ what: "team", team })}>
              Remove<span class="hidden">{` the team ${visible(team.name)}`}</span>
            </button>
          ),
        ]}
      />
      <Add title="Add a team" act={(form) => act("POST", "/teams", { name: form.get("name") })} />
      {asked && <Question asked={asked} close={() => setAsked(undefined)} act={act} />}
    </>
  );
}

interface Added {
  title: string;
  act: (form: FormData) => Promise<boolean>;
  children?: ComponentChildren;
}

function Add({ title, act, children }: Added) {
  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    if (await act(new FormData(form))) form.reset();
  }
  return (
    <form aria-label={title} onSubmit={(event) => void submit(event)}>
      <h3>{title}</h3>
      <div class="filters">
        <label>
          Name
          <input name="name" required maxLength={63} pattern={NAME} autocomplete="off" />
        </label>
        {children}
        <button type="submit" class="main">
          Add
        </button>
      </div>
    </form>
  );
}

function RoleChoice({ role }: { role: Role }) {
  return (
    <label>
      Role
      <select name="role">
        {ROLES.map(([name, title]) => (
          <option key={name} value={name} selected={name === role}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}

function TeamsField({ teams }: { teams: string[] }) {
  return (
    <label>
      Teams; the first gets what the user makes
      <input name="teams" defaultValue={teams.join(", ")} maxLength={6500} autocomplete="off" />
    </label>
  );
}

interface Questioned {
  asked: Asked;
  close: () => void;
  act: (method: string, path: string, body?: unknown) => Promise<boolean>;
}

function Question({ asked, close, act }: Questioned) {
  if (asked.what === "team") {
    const { name } = asked.team;
    return (
      <Dialog title={`Remove the team ${visible(name)}?`} action="Remove" final close={close} act={() => void act("DELETE", `/teams/${encodeURIComponent(name)}`)}>
        <p>What belongs to it stays.</p>
      </Dialog>
    );
  }
  const { user } = asked;
  const path = `/users/${encodeURIComponent(user.name)}`;
  if (asked.what === "remove") {
    return (
      <Dialog title={`Remove the user ${visible(user.name)}?`} action="Remove" final close={close} act={() => void act("DELETE", path)}>
        <p>The user's keys are revoked and logins end. Sessions, datasets and models stay.</p>
      </Dialog>
    );
  }
  return (
    <Dialog
      title={`Change the user ${visible(user.name)}`}
      action="Change"
      close={close}
      act={(form) => void act("PATCH", path, { role: form.get("role"), teams: teamsOf(form.get("teams")) })}
    >
      <RoleChoice role={user.role} />
      <TeamsField teams={user.teams} />
    </Dialog>
  );
}
