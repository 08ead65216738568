"""Sessions that become private, and readers who leave, while notices wait: by the parts as they run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from store_lab import opened
from webhook_receiver import WebhookReceiver

from trainyard_api import names
from trainyard_api.rights.owner import Role, User
from trainyard_gateway.notices import message, service
from trainyard_gateway.notices.receiver import NewReceiver, Receiver
from trainyard_gateway.notices.receivers import MOST_WAITING
from trainyard_gateway.notices.rules import PhaseRule
from trainyard_gateway.notices.service import Notices
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.settings import Settings
from trainyard_gateway.store import sessions
from trainyard_gateway.store.access import users
from trainyard_gateway.store.access.users import TeamRow
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import HELD, NoticeRow
from trainyard_gateway.store.sessions import SessionRow
from trainyard_gateway.store.store import Store
from trainyard_kube import KubeClient, KubeConfig

TEAMS = {"ada": ("vision",), "eve": ("vision",), "far": ("speech",)}


@dataclass
class Yard:
    """A team's receiver with what waits for it."""

    store: Store
    cache: SessionCache
    notices: Notices
    webhook: WebhookReceiver
    people: dict[str, tuple[str, ...]]

    async def add(self, user: str, team: str = "", wide: bool = False) -> Receiver:
        new = NewReceiver(
            name="r", url=self.webhook.url, rules=[PhaseRule(on="phase", phases=["Failed"])],
            sessions="all" if wide else "own",
        )  # fmt: skip
        await self.notices.receivers.create(user, new, team)
        [made] = await self.notices.receivers.of(user, team)
        return made

    def session(self, name: str, visibility: str = "team", user: str = "ada") -> None:
        """A session of the cluster."""
        self.cache.put(body_of(name, visibility, user))

    async def put(self, to: Receiver, *about: dict[str, Any], state: str = "Waiting") -> list[str]:
        """Notices that are due."""
        rows = [
            NoticeRow(f"msg_{n:032}", to.row.id, json.dumps(one), n, state, next_try=1)
            for n, one in enumerate(about)
        ]
        await self.store.write(lambda c: notices.add(c, rows, MOST_WAITING))
        return [row.id for row in rows]

    async def deliver(self, to: Receiver) -> list[dict[str, Any]]:
        """What the webhook gets until nothing waits any more."""
        task = asyncio.create_task(self.notices.delivery.run())
        deadline = time.monotonic() + 30
        while any(row.state in ("Waiting", "Held") for row in await self.rows(to)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return [json.loads(body) for _, body in self.webhook.messages.values()]

    async def rows(self, to: Receiver) -> list[NoticeRow]:
        """The receiver's notices."""
        first = (2**62, "")
        return await self.store.read(
            lambda c: notices.page(c, [to.row.id], None, first, 99), applied=False
        )

    async def kept(self, *ids: str) -> list[bool]:
        """Whether the outbox still has them."""
        return [
            await self.store.read(lambda c, i=i: notices.find(c, i), applied=False) is not None
            for i in ids
        ]


def body_of(name: str, visibility: str, user: str = "ada") -> dict[str, Any]:
    labels = {
        names.LABEL_USER: user, names.LABEL_TEAM: "vision", names.LABEL_VISIBILITY: visibility
    }  # fmt: skip
    return {"metadata": {"name": name, "uid": f"uid-{name}", "labels": labels}, "spec": {}}


def about(name: str) -> dict[str, Any]:
    data = {"session": name, "uid": f"uid-{name}", "message": f"secret of {name}"}
    return {"type": "session.phase", "timestamp": "2026-11-30T12:00:00Z", "data": data}


def of_budget(kind: str, name: str) -> dict[str, Any]:
    return {"type": "budget.spent", "timestamp": "", "data": {"kind": kind, "name": name}}


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    people = dict(TEAMS)

    def user_of(name: str) -> User:
        return User(name, Role.MEMBER, people[name])

    settings = Settings(
        namespace="ns", data_dir=tmp_path, notices_enabled=True,
        notices_internal_hosts=("127.0.0.1",),
    )  # fmt: skip
    async with (
        opened(f"sqlite:///{tmp_path / 'outbox.db'}", None) as store,
        KubeClient(KubeConfig(server="http://127.0.0.1:1"), user_agent="t") as kube,
    ):
        await store.write(lambda c: users.add_team(c, TeamRow("vision", "2026-01-01T00:00:00Z")))
        cache = SessionCache(kube, "ns", store)
        cache.synced.set()
        with WebhookReceiver() as webhook:
            yield Yard(
                store, cache, service.build(settings, cache, store, user_of), webhook, people
            )


def names_of(messages: list[dict[str, Any]]) -> list[str]:
    return [one["data"]["session"] for one in messages]


async def test_a_session_that_became_private_is_in_no_notice_to_its_team(yard: Yard) -> None:
    receiver = await yard.add("ada", "vision")
    yard.session("open")
    yard.session("hidden", "private")
    ids = await yard.put(receiver, about("hidden"), about("open"))
    assert names_of(await yard.deliver(receiver)) == ["open"]
    assert await yard.kept(*ids) == [False, True]


async def test_its_user_gets_it_nevertheless(yard: Yard) -> None:
    receiver = await yard.add("ada")
    yard.session("hidden", "private")
    await yard.put(receiver, about("hidden"))
    assert names_of(await yard.deliver(receiver)) == ["hidden"]


async def test_a_digest_is_made_again_without_it(yard: Yard) -> None:
    receiver = await yard.add("ada", "vision")
    yard.session("open")
    yard.session("hidden", "private")
    ids = await yard.put(receiver, about("hidden"), about("open"), about("hidden"), state=HELD)
    [digest] = await yard.deliver(receiver)
    assert (digest["data"]["count"], digest["data"]["types"]) == (1, {"session.phase": 1})
    assert names_of(digest["data"]["notices"]) == ["open"]
    assert await yard.kept(*ids) == [False, True, False]
    assert not any("secret of hidden" in row.body for row in await yard.rows(receiver))


async def test_a_digest_of_which_nothing_is_left_is_not_sent(yard: Yard) -> None:
    receiver = await yard.add("ada", "vision")
    yard.session("hidden", "private")
    await yard.put(receiver, about("hidden"), state=HELD)
    assert await yard.deliver(receiver) == []


async def test_a_session_that_is_gone_is_judged_as_it_was_last(yard: Yard) -> None:
    """Not as one that is named like it, and not at all if nobody knows it any more."""
    receiver = await yard.add("ada", "vision")
    rows = [
        SessionRow(f"uid-{name}", name, "", orjson.dumps(body_of(name, visibility)).decode(), True)
        for name, visibility in (("open", "team"), ("hidden", "private"), ("uid-unknown", "team"))
    ]
    await yard.store.write(lambda c: sessions.save(c, rows))
    await yard.put(receiver, about("open"), about("hidden"), about("unknown"))
    assert names_of(await yard.deliver(receiver)) == ["open"]


LEFT = [
    pytest.param(about("of-eve"), ["session.phase"], [], id="session"),
    pytest.param(of_budget("team", "vision"), ["budget.spent"], [], id="budget-of-the-team"),
    pytest.param(of_budget("user", "ada"), ["budget.spent"], ["budget.spent"], id="own-budget"),
    pytest.param(of_budget("new", "ada"), [], [], id="of-something-unknown"),
]


@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "leaves"])
@pytest.mark.parametrize(("what", "in_team", "out"), LEFT)
async def test_who_leaves_a_team_gets_nothing_more_about_it(
    yard: Yard, what: dict[str, Any], in_team: list[str], out: list[str], leaves: bool
) -> None:
    receiver = await yard.add("ada", wide=True)
    yard.session("of-eve", user="eve")
    await yard.put(receiver, what)
    if leaves:
        yard.people["ada"] = ("speech",)
    found = [one["type"] for one in await yard.deliver(receiver)]
    assert found == (out if leaves else in_team)


async def test_what_was_not_delivered_is_listed_without_facts_of_a_private_session(
    yard: Yard,
) -> None:
    receiver = await yard.add("ada", "vision")
    yard.session("open")
    yard.session("hidden", "private")
    both = message.digest([json.dumps(about(name)) for name in ("open", "hidden")], 0, 0.0)
    bodies = [*(json.dumps(about(name)) for name in ("open", "hidden")), both]
    shown = [
        await yard.notices.recheck.shown(NoticeRow("n", "r", body, 0, state), receiver.row)
        for body in bodies
        for state in ("Held", "Delivered")
    ]
    secret = ["secret of hidden" in row.body for row in shown]
    assert secret == [False, False, False, True, False, True]
    assert "secret of open" in shown[0].body
    assert {json.loads(row.body)["type"] for row in shown} == {"session.phase", "notice.digest"}
