"""`doctor`: what stands between you and a running session, one line each, with the fix."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import httpx
import typer

from trainyard import errors
from trainyard.cli import config, findings, output
from trainyard.cli.config import Login
from trainyard.cli.connection import REACH, GatewayClock
from trainyard.cli.failures import CliError, Exit, explain
from trainyard.cli.findings import Finding, State
from trainyard.cli.grid import Column, Grid, grid
from trainyard.cli.kubectl import Kubectl, KubectlFailed
from trainyard.cli.output import Format, FormatOption
from trainyard_api import names

_SESSIONS = f"{names.SESSION_PLURAL}.{names.GROUP}"
_STYLES = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.BROKEN: "bold red",
    State.SKIPPED: "dim",
}


def doctor(
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Where Trainyard is installed.")
    ] = "trainyard",
    context: Annotated[
        str | None, typer.Option(help="Context of the kubeconfig. Default: the current one.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Check gateway, key, clock, disk, GPUs; with kubectl also cluster, CRDs, rights, volume, operator and bot.

    The cluster is only looked at, by kubectl and your kubeconfig; without kubectl that part is skipped.
    """
    found = [*_gateway(), *_cluster(Kubectl.find(context), namespace)]
    data = {"findings": [asdict(f) for f in found]}
    output.show(form, data, listing(found))
    if any(f.state is State.BROKEN for f in found):
        raise typer.Exit(Exit.NOT_SUCCEEDED)


def listing(found: list[Finding]) -> Grid:
    """The table of `doctor`."""
    columns: list[Column[Finding]] = [
        Column("CHECK", lambda f: f.what),
        Column("STATE", lambda f: f.state.value, style=lambda f: _STYLES[f.state]),
        Column("SEEN", lambda f: f.seen),
        Column("FIX", lambda f: f.fix),
    ]
    return grid(columns, found, wide=True, empty="")


def _gateway() -> Iterator[Finding]:
    try:
        login = config.load(os.environ)
    except CliError as error:
        yield Finding("login", State.BROKEN, str(error), "trainyard login")
        return
    yield Finding("login", State.OK, login.url)
    ready = _ready(login)
    yield ready
    if ready.state is State.OK:
        yield from _with_key(login)


def _ready(login: Login) -> Finding:
    try:
        with httpx.Client(transport=REACH.get().transport(), timeout=5) as http:
            response = http.get(f"{login.url}/readyz")
    except httpx.HTTPError as error:
        seen = str(error) or type(error).__name__
        fix = "check URL and network; in the cluster: kubectl get pods -A -l app.kubernetes.io/part-of=trainyard"
        return Finding("gateway", State.BROKEN, f"no answer: {seen}", fix)
    if response.is_success:
        return Finding("gateway", State.OK, "ready")
    fix = "look at its log: kubectl -n <namespace> logs deploy/trainyard-gateway"
    return Finding("gateway", State.BROKEN, f"not ready ({response.status_code})", fix)


def _with_key(login: Login) -> Iterator[Finding]:
    clock = GatewayClock()
    with REACH.get().client(login, clock) as client:
        try:
            client.sessions(limit=1)
            system = client.system_info()
        except errors.TrainyardError as error:
            said, _ = explain(error)
            what = "key" if isinstance(error, (errors.NotAuthenticated, errors.NotPermitted)) else "gateway"  # fmt: skip
            yield Finding(what, State.BROKEN, said, "trainyard login")
            return
    yield Finding("key", State.OK, "accepted")
    yield findings.clock(clock.skew or timedelta(0))
    yield findings.disk(system)
    yield findings.capacity(system)


def _cluster(kubectl: Kubectl | None, namespace: str) -> Iterator[Finding]:
    if kubectl is None:
        fix = "install kubectl to have the cluster checked too"
        yield Finding("cluster", State.SKIPPED, "no kubectl on the path", fix)
        return
    try:
        version = kubectl.read("version").get("serverVersion") or {}
    except KubectlFailed as error:
        fix = "check the kubeconfig: kubectl config current-context; your API key is enough for all but this part"
        yield Finding("cluster", State.SKIPPED, str(error), fix)
        return
    yield Finding("cluster", State.OK, f"Kubernetes {version.get('gitVersion', 'unknown')}")
    space = f"--namespace={namespace}"
    ours = "--selector=app.kubernetes.io/name=trainyard"
    crds = ("get", "crd", *findings.CRDS, "--ignore-not-found")
    yield _seen("CRDs", lambda: findings.crds(kubectl.read(*crds)))
    yield _seen("rights", lambda: findings.rights(_rights(kubectl, namespace), namespace))
    yield _seen("volume", lambda: findings.volume(kubectl.read("get", "pvc", space, ours), namespace))  # fmt: skip
    yield _seen("GPU plugin", lambda: findings.plugin(kubectl.read("get", "nodes")))
    try:
        parts = kubectl.read("get", "deployments", space, ours)
    except KubectlFailed as error:
        yield Finding("parts", State.SKIPPED, str(error), f"ask for the right to read deployments in {namespace}")  # fmt: skip
        return
    yield findings.part(parts, "operator", namespace)
    yield findings.part(parts, "gateway", namespace)
    yield findings.part(parts, "bot", namespace, optional=True)


def _rights(kubectl: Kubectl, namespace: str) -> dict[str, bool]:
    return {verb: kubectl.may(verb, _SESSIONS, namespace) for verb in ("create", "patch", "delete")}


def _seen(what: str, look: Callable[[], Finding]) -> Finding:
    """What was found; what this user may not see is skipped, not broken."""
    try:
        return look()
    except KubectlFailed as error:
        return Finding(what, State.SKIPPED, str(error), "ask the administrator to look")
