// A dialog that asks before something final. The browser keeps the focus inside, and Escape closes it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Asked {
  title: string;
  action: string;
  final?: boolean;
  close: () => void;
  act: (form: FormData) => void;
  children: ComponentChildren;
}

export function Dialog({ title, action, final, close, act, children }: Asked) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);

  function submit(event: SubmitEvent) {
    event.preventDefault();
    act(new FormData(event.currentTarget as HTMLFormElement));
    leave();
  }

  /**
   * The browser gives the focus back to what opened the dialog. Its event `close` comes later: by then
   * the dialog may have been asked for again.
   */
  function leave() {
    dialog.current?.close();
    close();
  }

  return (
    <dialog ref={dialog} aria-labelledby="asked" onCancel={leave}>
      <form onSubmit={submit}>
        <h2 id="asked">{title}</h2>
        {children}
        <p class="buttons">
          <button type="button" onClick={leave}>
            Back
          </button>
          <button type="submit" class={final ? "final" : "main"}>
            {action}
          </button>
        </p>
      </form>
    </dialog>
  );
}
