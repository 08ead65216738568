"""The checks of `trainyard doctor`, each with its result and the fix. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from trainyard.cli.connection import TOLERATED_SKEW
from trainyard.cli.text import formats
from trainyard_api import names

if TYPE_CHECKING:
    from trainyard.models import System

Json = Mapping[str, Any]
FULL_PERCENT: Final = 90.0
CRDS: Final = tuple(
    f"{plural}.{names.GROUP}" for plural in (names.SESSION_PLURAL, names.QUEUE_PLURAL)
)
_PART: Final = "app.kubernetes.io/component"


class CheckState(StrEnum):
    """Outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was checked, the outcome, what was seen, and what to do."""

    what: str
    state: CheckState
    seen: str
    fix: str = ""


def clock(skew: timedelta) -> CheckResult:
    """This computer's clock beside the gateway's."""
    off = formats.duration(abs(skew.total_seconds()))
    if abs(skew) <= TOLERATED_SKEW:
        return CheckResult("clock", CheckState.OK, f"{off} from the gateway's")
    word = "ahead of" if skew > timedelta(0) else "behind"
    fix = "set this computer's clock: timedatectl set-ntp true"
    return CheckResult("clock", CheckState.WARNING, f"{off} {word} the gateway's", fix)


def disk(system: System) -> CheckResult:
    """Free space on the gateway's volume."""
    used, total = formats.size(system.disk.used_bytes), formats.size(system.disk.total_bytes)
    seen = f"{used} of {total} used"
    if system.disk.percent < FULL_PERCENT:
        return CheckResult("disk", CheckState.OK, seen)
    fix = "delete unused ones (trainyard models rm, trainyard datasets rm) or enlarge the volume"
    return CheckResult("disk", CheckState.WARNING, seen, fix)


def capacity(system: System) -> CheckResult:
    """GPUs and nodes as the gateway sees them."""
    away = [n.name for n in system.nodes if not n.ready]
    nodes = formats.count(len(system.nodes), "node")
    seen = f"{system.gpus_used} of {system.gpus_total} used on {nodes}"
    if away:
        fix = f"look why: kubectl describe node {away[0]}"
        return CheckResult("GPUs", CheckState.WARNING, f"{seen}; not ready: {', '.join(away)}", fix)
    if system.gpus_total == 0:
        fix = (
            f"sessions need --gpus 0, or the nodes a device plugin that offers {names.GPU_RESOURCE}"
        )
        return CheckResult("GPUs", CheckState.WARNING, "none", fix)
    return CheckResult("GPUs", CheckState.OK, seen)


def crds(found: Json) -> CheckResult:
    """The custom resources' definitions, from `kubectl get crd -o json`."""
    established = {
        item["metadata"]["name"]
        for item in _items(found)
        for condition in (item.get("status") or {}).get("conditions") or []
        if (condition.get("type"), condition.get("status")) == ("Established", "True")
    }
    missing = [name for name in CRDS if name not in established]
    if missing:
        fix = "install the chart: helm upgrade --install trainyard charts/trainyard"
        return CheckResult("CRDs", CheckState.BROKEN, f"missing: {', '.join(missing)}", fix)
    return CheckResult("CRDs", CheckState.OK, "installed")


def rights(answers: Mapping[str, bool], namespace: str) -> CheckResult:
    """What this kubeconfig may do; by verb."""
    refused = [verb for verb, allowed in answers.items() if not allowed]
    if not refused:
        return CheckResult(
            "rights", CheckState.OK, f"may {', '.join(answers)} sessions in {namespace}"
        )
    seen = f"may not {', '.join(refused)} sessions in {namespace}"
    fix = (
        f"kubectl -n {namespace} create rolebinding trainyard-users --clusterrole=edit --user=<you> "
        "(the gateway needs only your API key)"
    )
    return CheckResult("rights", CheckState.WARNING, seen, fix)


def volume(found: Json, namespace: str) -> CheckResult:
    """The claim that holds datasets and models."""
    claims = {
        i["metadata"]["name"]: (i.get("status") or {}).get("phase", "Pending")
        for i in _items(found)
    }
    if not claims:
        fix = "install the chart, or name a claim in storage.existingClaim"
        return CheckResult(
            "volume", CheckState.WARNING, f"no claim of Trainyard in {namespace}", fix
        )
    lost = [name for name, phase in claims.items() if phase != "Bound"]
    if lost:
        fix = (
            "set storage.storageClassName to one that exists: kubectl get storageclass; "
            f"kubectl -n {namespace} describe pvc {lost[0]}"
        )
        return CheckResult("volume", CheckState.BROKEN, f"{lost[0]} is {claims[lost[0]]}", fix)
    return CheckResult("volume", CheckState.OK, f"{', '.join(claims)} bound")


def plugin(found: Json) -> CheckResult:
    """Whether any node offers GPUs to the scheduler."""
    offers = {
        i["metadata"]["name"]: int(
            (i.get("status") or {}).get("allocatable", {}).get(names.GPU_RESOURCE, "0")
        )
        for i in _items(found)
    }
    total = sum(offers.values())
    if total:
        nodes = sum(1 for n in offers.values() if n)
        return CheckResult(
            "GPU plugin", CheckState.OK, f"{total} GPUs on {formats.count(nodes, 'node')}"
        )
    fix = (
        f"install the vendor's device plugin so that nodes offer {names.GPU_RESOURCE}; "
        "or train with --gpus 0"
    )
    return CheckResult("GPU plugin", CheckState.WARNING, "no node offers a GPU", fix)


def part(found: Json, component: str, namespace: str, *, optional: bool = False) -> CheckResult:
    """One of Trainyard's Deployments."""
    what = f"deployed {component}"
    mine = [i for i in _items(found) if (i["metadata"].get("labels") or {}).get(_PART) == component]
    if not mine:
        state = CheckState.SKIPPED if optional else CheckState.BROKEN
        flag = f" --set {component}.enabled=true" if optional else ""
        fix = f"helm upgrade --install trainyard charts/trainyard{flag}"
        return CheckResult(what, state, f"not installed in {namespace}", fix)
    name, status = mine[0]["metadata"]["name"], mine[0].get("status") or {}
    wanted = (mine[0].get("spec") or {}).get("replicas", 1)
    ready = status.get("availableReplicas", 0)
    seen = f"{name}: {ready} of {wanted} ready"
    if ready >= wanted > 0:
        return CheckResult(what, CheckState.OK, seen)
    fix = (
        f"kubectl -n {namespace} describe deploy {name}; kubectl -n {namespace} logs deploy/{name}"
    )
    return CheckResult(what, CheckState.BROKEN, seen, fix)


def _items(found: Json) -> list[dict[str, Any]]:
    items = found.get("items")
    return list(items) if items is not None else ([dict(found)] if found.get("kind") else [])
