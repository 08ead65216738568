"""A gateway that is killed at random moments of reports and uploads loses nothing, doubles nothing and leaves nothing."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from gateway_lab import GatewayFactory, GatewayLab
from gateway_work import InParts, Reporter, Uploader, on_volume, registered

pytestmark = pytest.mark.integration

KILLS = int(os.environ.get("TRAINYARD_KILLS", "12")) // 2
"""On each of the two databases."""
SEED = int(os.environ.get("TRAINYARD_KILL_SEED", "5"))
KINDS = ("datasets", "models")


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory, database_settings: dict[str, str]) -> GatewayLab:
    return gateway_factory(**database_settings)


@dataclass
class Load:
    """Everybody who works with the gateway at once."""

    reporters: list[Reporter]
    uploaders: list[Uploader]
    where: Counter[str] = field(default_factory=Counter)
    """What was going on when it was killed."""
    longest: float = 0.5
    """Seconds that a gateway lives at most."""

    def until_killed(self, lab: GatewayLab, luck: random.Random, aim: bool) -> None:
        """Work, kill at a random moment (with `aim` while a file is being received), wait until all have noticed."""
        workers, before = [*self.reporters, *self.uploaders], incoming(lab)
        with ThreadPoolExecutor(len(workers)) as pool:
            done = [pool.submit(_work, lab, worker.work) for worker in workers]
            deadline = time.monotonic() + luck.uniform(0, self.longest)
            # Aimed shots go off all the same where no file comes by.
            while time.monotonic() < deadline or (aim and time.monotonic() < deadline + 5):
                if time.monotonic() >= deadline and incoming(lab) - before:
                    break
                time.sleep(0.0005)
            lab.stop(signal.SIGKILL)
            for one in done:
                one.result()
        self.where["receiving a file" if incoming(lab) - before else "else"] += 1


def _work(lab: GatewayLab, work: Callable[[httpx.Client], None]) -> None:
    with lab.http() as http, suppress(httpx.TransportError):
        work(http)


def incoming(lab: GatewayLab) -> set[Path]:
    """Files that are being received, or were."""
    places = (*KINDS, *(f"uploads/{kind}" for kind in KINDS))
    return {path for place in places for path in (lab.data / place / ".incoming").glob("*")}


@pytest.mark.timeout(3600)
def test_killed_at_random_moments(lab: GatewayLab, request: pytest.FixtureRequest) -> None:
    luck = random.Random(SEED)
    load = Load(
        [reporter(lab, f"s{n}") for n in range(3)],
        [
            made(kind, random.Random(luck.random()))
            for kind in KINDS
            for made in (Uploader, InParts)
        ],
    )
    shared = "postgresql" in request.node.name
    files, began = 0, time.monotonic()
    # On a slow machine lives may be too short for any file, and would prove nothing: they grow.
    for kill in range(1, 5 * KILLS + 1):
        if kill > KILLS and files and any(each.acknowledged for each in load.reporters):
            break
        if kill > KILLS and load.longest < 60:
            load.longest *= 1.5
        load.until_killed(lab, luck, aim=kill % 3 == 0)
        lab.start()
        if not shared:
            assert not incoming(lab)
        with lab.http() as http:
            files += sum(compare_files(lab, http, load.uploaders, kind, shared) for kind in KINDS)
        if kill % 10 == 0 or kill >= KILLS:
            say(
                f"{kill}/{KILLS} kills, seed {SEED}, {(time.monotonic() - began) / kill:.2f} s each"
            )
    with lab.http() as http:
        points = sum(compare_reports(http, each) for each in load.reporters)
    say(
        f"{points} batches and {files} files acknowledged and found; killed while {dict(load.where)}"
    )
    assert points
    assert files


def reporter(lab: GatewayLab, name: str) -> Reporter:
    with lab.client() as gateway:
        session = gateway.start_training({"command": ["x"]}, name)
    return Reporter(lab.trainer(session.uid, name), name)


def compare_files(
    lab: GatewayLab, http: httpx.Client, uploaders: list[Uploader], kind: str, shared: bool
) -> int:
    """What is there against what was acknowledged; makes room for the next life. Returns how many were acknowledged."""
    mine = [each for each in uploaders if each.kind == kind]
    tried = {sha: name for each in mine for sha, name in each.tried.items()}
    acknowledged = {sha for each in mine for sha in each.acknowledged}
    there = Counter(registered(http, kind))

    assert set(there.values()) <= {1}, "a file is doubled"
    lost = {sha: tried[sha] for sha in acknowledged - set(there)}
    assert not lost, "an acknowledged file is lost"
    assert not set(there) - set(tried), "a file is torn"
    left_over = Counter(on_volume(lab, kind))
    assert not there - left_over, "a file is not what its row says"
    # Several gateways may share a volume with the other database: there, what no row names stays until it is old.
    assert shared or left_over == there
    # One that its sender still has under way may be registered already: it must be there when the sender hears of it.
    stays = {each.under_way() for each in mine}
    for sha in set(there) - stays:
        http.delete(f"/{kind}/{tried[sha]}").raise_for_status()
    for each in mine:
        each.tried = {sha: name for sha, name in each.tried.items() if sha in stays}
        each.acknowledged.clear()
    return len(acknowledged)


def compare_reports(http: httpx.Client, each: Reporter) -> int:
    """Every acknowledged batch is there once, at most one more, and all in order. Returns how many were acknowledged."""
    after, lines = 0, list[str]()
    while True:
        query = {"after": after, "limit": 10_000}
        found = http.get(f"/training/{each.session}/logs", params=query).json()
        if not found["lines"]:
            break
        lines += [line["message"] for line in found["lines"]]
        after = found["next"]
    assert len(lines) in (each.acknowledged, each.acknowledged + 1)
    assert lines == [str(n) for n in range(1, len(lines) + 1)]

    chart = http.get(f"/training/{each.session}/history", params={"maxPoints": 100_000}).json()
    totals = {series["name"]: series["total"] for series in chart["series"]}
    assert totals == {"loss": len(lines), "rate": len(lines)}
    if len(lines) <= 100_000:
        for series in chart["series"]:
            sign = 1.0 if series["name"] == "loss" else -1.0
            steps = [(point["step"], point["value"]) for point in series["points"]]
            assert steps == [(n, sign * n) for n in range(1, len(lines) + 1)]
    return each.acknowledged


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
