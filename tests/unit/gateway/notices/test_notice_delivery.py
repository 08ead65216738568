"""Delivery from a real outbox to a real receiver that is down, slow, wrong, or kills the gateway."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import notice_process
import pytest
from away_database import AwayDatabase
from store_lab import opened
from tls_server import TlsServer
from webhook_receiver import Answer, WebhookReceiver, slowly

from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.notices.delivery import OF_OWNER, SERVICES, NoticeDelivery, Pace
from trainyard_gateway.notices.receiver import NewReceiver
from trainyard_gateway.notices.receivers import MOST_WAITING, Receivers, placed
from trainyard_gateway.notices.rules import PhaseRule
from trainyard_gateway.notices.timing.delivery_times import DeliveryTimes
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import NoticeRow
from trainyard_gateway.store.store import Store

RULES = [PhaseRule(on="phase", phases=["Failed"])]
KILLS = int(os.environ.get("NOTICE_KILLS", "4"))


def faster(times: int) -> Callable[[], float]:
    """A clock that runs so many times as fast."""
    began = time.time()
    return lambda: began + times * (time.time() - began)


class Yard:
    """A store with receivers, and the delivery to them."""

    def __init__(self, store: Store) -> None:
        self.store, self.receivers = store, Receivers(store, True, ["127.0.0.1"])

    async def add(self, name: str, url: str, count: int = 1, user: str = "ada") -> list[str]:
        """A receiver for which so many notices wait; their ids."""
        made = await self.receivers.create(user, NewReceiver(name=name, url=url, rules=RULES))
        assert made.secret.startswith("whsec_")
        return [(await self.receivers.test(user, name)).id for _ in range(count)]

    async def put(self, name: str, *kinds: str, at: float, user: str = "ada") -> list[str]:
        """Notices of these types that come at a time for a receiver; their ids."""
        [receiver] = [r for r in await self.receivers.of(user) if r.row.name == name]
        made = int(at * 1e6)
        bodies = [
            f'{{"type":"{kind}","timestamp":"","data":{{"n":{n}}}}}' for n, kind in enumerate(kinds)
        ]
        rows = [
            placed(
                NoticeRow(f"msg_{uuid.uuid4().hex}", receiver.row.id, body, made), receiver, made
            )
            for body in bodies
        ]
        await self.store.write(lambda c: notices.add(c, rows, MOST_WAITING))
        return [row.id for row in rows]

    async def row(self, identity: str) -> NoticeRow:
        found = await self.store.read(lambda c: notices.find(c, identity), applied=False)
        assert found is not None
        return found

    async def until(self, identity: str, state: str, within: float = 20) -> NoticeRow:
        """The notice when it is in that state."""
        return await self.when(identity, lambda row: row.state == state, within)

    async def tried(self, identity: str, within: float = 20) -> NoticeRow:
        """The notice after a try that failed."""
        return await self.when(identity, lambda row: bool(row.words), within)

    async def when(
        self, identity: str, holds: Callable[[NoticeRow], bool], within: float = 20
    ) -> NoticeRow:
        deadline = time.monotonic() + within
        while not holds(row := await self.row(identity)):
            assert time.monotonic() < deadline, row
            await asyncio.sleep(0.02)
        return row

    @asynccontextmanager
    async def delivering(self, pace: Pace, now: Callable[[], float]) -> AsyncIterator[None]:
        task = asyncio.create_task(NoticeDelivery(self.store, self.receivers, pace, now).run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with opened(f"sqlite:///{tmp_path / 'outbox.db'}", None) as store:
        yield Yard(store)


QUICK = Pace(answer=10.0, claim=60.0, look=0.05)
HASTY = replace(QUICK, answer=1.0)


async def test_a_message_arrives_once_and_is_signed(yard: Yard) -> None:
    with WebhookReceiver() as receiver:
        made = await yard.receivers.create(
            "ada", NewReceiver(name="mine", url=receiver.url, rules=RULES)
        )
        identity = (await yard.receivers.test("ada", "mine")).id
        async with yard.delivering(QUICK, time.time):
            row = await yard.until(identity, notices.DELIVERED)
            await asyncio.sleep(0.3)
    assert receiver.came == [identity]
    headers, body = receiver.messages[identity]
    key = base64.b64decode(made.secret.removeprefix("whsec_"))
    content = f"{identity}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (row.tries, row.words, body.decode()) == (1, "", row.body)


async def test_a_receiver_that_is_down_for_an_hour_gets_all(yard: Yard) -> None:
    with WebhookReceiver() as receiver:
        port = receiver.port
        told = await yard.add("down", receiver.url, 3)
    async with yard.delivering(QUICK, faster(600)):
        for identity in told:
            row = await yard.tried(identity)
            assert "Connect" in row.words
        await asyncio.sleep(6)  # an hour of this clock
        with WebhookReceiver(port=port) as receiver:
            for identity in told:
                await yard.until(identity, notices.DELIVERED)
    assert Counter(receiver.came) == dict.fromkeys(told, 1)


@pytest.mark.parametrize(
    ("answer", "words", "pace"),
    [
        pytest.param(slowly(3), "no answer within 1 s", HASTY, id="slow"),
        pytest.param(lambda _, __: (500, {}), "answered 500", QUICK, id="error"),
        pytest.param(lambda _, __: None, "Disconnected", QUICK, id="ends-the-connection"),
        pytest.param(
            lambda _, __: (302, {"Location": "http://127.0.0.1:1/"}), "not followed", QUICK,
            id="redirect",
        ),
    ],
)  # fmt: skip
async def test_why_it_was_not_delivered_is_noted(
    yard: Yard, answer: Callable[[str, int], Answer | None], words: str, pace: Pace
) -> None:
    with WebhookReceiver(answer) as receiver:
        [identity] = await yard.add("bad", receiver.url)
        async with yard.delivering(pace, time.time):
            row = await yard.tried(identity)
    assert words in row.words
    assert (row.state, row.tries) == (notices.WAITING, 1)
    assert row.next_try > time.time_ns() // 1000


async def test_a_wrong_certificate_is_refused(yard: Yard, tmp_path: Path) -> None:
    with TlsServer(tmp_path, (-1, 1)) as server:
        [identity] = await yard.add("tls", server.url)
        async with yard.delivering(QUICK, time.time):
            row = await yard.tried(identity)
    assert "certificate" in row.words.lower()


async def test_a_receiver_that_asks_for_a_pause_gets_it(yard: Yard) -> None:
    answers: list[Answer] = [(429, {"Retry-After": "3600"}), (204, {})]
    with WebhookReceiver(lambda _, count: answers[count - 1]) as receiver:
        [identity] = await yard.add("busy", receiver.url)
        began = time.time()
        async with yard.delivering(QUICK, faster(1000)):
            row = await yard.tried(identity)
            assert row.next_try - began * 1e6 >= 3600e6
            await yard.until(identity, notices.DELIVERED)
    assert receiver.came == [identity] * 2


async def test_a_slow_receiver_holds_up_no_other_one(yard: Yard) -> None:
    with WebhookReceiver(slowly(30)) as slow, WebhookReceiver() as quick:
        await yard.add("slow", slow.url, 3)
        told = await yard.add("quick", quick.url, 5)
        async with yard.delivering(Pace(answer=20.0, look=0.05), time.time):
            for identity in told:
                await yard.until(identity, notices.DELIVERED, within=10)
        assert Counter(quick.came) == dict.fromkeys(told, 1)


async def test_eight_slow_receivers_of_one_user_hold_up_no_other(yard: Yard) -> None:
    with WebhookReceiver(slowly(30)) as slow, WebhookReceiver() as quick:
        for n in range(8):
            await yard.add(f"slow-{n}", slow.url)
        [identity] = await yard.add("quick", quick.url, user="bob")
        async with yard.delivering(Pace(answer=20.0, look=0.05), time.time):
            await yard.until(identity, notices.DELIVERED, within=10)
            assert len(set(slow.came)) <= 2


async def test_a_receiver_that_failed_gets_nothing_for_a_while(yard: Yard) -> None:
    with WebhookReceiver(lambda _, __: (500, {})) as receiver:
        told = await yard.add("bad", receiver.url, 3)
        [other] = await yard.add("good", receiver.url)
        async with yard.delivering(QUICK, time.time):
            await yard.tried(told[0])
            await yard.tried(other)
            await asyncio.sleep(0.5)
        assert sorted(receiver.came) == sorted([told[0], other])


async def test_a_digest_is_one_message(yard: Yard) -> None:
    times = DeliveryTimes.model_validate({"digest": {"every": "hour"}, "urgent": ["budget"]})
    clock = faster(1200)
    with WebhookReceiver() as receiver:
        new = NewReceiver(name="lab", url=receiver.url, rules=RULES, times=times)
        await yard.receivers.create("ada", new)
        *held, urgent = await yard.put("lab", *["session.failure"] * 3, "budget.spent", at=clock())
        async with yard.delivering(QUICK, clock):
            await yard.until(urgent, notices.DELIVERED)
            row = await yard.until(held[0], notices.DIGESTED)
            assert row.digest is not None
            await yard.until(row.digest, notices.DELIVERED)
    assert receiver.came == [urgent, row.digest]
    message = json.loads(receiver.messages[row.digest][1])
    assert message["type"] == "notice.digest"
    assert {one["data"]["n"] for one in message["data"]["notices"]} == {0, 1, 2}


async def test_in_quiet_hours_nothing_is_sent_that_was_due_before(yard: Yard) -> None:
    """A gateway comes back at night, with notices of the evening."""
    evening, night = 1_764_529_140.0, 1_764_532_800.0  # 18:59 and 20:00 UTC
    hours = {"start": "19:00", "end": "21:00"}
    times = DeliveryTimes.model_validate({"quietHours": hours, "urgent": ["failure"]})
    with WebhookReceiver() as receiver:
        new = NewReceiver(name="lab", url=receiver.url, rules=RULES, times=times)
        await yard.receivers.create("ada", new)
        waits, urgent = await yard.put("lab", "session.phase", "session.failure", at=evening)
        async with yard.delivering(QUICK, lambda: night):
            await yard.until(urgent, notices.DELIVERED)
            end = int((night + 3600) * 1e6)
            row = await yard.when(waits, lambda row: row.next_try == end)
            assert (row.state, row.tries) == ("Waiting", 0)
        assert receiver.came == [urgent]
        async with yard.delivering(QUICK, lambda: night + 3600):
            await yard.until(waits, notices.DELIVERED)


async def test_while_the_database_is_away_no_try_is_made_twice(yard: Yard) -> None:
    database = AwayDatabase(yard.store)

    def answer(_: str, __: int) -> Answer:
        database.away = True
        deadline = time.monotonic() + 10
        while database.refused < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        return 204, {}

    with WebhookReceiver(answer) as receiver:
        [identity] = await yard.add("slow", receiver.url)
        delivery = NoticeDelivery(database, yard.receivers, replace(QUICK, answer=20.0, away=0.05))
        task = asyncio.create_task(delivery.run())
        deadline = time.monotonic() + 20
        while database.refused < 6:
            assert time.monotonic() < deadline
            assert not task.done()
            await asyncio.sleep(0.02)
        database.away = False
        row = await yard.until(identity, notices.DELIVERED)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert (row.tries, receiver.came) == (1, [identity])


async def test_what_fails_for_more_than_a_day_is_dead_and_can_be_tried_again(yard: Yard) -> None:
    answers = {"status": 500}
    with WebhookReceiver(lambda _, __: (answers["status"], {})) as receiver:
        [identity] = await yard.add("dead", receiver.url)
        async with yard.delivering(QUICK, faster(50_000)):
            row = await yard.until(identity, notices.DEAD)
            assert (row.tries, row.words) == (11, "answered 500")
            answers["status"] = 204
            assert await yard.store.write(lambda c: notices.again(c, identity, 0))
            await yard.until(identity, notices.DELIVERED)
        assert not await yard.store.write(lambda c: notices.again(c, identity, 0))


async def test_a_receiver_that_is_gone_is_not_asked_again(yard: Yard) -> None:
    with WebhookReceiver(lambda _, __: (410, {})) as receiver:
        [identity] = await yard.add("gone", receiver.url)
        async with yard.delivering(QUICK, faster(1000)):
            await yard.until(identity, notices.DEAD)
    assert receiver.came == [identity]


@pytest.mark.parametrize(
    "url",
    ["https://localhost/", "https://[::1]/", "https://169.254.169.254/latest", "https://10.0.0.1/"],
    ids=["name", "loopback", "metadata", "private"],
)
async def test_no_receiver_inside_of_the_network_is_made(yard: Yard, url: str) -> None:
    with pytest.raises(Unprocessable, match=r"url: .* is not allowed"):
        await yard.receivers.create("ada", NewReceiver(name="inside", url=url, rules=RULES))


async def test_a_name_that_leads_inside_later_is_refused_then(yard: Yard) -> None:
    with WebhookReceiver() as receiver:
        [identity] = await yard.add("rebound", receiver.url)
        yard.receivers.internal = frozenset()
        async with yard.delivering(QUICK, time.time):
            row = await yard.tried(identity)
    assert "inside of this network" in row.words
    assert receiver.came == []


def of_service(_: dict[str, str], body: bytes) -> str:
    """The id of a message that a service got: the words of its title."""
    return str(json.loads(body)["title"])


async def test_a_service_gets_messages_and_its_url_is_shown_without_secrets(yard: Yard) -> None:
    with WebhookReceiver(identity=of_service) as receiver:
        url = f"json://ada:password@127.0.0.1:{receiver.port}/?+X-Token=secret"
        made = await yard.receivers.create("ada", NewReceiver(name="lab", url=url, rules=RULES))
        assert (made.kind, made.url) == ("service", f"json://ada:****@127.0.0.1:{receiver.port}/")
        identity = (await yard.receivers.test("ada", "lab")).id
        async with yard.delivering(QUICK, time.time):
            row = await yard.until(identity, notices.DELIVERED, within=60)
    assert receiver.came == ["A trial of the receiver lab"]
    assert (row.tries, row.words) == (1, "")


async def test_services_that_hang_hold_up_no_webhook_and_are_bounded(yard: Yard) -> None:
    with WebhookReceiver(slowly(30), identity=of_service) as slow, WebhookReceiver() as quick:
        for n in range(SERVICES + 2):
            url = f"json://127.0.0.1:{slow.port}/?rto=60"
            new = NewReceiver(name=f"slow-{n}", url=url, rules=RULES)
            await yard.receivers.create(f"user-{n}", new)
            await yard.receivers.test(f"user-{n}", f"slow-{n}")
        [identity] = await yard.add("quick", quick.url, user="bob")
        async with yard.delivering(replace(QUICK, service=60.0), time.time):
            await yard.until(identity, notices.DELIVERED, within=30)
            deadline = time.monotonic() + 60
            while len(slow.came) < SERVICES:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            await asyncio.sleep(1.0)
            assert len(set(slow.came)) == SERVICES


@pytest.mark.parametrize(
    "url", ["nope://x", "tgram://x", "json://10.0.0.1/", "ntfy://a b", "json://\x00/", "mailto:a@b"]
)
async def test_a_url_that_is_no_service_is_refused(yard: Yard, url: str) -> None:
    with pytest.raises(Unprocessable, match="^url"):
        await yard.receivers.create("ada", NewReceiver(name="bad", url=url, rules=RULES))


async def test_a_pasted_url_of_a_service_is_refused_with_the_form_to_write(yard: Yard) -> None:
    url = "https://discord.com/api/webhooks/123456789012345678/abcdef"
    with pytest.raises(Unprocessable, match="write discord://"):
        await yard.receivers.create("ada", NewReceiver(name="chat", url=url, rules=RULES))


class Deadly:
    """A receiver that kills the gateway that sends to it, the first time that a message comes."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[bytes]] = []
        self.kills: list[str] = []

    def answer(self, identity: str, count: int) -> Answer | None:
        if count == 1 and len(self.kills) < KILLS:
            self.kills.append(identity)
            self.running[-1].send_signal(signal.SIGKILL)
            return None
        return 204, {}

    def require_at_most_one_repeat(self, came: list[str], wanted: set[str]) -> None:
        """Everything has come, and what came twice came by a kill."""
        counts = Counter(came)
        assert set(counts) == wanted
        assert {identity for identity, count in counts.items() if count == 2} == set(self.kills)
        assert max(counts.values()) == 2
        assert len(self.kills) == KILLS


