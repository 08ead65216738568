"""Folders become bundles on a real gateway, and folders again; only what it lacks is sent."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gateway_lab import GatewayFactory, GatewayLab
from nasty_folders import FOLDERS, make
from poll import eventually

from trainyard.client import AsyncClient, Client
from trainyard.code.pack import HEADER, Pack
from trainyard.code.refusals import CannotBundle, CannotRestore
from trainyard.errors import ApiError, NotFound

pytestmark = pytest.mark.integration

LIMIT = 4 << 20
ROUND_TRIPS = (
    "empty-folders-go-in",
    "link-to-the-folder-above",
    "links-in-a-ring",
    "case-twins",
    "one-name-in-two-forms-of-unicode",
    "names-with-spaces-quotes-and-letters-of-all-scripts",
    "deep",
)
"""Folders of the corpus whose way back is not that of all others."""


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory(code_max_bytes=str(LIMIT), code_max_files="3000")


@pytest.fixture(scope="module")
def strict(gateway_factory: GatewayFactory) -> GatewayLab:
    """A small allowance, and bundles that go a second after they were sent."""
    return gateway_factory(code_key_bytes_per_day="2000", code_retention_days=str(1 / 86_400))


@pytest.fixture
def http(lab: GatewayLab) -> Iterator[httpx.Client]:
    with lab.http() as http:
        yield http


@pytest.fixture
def gateway(lab: GatewayLab) -> Iterator[Client]:
    with lab.client() as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A program with unique content, so that no other test has sent it."""
    place = tmp_path / "folder"
    make(
        {
            "train.py": f"# {tmp_path}\n",
            "pkg/__init__.py": "",
            "pkg/model.py": f"x = '{tmp_path}'\n",
            "out": None,
        },
        place,
    )
    (place / "run.sh").write_text(f"#!/bin/sh\n# {tmp_path}\n")
    (place / "run.sh").chmod(0o755)
    (place / "latest").symlink_to("pkg/model.py")
    return place  # fmt: skip


