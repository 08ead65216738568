"""Who may do what, as a table: each role, relation to the owner, visibility and verb."""

from __future__ import annotations

import pytest

from trainyard_api.rights.decision import OwnedObject, Verb, may, sees
from trainyard_api.rights.owner import Owner, Role, User, Visibility

VIEWER, MEMBER, MAINTAINER, ADMINISTRATOR = Role
PRIVATE, TEAM, ALL = Visibility
TEAMS = ("vision", "speech")
READ = {Verb.GET}
EVERYTHING = {Verb.GET, Verb.UPDATE, Verb.DELETE}
OWN, MATE, FOREIGN = Owner("ada", "vision"), Owner("bob", "speech"), Owner("eve", "robots")

TABLE = {
    "a viewer reads the own object": (VIEWER, OWN, PRIVATE, READ),
    "a viewer reads what the team sees": (VIEWER, MATE, TEAM, READ),
    "a viewer reads what all see": (VIEWER, FOREIGN, ALL, READ),
    "a viewer sees nothing private of others": (VIEWER, MATE, PRIVATE, set()),
    "a viewer sees nothing of other teams": (VIEWER, FOREIGN, TEAM, set()),
    "a member changes the own object": (MEMBER, OWN, PRIVATE, EVERYTHING),
    "a member changes the own object of the team": (MEMBER, OWN, TEAM, EVERYTHING),
    "a member changes the own object for all": (MEMBER, OWN, ALL, EVERYTHING),
    "a member reads what the team sees": (MEMBER, MATE, TEAM, READ),
    "a member reads what all see": (MEMBER, FOREIGN, ALL, READ),
    "a member sees nothing private of others": (MEMBER, MATE, PRIVATE, set()),
    "a member sees nothing of other teams": (MEMBER, FOREIGN, TEAM, set()),
    "a maintainer changes the own object": (MAINTAINER, OWN, PRIVATE, EVERYTHING),
    "a maintainer changes what the team sees": (MAINTAINER, MATE, TEAM, EVERYTHING),
    "a maintainer changes what the team shares with all": (MAINTAINER, MATE, ALL, EVERYTHING),
    "a maintainer only reads what another team shares": (MAINTAINER, FOREIGN, ALL, READ),
    "a maintainer sees nothing private of others": (MAINTAINER, MATE, PRIVATE, set()),
    "a maintainer sees nothing of other teams": (MAINTAINER, FOREIGN, TEAM, set()),
    "an administrator changes what is private": (ADMINISTRATOR, FOREIGN, PRIVATE, EVERYTHING),
    "an administrator changes other teams'": (ADMINISTRATOR, FOREIGN, TEAM, EVERYTHING),
    "a removed user does nothing": (None, OWN, ALL, set()),
}


def thing(owner: Owner, visibility: Visibility) -> OwnedObject:
    return OwnedObject("dataset", "digits", Owner(owner.user, owner.team, visibility))


@pytest.mark.parametrize(("role", "owner", "visibility", "allowed"), TABLE.values(), ids=TABLE)
def test_what_a_user_may_do(
    role: Role | None, owner: Owner, visibility: Visibility, allowed: set[Verb]
) -> None:
    asked = thing(owner, visibility)
    found = {verb: may(User("ada", role, TEAMS), verb, asked) for verb in EVERYTHING}

    assert {verb for verb, decision in found.items() if decision.allowed} == allowed
    for verb, decision in found.items():
        assert bool(decision.reason) == (verb not in allowed)
        assert decision.hidden == (not allowed)
    assert sees(User("ada", role, TEAMS), asked.owner) == bool(allowed)


@pytest.mark.parametrize(
    ("role", "team", "allowed"),
    [
        (VIEWER, "vision", False),
        (MEMBER, "vision", True),
        (MEMBER, "speech", True),
        (MEMBER, "robots", False),
        (MAINTAINER, "robots", False),
        (ADMINISTRATOR, "robots", True),
        (None, "vision", False),
    ],
    ids=["viewer", "member", "second team", "no team", "maintainer", "administrator", "removed"],
)
def test_what_a_user_may_make(role: Role | None, team: str, allowed: bool) -> None:
    found = may(User("ada", role, TEAMS), Verb.CREATE, thing(Owner("ada", team), TEAM))

    assert (found.allowed, found.hidden) == (allowed, False)
    assert bool(found.reason) == (not allowed)


def test_what_is_of_before_goes_on_as_it_did() -> None:
    """A name that is no user's, and an object without an owner."""
    anybody, anything = User("ci"), OwnedObject("session", "s")

    assert all(may(anybody, verb, anything).allowed for verb in Verb)


def test_who_has_no_name_owns_nothing() -> None:
    nameless = User("", Role.MEMBER)

    assert not may(nameless, Verb.GET, thing(Owner("", "default"), PRIVATE)).allowed
    assert not may(nameless, Verb.UPDATE, thing(Owner("", "default"), TEAM)).allowed
    assert may(nameless, Verb.GET, thing(Owner("", "default"), TEAM)).allowed


def test_a_refusal_says_who_may() -> None:
    found = may(User("ada", MEMBER, TEAMS), Verb.UPDATE, thing(MATE, TEAM))

    assert found.reason == (
        "the dataset 'digits' belongs to user 'bob' of the team 'speech': only its owner, a"
        " maintainer of that team or an administrator changes it"
    )
