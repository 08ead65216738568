"""An index over HTTPS whose certificate is of an authority of its own: known, or refused with what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import Authority
from builder_lab import BuilderLab
from package_index import package_index

SOURCE = "the key ca.crt of ConfigMap index-ca"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextlib.contextmanager
def lab_of(folder: Path, tls: object, given: bytes | None) -> Iterator[BuilderLab]:
    """A builder and its index; `given` is the content of the key that the administrator named."""
    with package_index(tls) as index:  # type: ignore[arg-type]  # an SSL context
        index.add("leaf", "1.0")
        lab = BuilderLab(folder, index)
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            lab.variables.pop(name, None)
        if given is not None:
            file = folder / "ca.crt"
            file.write_bytes(given)
            lab.variables |= {
                "TRAINYARD_INDEX_CA": str(file),
                "TRAINYARD_INDEX_CA_SOURCE": SOURCE,
            }
        yield lab


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("%b", id="alone"),
        pytest.param("\N{ZERO WIDTH NO-BREAK SPACE}# Company root\r\n%b", id="BOM and comment"),
        pytest.param("%k%o%b", id="a key and another authority before it"),
        pytest.param(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n%b", id="one is none"
        ),
    ],
)
def test_packages_come_from_an_index_of_an_authority_that_is_given(
    tmp_path: Path, authority: Authority, form: str
) -> None:
    other = Authority(tmp_path, "other")
    given = form.encode()
    for name, content in (("%b", authority.certificate), ("%o", other.certificate), ("%k", other.key)):  # fmt: skip
        given = given.replace(name.encode(), content.replace(b"\n", b"\r\n"))

    with lab_of(tmp_path, authority.server(), given) as lab:
        ended = lab.build("leaf")

    assert ended.code == 0, ended.log
    assert "the administrator's" in ended.log
    assert lab.left() == [".building", ".gate", ".locks"]


def test_an_index_of_an_authority_that_nobody_named_is_refused(
    tmp_path: Path, authority: Authority
) -> None:
    with lab_of(tmp_path, authority.server(), None) as lab:
        ended = lab.build("leaf")

    assert (ended.code, ended.message["reason"]) == (76, "IndexUnavailable"), ended.log
    assert "unknown authority" in ended.message["hint"]
    assert "environments.caConfigMap" in ended.message["hint"]
    assert "--system-certs" not in ended.refusal, "nobody can pass an option to uv"


@pytest.mark.parametrize("fault", ["authority", "key", "name", "time", "kind"])
def test_a_certificate_that_does_not_fit_is_refused_with_what_to_do(
    tmp_path: Path, authority: Authority, fault: str
) -> None:
    server, sentence = {
        "authority": (Authority(tmp_path, "other").server(), "unknown authority"),
        "key": (Authority(tmp_path).server(), "unknown authority"),
        "name": (authority.server(address="127.0.0.9"), "for another name"),
        "time": (authority.server(days=(-5, -1)), "not valid at this time"),
        "kind": (authority.server(authority=True), "one that is for servers"),
    }[fault]

    with lab_of(tmp_path, server, authority.certificate) as lab:
        ended = lab.build("leaf")

    assert (ended.code, ended.message["reason"]) == (76, "IndexUnavailable"), ended.log
    assert sentence in ended.message["hint"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param(None, "is not there", id="no such key"),
        pytest.param(b"", "no certificate in PEM", id="empty"),
        pytest.param(b"bWFpbA==\n", "no certificate in PEM", id="text"),
        pytest.param(
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "no certificate in PEM",
            id="a block that is none",
        ),
        pytest.param(b"x" * ((2 << 20) + 1), "more than 2097152 bytes", id="too long"),
    ],
)
def test_what_is_no_certificate_is_refused_before_the_index_is_asked(
    tmp_path: Path, given: bytes | None, sentence: str
) -> None:
    with package_index() as index:
        lab = BuilderLab(tmp_path, index)
        file = tmp_path / "ca.crt"
        if given is not None:
            file.write_bytes(given)
        lab.variables |= {"TRAINYARD_INDEX_CA": str(file), "TRAINYARD_INDEX_CA_SOURCE": SOURCE}

        ended = lab.build("leaf")

    assert (ended.code, ended.message["reason"]) == (64, "BadArguments"), ended.log
    assert sentence in ended.message["message"]
    assert SOURCE in ended.message["message"]
    assert index.requests == []


def test_a_certificate_in_binary_form_is_refused(tmp_path: Path, authority: Authority) -> None:
    with lab_of(tmp_path, authority.server(), authority.der) as lab:
        ended = lab.build("leaf")

    assert ended.code == 64
    assert "-----BEGIN CERTIFICATE-----" in ended.message["message"]
