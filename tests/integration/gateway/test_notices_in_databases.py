"""Receivers and the outbox in both databases: kept by the migration to teams, and used after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from old_schema import begin_again
from sqlalchemy import Connection, text
from store_lab import opened

from trainyard_gateway.errors import AlreadyThere
from trainyard_gateway.notices.receiver import NewReceiver, info
from trainyard_gateway.notices.receivers import Receivers
from trainyard_gateway.notices.rules import PhaseRule
from trainyard_gateway.store.outbox import digests, notices, receivers
from trainyard_gateway.store.outbox.notices import DIGESTED, HELD, NoticeRow, Room
from trainyard_gateway.store.outbox.receivers import ReceiverRow
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration

URL = "https://hooks.example/a"
RULES = '[{"on":"failure"}]'
NOW = 1000


async def test_receivers_and_notices_of_before_teams_are_kept(
    database: Store, database_url: tuple[str, Path | None]
) -> None:
    def go_back(connection: Connection) -> None:
        begin_again(connection, "0015")
        row = {"url": URL, "rules": RULES}
        connection.execute(
            text(
                "INSERT INTO notice_receivers VALUES "
                "('r1', 'ada', 'lab', :url, 'whsec_x', 'all', :rules, 7)"
            ),
            row,
        )
        connection.execute(
            text("INSERT INTO notices VALUES ('n1', 'r1', '{}', 7, 'Waiting', 2, 9, 'no answer')")
        )

    await database.write(go_back)
    await database.close()
    async with opened(*database_url) as migrated:
        yard = Receivers(migrated, True, ["127.0.0.1"])
        [kept] = await yard.of("ada")
        [due] = (await migrated.read(lambda c: notices.due(c, NOW, Room(8, 2))))[0]
        rule = PhaseRule(on="phase", phases=["Failed"])
        new = NewReceiver(name="lab", url="http://127.0.0.1:1/", rules=[rule])
        with pytest.raises(AlreadyThere):
            await yard.create("ada", new)
        await yard.create("ada", new, "default")
        of_team = [one.row.name for one in await yard.of("", "default")]
    assert (info(kept).url, kept.row.kind, kept.row.maker, kept.row.team) == (
        URL, "webhook", "ada", "",
    )  # fmt: skip
    assert (kept.row.secret, kept.row.sessions, kept.row.created) == ("whsec_x", "all", 7)
    assert [since for _, since in kept.dated_rules()] == [7 / 1e6]
    assert due.notice == NoticeRow("n1", "r1", "{}", 7, "Waiting", 2, 9, "no answer")
    assert of_team == ["lab"]


async def test_teams_and_users_have_their_places_and_digests_lose_what_is_withdrawn(
    database: Store,
) -> None:
    def act(c: Connection) -> None:
        for n in range(4):
            receivers.add_receiver(
                c, ReceiverRow(f"t{n}", "", f"r{n}", URL, "s", "own", RULES, 0, team="ada")
            )
        receivers.add_receiver(c, ReceiverRow("u", "ada", "r0", URL, "s", "own", RULES, 0))
        notices.add(c, [NoticeRow(f"n{n}", f"t{n}", "{}", n, next_try=n) for n in range(3)], 9)
        notices.add(c, [NoticeRow("mine", "u", "{}", 9, next_try=9)], 9)
        places = [Room(8, 2), Room(8, 2, (), {"/ada": 1}), Room(8, 2, ("t0",), {"ada": 2})]
        found = [[one.notice.id for one in notices.due(c, NOW, room)[0]] for room in places]
        assert found == [["n0", "n1", "mine"], ["n0", "mine"], ["n1", "n2"]]
        held = [NoticeRow(f"h{n}", "t3", "{}", n, HELD, next_try=NOW) for n in range(3)]
        assert notices.add(c, held, 2).dropped == 1
        body = lambda rows, dropped: f"{[r.id for r in rows]} {dropped}"  # noqa: E731  # short
        assert digests.due_digests(c, NOW) == ["t3"]
        assert digests.collect(c, "t3", "d", NOW, body)
        made = notices.find(c, "d")
        assert made is not None
        assert made.body == "['h0', 'h1'] 1"
        left = digests.withdraw(c, made, ["h0"], lambda dropped: f"again {dropped}")
        assert left == made._replace(body="again 1")
        assert notices.claim(c, left, NOW + 1)
        assert digests.withdraw(c, left, ["h1"], str) is None, "another gateway tries it"
        states = {row.id: row.state for row in digests.parts(c, "d")}
        assert states == {"h1": DIGESTED}
        receivers.remove_receivers_of(c, team="ada")
        assert [one.notice.id for one in notices.due(c, NOW, Room(8, 2))[0]] == ["mine"]
        assert [row.id for row in receivers.receivers(c)] == ["u"]

    await database.write(act)
