"""The condition of SQL about owners says what the function says, for any user and owner."""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import select

from trainyard_api.rights.decision import OwnedObject, Verb, may, sees
from trainyard_api.rights.owner import Owner, Role, User, Visibility
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.schema.user_tables import owners as rows

LISTED = rows.alias("listed")
TEAMS = ((), ("default",), ("vision",), ("vision", "robots"))
USERS = [User(n, r, t) for n, r, t in product(("", "ada", "bob"), (*Role, None), TEAMS)]
OWNERS = [Owner(n, t, v) for n, t, v in product(("", "ada"), ("", "default", "vision"), Visibility)]


async def test_the_condition_finds_what_a_user_sees(database: Database) -> None:
    found = {f"o{number}": owner for number, owner in enumerate(OWNERS)}
    await database.write(lambda c: owners.save(c, Kind.DATASET, found))

    for user in USERS:

        def read(connection: Connection, user: User = user) -> set[str]:
            condition = owners.visible(user, Kind.DATASET, LISTED.c.id)
            return set(connection.execute(select(LISTED.c.id).where(condition)).scalars())

        wanted = {id for id, owner in found.items() if sees(user, owner)}
        assert await database.read(read) == wanted, user


async def test_the_condition_finds_what_a_user_may_change(database: Database) -> None:
    found = {f"o{number}": owner for number, owner in enumerate(OWNERS)}
    await database.write(lambda c: owners.save(c, Kind.DATASET, found))
    # As sessions none of them has a row: all are of before.
    kinds = {Kind.DATASET: found, Kind.SESSION: dict.fromkeys(found, Owner())}

    for user, kind in product(USERS, kinds):

        def read(connection: Connection, user: User = user, kind: Kind = kind) -> set[str]:
            condition = owners.changeable(user, kind, LISTED.c.id)
            return set(connection.execute(select(LISTED.c.id).where(condition)).scalars())

        wanted = {
            id
            for id, owner in kinds[kind].items()
            if may(user, Verb.UPDATE, OwnedObject(kind.value, id, owner)).allowed
        }
        assert await database.read(read) == wanted, (user, kind)


async def test_what_has_no_row_is_of_the_team_of_before(database: Database) -> None:
    def read(connection: Connection, user: User) -> bool:
        # A session that is only known by its UID.
        condition = owners.visible(user, Kind.SESSION, LISTED.c.id)
        return bool(connection.execute(select(LISTED.c.id).where(condition)).scalars().all())

    await database.write(lambda c: owners.save(c, Kind.DATASET, {"old": Owner()}))
    for user in USERS:
        assert await database.read(lambda c, u=user: read(c, u)) == sees(user, Owner()), user


@pytest.mark.parametrize("kind", [Kind.BUNDLE, Kind.CONTENT], ids=str)
async def test_a_hash_alone_opens_nothing(database: Database, kind: Kind) -> None:
    ada, bob = User("ada", Role.MEMBER, ("vision",)), User("bob", Role.MEMBER, ("robots",))
    await database.write(lambda c: owners.share(c, kind, ["a" * 64], Owner("ada", "vision")))

    def held(user: User) -> set[str]:
        return {"a" * 64, "b" * 64}

    for user, wanted in (
        (ada, {"a" * 64}),
        (bob, set()),
        (User("ci"), {"b" * 64}),
        (User("ada", None), set()),
    ):
        got = await database.read(lambda c, u=user: owners.sent_by(c, kind, sorted(held(u)), u))
        assert got == wanted, user


async def test_code_is_for_those_who_have_sent_it(database: Database) -> None:
    ada, bob = User("ada", Role.MEMBER, ("vision",)), User("bob", Role.MEMBER, ("default",))
    bundle, other, old = "a" * 64, "a" * 63 + "b", "c" * 64
    await database.write(
        lambda c: owners.share(c, Kind.BUNDLE, [bundle], Owner("ada", "vision", Visibility.PRIVATE))
    )
    await database.write(lambda c: owners.share(c, Kind.BUNDLE, [other], Owner("bob", "default")))
    no_sender = {"d" * 64: Owner("", "", Visibility.PRIVATE)}
    await database.write(lambda c: owners.save(c, Kind.BUNDLE, no_sender))

    async def seen(user: User) -> list[bool]:
        hashes = (bundle, other, old, "d" * 64)
        return [
            await database.read(lambda c, h=h: owners.bundle_is_seen(c, h, user)) for h in hashes
        ]

    assert await seen(ada) == [True, False, False, False]
    assert await seen(bob) == [False, True, True, False]


async def test_a_name_that_is_given_again_has_another_owner(database: Database) -> None:
    def read(connection: Connection) -> Owner:
        return owners.find(connection, Kind.MODEL, "net")

    await database.write(lambda c: owners.save(c, Kind.MODEL, {"net": Owner("ada", "vision")}))
    first = await database.read(read)
    await database.write(lambda c: owners.remove(c, Kind.MODEL, "net"))

    assert (first, await database.read(read)) == (Owner("ada", "vision"), Owner())
