"""Which user an identity becomes: the truth table, and that it holds in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from trainyard_api.rights.owner import Role
from trainyard_gateway.auth.sso import people
from trainyard_gateway.auth.sso.claims import Person, Refusal
from trainyard_gateway.auth.sso.people import Known, choose
from trainyard_gateway.sso_settings import SsoSettings
from trainyard_gateway.store.access import users
from trainyard_gateway.store.access.users import UserRow
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.store import Store


def settings(**more: Any) -> SsoSettings:
    given = {"issuer": "https://id.example", "client_id": "trainyard"}
    return SsoSettings(**{**given, "public_url": "https://yard.example", **more})


def row(name: str, role: str = "member", removed: str | None = None) -> UserRow:
    return UserRow(name, role, "default", "2026-01-01T00:00:00Z", removed)


ADA = Person("u-1", "ada", "", Role.MEMBER, ("vision",))
NAMELESS = Person("u-1", None, "no name", Role.MEMBER, ())
GONE = "2026-02-01T00:00:00Z"
LINK = {"links": {"u-1": "ada"}}
TAKES = {"link_existing": True}


@pytest.mark.parametrize(
    ("person", "known", "given", "expected"),
    [
        (ADA, Known(), {}, "ada"),
        (NAMELESS, Known(), {}, "bad name"),
        (NAMELESS, Known(), LINK, "ada"),
        (ADA, Known("bea", row("bea")), {}, "bea"),
        (NAMELESS, Known("bea", row("bea")), {}, "bea"),
        (ADA, Known("bea", row("bea", removed=GONE)), {}, "removed"),
        (ADA, Known("bea", None), {}, "removed"),
        (ADA, Known("bea", row("bea")), {"links": {"u-1": "cy"}}, "bea"),
        (ADA, Known(None, row("ada")), {}, "user exists"),
        (ADA, Known(None, row("ADA")), {}, "user exists"),
        (ADA, Known(None, row("ADA")), TAKES, "user exists"),
        (ADA, Known(None, row("ada")), TAKES, "ada"),
        (ADA, Known(None, row("ada", "administrator")), TAKES, "user exists"),
        (ADA, Known(None, row("ada", "administrator")), LINK, "ada"),
        (ADA, Known(None, row("ada", removed=GONE)), {}, "removed"),
        (ADA, Known(None, row("ada", removed=GONE)), TAKES, "removed"),
        (ADA, Known(None, row("ada", removed=GONE)), LINK, "ada"),
        (ADA, Known(None, row("ada"), True), TAKES, "other identity"),
        (ADA, Known(None, row("ada"), True), LINK, "other identity"),
        (ADA, Known(), {"links": {"u-1": "admin"}}, "reserved name"),
        (ADA, Known(None, row("ada")), {"links": {"u-2": "ada"}}, "user exists"),
    ],
    ids=[
        "new", "no name", "no name but linked", "known", "known without a name", "known, removed",
        "known, gone", "known, linked to another later", "name of a key's user", "other case",
        "other case, taken over", "taken over", "no administrator is taken over", "linked administrator",
        "removed", "removed, taken over", "removed, linked again", "two identities", "linked twice",
        "linked to admin", "a link of another identity",
    ],
)  # fmt: skip
def test_which_user_an_identity_becomes(
    person: Person, known: Known, given: dict[str, Any], expected: str
) -> None:
    found = choose(person, known, settings(**given))

    assert (found.code if isinstance(found, Refusal) else found) == expected


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Store]:
    database = connect(f"sqlite:///{tmp_path / 'db.sqlite3'}", None)
    await database.open()
    yield database
    await database.close()


async def test_role_and_teams_follow_the_groups_and_the_name_stays(database: Store) -> None:
    other = Person("u-1", "renamed", "", Role.MAINTAINER, ("speech", "vision"))
    first = await database.write(lambda c: people.enter(c, ADA, settings(), 1.0))
    second = await database.write(lambda c: people.enter(c, other, settings(), 2.0))
    found, teams = await database.read(users.read_all)

    assert (first, second) == ("ada", "ada")
    assert [(u.name, u.role, u.teams) for u in found] == [("ada", "maintainer", "speech vision")]
    assert sorted(t.name for t in teams) == ["speech", "vision"]


async def test_a_refused_identity_changes_nothing(database: Store) -> None:
    await database.write(lambda c: users.save(c, row("Ada", "administrator")))
    found = await database.write(lambda c: people.enter(c, ADA, settings(**TAKES), 1.0))
    after, teams = await database.read(users.read_all)

    assert isinstance(found, Refusal)
    assert (after, teams) == ([row("Ada", "administrator")], [])


async def test_a_second_identity_gets_no_user_of_the_first(database: Store) -> None:
    other = Person("u-2", "ada", "", Role.ADMINISTRATOR, ())
    await database.write(lambda c: people.enter(c, ADA, settings(), 1.0))
    found = await database.write(lambda c: people.enter(c, other, settings(**TAKES), 2.0))

    assert isinstance(found, Refusal)
    assert found.code == "other identity"


async def test_who_has_no_group_any_more_loses_role_and_teams(database: Store) -> None:
    await database.write(lambda c: people.enter(c, ADA, settings(), 1.0))
    await database.write(lambda c: people.strip_identity(c, "https://id.example", "u-1"))
    await database.write(lambda c: people.strip_identity(c, "https://id.example", None))
    found, _ = await database.read(users.read_all)

    assert [(u.name, u.role, u.teams) for u in found] == [("ada", "viewer", "")]