class Count:
    """What a client sends, by requests and by bytes of bodies."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, int]] = []

    def on_response(self, response: httpx.Response) -> None:
        request = response.request
        size = int(request.headers.get("Content-Length", 0))
        path = request.url.path.removeprefix("/api/v1")
        self.requests.append((request.method, path, size))

    def sent(self) -> list[int]:
        return [size for _, path, size in self.requests if path == "/code/contents"]


def test_a_folder_comes_back_bit_for_bit(gateway: Client, folder: Path, tmp_path: Path) -> None:
    bundle = gateway.code.read(folder)
    answer = gateway.code.push(bundle)

    gateway.code.restore(answer.bundle, tmp_path / "back")

    assert gateway.code.read(tmp_path / "back").name == answer.bundle == bundle.name
    assert snapshot(tmp_path / "back") == snapshot(folder)


def snapshot(top: Path) -> dict[str, object]:
    return {
        str(p.relative_to(top)): os.readlink(p) if p.is_symlink()  # noqa: PTH115
        else "folder" if p.is_dir() else (p.read_bytes(), os.access(p, os.X_OK))
        for p in sorted(top.rglob("*"))
    }  # fmt: skip


@pytest.mark.parametrize("case", [c for c in FOLDERS if c.id in ROUND_TRIPS], ids=lambda c: c.id)  # fmt: skip
def test_every_folder_of_the_corpus_comes_back(
    case: object, gateway: Client, tmp_path: Path
) -> None:
    top = tmp_path / "folder"
    top.mkdir()
    make(case.tree, top)  # type: ignore[attr-defined]
    bundle = gateway.code.read(top)

    gateway.code.push(bundle)
    gateway.code.restore(bundle.name, tmp_path / "back")

    assert gateway.code.read(tmp_path / "back").contents.links == bundle.contents.links
    for entry in bundle.manifest.files:
        assert (tmp_path / "back" / entry.path).read_bytes() == (top / entry.path).read_bytes()


def test_the_second_run_after_one_edit_sends_one_file(lab: GatewayLab, folder: Path) -> None:
    make({f"data/{n}.txt": f"{folder} {n}" for n in range(1000)}, folder)
    count = Count()
    with Client(lab.url, lab.key, on_response=count.on_response) as client:
        client.code.push(client.code.read(folder))
        first = len(count.requests)
        assert len(count.sent()) == 1

        count.requests.clear()
        client.code.push(client.code.read(folder))
        assert [path for _, path, _ in count.requests] == ["/code", "/code/bundles"]

        count.requests.clear()
        (folder / "train.py").write_text("edited")
        client.code.push(client.code.read(folder))

    assert first <= 5
    assert count.sent() == [HEADER.size + len("edited")]


async def test_the_asynchronous_client_does_the_same(
    lab: GatewayLab, folder: Path, tmp_path: Path
) -> None:
    async with AsyncClient(lab.url, lab.key) as client:
        bundle = await client.code.read(folder)
        await client.code.push(bundle)
        await client.code.restore(bundle.name, tmp_path / "back")

    assert snapshot(tmp_path / "back") == snapshot(folder)


def test_many_clients_that_send_the_same_folder_make_one_bundle(
    lab: GatewayLab, folder: Path
) -> None:
    async def all_at_once() -> set[str]:
        async with AsyncClient(lab.url, lab.key) as client:
            bundle = await client.code.read(folder)
            answers = await asyncio.gather(*(client.code.push(bundle) for _ in range(8)))
        return {answer.bundle for answer in answers}

    assert len(asyncio.run(all_at_once())) == 1
    assert list((lab.data / "code" / ".incoming").iterdir()) == []


def test_plain_http_makes_a_bundle(http: httpx.Client) -> None:
    content = b"print('by hand')"
    sha256 = hashlib.sha256(content).hexdigest()
    entry = {"path": "a.py", "sha256": sha256, "size": len(content)}

    offered = http.post("/code/bundles", json={"entries": [entry]})
    assert (offered.status_code, offered.json()["missing"]) == (200, [sha256])
    assert http.put(f"/code/contents/{sha256}", content=content).status_code == 201
    made = http.post("/code/bundles", json={"entries": [entry]})
    assert (made.status_code, made.json()["missing"]) == (201, [])

    text = http.get(f"/code/bundles/{made.json()['bundle']}").content
    assert hashlib.sha256(text).hexdigest() == made.json()["bundle"]


SHA = "a" * 64
BAD_MANIFESTS = {
    "path-out": [{"path": "../x", "sha256": SHA, "size": 1}],
    "absolute-path": [{"path": "/etc/x", "sha256": SHA, "size": 1}],
    "backslash": [{"path": "a\\b", "sha256": SHA, "size": 1}],
    "git-hook": [{"path": ".git/hooks/post-checkout", "sha256": SHA, "size": 1}],
    "link-out": [{"path": "a", "target": "../x"}],
    "absolute-link": [{"path": "a", "target": "/etc/passwd"}],
    "link-out-behind-a-name": [{"path": "d/a", "target": "b/../../x"}],
    "below-a-link": [{"path": "a", "target": "b"}, {"path": "a/x", "sha256": SHA, "size": 1}],
    "below-a-file": [{"path": "a", "sha256": SHA, "size": 1}, {"path": "a/x", "folder": True}],
    "twice": [{"path": "a", "sha256": SHA, "size": 1}, {"path": "a", "folder": True}],
    "two-sizes": [{"path": "a", "sha256": SHA, "size": 1}, {"path": "b", "sha256": SHA, "size": 2}],
    "two-kinds": [{"path": "a", "sha256": SHA, "size": 1, "target": "b"}],
    "no-size": [{"path": "a", "sha256": SHA}],
    "no-hash": [{"path": "a", "size": 4}],
    "hash-in-capitals": [{"path": "a", "sha256": "A" * 64, "size": 1}],
    "huge": [{"path": "a", "sha256": SHA, "size": 2**51}],
    "nothing": [],
    "setuid": [{"path": "a", "sha256": SHA, "size": 1, "mode": 0o4755}],
}  # fmt: skip


@pytest.mark.parametrize("entries", BAD_MANIFESTS.values(), ids=BAD_MANIFESTS)
def test_a_manifest_that_leads_out_or_contradicts_itself_is_refused(
    entries: list[object], http: httpx.Client
) -> None:
    answer = http.post("/code/bundles", json={"entries": entries})

    assert answer.status_code == 422, answer.text


def test_the_refusal_of_a_large_folder_names_the_largest_file(
    gateway: Client, http: httpx.Client, folder: Path
) -> None:
    (folder / "weights.bin").write_bytes(b"x" * (LIMIT + 1))

    with pytest.raises(CannotBundle, match=r"weights\.bin \(4\.0 MiB\)"):
        gateway.code.read(folder)
    entry = {"path": "weights.bin", "sha256": SHA, "size": LIMIT + 1}
    answer = http.post("/code/bundles", json={"entries": [entry]})
    assert answer.status_code == 413
    assert "weights.bin" in answer.json()["detail"]


BAD_PACKS = {
    "empty": b"",
    "wrong-hash": HEADER.pack(b"\0" * 32, 1) + b"x",
    "cut-off": HEADER.pack(hashlib.sha256(b"ab").digest(), 2) + b"a",
    "cut-off-header": b"\0" * 20,
    "too-large": HEADER.pack(b"\0" * 32, LIMIT + 1) + b"x",
    "enormous": HEADER.pack(b"\0" * 32, 2**63) + b"x",
}


@pytest.mark.parametrize("body", BAD_PACKS.values(), ids=BAD_PACKS)
def test_a_bad_pack_is_refused_and_leaves_nothing(
    body: bytes, http: httpx.Client, lab: GatewayLab
) -> None:
    before = list((lab.data / "code" / "contents").rglob("*"))

    answer = http.post("/code/contents", content=body)

    assert answer.status_code in (400, 413), answer.text
    assert list((lab.data / "code" / "contents").rglob("*")) == before
    assert list((lab.data / "code" / ".incoming").iterdir()) == []


def test_a_file_that_changes_after_it_was_read_is_not_sent(gateway: Client, folder: Path) -> None:
    bundle = gateway.code.read(folder)
    (folder / "train.py").write_text("changed")

    with pytest.raises(CannotBundle, match=r"train\.py changed while it was sent"):
        gateway.code.push(bundle)


def test_a_restore_that_cannot_be_whole_leaves_nothing(
    gateway: Client, lab: GatewayLab, folder: Path, tmp_path: Path
) -> None:
    bundle = gateway.code.read(folder)
    gateway.code.push(bundle)
    sha256 = next(str(e.sha256) for e in bundle.manifest.files if e.size)
    damaged = lab.data / "code" / "bundles" / bundle.name / "contents" / sha256
    damaged.chmod(0o600)
    damaged.write_bytes(b"!" * damaged.stat().st_size)

    with pytest.raises(Exception, match="damaged"):
        gateway.code.restore(bundle.name, tmp_path / "back")

    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_bundle_is_not_written_over_other_files(
    gateway: Client, folder: Path, tmp_path: Path
) -> None:
    bundle = gateway.code.read(folder)
    gateway.code.push(bundle)
    make({"mine.txt": "x"}, tmp_path / "back")

    with pytest.raises(CannotRestore, match="is not empty"):
        gateway.code.restore(bundle.name, tmp_path / "back")
    with pytest.raises(NotFound, match="there is no bundle"):
        gateway.code.restore("0" * 64, tmp_path / "new")
    with pytest.raises(NotFound, match="there is no bundle"):
        gateway.code.restore("nonsense", tmp_path / "new")

    assert not (tmp_path / "new").exists()


def test_a_key_without_the_right_sends_nothing(
    lab: GatewayLab, gateway: Client, folder: Path
) -> None:
    reader = gateway.create_key("reader", "sessions:read")
    bundle = gateway.code.read(folder)

    with Client(lab.url, reader.key) as client, pytest.raises(ApiError, match="sessions:write"):
        client.code.push(bundle)  # fmt: skip


def test_a_key_that_sends_too_much_in_a_day_waits(strict: GatewayLab) -> None:
    with strict.client() as gateway:
        writer = gateway.create_key("writer", "sessions:write")
    with httpx.Client(base_url=f"{strict.url}/api/v1", headers={"X-API-Key": writer.key}) as http:
        codes = [
            http.put(f"/code/contents/{hashlib.sha256(body).hexdigest()}", content=body).status_code
            for body in (bytes([n]) * 1500 for n in range(4))
        ]

    assert codes == [201, 201, 429, 429]


def test_what_no_session_names_is_removed(strict: GatewayLab, tmp_path: Path) -> None:
    make({"a.py": "x"}, tmp_path / "folder")
    code = strict.data / "code"
    with strict.client() as client:
        bundle = client.code.read(tmp_path / "folder")
        client.code.push(bundle)
        assert client.code.manifest(bundle.name)
        eventually(
            lambda: not (code / "bundles" / bundle.name).exists(), what="the bundle being removed"
        )
        left = next((code / "contents").rglob("?" * 64))
        old = time.time() - 2 * 86_400
        os.utime(left, (old, old))
        eventually(lambda: not left.exists(), what="the content being removed")


def test_a_pack_holds_what_it_says(tmp_path: Path) -> None:
    from trainyard.code.bundle import Content

    path = tmp_path / "x"
    path.write_bytes(b"abc")
    sha256 = hashlib.sha256(b"abc").hexdigest()

    pack = Pack([(sha256, Content(path, 3))], lambda _: None)

    body = b"".join(pack.chunks())
    assert len(body) == pack.size
    assert json.dumps(list(body[-3:])) == "[97, 98, 99]"
