// API keys: made, listed and revoked by administrators.
import { useState } from "preact/hooks";
import type { components } from "../../build/schema";
import { change, send, sentence } from "../api/client";
import type { Scope } from "../api/types";
import { Dialog } from "../parts/dialog";
import { Listing, Name } from "../parts/listing";
import { may } from "../state/login";
import { useList } from "../state/reading";
import { clock } from "../text/words";
import { visible } from "../text/visible";

type KeyInfo = components["schemas"]["KeyInfo"];
type CreatedKey = components["schemas"]["CreatedKey"];

const SCOPES: Scope[] = [
  "sessions:read", "sessions:write", "datasets:read", "datasets:write", "models:read", "models:write", "system:read", "keys:admin",
];
const USUAL: Scope[] = ["sessions:read", "sessions:write", "datasets:read", "datasets:write", "models:read", "models:write", "system:read"];

export function KeysPage() {
  const found = useList<KeyInfo>(may("keys:admin") ? "/keys" : null, "keys");
  const [made, setMade] = useState<CreatedKey>();
  const [asked, setAsked] = useState<KeyInfo>();
  const [problem, setProblem] = useState("");
  if (!may("keys:admin")) return <p class="notice" role="alert">This key may not see keys: it needs the scope keys:admin.</p>;

  async function make(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const days = Number(data.get("days"));
    const body = {
      name: data.get("name"),
      scopes: data.getAll("scope"),
      ...(days > 0 ? { expiresInSeconds: Math.round(days * 86_400) } : {}),
    };
    try {
      const response = await send("POST", "/keys", { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
      setMade((await response.json()) as CreatedKey);
      setProblem("");
      form.reset();
      found.again();
    } catch (error) {
      setProblem(sentence(error));
    }
  }

  async function revoke(key: KeyInfo) {
    try {
      await change("DELETE", `/keys/${encodeURIComponent(key.id)}`);
      setProblem("");
    } catch (error) {
      setProblem(sentence(error));
    }
    found.again();
  }

  return (
    <>
      <h1>Keys</h1>
      {problem && <p role="alert" class="problem">{visible(problem)}</p>}
      {made && (
        <div class="made" role="status">
          <p>
            The key of <Name>{made.name}</Name>. It is shown this once; give it to its owner:
          </p>
          <p>
            <code>{made.key}</code>
          </p>
          <button type="button" onClick={() => setMade(undefined)}>
            I have it
          </button>
        </div>
      )}
      <form onSubmit={(event) => void make(event)}>
        <h2>Make a key</h2>
        <div class="filters">
          <label>
            Name of its owner
            <input name="name" required maxLength={63} autocomplete="off" />
          </label>
          <label>
            Days until it expires; empty: never
            <input name="days" type="number" min="1" max="3650" step="1" />
          </label>
        </div>
        <fieldset class="scopes">
          <legend>What it allows</legend>
          {SCOPES.map((scope) => (
            <label class="line" key={scope}>
              <input type="checkbox" name="scope" value={scope} defaultChecked={USUAL.includes(scope)} /> {scope}
            </label>
          ))}
        </fieldset>
        <button type="submit" class="main">
          Make
        </button>
      </form>
      <h2>Keys that were made</h2>
      <Listing
        title="Keys"
        columns={["Owner", "Id", "Scopes", "Made", "State", "Action"]}
        rows={found.value}
        problem={found.problem}
        empty="There are no keys beside the administrator's."
        name={(key) => key.id}
        row={(key) => [
          <Name>{key.name}</Name>,
          <code>{key.id}</code>,
          key.scopes.join(", "),
          clock(key.created),
          key.revoked ? `revoked ${clock(key.revoked)}` : key.expires ? `until ${clock(key.expires)}` : "no end",
          key.revoked ? "" : (
            <button type="button" onClick={() => setAsked(key)}>
              Revoke<span class="hidden">{` the key ${key.id}`}</span>
            </button>
          ),
        ]}
      />
      {asked && (
        <Dialog title={`Revoke the key of ${visible(asked.name)}?`} action="Revoke" final close={() => setAsked(undefined)} act={() => void revoke(asked)}>
          <p>It opens nothing any more, and logins with it end. This is final. Sessions that it started go on.</p>
        </Dialog>
      )}
    </>
  );
}
