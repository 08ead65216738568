"""About whose sessions and budgets a receiver gets notices. Pure.

Guarantees:

- A receiver of a team gets notices about nothing that only some users of the team may see.
"""

from __future__ import annotations

from collections.abc import Callable

from trainyard_api.rights.decision import sees
from trainyard_api.rights.owner import Owner, Role, User
from trainyard_gateway.store.outbox.receivers import ReceiverRow


def audience(row: ReceiverRow, user_of: Callable[[str], User]) -> User:
    """Who reads the notices of a receiver: its user, or what every user of its team may see."""
    return User("", Role.VIEWER, (row.team,)) if row.team else user_of(row.user)


def concerns(row: ReceiverRow, reader: User, owner: Owner) -> bool:
    """Whether a session of `owner` is one of those that the receiver of `reader` is for."""
    if not sees(reader, owner):
        return False
    if row.sessions == "all":
        return True
    return owner.team == row.team if row.team else owner.user == reader.name
