"""What a scenario of the gateway may do: ask as clients and trainers do until there is an answer, and look at what is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast

import bad_files
import httpx
from gateway_lab import GatewayLab, Trainer
from kubernetes import client
from poll import eventually
from stage import OutcomeError

from trainyard_api import contract, names, timestamps

__all__ = ["GatewayStage", "OutcomeError"]

NOT_YET: Final = frozenset({429, 502, 503, 504})
"""Answers after which clients and reporters ask again. After 500 they do not: the gateway must not give it."""
DONE: Final = frozenset({200, 201, 202, 204})
ANSWER_SECONDS: Final = 30.0
CSV: Final = b"a,y\n" + b"".join(b"%d,%d\n" % (n, n % 2) for n in range(50))


@dataclass
class GatewayStage:
    """One trial's place: the gateway, and names that no other trial has."""

    lab: GatewayLab
    cluster: client.CustomObjectsApi
    http: httpx.Client
    token: str
    patience: float
    """Seconds that every wait may take."""
    requested: Callable[[], None] = lambda: None
    """Called before each request; a fault of the database begins there."""
    sessions: set[str] = field(default_factory=set)
    """Names of those that may be there."""

    def name(self, prefix: str) -> str:
        """A name of this trial."""
        return f"{prefix}-{self.token}"

    def now(self) -> str:
        """The time as reports have it."""
        return timestamps.now_text()

    def version(self) -> str:
        """The cluster's resourceVersion now."""
        listed = self.cluster.list_namespaced_custom_object(*self._where())
        return str(listed["metadata"]["resourceVersion"])

    # ── asking ────────────────────────────────────────────────────────────────────────────────

    def ask(self, method: str, path: str, key: str | None = None, **more: Any) -> httpx.Response:
        """The first final answer; what got none is asked again."""

        headers = dict(more.pop("headers", {}))
        if "Authorization" not in headers:
            headers["X-API-Key"] = key or self.lab.key

        def once() -> list[httpx.Response]:
            self.requested()
            url = f"{self.lab.url}/api/v1{path}"
            with suppress(httpx.TransportError):
                found = self.http.request(method, url, headers=headers, **more)
                return [] if found.status_code in NOT_YET else [found]
            return []

        # In a list, as a response with an error is false.
        [answer] = self.until(once, f"an answer to {method} {path}")
        return cast(httpx.Response, answer)

    def told(
        self, method: str, path: str, *, gone_is_done: bool = False, **more: Any
    ) -> httpx.Response:
        """The answer, which must be that it was done."""
        answer = self.ask(method, path, **more)
        if answer.status_code in DONE or (gone_is_done and answer.status_code == 404):
            return answer
        said = answer.text[:300]
        raise OutcomeError(f"{method} {path} was answered with {answer.status_code}: {said}")

    def until(self, check: Callable[[], Any], what: str) -> Any:
        """The first true result of `check`."""
        return eventually(check, within=self.patience, every=0.2, what=what)

    def at_once(self, calls: list[Callable[[], Any]]) -> list[Any]:
        """The results of calls in threads of their own."""
        with ThreadPoolExecutor(len(calls)) as pool:
            return [done.result() for done in [pool.submit(call) for call in calls]]

    # ── sessions ──────────────────────────────────────────────────────────────────────────────

    def start(self, name: str | None, key: str, **spec: Any) -> dict[str, Any]:
        """Start a session as a client with an idempotency key does."""
        training = {"task": "tabular-classification"} if "dataset" in spec else None
        body = {"name": name, "command": None if training else ["x"], "training": training, **spec}
        given = {k: v for k, v in body.items() if v is not None}
        headers = {"Idempotency-Key": key}
        made: dict[str, Any] = self.told("POST", "/training/start", json=given, headers=headers).json()  # fmt: skip
        self.sessions.add(made["name"])
        return made

    def asked_to_start(self, name: str, key: str) -> int:
        """The status of the final answer."""
        self.sessions.add(name)
        body, headers = {"name": name, "command": [key]}, {"Idempotency-Key": key}
        return self.ask("POST", "/training/start", json=body, headers=headers).status_code

    def create(self, name: str, dataset: str) -> None:
        """Create a session in the cluster, past the gateway."""
        self.sessions.add(name)
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.SESSION_KIND,
            "metadata": {"name": name},
            "spec": {"dataset": dataset, "training": {"task": "tabular-classification"}},
        }
        self.cluster.create_namespaced_custom_object(*self._where(), body)

    def _where(self) -> tuple[str, str, str, str]:
        return names.GROUP, names.VERSION, self.lab.namespace, names.SESSION_PLURAL

    def session(self, name: str) -> dict[str, Any]:
        """The session as it is in the cluster."""
        found: dict[str, Any] = self.cluster.get_namespaced_custom_object(*self._where(), name)
        return found

    def there(self) -> dict[str, str]:
        """What each session of this trial is wanted to be, by name, as the cluster has it."""
        items = self.cluster.list_namespaced_custom_object(*self._where())["items"]
        wishes = ((i["metadata"]["name"], i["spec"].get("desiredState", "Running")) for i in items)
        return dict(wishes)

    # ── datasets, reports, models ─────────────────────────────────────────────────────────────

    def upload(self, name: str) -> str:
        """Upload a dataset until the gateway has it; its hash."""
        query = {"name": name, "filename": "a.csv"}
        answer = self.ask("POST", "/datasets", params=query, content=CSV)
        sha = hashlib.sha256(CSV).hexdigest()
        if answer.status_code not in (201, 409):
            raise OutcomeError(f"the upload was answered with {answer.status_code}: {answer.text}")
        self.same("the dataset", self.told("GET", f"/datasets/{name}").json()["sha256"], sha)
        return sha

    def trainer(self, name: str) -> Trainer:
        """A session with a pod that may report."""
        made = self.start(name, f"key-{name}")
        return self.lab.trainer(made["uid"], name)

    def report(self, trainer: Trainer, body: dict[str, Any]) -> None:
        """Send a batch until it is acknowledged."""
        whole = {"sessionUid": trainer.session_uid, "attempt": 1, "stream": "rank-0", **body}
        headers = {"Authorization": f"Bearer {trainer.token}"}
        self.told("POST", "/report/batches", json=whole, headers=headers)

    def report_model(self, trainer: Trainer) -> str:
        """Leave a model on the volume and report it until it is taken; its hash."""
        content = bad_files.safetensors({"w": bad_files.tensor(0, 4)}, self.token.encode()[:4])
        folder = self.lab.data / "runs" / trainer.session_uid / contract.OUTPUT
        folder.mkdir(parents=True, exist_ok=True)
        (folder / contract.MODEL_FILE).write_bytes(content)
        sha = hashlib.sha256(content).hexdigest()
        body = {"sessionUid": trainer.session_uid, "attempt": 1, "name": trainer.session}
        headers = {"Authorization": f"Bearer {trainer.token}"}
        whole = {**body, "sha256": sha, "sizeBytes": len(content)}
        self.told("POST", "/report/model", json=whole, headers=headers)
        return sha

    def new_key(self, name: str) -> tuple[str, str]:
        """A key that reads sessions: its id and itself. Nobody repeats this request, so no fault begins at it."""
        body = {"name": name, "scopes": ["sessions:read"]}
        headers = {"X-API-Key": self.lab.key}
        made = self.http.post(f"{self.lab.url}/api/v1/keys", json=body, headers=headers)
        return made.json()["id"], made.json()["key"]

    # ── what must be ──────────────────────────────────────────────────────────────────────────

    def same(self, what: str, found: object, wanted: object) -> None:
        """Raises OutcomeError if they differ."""
        if found != wanted:
            raise OutcomeError(f"{what}: {found} instead of {wanted}")

    def expect_sessions(self, wanted: dict[str, str]) -> None:
        """These sessions are there, each wanted to be so, and none besides."""
        self.same("the sessions", self.there(), wanted)

    def expect_status(self, name: str, part: str, **fields: Any) -> None:
        """The gateway's part of the status comes to these fields."""

        def reached() -> bool:
            found = (self.session(name).get("status") or {}).get(part) or {}
            assert {k: found.get(k) for k in fields} == fields, found
            return True

        self.until(reached, f"status.{part} of {name}")

    def expect_points(self, session: str, count: int) -> None:
        """The points and lines of so many batches, each once."""
        points = self.told("GET", f"/training/{session}/history", params={"metric": "loss"}).json()
        lines = self.told("GET", f"/training/{session}/logs").json()["lines"]
        steps = list(map(str, range(1, count + 1)))
        found = [str(p["step"]) for series in points["series"] for p in series["points"]]
        self.same("the points", found, steps)
        self.same("the lines", [line["message"] for line in lines], steps)

    def clear(self) -> None:
        """Remove everything that the scenario made in the cluster."""
        self.cluster.delete_collection_namespaced_custom_object(*self._where())
