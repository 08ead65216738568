"""An index that fails is no mistake of the request; its credentials appear nowhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builder_lab import BuilderLab
from package_index import PackageIndex, package_index
from ports import free_port

CANARY = "canary/+p%40ss word"


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index() as index:
        index.add("leaf", "1.0")
        yield index


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> BuilderLab:
    return BuilderLab(tmp_path, index)


def down(lab: BuilderLab, index: PackageIndex) -> None:
    lab.variables["TRAINYARD_INDEX_URL"] = f"http://127.0.0.1:{free_port()}/simple"


def nowhere(lab: BuilderLab, index: PackageIndex) -> None:
    lab.variables["TRAINYARD_INDEX_URL"] = "http://index.invalid/simple"


def broken(lab: BuilderLab, index: PackageIndex) -> None:
    index.status = 503


def no_tls(lab: BuilderLab, index: PackageIndex) -> None:
    lab.variables["TRAINYARD_INDEX_URL"] = index.url.replace("http:", "https:")


def denied(lab: BuilderLab, index: PackageIndex) -> None:
    index.credentials = ("me", CANARY)


def wrong_password(lab: BuilderLab, index: PackageIndex) -> None:
    index.credentials = ("me", "other")
    lab.variables |= credentials(CANARY)


def forbidden(lab: BuilderLab, index: PackageIndex) -> None:
    index.status = 403


def credentials(password: str) -> dict[str, str]:
    return {"UV_INDEX_TRAINYARD_USERNAME": "me", "UV_INDEX_TRAINYARD_PASSWORD": password}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (down, "IndexUnavailable"),
        (nowhere, "IndexUnavailable"),
        (broken, "IndexUnavailable"),
        (no_tls, "IndexUnavailable"),
        (denied, "IndexRefused"),
        (wrong_password, "IndexRefused"),
        (forbidden, "IndexRefused"),
    ],
)
def test_an_index_that_fails_is_tried_again_later(
    lab: BuilderLab,
    index: PackageIndex,
    fault: Callable[[BuilderLab, PackageIndex], None],
    reason: str,
) -> None:
    fault(lab, index)

    ended = lab.build("leaf")

    assert (ended.code, ended.message["reason"]) == (76, reason), ended.log
    assert "administrator" in ended.message["hint"]
    assert "canary" not in ended.log + ended.refusal
    assert lab.left() == [".building", ".gate", ".locks"]


def test_a_file_that_is_spoilt_on_its_way_is_refused(lab: BuilderLab, index: PackageIndex) -> None:
    index.spoilt.add("leaf-1.0-py3-none-any.whl")

    ended = lab.build("leaf")

    assert (ended.code, ended.message["reason"]) == (65, "PackageDamaged"), ended.log
    assert "leaf==1.0" in ended.message["message"]


def test_credentials_let_in_and_appear_nowhere(lab: BuilderLab, index: PackageIndex) -> None:
    index.credentials = ("me", CANARY)
    lab.variables |= credentials(CANARY)
    arguments: list[str] = []

    def look() -> None:
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        arguments.extend(listed.stdout.splitlines())

    index.asked = look
    refused = lab.build("leaf", "not-there")
    built = lab.build("leaf")

    files = b"".join(
        p.read_bytes() for p in lab.environments.rglob("*") if p.is_file() and not p.is_symlink()
    )
    assert "canary" not in refused.log + built.log + json.dumps([refused.message, built.message])
    assert b"canary" not in files
    assert any("trainyard_environment" in line for line in arguments)
    assert [line for line in arguments if "canary" in line] == []


def test_a_variable_of_a_request_does_not_show_the_credentials(
    lab: BuilderLab, index: PackageIndex
) -> None:
    lab.variables |= credentials("canary")
    text = "${UV_INDEX_TRAINYARD_PASSWORD}\nleaf==$UV_INDEX_TRAINYARD_PASSWORD\n"

    ended = lab.build_file("requirements.txt", {"requirements.txt": text})

    assert ended.code == 65
    assert "canary" not in ended.log + ended.refusal


def test_a_url_with_credentials_is_refused_without_showing_them(
    lab: BuilderLab, index: PackageIndex
) -> None:
    lab.variables["TRAINYARD_INDEX_URL"] = "http://me:canary@127.0.0.1/simple"

    ended = lab.build("leaf")

    assert (ended.code, ended.message["reason"]) == (64, "BadArguments")
    assert "holds credentials" in ended.message["message"]
    assert "canary" not in ended.log + ended.refusal


def test_a_ca_that_is_not_there_is_refused(lab: BuilderLab, index: PackageIndex) -> None:
    lab.variables["TRAINYARD_INDEX_CA"] = "/nowhere/ca.crt"

    ended = lab.build("leaf")

    assert (ended.code, ended.message["reason"]) == (64, "BadArguments")
