// Who is logged in.
import { signal } from "@preact/signals";
import { get, onLoggedOut, send } from "../api/client";
import type { LoginInfo, Scope } from "../api/types";

/** undefined until it is known, null without a login. */
export const login = signal<LoginInfo | null | undefined>(undefined);

onLoggedOut(() => {
  login.value = null;
});

/** Ask the gateway whether the cookie opens it. */
export async function lookUp(): Promise<void> {
  try {
    login.value = await get<LoginInfo>("/login");
  } catch {
    login.value = null;
  }
}

/** Exchange a key for a cookie. Throws Refused. */
export async function logIn(key: string): Promise<void> {
  const response = await send("POST", "/login", { headers: { Authorization: `Bearer ${key}` } });
  login.value = (await response.json()) as LoginInfo;
}

export async function logOut(): Promise<void> {
  await send("DELETE", "/login");
  login.value = null;
}

/** Whether the key allows something. */
export function may(scope: Scope): boolean {
  return login.value?.scopes.includes(scope) ?? false;
}