async def test_a_gateway_that_dies_between_sending_and_marking_sends_once_more(
    tmp_path: Path,
) -> None:
    """The receiver kills the gateway that sends to it, before it answers."""
    database, deadly = tmp_path / "outbox.db", Deadly()
    with WebhookReceiver(deadly.answer) as receiver:
        async with opened(f"sqlite:///{database}", None) as store:
            told = await Yard(store).add("deadly", receiver.url, KILLS + 2)
        await until_all_came(database, deadly, receiver, len(told))
        async with opened(f"sqlite:///{database}", None) as store:
            states = Counter([(await Yard(store).row(identity)).state for identity in told])
    deadly.require_at_most_one_repeat(receiver.came, set(told))
    assert states == {notices.DELIVERED: len(told)}


async def test_a_gateway_that_dies_while_a_service_is_asked_sends_once_more(
    tmp_path: Path,
) -> None:
    database, deadly = tmp_path / "outbox.db", Deadly()
    with WebhookReceiver(deadly.answer, identity=of_service) as receiver:
        async with opened(f"sqlite:///{database}", None) as store:
            yard = Yard(store)
            url = f"json://127.0.0.1:{receiver.port}/"
            await yard.receivers.create("ada", NewReceiver(name="deadly", url=url, rules=RULES))
            kinds = [f"session.kind-{n}" for n in range(KILLS + 2)]
            told = await yard.put("deadly", *kinds, at=time.time())
        await until_all_came(database, deadly, receiver, len(told))
        async with opened(f"sqlite:///{database}", None) as store:
            states = Counter([(await Yard(store).row(identity)).state for identity in told])
    deadly.require_at_most_one_repeat(receiver.came, set(kinds))
    assert states == {notices.DELIVERED: len(told)}


