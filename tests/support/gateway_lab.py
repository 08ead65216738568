"""A real gateway as a process of its own, on a real API server, and trainers' identities to talk to it with."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
from cluster import api_client, fresh_namespace, unique
from kubernetes import client
from poll import eventually
from ports import free_port
from postgres import Postgres

from trainyard.client import Client
from trainyard_api import contract, names


@dataclass
class GatewayLab:
    """A gateway process with its folder; it can be killed and started again on the same data."""

    kubeconfig: Path
    namespace: str
    folder: Path
    key: str = field(default_factory=lambda: f"ty_{secrets.token_hex(20)}")
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)
    """More settings, by their names in snake case."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """Database, datasets, models, runs."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """Everything that it said."""
        return self.folder / "gateway.log"

    def start(self, wait: bool = True) -> None:
        """Start it, and mostly wait until it is ready."""
        key_file = self.folder / "key"
        key_file.write_text(self.key)
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "trainyard_gateway",
                    f"--port={self.port}",
                    f"--namespace={self.namespace}",
                    f"--data-dir={self.data}",
                    f"--api-key-file={key_file}",
                ],
                env={**os.environ, "KUBECONFIG": str(self.kubeconfig), **self.environment()},
                stdout=sink,
                stderr=sink,
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Wait until it is ready."""
        # An end is noticed at once; a machine with other work needs its time to import everything.
        eventually(self._ready, within=120, what="the gateway being ready")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and wait."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=60)
            self.process = None

    def client(self) -> Client:
        """A client with the administrator's key."""
        return Client(self.url, self.key)

    def http(self) -> httpx.Client:
        """Raw HTTP with the administrator's key."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"X-API-Key": self.key}, timeout=30
        )

    def new_key(self, name: str, *scopes: str) -> str:
        """A key of another caller; default: one that reads everything."""
        reads = ("datasets:read", "models:read", "sessions:read", "system:read")
        with self.client() as gateway:
            return gateway.create_key(name, *(scopes or reads)).key

    def trainer(self, session_uid: str, session: str, attempt: int = 1) -> Trainer:
        """A pod of an attempt of that session, as far as identity goes, with a token of its own."""
        return Trainer.create(self, session_uid, session, attempt)

    def new_trainer(self, name: str = "", attempt: int = 1) -> Trainer:
        """A new session, and a trainer of it."""
        with self.client() as gateway:
            session = gateway.start_training({"command": ["x"]}, name or unique("s"))
        return self.trainer(session.uid, session.name, attempt)

    def environment(self) -> dict[str, str]:
        """Its settings as variables."""
        free = {"requests_per_second": "100000", "report_bytes_per_second": "1e9"}
        settings = {"reserve_bytes": "0", **free, **self.settings}
        return {f"TRAINYARD_GATEWAY_{name.upper()}": value for name, value in settings.items()}

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the gateway ended: {self.log.read_text()[-2000:]}")
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass(frozen=True)
class Trainer:
    """The identity of a trainer pod. The pod exists but is never scheduled: nothing runs in it."""

    lab: GatewayLab
    session: str
    session_uid: str
    attempt: int
    pod: str
    token: str

    @classmethod
    def create(cls, lab: GatewayLab, session_uid: str, session: str, attempt: int) -> Trainer:
        """Job and pod with the owner references that the operator would give them, and a token bound to the pod."""
        name = names.job_name(session, session_uid, attempt)
        with api_client(lab.kubeconfig) as api:
            core = client.CoreV1Api(api)
            _ensure_account(core, lab.namespace)
            job = client.BatchV1Api(api).create_namespaced_job(
                lab.namespace, _job(name, session, session_uid, attempt)
            )
            pod = core.create_namespaced_pod(lab.namespace, _pod(name, job))
            token = core.create_namespaced_service_account_token(
                "trainer",
                lab.namespace,
                {
                    "apiVersion": "authentication.k8s.io/v1",
                    "kind": "TokenRequest",
                    "spec": {
                        "audiences": [contract.TOKEN_AUDIENCE],
                        "expirationSeconds": 3600,
                        "boundObjectRef": {
                            "apiVersion": "v1",
                            "kind": "Pod",
                            "name": name,
                            "uid": pod.metadata.uid,
                        },
                    },
                },
            )
        return cls(lab, session, session_uid, attempt, name, token.status.token)

    def delete(self) -> None:
        """Remove pod and Job, as when a finished session is cleaned up."""
        with api_client(self.lab.kubeconfig) as api:
            core, batch = client.CoreV1Api(api), client.BatchV1Api(api)
            core.delete_namespaced_pod(self.pod, self.lab.namespace, grace_period_seconds=0)
            batch.delete_namespaced_job(
                self.pod, self.lab.namespace, propagation_policy="Background"
            )

    def report(self, body: dict[str, Any], http: httpx.Client | None = None) -> httpx.Response:
        """Send a batch; session and attempt are filled in unless they are given."""
        whole = {
            "sessionUid": self.session_uid,
            "attempt": self.attempt,
            "stream": "rank-0",
            **body,
        }
        return self.post("batches", whole, http)

    def post(
        self, what: str, body: dict[str, Any], http: httpx.Client | None = None
    ) -> httpx.Response:
        """POST /report/<what> with this trainer's token."""
        send = http.post if http is not None else httpx.post
        return send(
            f"{self.lab.url}/api/v1/report/{what}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )


@contextmanager
def running_gateway(
    kubeconfig: Path, namespace: str, folder: Path, **settings: str
) -> Iterator[GatewayLab]:
    """A gateway for the length of the block; settings by their names in snake case."""
    lab = GatewayLab(kubeconfig, namespace, folder, settings=settings)
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


class GatewayFactory(Protocol):
    """Starts a gateway in a new namespace; it ends with the module of tests."""

    def __call__(self, folder: Path | None = None, /, **settings: str) -> GatewayLab:
        """The gateway, ready: its files below `folder` (default: a new one), settings in snake case."""


@contextmanager
def gateways(kubeconfig: Path, new_folder: Callable[[], Path]) -> Iterator[GatewayFactory]:
    """A factory; what it has started ends with the block."""
    with ExitStack() as stack:

        def start(folder: Path | None = None, /, **settings: str) -> GatewayLab:
            namespace = stack.enter_context(fresh_namespace(kubeconfig, "gw"))
            place = folder or new_folder()
            return stack.enter_context(running_gateway(kubeconfig, namespace, place, **settings))

        yield start


def monitor_token(lab: GatewayLab, account: str, node: str) -> str:
    """A token of a pod on a simulated node; nothing runs in it."""
    spec = {**_pod_spec(), "nodeName": node, "serviceAccountName": account}
    pod = {"metadata": {"name": account}, "spec": spec}
    with api_client(lab.kubeconfig) as api:
        core = client.CoreV1Api(api)
        metadata = client.V1ObjectMeta(name=account)
        core.create_namespaced_service_account(
            lab.namespace, client.V1ServiceAccount(metadata=metadata)
        )
        made = core.create_namespaced_pod(lab.namespace, pod)
        bound = {"apiVersion": "v1", "kind": "Pod", "name": account, "uid": made.metadata.uid}
        token = core.create_namespaced_service_account_token(
            account,
            lab.namespace,
            {"spec": {"audiences": [contract.TOKEN_AUDIENCE], "boundObjectRef": bound}},
        )
    return str(token.status.token)


def simulated_node(lab: GatewayLab) -> str:
    """A node that only the API server knows."""
    with api_client(lab.kubeconfig) as api:
        listed = client.CoreV1Api(api).list_node(label_selector="type=kwok").items
    return str(listed[0].metadata.name)


def on_postgres(server: Postgres) -> dict[str, str]:
    """The settings of a gateway with a new database of that server."""
    return {
        "database_url": server.database(),
        "database_password_file": str(server.password_file),
    }


def _ensure_account(core: client.CoreV1Api, namespace: str) -> None:
    try:
        core.create_namespaced_service_account(
            namespace, client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="trainer"))
        )
    except client.ApiException as error:
        if error.status != 409:
            raise


def _job(name: str, session: str, uid: str, attempt: int) -> dict[str, Any]:
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": names.SESSION_KIND,
        "name": session,
        "uid": uid,
        "controller": True,
    }
    return {
        "metadata": {
            "name": name,
            "labels": {names.LABEL_ATTEMPT: str(attempt)},
            "ownerReferences": [owner],
        },
        # SpooledBatch alone by the Job controller: the lab makes the one pod that it needs.
        "spec": {"managedBy": "trainyard.io/tests", "template": {"spec": _pod_spec()}},
    }


def _pod(name: str, job: Any) -> dict[str, Any]:
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": name,
        "uid": job.metadata.uid,
        "controller": True,
    }
    # A gate keeps the pod from every node.
    spec = {**_pod_spec(), "schedulingGates": [{"name": "trainyard.io/test"}]}
    return {"metadata": {"name": name, "ownerReferences": [owner]}, "spec": spec}


def _pod_spec() -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        "serviceAccountName": "trainer",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "trainer",
                "image": "docker.io/trainyard/trainer:test",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }
