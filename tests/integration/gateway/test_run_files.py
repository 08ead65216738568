"""What a session has left is listed, read and packed over HTTP, during its run and until retention removes it."""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from client_lab import set_phase
from cluster import api_client
from gateway_lab import GatewayFactory, GatewayLab, Trainer
from kubernetes import client
from poll import eventually

from trainyard_api import names
from trainyard_gateway.run_files.opening import is_settled

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory()


@pytest.fixture(scope="module")
def trainer(lab: GatewayLab) -> Trainer:
    """A trainer of the one session."""
    return lab.new_trainer()


@pytest.fixture
def run(lab: GatewayLab, trainer: Trainer) -> Iterator[Path]:
    """The folder of the trainer's session, new for each test."""
    run = lab.data / "runs" / trainer.session_uid
    run.mkdir(parents=True)
    yield run
    shutil.rmtree(run)


def put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def settled(path: Path) -> None:
    """Wait until the file's tag is a strong one."""
    eventually(lambda: is_settled(path.stat()), within=60, what="a file of two seconds ago")


def listed(http: httpx.Client, trainer: Trainer, **query: Any) -> dict[str, Any]:
    answer = http.get(f"/training/{trainer.session}/files", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_folders_are_listed_while_the_program_runs(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    put(run / "work" / "out" / "model.pt", b"12345")
    put(run / "spool" / "000001" / "rank-0" / "000000000001.json")

    root, out = listed(http, trainer), listed(http, trainer, path="work/out")

    assert [(f["name"], f["kind"]) for f in root["files"]] == [("work", "folder")]
    assert [(f["path"], f["kind"], f["sizeBytes"]) for f in out["files"]] == [
        ("work/out/model.pt", "file", 5)
    ]
    assert (out["session"], out["total"], out["live"], out["cursor"]) == (
        trainer.session,
        1,
        True,
        None,
    )


def test_pages_hold_every_name(http: httpx.Client, trainer: Trainer, run: Path) -> None:
    wanted = sorted([f"{n:03d}" for n in range(25)] + ["ä b", "a%41", "x+y&z=1", "new\nline"])
    for name in wanted:
        put(run / name)

    seen, cursor = [], None
    while True:
        page = listed(http, trainer, limit=4, **({"cursor": cursor} if cursor else {}))
        seen += [f["path"] for f in page["files"]]
        cursor = page["cursor"]
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == len(wanted)
    assert page["total"] == len(wanted)
    for path in seen:
        assert http.get(f"/training/{trainer.session}/files/{path}").content == b"x"
        (one,) = http.get(f"/training/{trainer.session}/files?path={path}").json()["files"]
        assert one["path"] == path


def test_a_name_that_is_not_utf8_is_reached_by_its_path(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    folder = Path(os.fsdecode(os.fsencode(run) + b"/caf\xe9"))
    put(folder / "\x1b[2J", b"it")

    (shown,) = listed(http, trainer)["files"]
    (inner,) = http.get(f"/training/{trainer.session}/files?path={shown['path']}").json()["files"]

    assert shown["name"].isprintable()
    assert inner["path"] == "caf%E9/%1B%5B2J"
    assert inner["name"].isprintable()
    assert http.get(f"/training/{trainer.session}/files/{inner['path']}").content == b"it"


def test_a_page_of_a_run_never_runs_as_ours(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    put(run / "report.html", b"<script>alert(1)</script>")

    answer = http.get(f"/training/{trainer.session}/files/report.html")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="report.html"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("name", ['a"b', "a\r\nX: y", "C:", "..\\up", "é"], ids=ascii)
def test_no_name_reaches_a_header(
    http: httpx.Client, trainer: Trainer, run: Path, name: str
) -> None:
    put(run / name)
    (entry,) = listed(http, trainer)["files"]

    answer = http.get(f"/training/{trainer.session}/files/{entry['path']}")

    assert answer.content == b"x"
    assert re.fullmatch(
        r"attachment; filename(=\"[\w.%]+\"|\*=utf-8''[\w.%]+)",
        answer.headers["content-disposition"],
    )
    assert "x" not in answer.headers


def test_a_download_goes_on_with_the_same_content_only(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    url, file = f"/training/{trainer.session}/files/a.bin", put(run / "a.bin", b"0123456789")
    hot = http.get(url, headers={"Range": "bytes=-3"})
    settled(file)
    whole = http.get(url)
    tag = whole.headers["etag"]
    rest = http.get(url, headers={"Range": "bytes=4-", "If-Range": tag})
    file.write_bytes(b"abcdefghij")
    other = http.get(url, headers={"Range": "bytes=4-", "If-Range": tag})
    weak = other.headers["etag"]
    date = other.headers["last-modified"]
    again = [http.get(url, headers={"Range": "bytes=4-", "If-Range": t}) for t in (weak, date)]
    beyond = http.get(url, headers={"Range": "bytes=99-"})

    assert (hot.status_code, hot.content) == (206, b"789")
    assert hot.headers["etag"].startswith("W/")
    assert not tag.startswith("W/")
    assert (rest.status_code, rest.content) == (206, b"456789")
    assert (other.status_code, other.content) == (200, b"abcdefghij")
    assert [(a.status_code, a.content) for a in again] == [(200, b"abcdefghij")] * 2
    assert beyond.status_code == 416


OUT = ["/etc/passwd", "..", "../..", "a/../../b", "%2e%2e/x", "..%2f..%2fx", "%00", "a//b", "."]


@pytest.mark.parametrize("path", OUT)
def test_no_path_leads_out(lab: GatewayLab, trainer: Trainer, run: Path, path: str) -> None:
    put(run.parent / "x", b"secret")
    for target in (f"files/{path}", f"files?path={path}", f"files-archive?path={path}"):
        with socket.create_connection(("127.0.0.1", lab.port), timeout=10) as wire:
            line = f"GET /api/v1/training/{trainer.session}/{target} HTTP/1.1\r\nHost: x\r\n"
            wire.sendall(f"{line}X-API-Key: {lab.key}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: wire.recv(65536), b""))
        status = int(answer.split()[1])

        assert status in (404, 422), target
        assert b"secret" not in answer
        assert b"root:" not in answer


def test_links_and_pipes_are_shown_and_not_read(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    (run / "passwd").symlink_to("/etc/passwd")
    (run / "up").symlink_to("..")
    os.mkfifo(run / "pipe")
    url = f"/training/{trainer.session}/files"

    kinds = {f["name"]: (f["kind"], f["target"]) for f in listed(http, trainer)["files"]}
    answers = [http.get(f"{url}/{name}") for name in ("passwd", "up", "pipe", "up/x")]
    above = http.get(f"{url}?path=up/{trainer.session_uid}")

    assert kinds == {
        "passwd": ("link", "/etc/passwd"),
        "up": ("link", ".."),
        "pipe": ("other", None),
    }
    assert [a.status_code for a in (*answers, above)] == [422] * 5
    assert "a link, which is not followed" in answers[0].json()["detail"]
    assert "no regular file" in answers[2].json()["detail"]
    assert "links are not followed" in above.json()["detail"]


def test_what_is_no_file_is_a_sentence(http: httpx.Client, trainer: Trainer, run: Path) -> None:
    put(run / "out" / "a")
    url = f"/training/{trainer.session}/files"

    folder, root, absent = (http.get(f"{url}/{p}") for p in ("out", "", "out/b"))
    hidden = [http.get(f"{url}/spool/x"), http.get(f"{url}?path=spool")]
    cursor = http.get(f"{url}?cursor=x")

    assert "'out' is a folder; list it, or ask for its archive" in folder.json()["detail"]
    assert root.status_code == 422
    assert "has no file or folder 'out/b'" in absent.json()["detail"]
    assert [a.status_code for a in hidden] == [404, 404]
    assert cursor.status_code == 422


def test_an_archive_is_what_other_programs_can_read(
    http: httpx.Client, trainer: Trainer, run: Path, tmp_path: Path
) -> None:
    put(run / "work" / "out" / "model.pt", bytes(range(256)) * 5000)
    put(run / "work" / "a b.txt", b"text")
    (run / "work" / "last").symlink_to("out")

    answer = http.get(f"/training/{trainer.session}/files-archive", params={"path": "work"})
    file = put(tmp_path / "it.zip", answer.content)

    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''work.zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert found.testzip() is None
        assert found.read("work/out/model.pt") == bytes(range(256)) * 5000
        assert "last: left out: it is a link" in found.read("trainyard-notes.txt").decode()
    if (unzip := shutil.which("unzip")) is not None:
        subprocess.run([unzip, "-q", str(file), "-d", str(tmp_path)], check=True)
        assert (tmp_path / "work" / "a b.txt").read_bytes() == b"text"


def test_an_archive_of_a_file_is_a_sentence(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    put(run / "a")

    answer = http.get(f"/training/{trainer.session}/files-archive", params={"path": "a"})

    assert answer.status_code == 422


@pytest.fixture
def readers(lab: GatewayLab, trainer: Trainer, run: Path) -> Iterator[list[socket.socket]]:
    """Two who ask for an archive and take little of it."""
    put(run / "large").write_bytes(b"x" * (64 << 20))
    wires = []
    for _ in range(2):
        wire = socket.create_connection(("127.0.0.1", lab.port), timeout=10)
        wires.append(wire)
        head = f"GET /api/v1/training/{trainer.session}/files-archive HTTP/1.1\r\nHost: x\r\n"
        wire.sendall(f"{head}X-API-Key: {lab.key}\r\n\r\n".encode())
        assert wire.recv(4096).startswith(b"HTTP/1.1 200")
    yield wires
    for wire in wires:
        wire.close()


def test_archives_of_a_key_are_few_and_end_with_their_readers(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer, readers: list[socket.socket]
) -> None:
    url = f"/training/{trainer.session}/files-archive"
    refused = http.get(url)
    others = {"X-API-Key": lab.new_key("another")}
    other = http.get(url, params={"path": "absent"}, headers=others)
    for wire in readers:
        wire.close()

    def taken() -> bool:
        return http.get(url, params={"path": "absent"}).status_code == 404

    assert refused.status_code == 429
    assert other.status_code == 404
    eventually(taken, what="the archives being given back")
    assert lab.process is not None
    opened = Path(f"/proc/{lab.process.pid}/fd")
    eventually(
        lambda: not [p for p in opened.iterdir() if f"runs/{trainer.session_uid}" in links(p)],
        what="the handles being closed",
    )


def links(path: Path) -> str:
    try:
        return str(path.readlink())
    except FileNotFoundError:
        return ""


def test_a_file_that_shrinks_while_it_is_sent_is_no_whole_file(
    lab: GatewayLab, trainer: Trainer, run: Path
) -> None:
    file = put(run / "a.bin", b"x" * (64 << 20))
    with socket.create_connection(("127.0.0.1", lab.port), timeout=20) as wire:
        line = f"GET /api/v1/training/{trainer.session}/files/a.bin HTTP/1.1\r\nHost: x\r\n"
        wire.sendall(f"{line}X-API-Key: {lab.key}\r\n\r\n".encode())
        taken = len(wire.recv(4096))
        os.truncate(file, 1 << 20)
        try:
            while piece := wire.recv(1 << 20):
                taken += len(piece)
        except ConnectionError:
            pass

    assert taken < 64 << 20


def test_sessions_without_files_and_after_retention_have_a_sentence(
    lab: GatewayLab, http: httpx.Client
) -> None:
    trainer = lab.new_trainer()
    early = http.get(f"/training/{trainer.session}/files")
    nobody = http.get("/training/nobody/files")
    put(lab.data / "runs" / trainer.session_uid / "a")
    before = listed(http, trainer)
    set_phase(lab, trainer.session, "Succeeded")
    after = listed(http, trainer)
    remove(lab, trainer.session)
    deleted = eventually(lambda: not_live(http, trainer.session_uid), what="the deletion")
    shutil.rmtree(lab.data / "runs" / trainer.session_uid)
    gone = http.get(f"/training/{trainer.session_uid}/files/a")

    assert early.status_code == 404
    assert "has no files yet: none of its pods has started" in early.json()["detail"]
    assert nobody.status_code == 404
    assert (before["live"], after["live"]) == (True, False)
    assert [f["name"] for f in deleted["files"]] == ["a"]
    assert gone.status_code == 404
    assert "is kept for 30 days after it (runRetentionDays)" in gone.json()["detail"]


def remove(lab: GatewayLab, session: str) -> None:
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).delete_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, session
        )


def not_live(http: httpx.Client, session: str) -> dict[str, Any] | None:
    """The list of a session's files once it is deleted."""
    if not http.get(f"/training/{session}/status").json()["deleted"]:
        return None
    found: dict[str, Any] = http.get(f"/training/{session}/files").json()
    return found


def test_a_key_without_the_right_reads_no_file(
    lab: GatewayLab, trainer: Trainer, run: Path
) -> None:
    put(run / "a")
    key = lab.new_key("models-only", "models:read")
    for path in ("files", "files/a", "files-archive"):
        url = f"{lab.url}/api/v1/training/{trainer.session}/{path}"
        assert httpx.get(url, headers={"X-API-Key": key}).status_code == 403
