"""Which sessions a receiver of a user or a team is for, as a truth table."""

from __future__ import annotations

import pytest

from trainyard_api.rights.owner import Owner, Role, User, Visibility
from trainyard_gateway.notices.audience import audience, concerns
from trainyard_gateway.store.outbox.receivers import ReceiverRow

PRIVATE, TEAM, ALL = Visibility.PRIVATE, Visibility.TEAM, Visibility.ALL
PEOPLE = {
    "ada": User("ada", Role.MEMBER, ("vision",)),
    "eve": User("eve", Role.MEMBER, ("speech",)),
    "root": User("root", Role.ADMINISTRATOR, ("speech",)),
    "gone": User("gone", None, ("vision",)),
}


def receiver(user: str = "", team: str = "", sessions: str = "own") -> ReceiverRow:
    return ReceiverRow("r", user, "r", "u", "s", sessions, "[]", 0, team=team, maker="root")


VISION, WIDE_VISION = receiver(team="vision"), receiver(team="vision", sessions="all")
ADA, WIDE_ADA = receiver("ada"), receiver("ada", sessions="all")
ROOT, GONE = receiver("root", sessions="all"), receiver("gone")

CASES = [
    pytest.param(VISION, Owner("ada", "vision", TEAM), True, id="of-the-team"),
    pytest.param(VISION, Owner("ada", "vision", ALL), True, id="of-the-team-for-all"),
    pytest.param(VISION, Owner("ada", "vision", PRIVATE), False, id="private-in-the-team"),
    pytest.param(VISION, Owner("root", "vision", PRIVATE), False, id="private-of-the-maker"),
    pytest.param(VISION, Owner("", "vision", PRIVATE), False, id="private-of-no-user"),
    pytest.param(VISION, Owner("ada", "speech", ALL), False, id="of-another-team-for-all"),
    pytest.param(WIDE_VISION, Owner("ada", "speech", ALL), True, id="all-that-the-team-sees"),
    pytest.param(WIDE_VISION, Owner("ada", "speech", TEAM), False, id="of-another-team"),
    pytest.param(WIDE_VISION, Owner("ada", "vision", PRIVATE), False, id="all-but-private"),
    pytest.param(ADA, Owner("ada", "vision", PRIVATE), True, id="a-users-own"),
    pytest.param(ADA, Owner("eve", "vision", TEAM), False, id="another-users"),
    pytest.param(WIDE_ADA, Owner("eve", "vision", TEAM), True, id="all-that-a-user-sees"),
    pytest.param(WIDE_ADA, Owner("eve", "speech", TEAM), False, id="not-what-others-see"),
    pytest.param(ROOT, Owner("ada", "vision", PRIVATE), True, id="an-administrators-all"),
    pytest.param(GONE, Owner("gone", "vision", TEAM), False, id="a-user-who-is-removed"),
]


@pytest.mark.parametrize(("row", "owner", "wanted"), CASES)
def test_sessions(row: ReceiverRow, owner: Owner, wanted: bool) -> None:
    assert concerns(row, audience(row, PEOPLE.__getitem__), owner) is wanted
