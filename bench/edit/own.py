"""`trainyard run` on an installation, with the moments of everything on its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from cluster import api_client
from command_line import CommandLine
from installation import Installation
from kubernetes import client, watch
from lines import Lines
from urllib3.exceptions import ProtocolError

GROUP, VERSION, PLURAL = "trainyard.io", "v1alpha1", "trainingsessions"
Moments = dict[str, float]
"""Seconds since the epoch by what happened then, in the order in which it happened."""


class Trainyard:
    """Runs folders on one release."""

    def __init__(self, release: Installation, home: Path) -> None:
        self._release = release
        self._command_line = CommandLine(home, release.url, release.key)
        self._api = api_client(release.kubeconfig)

    def first_line(self, folder: Path, mark: str, name: str) -> Moments:
        """Run the folder as session `name`, and wait for its end.

        `first line shown` is when the line with `mark` arrived.
        """
        command = self._command_line.command(
            "run", "--name", name, "--gpus", "1", "--cpu", "200m", "--memory", "256Mi", "--",
            "python3", "train.py",
        )  # fmt: skip
        moments: Moments = {}
        watches = self._watches(name, moments)
        lines = Lines(command, self._command_line.env, folder)
        lines.finish()
        for one in watches:
            one.stop()
        moments["folder read"] = lines.moment("the largest:")
        moments["folder sent"] = lines.moment("sent")
        moments["first line printed"] = self._printed(name, mark)
        moments["first line shown"] = lines.moment(mark)
        return moments

    def _printed(self, name: str, mark: str) -> float:
        with self._release.client() as people:
            found = people.logs(name).lines
        first = next(line for line in found if mark in line.message)
        return datetime.fromisoformat(first.time).timestamp()

    def _watches(self, name: str, moments: Moments) -> list[watch.Watch]:
        objects = client.CustomObjectsApi(self._api)
        batch, core = client.BatchV1Api(self._api), client.CoreV1Api(self._api)
        place = self._release.namespace
        return [
            _watching(
                lambda item: _session(item, moments),
                lambda: objects.list_namespaced_custom_object,
                (GROUP, VERSION, place, PLURAL),
                field_selector=f"metadata.name={name}",
            ),
            _watching(
                lambda _: _seen(moments, "Job created"),
                lambda: batch.list_namespaced_job,
                (place,),
                label_selector=f"trainyard.io/session={name}",
            ),
            _watching(
                lambda item: _pod(item, moments),
                lambda: core.list_namespaced_pod,
                (place,),
                label_selector=f"trainyard.io/session={name}",
            ),
        ]


def _watching(
    seen: Callable[[dict[str, Any]], None],
    method: Callable[[], Any],
    arguments: tuple[str, ...],
    **selected: str,
) -> watch.Watch:
    found = watch.Watch()

    def follow() -> None:
        # A watch that is stopped while it reads ends so.
        with suppress(ProtocolError):
            for event in found.stream(method(), *arguments, timeout_seconds=120, **selected):
                seen(event["raw_object"])

    threading.Thread(target=follow, daemon=True).start()
    return found


def _session(item: dict[str, Any], moments: Moments) -> None:
    status = item.get("status") or {}
    _seen(moments, "session created")
    if (status.get("code") or {}).get("state") == "Found":
        _seen(moments, "code found")


def _pod(item: dict[str, Any], moments: Moments) -> None:
    status = item["status"]
    _seen(moments, "pod created")
    if item["spec"].get("nodeName"):
        _seen(moments, "pod on a node")
    for what, key in (
        ("init container", "initContainerStatuses"),
        ("container", "containerStatuses"),
    ):
        for container in status.get(key) or ():
            for state in container["state"]:
                if state != "waiting":
                    _seen(moments, f"{what} {state}")


def _seen(moments: Moments, what: str) -> None:
    """Keep the first time."""
    moments.setdefault(what, time.time())
