"""`doctor`: checks what a session needs to run, and names the fix of each problem."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import httpx
import typer

from trainyard import errors
from trainyard.cli import config, output
from trainyard.cli.config import Login
from trainyard.cli.connection import CONNECTION_OPTIONS, GatewayClock
from trainyard.cli.doctor import checks
from trainyard.cli.doctor.checks import CheckResult, CheckState
from trainyard.cli.doctor.kubectl import Kubectl, KubectlFailed
from trainyard.cli.errors import CliError, Exit, explain
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text.table import Column, Table, make_table
from trainyard_api import names

_SESSIONS = f"{names.SESSION_PLURAL}.{names.GROUP}"
_STYLES = {
    CheckState.OK: "green",
    CheckState.WARNING: "yellow",
    CheckState.BROKEN: "bold red",
    CheckState.SKIPPED: "dim",
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
    """Check gateway, key, clock, disk and GPUs; with kubectl also the cluster.

    In the cluster it checks CRDs, rights, volume, GPU plugin, operator, gateway and bot. It only
    reads, by kubectl and your kubeconfig; without kubectl these checks are skipped.
    """
    found = [*_gateway(), *_cluster(Kubectl.find(context), namespace)]
    data = {"findings": [asdict(f) for f in found]}
    output.show(form, data, listing(found))
    if any(f.state is CheckState.BROKEN for f in found):
        raise typer.Exit(Exit.NOT_SUCCEEDED)


def listing(found: list[CheckResult]) -> Table:
    """The table of `doctor`."""
    columns: list[Column[CheckResult]] = [
        Column("CHECK", lambda f: f.what),
        Column("STATE", lambda f: f.state.value, style=lambda f: _STYLES[f.state]),
        Column("SEEN", lambda f: f.seen),
        Column("FIX", lambda f: f.fix),
    ]
    return make_table(columns, found, wide=True, empty="")


def _gateway() -> Iterator[CheckResult]:
    try:
        login = config.load(os.environ)
    except CliError as error:
        yield CheckResult("login", CheckState.BROKEN, str(error), "trainyard login")
        return
    yield CheckResult("login", CheckState.OK, login.url)
    ready = _ready(login)
    yield ready
    if ready.state is CheckState.OK:
        yield from _with_key(login)


def _ready(login: Login) -> CheckResult:
    try:
        with httpx.Client(transport=CONNECTION_OPTIONS.get().transport(), timeout=5) as http:
            response = http.get(f"{login.url}/readyz")
    except httpx.HTTPError as error:
        seen = str(error) or type(error).__name__
        fix = (
            "check URL and network; in the cluster: "
            "kubectl get pods -A -l app.kubernetes.io/part-of=trainyard"
        )
        return CheckResult("gateway", CheckState.BROKEN, f"no answer: {seen}", fix)
    if response.is_success:
        return CheckResult("gateway", CheckState.OK, "ready")
    fix = "look at its log: kubectl -n <namespace> logs deploy/trainyard-gateway"
    return CheckResult("gateway", CheckState.BROKEN, f"not ready ({response.status_code})", fix)


def _with_key(login: Login) -> Iterator[CheckResult]:
    clock = GatewayClock()
    with CONNECTION_OPTIONS.get().client(login, clock) as client:
        try:
            client.sessions(limit=1)
            system = client.system_info()
        except errors.TrainyardError as error:
            said, _ = explain(error)
            of_key = isinstance(error, (errors.NotAuthenticated, errors.NotPermitted))
            what = "key" if of_key else "gateway"
            yield CheckResult(what, CheckState.BROKEN, said, "trainyard login")
            return
    yield CheckResult("key", CheckState.OK, "accepted")
    yield checks.clock(clock.skew or timedelta(0))
    yield checks.disk(system)
    yield checks.capacity(system)


def _cluster(kubectl: Kubectl | None, namespace: str) -> Iterator[CheckResult]:
    if kubectl is None:
        fix = "install kubectl to have the cluster checked too"
        yield CheckResult("cluster", CheckState.SKIPPED, "no kubectl on the path", fix)
        return
    try:
        version = kubectl.read("version").get("serverVersion") or {}
    except KubectlFailed as error:
        fix = (
            "check the kubeconfig: kubectl config current-context; "
            "your API key is enough for all other commands"
        )
        yield CheckResult("cluster", CheckState.SKIPPED, str(error), fix)
        return
    yield CheckResult(
        "cluster", CheckState.OK, f"Kubernetes {version.get('gitVersion', 'unknown')}"
    )
    space = f"--namespace={namespace}"
    ours = "--selector=app.kubernetes.io/name=trainyard"
    crds = ("get", "crd", *checks.CRDS, "--ignore-not-found")
    yield _seen("CRDs", lambda: checks.crds(kubectl.read(*crds)))
    yield _seen("rights", lambda: checks.rights(_rights(kubectl, namespace), namespace))
    claims = ("get", "pvc", space, ours)
    yield _seen("volume", lambda: checks.volume(kubectl.read(*claims), namespace))
    yield _seen("GPU plugin", lambda: checks.plugin(kubectl.read("get", "nodes")))
    try:
        parts = kubectl.read("get", "deployments", space, ours)
    except KubectlFailed as error:
        fix = f"ask for the right to read deployments in {namespace}"
        yield CheckResult("parts", CheckState.SKIPPED, str(error), fix)
        return
    yield checks.part(parts, "operator", namespace)
    yield checks.part(parts, "gateway", namespace)
    yield checks.part(parts, "bot", namespace, optional=True)


def _rights(kubectl: Kubectl, namespace: str) -> dict[str, bool]:
    return {verb: kubectl.may(verb, _SESSIONS, namespace) for verb in ("create", "patch", "delete")}


def _seen(what: str, look: Callable[[], CheckResult]) -> CheckResult:
    """The result; a check that this user may not make is skipped, not broken."""
    try:
        return look()
    except KubectlFailed as error:
        return CheckResult(what, CheckState.SKIPPED, str(error), "ask the administrator to look")
