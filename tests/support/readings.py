"""What a user reads of a session while it lasts: every change of its status, and its Events, with the time."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from cluster import ROOT, api_client
from kubernetes import client
from urllib3.exceptions import HTTPError

FOLDER = ROOT / "build" / "nodes"
GROUP, VERSION, PLURAL = "trainyard.io", "v1alpha1", "trainingsessions"


class Readings:
    """Looks twice a second, as `kubectl get ts NAME -w -o wide` and `kubectl get events` would."""

    def __init__(self, kubeconfig: Path, namespace: str, session: str) -> None:
        self._namespace, self._session = namespace, session
        self._api = api_client(kubeconfig)
        self._began = time.monotonic()
        self._lines: list[tuple[float, str, str]] = []
        self._last: tuple[str, ...] = ()
        self._events: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Readings:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        self._api.close()

    def note(self, what: str) -> None:
        """What the test does to the cluster."""
        self._lines.append((time.monotonic() - self._began, "done", what))

    def said(self, *words: str) -> bool:
        """Whether one line of the status or one Event has had all these words."""
        return any(all(word in line for word in words) for _, _, line in self._lines)

    def write(self, name: str) -> Path:
        """A table of all of it, below build/nodes."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{name}.md"
        rows = [
            f"| {_clock(at)} | {kind} | {line.replace('|', ' ')} |"
            for at, kind, line in self._lines
        ]
        path.write_text("\n".join(["| Time | Where | Text |", "|---|---|---|", *rows, ""]))
        return path

    def _follow(self) -> None:
        custom, core = client.CustomObjectsApi(self._api), client.CoreV1Api(self._api)
        while not self._stop.wait(0.5):
            with suppress(client.ApiException, HTTPError, OSError):
                found: dict[str, Any] = custom.get_namespaced_custom_object(
                    GROUP, VERSION, self._namespace, PLURAL, self._session
                )
                self._status(found.get("status") or {})
                field = f"involvedObject.name={self._session}"
                events = core.list_namespaced_event(self._namespace, field_selector=field)
                for event in events.items:
                    self._event(event)

    def _status(self, status: dict[str, Any]) -> None:
        conditions = {c["type"]: c for c in status.get("conditions") or []}
        running = conditions.get("Running", {})
        seen = (
            str(status.get("phase", "")),
            str(status.get("reason") or running.get("reason") or ""),
            str(status.get("message", "")),
            str(status.get("attempt", 0)),
            str(status.get("failures", 0)),
            str(status.get("preemptions", 0)),
            str(running.get("status", "")),
        )
        if seen == self._last:
            return
        self._last = seen
        phase, reason, message, attempt, failures, interruptions, state = seen
        counts = f"attempt {attempt}, failures {failures}, preemptions {interruptions}"
        words = f"{phase} ({reason}), Running={state or 'none'}: {message} [{counts}]"
        self._lines.append((time.monotonic() - self._began, "status", words))

    def _event(self, event: client.CoreV1Event) -> None:
        count = event.count or 1
        if self._events.get(event.metadata.uid) == count:
            return
        self._events[event.metadata.uid] = count
        words = f"{event.type} {event.reason}: {event.message}"
        self._lines.append((time.monotonic() - self._began, "Event", words))


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
