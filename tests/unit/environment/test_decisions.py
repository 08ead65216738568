"""Decisions of the builder as tables: settings, failures, names, evictions, wrappers, last words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api.contract import TERMINATION_MESSAGE_BYTES
from trainyard_environment.errors import CannotBuild
from trainyard_environment.last_word import HINT_BYTES, MESSAGE_BYTES, of_failure, within
from trainyard_environment.making.environment import made_for_another_torch, paths_file
from trainyard_environment.making.wrappers import wrapper
from trainyard_environment.redaction import Redaction
from trainyard_environment.request.asked import Asked, Requirement
from trainyard_environment.resolving.failures import WORDS, failure, words
from trainyard_environment.resolving.locked import Pin, lock_of, pins_of
from trainyard_environment.resolving.resolution import check_hashes, hashed
from trainyard_environment.resolving.stand_ins import is_version, public, shown, stood_in
from trainyard_environment.resolving.uv import environment
from trainyard_environment.runtime import runtime_of
from trainyard_environment.settings import Index, settings
from trainyard_environment.volume.eviction import RECENT_SECONDS, Kept, evicted

BUILD = ("--environments", "/e", "--image", "i")
LIST = (*BUILD, "--requirements-json", '["a"]')


@pytest.mark.parametrize(
    ("arguments", "variables", "why"),
    [
        pytest.param(
            BUILD,
            {},
            "either --code and --file, or --requirements-json",
            id="either --code and --file, or --requirements-json",
        ),
        pytest.param(
            ("--requirements-json", "[]"),
            {},
            "--environments and --image",
            id="--environments and --image",
        ),
        pytest.param(
            (*LIST, "--code", "c", "--file", "f"), {}, "either --code", id="either --code"
        ),
        pytest.param((*BUILD, "--code", "c"), {}, "either --code", id="either --code 2"),
        pytest.param(
            (*LIST, "--what"), {}, "'--what' has no meaning", id="'--what' has no meaning"
        ),
        pytest.param((*BUILD, "--requirements-json", "["), {}, "is no JSON", id="is no JSON"),
        pytest.param(
            (*BUILD, "--requirements-json", "{}"),
            {},
            "is no list of texts",
            id="is no list of texts",
        ),
        pytest.param(
            (*BUILD, "--requirements-json", "[1]"),
            {},
            "is no list of texts",
            id="is no list of texts 2",
        ),
        pytest.param(
            (*BUILD, "--requirements-json", "[]"),
            {},
            "There are 0 requirements",
            id="There are 0 requirements",
        ),
        pytest.param(
            (*BUILD, "--requirements-json", json.dumps(["a"] * 501)),
            {},
            "There are 501",
            id="There are 501",
        ),
        pytest.param(
            (*BUILD, "--requirements-json", json.dumps(["a" * 1001])),
            {},
            "longer than 1000",
            id="longer than 1000",
        ),
        pytest.param(
            (*BUILD, "--requirements-json", '["a\\nb"]'),
            {},
            "cannot be printed",
            id="cannot be printed",
        ),
        pytest.param(
            LIST,
            {"TRAINYARD_INDEX_URL": "ftp://x/"},
            "no http or https URL",
            id="no http or https URL",
        ),
        pytest.param(
            LIST,
            {"TRAINYARD_INDEX_URL": "http://x:port/"},
            "no http or https URL",
            id="no http or https URL 2",
        ),
        pytest.param(
            LIST,
            {"TRAINYARD_INDEX_URL": "https://u@x/"},
            "holds credentials",
            id="holds credentials",
        ),
        pytest.param(
            LIST,
            {"TRAINYARD_INDEX_CA": "/no/file"},
            "is not there: the file /no/file",
            id="no certificates",
        ),
        pytest.param(
            LIST,
            {"TRAINYARD_ENVIRONMENTS_MAX_BYTES": "0"},
            "no number of bytes",
            id="no number of bytes",
        ),
        pytest.param(
            LIST,
            {"TRAINYARD_ENVIRONMENTS_MAX_BYTES": "1e9"},
            "no number of bytes",
            id="no number of bytes 2",
        ),
    ],
)
def test_settings_without_meaning_are_refused(
    arguments: tuple[str, ...], variables: dict[str, str], why: str
) -> None:
    with pytest.raises(CannotBuild, match=why) as refusal:
        settings(arguments, variables)

    assert refusal.value.exit_code == 64


def test_uv_gets_credentials_by_variables_and_nothing_it_need_not_have() -> None:
    given = {"PATH": "/bin", "UV_INDEX_URL": "http://other", "TRAINYARD_RUN": "{}", "PIP_X": "1"}
    index = Index("https://i/simple", "me", "secret")

    found = environment(given, index, Path("/c"), None)

    assert found["UV_DEFAULT_INDEX"] == "trainyard=https://i/simple"
    assert found["UV_INDEX_TRAINYARD_PASSWORD"] == "secret"
    assert not {"UV_INDEX_URL", "TRAINYARD_RUN", "PIP_X"} & set(found)


STORE = {"SSL_CERT_FILE": "/store.pem", "SSL_CERT_DIR": "/store", "UV_SYSTEM_CERTS": "true"}


def test_the_usual_authorities_are_those_that_the_administrator_sets_for_installations() -> None:
    found = environment(STORE, Index("", "", ""), Path("/c"), None)

    assert {name: found.get(name) for name in STORE} == STORE


def test_authorities_of_the_index_count_instead_of_any_other() -> None:
    found = environment(STORE, Index("", "", "", ("pem",)), Path("/c"), Path("/c/a.pem"))

    assert found["SSL_CERT_FILE"] == "/c/a.pem"
    assert "SSL_CERT_DIR" not in found


NOT_FOUND = "error: No solution found\n  cause: Because x was not found in the package registry and"


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        pytest.param(NOT_FOUND, 65, "EnvironmentNotResolved", id="not there"),
        pytest.param(f"{NOT_FOUND}\nhint: (401 Unauthorized)", 76, "IndexRefused", id="denied"),
        pytest.param("error: Request failed\n cause: Connection refused (os error 111)", 76, "IndexUnavailable", id="refused connection"),
        pytest.param("error: Failed to fetch: `https://i/`\n cause: dns error", 76, "IndexUnavailable", id="no such host"),
        pytest.param("error: x\n cause: operation timed out", 76, "IndexUnavailable", id="time"),
        pytest.param("error: x\n cause: HTTP status server error (502 Bad Gateway)", 76, "IndexUnavailable", id="bad gateway"),
        pytest.param("error: x\n cause: HTTP status client error (429 Too Many Requests)", 76, "IndexUnavailable", id="too many"),
        pytest.param("error: error sending request\n cause: invalid peer certificate", 76, "IndexUnavailable", id="certificate"),
        pytest.param("error: Failed to download `a`\n cause: No space left on device (os error 28)", 73, "NoRoomForEnvironment", id="full"),
        pytest.param("error: x\n cause: Disk quota exceeded (os error 122)", 73, "NoRoomForEnvironment", id="quota"),
        pytest.param("error: x\n cause: Read-only file system (os error 30)", 73, "VolumeNotWritable", id="read-only"),
        pytest.param("error: x\n cause: Permission denied (os error 13)", 73, "VolumeNotWritable", id="permission"),
        pytest.param("error: Failed to download `a`\n cause: Hash mismatch for `a==1`", 65, "EnvironmentNotResolved", id="other content"),
        pytest.param("error: Failed to download `a`\n cause: Failed to extract archive", 65, "PackageDamaged", id="damaged archive"),
        pytest.param("", 65, "EnvironmentNotResolved", id="silence"),
    ],
)  # fmt: skip
def test_a_failure_is_told_from_uvs_words(said: str, code: int, reason: str) -> None:
    found = failure(said, "It cannot be done")

    assert (found.exit_code, found.reason) == (code, reason)
    assert found.message.startswith("It cannot be done: ")
    assert found.hint


@given(st.text())
def test_words_are_bounded_and_plain(said: str) -> None:
    found = words(f"warning: x\n{said}\x1b[31mred\x1b[0m")

    assert len(found) <= WORDS + len(" … ")
    assert "\x1b" not in found


@given(st.text(max_size=4000), st.text(max_size=4000))
def test_the_last_word_leaves_space_for_the_last_lines(message: str, hint: str) -> None:
    said = of_failure(CannotBuild("Reason", message, hint))

    assert len(said) <= MESSAGE_BYTES + HINT_BYTES + 100 < TERMINATION_MESSAGE_BYTES
    assert json.loads(said)["reason"] == "Reason"


@given(st.text(), st.integers(20, 300))
def test_what_fits_stays_as_it_is(text: str, limit: int) -> None:
    found = within(text, limit)

    assert len(json.dumps(found)) <= limit
    assert found == text or len(json.dumps(text)) > limit


KEPT = st.builds(
    Kept,
    lock=st.uuids().map(lambda one: one.hex),
    bytes=st.integers(0, 1000),
    used=st.floats(0, 10_000),
    held=st.booleans(),
)


@given(st.lists(KEPT, max_size=12, unique_by=lambda one: one.lock), st.integers(0, 3000), st.integers(1, 5000))  # fmt: skip
def test_evictions_are_few_old_and_idle(kept: list[Kept], needed: int, limit: int) -> None:
    now = 10_000.0
    gone = evicted(kept, needed, limit, now)

    by_lock = {one.lock: one for one in kept}
    idle = [one for one in kept if not one.held and now - one.used >= RECENT_SECONDS]
    assert all(by_lock[lock] in idle for lock in gone)
    left = needed + sum(one.bytes for one in kept if one.lock not in gone)
    assert left <= limit or len(gone) == len(idle)
    # Without the last one of them it would not have sufficed, and none older than that stayed.
    if gone:
        assert left + by_lock[gone[-1]].bytes > limit
        youngest = max(by_lock[lock].used for lock in gone)
        assert all(one.used >= youngest for one in idle if one.lock not in gone)


@pytest.mark.parametrize(
    ("name", "target", "call"),
    [
        ("torchrun", "torch.distributed.run:main", "sys.exit(main())"),
        ("a.b", "x : C.run", "sys.exit(C.run())"),
        ("tool", "x:main [extra]", "sys.exit(main())"),
        ("python3.11", "x:main", None),
        ("../up", "x:main", None),
        ("bad", "x:main();import os", None),
        ("bad", "x", None),
    ],
)
def test_a_wrapper_calls_its_function(name: str, target: str, call: str | None) -> None:
    found = wrapper(name, target)

    assert found is None if call is None else call in str(found)


def test_paths_with_any_character_stay_one_line() -> None:
    assert paths_file(["/a b", "/it's"]) == (
        "import site; site.addsitedir('/a b')\nimport site; site.addsitedir(\"/it's\")\n"
    )


@given(st.text(min_size=3, max_size=20), st.text(max_size=40), st.text(max_size=40))
def test_a_secret_does_not_pass(secret: str, before: str, after: str) -> None:
    assert secret not in Redaction([secret])(f"{before}{secret}{after}") or secret in "****@"


def test_credentials_of_urls_are_hidden() -> None:
    assert Redaction()("at https://me:pw@host/x") == "at https://****@host/x"


@pytest.mark.parametrize(
    ("version", "valid"),
    [("2.15.0", True), ("2.6.0+debian", True), ("2.9.0a0+git1.x", True), ("1!2.post3.dev4", True),
     ("abc", False), ("1.0 2", False), ("1.0-odd!", False)],
)  # fmt: skip
def test_versions_are_those_of_pep_440(version: str, valid: bool) -> None:
    assert is_version(version) is valid


def test_stand_ins_have_versions_that_no_index_has() -> None:
    found = stood_in({"torch": "2.15.0+cu132", "triton": "3.9.0", "nvidia-odd": "???"})

    assert found == {"torch": "2.15.0+cu132", "triton": "3.9.0+runtime"}
    assert (public(found["torch"]), shown(found["triton"])) == ("2.15.0", "3.9.0")


def test_only_torch_its_packages_and_those_compiled_for_it_are_held() -> None:
    listed = {"torch": ["2", []], "nvidia-nccl": ["1", []], "numpy": ["1", []], "torchvision": ["1", []], "triton": ["3", []]}  # fmt: skip
    found = {"version": "3.11.7", "platform": "linux", "paths": [], "packages": listed}

    assert runtime_of("p", found).held == {"nvidia-nccl": "1", "torch": "2", "triton": "3"}
    assert runtime_of("p", found, {"torchvision": "1"}).held == {
        "nvidia-nccl": "1", "torch": "2", "torchvision": "1", "triton": "3",
    }  # fmt: skip
    del listed["torch"]
    assert runtime_of("p", found, {"torchvision": "1"}).held == {}


@pytest.mark.parametrize(
    ("torch", "doubtful"),
    [("2.15.0", False), ("2.14.1+debian", True), ("2.9.0a0+145a3a7.nv26", True), ("", False)],
    ids=["the index's own", "a distribution's", "a vendor's", "none"],
)
def test_what_is_compiled_for_another_torch_is_said(torch: str, doubtful: bool) -> None:
    said = made_for_another_torch("torchsparse", "2.1", torch)

    assert (said is not None) is doubtful
    assert said is None or ("torchsparse 2.1" in said and torch in said)


def test_the_name_follows_all_that_determines_the_content() -> None:
    def name(image: str = "i", version: str = "3.11.7", torch: str = "2", pin: str = "1") -> str:
        listed = {"torch": [torch, []]}
        found = {"version": version, "platform": "l", "paths": [], "packages": listed}
        return lock_of(image, runtime_of("p", found), [Pin("a", pin, ("sha256:1",)), Pin("b", "1")])

    names = {name(), name(image="j"), name(version="3.12.0"), name(torch="3"), name(pin="2")}
    assert len(names) == 5
    assert name() == name()


def test_pins_are_read_as_uv_writes_them() -> None:
    text = "A_b==1.0 \\\n    --hash=sha256:2 \\\n    --hash=sha256:1\nc[x]==2+l ; x\n# note\n"

    assert pins_of(text) == [Pin("a-b", "1.0", ("sha256:1", "sha256:2")), Pin("c", "2+l")]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([Requirement("a", "a==1")], "The lock has no hashes"),
        ([Requirement("a", "a==1", ("sha256:1",)), Requirement("b", "b==1")], "1 of 2 requirements have no hash: b==1"),
        ([Requirement("a", "a>=1", ("sha256:1",))], "names no version by =="),
    ],
    ids=["none", "some", "loose"],
)  # fmt: skip
def test_a_lock_that_is_none_is_refused(lines: list[Requirement], why: str) -> None:
    with pytest.raises(CannotBuild, match=why):
        check_hashes(Asked(tuple(lines)))


def test_a_pin_has_the_hashes_of_its_version() -> None:
    lines = [
        Requirement("a", "a==1 ; python_version < '3.10'", ("sha256:1",)),
        Requirement("a", "a==2 ; python_version >= '3.10'", ("sha256:2",)),
    ]

    assert hashed(Pin("a", "2"), lines).hashes == ("sha256:2",)
    with pytest.raises(CannotBuild, match="no line of it with a hash"):
        hashed(Pin("b", "1"), lines)
