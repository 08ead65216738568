"""The guarantees that trainyard_api.names states."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api import names

SESSION_NAMES = st.from_regex(names.SESSION_NAME_PATTERN, fullmatch=True)
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


MOST_WORKERS = 64


@given(
    name=SESSION_NAMES | st.just("a" * 48),
    uid=st.uuids().map(str),
    number=st.integers(1, 2**31 - 1),
)
def test_child_names_are_dns_labels(name: str, uid: str, number: int) -> None:
    name = name.rstrip("\n")
    last_worker = f"{names.job_name(name, uid, number)}-{MOST_WORKERS - 1}"
    children = (last_worker, names.builder_name(name, uid, number))
    for child in (*children, names.rendezvous_name(name, uid)):
        assert DNS_LABEL.fullmatch(child)
        assert len(child) <= 63


@pytest.mark.parametrize("name", ["2024-run", "0", "a1"])
def test_a_service_begins_with_a_letter(name: str) -> None:
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", names.rendezvous_name(name, "u"))


@given(name=SESSION_NAMES, uids=st.lists(st.uuids().map(str), min_size=2, max_size=2, unique=True))
def test_two_sessions_of_one_name_have_different_jobs(name: str, uids: list[str]) -> None:
    first, second = (names.job_name(name, uid, 1) for uid in uids)

    assert first != second


def test_the_name_of_an_attempt_never_changes() -> None:
    uid = "6d2f0a0e-4f5b-4f7b-9b43-0d9b7a6ad111"

    assert names.job_name("digits", uid, 2) == names.job_name("digits", uid, 2)
    assert names.job_name("digits", uid, 2) != names.job_name("digits", uid, 3)


@pytest.mark.parametrize(
    ("name", "want"),
    [
        pytest.param("digits", True, id="plain"),
        pytest.param("a", True, id="one letter"),
        pytest.param("a" * 48, True, id="longest"),
        pytest.param("a" * 49, False, id="too long"),
        pytest.param("", False, id="empty"),
        pytest.param("-a", False, id="leading dash"),
        pytest.param("a-", False, id="trailing dash"),
        pytest.param("Digits", False, id="upper case"),
        pytest.param("a.b", False, id="dot"),
        pytest.param("a\n", False, id="newline"),
        pytest.param("../etc", False, id="traversal"),
    ],
)
def test_session_names(name: str, want: bool) -> None:
    assert names.is_session_name(name) is want


@pytest.mark.parametrize(
    ("name", "want"),
    [
        pytest.param("digits.v2_final-1", True, id="all kinds"),
        pytest.param("a..b", False, id="two dots"),
        pytest.param(".hidden", False, id="leading dot"),
        pytest.param("a/b", False, id="slash"),
        pytest.param("a" * 129, False, id="too long"),
        pytest.param("a%2fb", False, id="percent"),
        pytest.param("a;b", False, id="semicolon"),
    ],
)
def test_artifact_names(name: str, want: bool) -> None:
    assert names.is_artifact_name(name) is want