async def test_a_gateway_that_dies_while_it_sends_digests_loses_and_doubles_no_notice(
    tmp_path: Path,
) -> None:
    """Each kill hits the digests that are under way: at most two of one user."""
    database, deadly = tmp_path / "outbox.db", Deadly()
    times = DeliveryTimes.model_validate({"digest": {"every": "hour"}})
    with WebhookReceiver(deadly.answer) as receiver:
        told = []
        async with opened(f"sqlite:///{database}", None) as store:
            yard = Yard(store)
            for n in range(KILLS + 2):
                new = NewReceiver(name=f"r{n}", url=receiver.url, rules=RULES, times=times)
                await yard.receivers.create("ada", new)
                told += await yard.put(f"r{n}", *["session.failure"] * 3, at=time.time() - 3600)

        def all_came() -> bool:
            counts = Counter(receiver.came)
            again = all(counts[identity] > 1 for identity in deadly.kills)
            return again and (len(deadly.kills), len(counts)) == (KILLS, KILLS + 2)

        await asyncio.to_thread(deliver_until, database, deadly.running, all_came)
        async with opened(f"sqlite:///{database}", None) as store:
            rows = [await Yard(store).row(identity) for identity in told]
    digests = Counter([row.digest for row in rows])
    assert {row.state for row in rows} == {notices.DIGESTED}
    assert set(digests.values()) == {3}
    assert set(receiver.came) == set(digests)
    assert len(deadly.kills) == KILLS
    assert len(receiver.came) - len(digests) <= OF_OWNER * KILLS


async def until_all_came(
    database: Path, deadly: Deadly, receiver: WebhookReceiver, messages: int
) -> None:
    """Run gateways until every message has come, and once more for each kill."""
    done = lambda: len(receiver.came) >= messages + KILLS  # noqa: E731  # it needs the arguments
    await asyncio.to_thread(deliver_until, database, deadly.running, done)


def deliver_until(
    database: Path, running: list[subprocess.Popen[bytes]], done: Callable[[], bool]
) -> None:
    """Run gateways that deliver, one after the other, until `done` and a claim longer."""
    command = [sys.executable, notice_process.__file__, str(database)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    deadline = time.monotonic() + 60 + 15 * KILLS
    while not done() and time.monotonic() < deadline:
        running.append(subprocess.Popen(command, env=env))
        while running[-1].poll() is None and not done() and time.monotonic() < deadline:
            time.sleep(0.05)
    time.sleep(2 * notice_process.HURRIED.claim)
    running[-1].kill()
    running[-1].wait()
