"""Many uploads that are expensive to inspect: others are answered meanwhile, and memory stays."""

from __future__ import annotations

import bz2
import tarfile
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gateway_lab import GatewayLab
from gateway_watch import watching

pytestmark = pytest.mark.integration

AT_ONCE = 8


def bomb() -> bytes:
    """A few hundred bytes that unpack to a member of 256 MiB."""
    member = tarfile.TarInfo("cat/a.png")
    member.size = 256 << 20
    zeros = bz2.compress(b"\0" * (1 << 20))
    return bz2.compress(member.tobuf(tarfile.GNU_FORMAT)) + zeros * 256


def wide() -> bytes:
    """A table whose schema is large."""
    names = ",".join(f"column{n}" for n in range(4_000))
    rows = "".join(",".join(str((n * row) % 9) for n in range(4_000)) + "\n" for row in range(20))
    return f"{names}\n{rows}".encode()


@pytest.mark.parametrize(
    ("filename", "content", "statuses"),
    [
        pytest.param("x.tar", bomb(), {400}, id="archives-that-unpack-to-much"),
        pytest.param("x.csv", wide(), {201}, id="tables-of-thousands-of-columns"),
    ],
)
def test_uploads_that_are_expensive_to_inspect_delay_no_other(
    lab: GatewayLab, http: httpx.Client, filename: str, content: bytes, statuses: set[int]
) -> None:
    def send(number: int) -> int:
        query = {"name": f"at-once-{number}-{filename[2:]}", "filename": filename}
        with lab.http() as one:
            one.timeout = httpx.Timeout(300)
            return one.post("/datasets", params=query, content=content).status_code

    send(AT_ONCE)
    with watching(lab) as watch, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(send, range(AT_ONCE)))

    assert set(answers) == statuses
    watch.check()
