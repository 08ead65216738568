"""Claims → user, role and teams, or the reason: the truth table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api.rights.owner import Role
from trainyard_gateway.auth.sso.claims import Person, Refusal, label_of, person_of
from trainyard_gateway.sso_settings import GroupRights, SsoSettings

GROUPS = {
    "vision": GroupRights(teams=("vision",)),
    "leads": GroupRights(role=Role.MAINTAINER, teams=("vision", "speech")),
    "guests": GroupRights(role=Role.VIEWER, teams=("open",)),
    "admins": GroupRights(role=Role.ADMINISTRATOR),
}


def settings(**more: Any) -> SsoSettings:
    given = {"issuer": "https://id.example", "client_id": "trainyard", "groups": GROUPS}
    return SsoSettings(**{**given, "public_url": "https://yard.example", **more})


def claims(**more: Any) -> dict[str, Any]:
    return {"sub": "u-1", "preferred_username": "ada", "groups": ["vision"], **more}


@pytest.mark.parametrize(
    ("groups", "role", "teams"),
    [
        (["vision"], Role.MEMBER, ("vision",)),
        ("vision", Role.MEMBER, ("vision",)),
        (["guests", "vision", "unknown"], Role.MEMBER, ("vision", "open")),
        (["leads", "vision"], Role.MAINTAINER, ("vision", "speech")),
        (["admins", "guests"], Role.ADMINISTRATOR, ("open",)),
        (["vision", "vision"], Role.MEMBER, ("vision",)),
    ],
    ids=["one", "as a text", "highest role", "teams once", "administrator", "twice"],
)
def test_groups_give_the_highest_role_and_all_teams(
    groups: object, role: Role, teams: tuple[str, ...]
) -> None:
    found = person_of(claims(groups=groups), settings())

    assert found == Person("u-1", "ada", "", role, teams)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"groups": []}, "no group"),
        ({"groups": None}, "no group"),
        ({"groups": ["unknown", "Vision", "vision "]}, "no group"),
        ({"groups": {"vision": True}}, "bad groups"),
        ({"groups": ["vision", 1]}, "bad groups"),
        ({"groups": ["vision"] * 1_001}, "bad groups"),
        ({"sub": ""}, "no subject"),
        ({"sub": None}, "no subject"),
        ({"sub": 7}, "no subject"),
        ({"sub": "s" * 256}, "no subject"),
        ({"sub": "u\0"}, "no subject"),
        ({"sub": "\ud800"}, "no subject"),
    ],
    ids=[
        "none", "no claim", "not mapped", "a mapping", "a number", "too many", "empty subject",
        "no subject", "a number as subject", "a long subject", "a NUL in a subject", "half a character as subject",
    ],
)  # fmt: skip
def test_what_gives_nothing_is_refused_in_words(changed: dict[str, Any], code: str) -> None:
    found = person_of(claims(**changed), settings())

    assert isinstance(found, Refusal)
    assert (found.code, found.reason[-1] != ".") == (code, True)


def test_a_default_role_lets_in_people_without_a_mapped_group() -> None:
    found = person_of(claims(groups=["unknown"]), settings(default_role=Role.VIEWER))

    assert found == Person("u-1", "ada", "", Role.VIEWER, ("default",))


def test_a_mapped_group_counts_and_not_the_default_role() -> None:
    found = person_of(claims(groups=["guests"]), settings(default_role=Role.MAINTAINER))

    assert found == Person("u-1", "ada", "", Role.VIEWER, ("open",))


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("ada", "ada"),
        ("ada@lab.example", "ada_alab.example"),
        ("ada_b", "ada__b"),
        ("Ada-2", "Ada-2"),
        ("admin", None),
        ("Admin", None),
        ("ROOT", None),
        ("system", None),
        ("system:masters", None),
        ("system_cmasters", None),
        ("kubernetes-admin", None),
        ("default", None),
        ("a:b", None),
        ("ada ", None),
        ("_ada", None),
        ("", None),
        (None, None),
        (["ada"], None),
        ("a" * 64, None),
        ("a\u202eb", None),
        ("ädä", None),
        ("../etc", None),
    ],
    ids=[
        "plain", "an address", "an underscore", "upper case", "admin", "Admin", "root", "system",
        "system:masters", "its label", "kubernetes-admin", "default", "a colon", "a space",
        "first an underscore", "empty", "no claim", "a list", "long", "hidden characters",
        "other letters", "a path",
    ],
)  # fmt: skip
def test_names_are_those_of_labels_and_none_of_the_system(asked: object, name: str | None) -> None:
    found = person_of(claims(preferred_username=asked), settings())

    assert isinstance(found, Person)
    assert found.name == name
    assert (found.refusal == "") == (name is not None)


@pytest.mark.parametrize(
    ("verified", "name"),
    [(True, "ada_alab.example"), (False, None), (None, None), ("true", None)],
    ids=["verified", "not verified", "no claim", "a text"],
)
def test_an_address_counts_only_if_the_provider_verified_it(
    verified: object, name: str | None
) -> None:
    given = claims(email="ada@lab.example", email_verified=verified)
    found = person_of(given, settings(user_claim="email"))

    assert isinstance(found, Person)
    assert found.name == name


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_two_names_become_one(one: str, other: str) -> None:
    assert (label_of(one) == label_of(other)) == (one == other)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["sub", "preferred_username", "groups", "email", "x"]), JSON, max_size=5
    )
)
def test_claims_of_any_kind_give_no_right_without_a_mapped_group(found: dict[str, Any]) -> None:
    decided = person_of(found, settings())

    groups = found.get("groups")
    if isinstance(decided, Person):
        assert any(group in GROUPS for group in ([groups] if isinstance(groups, str) else groups))
    else:
        assert decided.reason
