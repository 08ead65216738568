// The key is typed once, or the provider of single sign-on asked; the gateway answers with a cookie
// that this page cannot read.
import { useEffect, useState } from "preact/hooks";
import { sentence } from "../api/client";
import { ended, logIn, offer } from "../state/login";
import { visible } from "../text/visible";

export function LoginPage() {
  const [problem, setProblem] = useState(ended.value);
  const [busy, setBusy] = useState(false);
  const [provider, setProvider] = useState<string | null>(null);

  useEffect(() => {
    // Without an answer there is the key.
    offer().then(
      (found) => {
        setProvider(found.name);
        if (found.problem) setProblem(found.problem);
      },
      () => undefined,
    );
  }, []);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const key = String(new FormData(form).get("key") ?? "").trim();
    if (!/^[!-~]{1,200}$/.test(key)) {
      setProblem("Enter the key as you got it: letters, digits and underscores.");
      return;
    }
    setBusy(true);
    try {
      await logIn(key);
      form.reset();
    } catch (error) {
      setProblem(sentence(error));
      setBusy(false);
    }
  }

  return (
    <main class="login">
      <h1>Trainyard</h1>
      {provider && (
        <p>
          <a class="button" href="/api/v1/login/sso/start">
            Sign in with <bdi>{visible(provider)}</bdi>
          </a>
        </p>
      )}
      <form onSubmit={(event) => void submit(event)}>
        <label for="key">API key</label>
        <input id="key" name="key" type="password" autocomplete="current-password" required autofocus aria-describedby="about" />
        <p id="about">An administrator gives you a key. It stays in this form only: the browser keeps a cookie, for twelve hours.</p>
        {problem && (
          <p role="alert" class="problem">
            {visible(problem)}
          </p>
        )}
        <button type="submit" disabled={busy}>
          Log in
        </button>
      </form>
    </main>
  );
}
