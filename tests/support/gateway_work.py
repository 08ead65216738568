"""Work for a gateway that is killed meanwhile, and the account of what it acknowledged."""

from __future__ import annotations

import hashlib
import json
import random
import struct
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from gateway_lab import GatewayLab, Trainer

NOW = "2026-01-01T00:00:00Z"
PART = 64 << 10
AGAIN = (429, 503)
"""Answers after which a trainer waits and sends the same again."""


@dataclass
class Reporter:
    """A trainer that sends one batch after the other, and the last one again until it is acknowledged."""

    trainer: Trainer
    session: str
    acknowledged: int = 0

    def work(self, http: httpx.Client) -> None:
        """Until the gateway dies, which raises httpx.TransportError."""
        while True:
            sequence = self.acknowledged + 1
            answer = self.trainer.report(batch(sequence), http)
            if answer.status_code in AGAIN:
                time.sleep(min(1.0, float(answer.headers.get("retry-after", 1))))
                continue
            assert answer.status_code == 200, answer.text
            self.acknowledged = sequence


def batch(sequence: int) -> dict[str, Any]:
    """Two points and a line that say which batch they are from."""
    values = {"loss": float(sequence), "rate": -float(sequence)}
    return {
        "sequence": sequence,
        "metrics": [{"step": sequence, "time": NOW, "values": values}],
        "logs": [{"time": NOW, "message": str(sequence)}],
    }


@dataclass
class Uploader:
    """Uploads files of one kind, `datasets` or `models`, raw or in parts, and remembers what became of each."""

    kind: str
    luck: random.Random
    tried: dict[str, str] = field(default_factory=dict)
    """Hash of the file: the name that it was sent for."""
    acknowledged: set[str] = field(default_factory=set)
    """Hashes of those that the gateway said it has."""

    def work(self, http: httpx.Client) -> None:
        """Until the gateway dies, which raises httpx.TransportError."""
        while True:
            body = self.body()
            sha = hashlib.sha256(body).hexdigest()
            self.tried[sha] = name = f"{self.kind[0]}{sha[:16]}"
            self.send(http, name, body)
            self.acknowledged.add(sha)

    def body(self) -> bytes:
        """A file that is like no other, of 1 KiB to 1 MiB."""
        size = int(2 ** self.luck.uniform(10, 20)) // 4
        noise = self.luck.randbytes(size * 4)
        if self.kind == "datasets":
            return b"a,y\n" + b"".join(
                b"%d,%d\n" % (int.from_bytes(noise[i : i + 7]), i % 2) for i in range(size // 4)
            )
        head = {"w": {"dtype": "U8", "shape": [len(noise)], "data_offsets": [0, len(noise)]}}
        text = json.dumps(head).encode()
        return struct.pack("<Q", len(text)) + text + noise

    def under_way(self) -> str:
        """Hash of the file that is to be taken up again; empty without one."""
        return ""

    def send(self, http: httpx.Client, name: str, body: bytes) -> None:
        """All at once."""
        query = {"name": name, "filename": "a.csv"} if self.kind == "datasets" else {"name": name}
        answer = http.post(f"/{self.kind}", params=query, content=body)
        assert answer.status_code == 201, answer.text


@dataclass
class InParts(Uploader):
    """The same in parts; what the gateway's death cut off is taken up again."""

    place: str = ""
    current: bytes = b""
    parts: set[int] = field(default_factory=set)
    """Those of the current upload that were acknowledged."""

    def body(self) -> bytes:
        """The file that is under way, or a new one."""
        if not self.place:
            self.current = super().body()
        return self.current

    def under_way(self) -> str:
        """As in Uploader."""
        return hashlib.sha256(self.current).hexdigest() if self.place else ""

    def send(self, http: httpx.Client, name: str, body: bytes) -> None:
        """Begin or go on, part by part; acknowledged parts must still be there."""
        if not self.place:
            self._begin(http, name, len(body))
        state = http.get(self.place)
        # Gone: the gateway had registered it and died before it could say so; the account is compared later.
        if state.status_code != 404:
            assert not self.parts & set(state.json()["missing"]), "an acknowledged part is lost"
            for number in state.json()["missing"]:
                part = body[(number - 1) * PART : number * PART]
                answer = http.put(f"{self.place}/parts/{number}", content=part)
                assert answer.status_code == 200, answer.text
                self.parts.add(number)
            done = http.post(f"{self.place}/complete")
            assert done.status_code == 201, done.text
        self.place, self.parts = "", set()

    def _begin(self, http: httpx.Client, name: str, size: int) -> None:
        more = {"filename": "a.csv"} if self.kind == "datasets" else {}
        new = {"name": name, "sizeBytes": size, "partBytes": PART, **more}
        answer = http.post(f"/uploads/{self.kind}", json=new)
        assert answer.status_code == 201, answer.text
        self.place = answer.headers["location"].removeprefix("/api/v1")


def registered(http: httpx.Client, kind: str) -> list[str]:
    """Hashes of all that the gateway says it has, with repetitions."""
    answer = http.get(f"/{kind}")
    answer.raise_for_status()
    return [str(found["sha256"]) for found in answer.json()[kind]]


def on_volume(lab: GatewayLab, kind: str) -> list[str]:
    """Hashes of the registered files that lie in the folders of a registry, without schemas."""
    folders = (f for f in (lab.data / kind).iterdir() if not f.name.startswith("."))
    files = (p for f in folders for p in f.rglob("*") if p.is_file() and "schema-" not in p.name)
    return [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]
