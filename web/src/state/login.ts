// Who is logged in.
import { signal } from "@preact/signals";
import { get, onLoggedOut, Refused, send, sentence } from "../api/client";
import type { LoginInfo, Scope, SsoOffer } from "../api/types";

/** undefined until it is known, null without a login. */
export const login = signal<LoginInfo | null | undefined>(undefined);
/** Why it is not known; empty while the gateway is asked. */
export const trouble = signal("");

/** Why the login of this window ended by itself; empty otherwise. */
export const ended = signal("");

const PAUSE = 3000;

onLoggedOut((why) => {
  if (login.value) ended.value = why;
  login.value = null;
});

/** Ask the gateway whether the cookie opens it, until it answers. */
export async function lookUp(): Promise<void> {
  try {
    const found = await get<LoginInfo>("/login");
    // The same login is no news: what is on the screen stays.
    if (JSON.stringify(found) !== JSON.stringify(login.value)) login.value = found;
    trouble.value = "";
  } catch (error) {
    if (error instanceof Refused && error.status >= 400 && error.status < 500) {
      login.value = null;
      return;
    }
    if (login.value !== undefined) return;
    trouble.value = `${sentence(error)} Trying again.`;
    setTimeout(() => void lookUp(), PAUSE);
  }
}

/** Another window may have logged in or out meanwhile. */
export function watchOtherWindows(): void {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && login.value !== undefined) void lookUp();
  });
}

/** Exchange a key for a cookie. Throws Refused. */
export async function logIn(key: string): Promise<void> {
  const response = await send("POST", "/login", { headers: { Authorization: `Bearer ${key}` } });
  login.value = (await response.json()) as LoginInfo;
  ended.value = "";
}

/** Whether the gateway offers single sign-on, and why the last login by it failed. */
export async function offer(): Promise<SsoOffer> {
  return get<SsoOffer>("/login/sso/offer");
}

/** End the login. Throws Refused; then the cookie still opens the gateway. */
export async function logOut(): Promise<void> {
  const response = await send("DELETE", "/login");
  const where = response.headers.get("Location");
  if (where) {
    // The provider asks whether its own login ends too, and comes back.
    location.assign(where);
    return;
  }
  login.value = null;
}

/** Whether the key allows something. */
export function may(scope: Scope): boolean {
  return login.value?.scopes.includes(scope) ?? false;
}
