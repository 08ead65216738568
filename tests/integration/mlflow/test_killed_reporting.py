"""Programs report by every protocol there is while gateway and pods are killed: nothing is lost, nothing doubled.

Each program notes what it reports and what was answered. At the end every answered value is there
once, at its step, as the last attempt that trained this step reported it.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import reporting_programs as programs
from gateway_lab import GatewayFactory, GatewayLab
from killed_reporters import Entry, InPod, Reporter, in_pod, judged, lab_http, on_a_laptop
from mlflow_clients import ROOT, installed, packages
from poll import eventually

pytestmark = pytest.mark.integration

KILLS = int(os.environ.get("TRAINYARD_KILLS", "6")) // 2
"""On each of the two databases."""
SEED = int(os.environ.get("TRAINYARD_KILL_SEED", "7"))
QUICK = os.environ.get("TRAINYARD_KILL_CLIENT") == "quick"
"""Whether programs make the calls of MLflow's client without it, which takes seconds to import."""
LONGEST = 0.7
"""Seconds until a kill, at most, once all have reported since the last one."""


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory, database_settings: dict[str, str]) -> GatewayLab:
    return gateway_factory(**database_settings)


@pytest.fixture
def reporters(lab: GatewayLab, tmp_path: Path) -> Iterator[list[Reporter]]:
    client = installed("newest")
    writer = packages("event-writer", ROOT / "build" / "event-writer")
    found: list[Reporter] = [
        in_pod(lab, tmp_path, "relay", programs.RELAY_QUICK if QUICK else programs.RELAY, client),
        on_a_laptop(lab, tmp_path, programs.DIRECT_QUICK if QUICK else programs.DIRECT, client),
        in_pod(lab, tmp_path, "status", programs.STATUS, None),
        in_pod(lab, tmp_path, "event files", programs.EVENT_FILES, writer),
        in_pod(lab, tmp_path, "own", programs.OWN, None),
    ]
    with ExitStack() as stack:
        for each in found:
            stack.callback(lambda one=each: one.process and one.kill())
        yield found


@pytest.mark.timeout(7200)
def test_every_answered_value_is_there_once(lab: GatewayLab, reporters: list[Reporter]) -> None:
    luck = random.Random(SEED)
    pods = [each for each in reporters if isinstance(each, InPod)]
    for each in reporters:
        each.start(luck)
    began, kills = time.monotonic(), 0
    while kills < KILLS:
        wait_for_reports(reporters)
        time.sleep(luck.uniform(0, LONGEST))
        kills += strike(lab, reporters, pods, luck)
        say(f"{kills}/{KILLS} kills, seed {SEED}, {(time.monotonic() - began) / kills:.1f} s each")
    wait_for_reports(reporters)
    for each in reporters:
        each.finish()

    with lab_http(lab) as http:
        wrong = [sentence for each in reporters for sentence in each.wrong(http)]
    for each in reporters:
        values = sum(entry[-1].answered for entry in each.entries().values())
        say(f"{each.name}: {values} values answered, killed {dict(each.kills)}")
    assert wrong == []
    assert all(each.kills["gateway"] + each.kills["pod"] for each in reporters)


def wait_for_reports(reporters: list[Reporter]) -> None:
    """Until each program has got an answer since now."""
    before = {each.name: each.answered for each in reporters}

    def reported() -> bool:
        for each in reporters:
            each.require_running()
        return all(each.answered > before[each.name] for each in reporters)

    eventually(reported, within=180, what="reports of each program")


def strike(
    lab: GatewayLab, reporters: list[Reporter], pods: list[InPod], luck: random.Random
) -> int:
    """Kill the gateway, or all pods, or first one and then the other; bring back what was killed.

    Returns how many kills it was.
    """
    orders = (["gateway", "pods"], ["pods", "gateway"], ["gateway"], ["pods"])
    [order] = luck.choices(orders, (3, 3, 1, 1))
    for victim in order:
        if victim == "gateway":
            lab.stop(signal.SIGKILL)
        for each in pods if victim == "pods" else ():
            each.kill()
        hit = pods if victim == "pods" else reporters
        for each in hit:
            each.kills["pod" if victim == "pods" else "gateway"] += 1
        time.sleep(luck.uniform(0, LONGEST))
    for victim in luck.sample(order, len(order)):
        if victim == "gateway":
            lab.start()
        for each in pods if victim == "pods" else ():
            each.start(luck)
    return len(order)


TRIED = Entry(1, 1.5, 7, answered=False)
ANSWERED = Entry(1, 1.5, 7, answered=True)
AGAIN = Entry(2, 2.5, 9, answered=True)


@pytest.mark.parametrize(
    ("noted", "there", "right"),
    [
        pytest.param([ANSWERED], [(1.5, 7)], True, id="answered and there"),
        pytest.param([ANSWERED], [], False, id="answered and lost"),
        pytest.param([ANSWERED], [(1.5, 7), (1.5, 7)], False, id="doubled"),
        pytest.param([TRIED], [], True, id="not answered and not there"),
        pytest.param([TRIED], [(1.5, 7)], True, id="not answered and there"),
        pytest.param([ANSWERED, AGAIN], [(2.5, 9)], True, id="trained again"),
        pytest.param([ANSWERED, AGAIN], [(1.5, 7)], False, id="not replaced"),
        pytest.param([ANSWERED, AGAIN], [(1.5, 7), (2.5, 9)], False, id="replaced and kept"),
        pytest.param([AGAIN], [(2.5, 8)], False, id="of another time"),
        pytest.param([], [(2.5, 9)], False, id="never reported"),
    ],
)
def test_what_is_wrong(noted: list[Entry], there: list[tuple[float, int]], right: bool) -> None:
    assert (judged(noted, there, exact_time=True) == "") is right


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
