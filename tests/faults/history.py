"""Everything that happened in a namespace, from watches beside the operator's, in the order of the API server's versions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from kubernetes import client
from operator_lab import GROUP, SESSIONS, VERSION, Lab
from poll import eventually
from urllib3.exceptions import HTTPError

Object = dict[str, Any]
EXPIRED = 410


class HistoryGap(Exception):
    """A watch of the recorder expired, as it may on a machine with much other work."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of a watch."""

    kind: str
    """`sessions`, `jobs`, `pods`, …"""
    deleted: bool
    object: Object

    @property
    def uid(self) -> str:
        """UID of the object."""
        return str(self.object["metadata"]["uid"])

    @property
    def version(self) -> int:
        """resourceVersion; those of all kinds of one cluster are in order."""
        return int(self.object["metadata"]["resourceVersion"])


class Recorder:
    """Follows the objects of one namespace for as long as it is open."""

    def __init__(self, lab: Lab) -> None:
        core, batch, custom = lab.core, lab.batch, lab.custom
        self._namespace = lab.namespace
        self._lists = {
            "sessions": lambda **q: custom.list_namespaced_custom_object(
                GROUP, VERSION, lab.namespace, SESSIONS, **q
            ),
            "jobs": lambda **q: batch.list_namespaced_job(lab.namespace, **q),
            "pods": lambda **q: core.list_namespaced_pod(lab.namespace, **q),
            "services": lambda **q: core.list_namespaced_service(lab.namespace, **q),
            "configmaps": lambda **q: core.list_namespaced_config_map(lab.namespace, **q),
            "secrets": lambda **q: core.list_namespaced_secret(lab.namespace, **q),
        }
        self._lock = threading.Lock()
        self._events: list[Seen] = []
        self._known: dict[str, dict[str, int] | None] = dict.fromkeys(self._lists)
        """resourceVersion by UID of what exists; None before the first list."""
        self._deleted: dict[str, int] = {}
        self._gaps = 0
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in self._lists
        ]

    def __enter__(self) -> Recorder:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def begin(self) -> str:
        """Forget everything but what exists; the cluster's resourceVersion now."""
        version = self.settle()
        with self._lock:
            self._events.clear()
            self._gaps = 0
        return version

    def events(self) -> list[Seen]:
        """All events since `begin`, in order. Raises HistoryGap if a watch lost some."""
        self.settle()
        if self._gaps:
            raise HistoryGap("a watch of the history expired; this trial says nothing")
        return self.seen()

    def seen(self) -> list[Seen]:
        """The events that have come so far."""
        with self._lock:
            return sorted(self._events, key=lambda e: e.version)

    def settle(self) -> str:
        """Wait until the watches have seen what a list shows; the newest version of the lists."""
        newest = 0
        for kind in self._lists:
            listed = self._list(kind)
            newest = max(newest, int(listed["metadata"]["resourceVersion"]))
            check = partial(self._has_seen, kind, listed)
            eventually(check, within=120, every=0.02, what=f"the history of {kind}")
        return str(newest)

    def _has_seen(self, kind: str, listed: Object) -> bool:
        there, at = _versions(listed), int(listed["metadata"]["resourceVersion"])
        with self._lock:
            known = self._known[kind]
            if known is None:
                return False
            current = all(known.get(uid, at + 1) >= version for uid, version in there.items())
            created = all(
                uid in known or version <= self._deleted.get(uid, 0)
                for uid, version in there.items()
            )
            return current and created and all(uid in there or v > at for uid, v in known.items())

    def _list(self, kind: str) -> Object:
        answer = self._lists[kind](_preload_content=False, _request_timeout=60)
        found: Object = json.loads(answer.data)
        return found

    def _follow(self, kind: str) -> None:
        version = ""
        while not self._closing.is_set():
            try:
                if not version:
                    version = self._begin_again(kind)
                before = version
                for event in self._watch(kind, version):
                    version = self._see(kind, event, version)
                if version == before:
                    version = self._refresh(kind, version)
            except client.ApiException as error:
                version = "" if error.status == EXPIRED else version
            except (OSError, HTTPError):
                continue

    def _begin_again(self, kind: str) -> str:
        listed = self._list(kind)
        with self._lock:
            self._gaps += self._known[kind] is not None
            self._known[kind] = _versions(listed)
        return str(listed["metadata"]["resourceVersion"])

    def _refresh(self, kind: str, version: str) -> str:
        """A newer version if nothing happened since; versions of kinds that rest for minutes expire."""
        listed = self._list(kind)
        with self._lock:
            same = self._known[kind] == _versions(listed)
        return str(listed["metadata"]["resourceVersion"]) if same else version

    def _watch(self, kind: str, version: str) -> Iterable[Object]:
        answer = self._lists[kind](
            watch=True, resource_version=version, allow_watch_bookmarks=True, timeout_seconds=5,
            _preload_content=False, _request_timeout=(30, 60),
        )  # fmt: skip
        pending = b""
        try:
            for chunk in answer.stream(None, decode_content=False):
                *lines, pending = (pending + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
                if self._closing.is_set():
                    return
        finally:
            answer.close()

    def _see(self, kind: str, event: Object, before: str) -> str:
        found = event["object"]
        if event["type"] == "ERROR":
            # Others, such as "too large resource version" of a cache that lags, lose nothing.
            return "" if found.get("code") == EXPIRED else before
        version = str(found["metadata"]["resourceVersion"])
        if event["type"] != "BOOKMARK":
            seen = Seen(kind, event["type"] == "DELETED", found)
            with self._lock:
                self._events.append(seen)
                known = self._known[kind] or {}
                known[seen.uid] = seen.version
                if seen.deleted:
                    del known[seen.uid]
                    self._deleted[seen.uid] = seen.version
                self._known[kind] = known
        return version


def _versions(listed: Object) -> dict[str, int]:
    items = ((i["metadata"]["uid"], i["metadata"]["resourceVersion"]) for i in listed["items"])
    return {uid: int(version) for uid, version in items}
