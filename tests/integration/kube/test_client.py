"""KubeClient and ListWatch on a real API server: every kind of write, every kind of refusal, every kind of interruption."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from poll import eventually_async
from tcp_door import TcpDoor

from trainyard_kube import (
    Applied,
    Change,
    Deleted,
    Json,
    KubeClient,
    KubeConfig,
    ListWatch,
    Live,
    Stale,
    Synced,
    errors,
    paths,
)

pytestmark = pytest.mark.integration

BACKOFF = (0.05, 0.1)
SESSION: Json = {
    "apiVersion": "trainyard.io/v1alpha1",
    "kind": "TrainingSession",
    "metadata": {"name": "s"},
    "spec": {"command": ["x"]},
}


@pytest.fixture
async def kube(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(KubeConfig.from_file(kubeconfig)) as client:
        yield client


@pytest.fixture
def door(kubeconfig: Path) -> Iterator[TcpDoor]:
    server = urlsplit(KubeConfig.from_file(kubeconfig).server)
    assert server.hostname is not None
    assert server.port is not None
    with TcpDoor(server.hostname, server.port) as found:
        yield found


def through(door: TcpDoor, kubeconfig: Path) -> KubeClient:
    """A client that goes through the door."""
    config = KubeConfig.from_file(kubeconfig)
    return KubeClient(dataclasses.replace(config, server=f"https://127.0.0.1:{door.port}"))


def config_maps(namespace: str, name: str | None = None) -> str:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    return f"{path}/{name}" if name else path


def config_map(name: str, **data: str) -> Json:
    return {"metadata": {"name": name, "labels": {"test": "kube"}}, "data": data}


# ── writes ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_object_from_creation_to_deletion(kube: KubeClient, namespace: str) -> None:
    path = config_maps(namespace, "a")
    created = await kube.create(config_maps(namespace), config_map("a", key="1"))
    assert await kube.get(path) == created
    replaced = await kube.replace(path, created | {"data": {"key": "2"}})
    assert replaced["data"] == {"key": "2"}
    await kube.delete(path)
    with pytest.raises(errors.NotFound):
        await kube.get(path)


async def test_a_merge_patch_changes_and_removes_fields(kube: KubeClient, namespace: str) -> None:
    await kube.create(config_maps(namespace), config_map("a", keep="1", change="1", drop="1"))
    change = {"data": {"change": "2", "drop": None}}
    patched = await kube.merge_patch(config_maps(namespace, "a"), change, field_manager="tester")
    assert patched["data"] == {"keep": "1", "change": "2"}
    assert "tester" in {entry["manager"] for entry in patched["metadata"]["managedFields"]}


async def test_a_status_for_an_old_version_is_a_conflict(kube: KubeClient, namespace: str) -> None:
    path = paths.sessions(namespace, "s")
    old = await kube.create(paths.sessions(namespace), SESSION)
    await kube.delete(path)
    await kube.create(paths.sessions(namespace), SESSION)
    version = {"resourceVersion": old["metadata"]["resourceVersion"]}
    with pytest.raises(errors.Conflict):
        await kube.merge_patch(paths.status(path), {"metadata": version, "status": {"attempt": 7}})
    assert "status" not in await kube.get(path)


async def test_a_foreign_uid_is_noticed_in_a_spec_but_not_in_a_status(
    kube: KubeClient, namespace: str
) -> None:
    """Why status is guarded by resourceVersion."""
    path = paths.sessions(namespace, "s")
    await kube.create(paths.sessions(namespace), SESSION)
    foreign = {"metadata": {"uid": "11111111-2222-3333-4444-555555555555"}}
    with pytest.raises(errors.Invalid, match="uid"):
        await kube.merge_patch(path, {**foreign, "spec": {"priority": 7}})
    patched = await kube.merge_patch(paths.status(path), {**foreign, "status": {"attempt": 7}})
    assert patched["status"]["attempt"] == 7


async def test_a_json_patch_tests_before_it_changes(kube: KubeClient, namespace: str) -> None:
    path = config_maps(namespace, "a")
    await kube.create(config_maps(namespace), config_map("a", key="1"))
    write = {"op": "replace", "path": "/data/key", "value": "2"}
    patched = await kube.json_patch(
        path, [{"op": "test", "path": "/data/key", "value": "1"}, write]
    )
    assert patched["data"] == {"key": "2"}
    with pytest.raises(errors.Invalid):
        await kube.json_patch(path, [{"op": "test", "path": "/data/key", "value": "1"}, write])


async def test_server_side_apply_knows_owners_of_fields(kube: KubeClient, namespace: str) -> None:
    path = config_maps(namespace, "a")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    await kube.apply(path, {**body, "data": {"x": "1", "y": "1"}}, "first")
    with pytest.raises(errors.Conflict) as caught:
        await kube.apply(path, {**body, "data": {"x": "2"}}, "second", force=False)
    assert 'conflict with "first"' in str(caught.value)
    taken = await kube.apply(path, {**body, "data": {"x": "2"}}, "second")
    assert taken["data"] == {"x": "2", "y": "1"}
    # What its owner no longer mentions goes away; what another one took stays.
    assert (await kube.apply(path, body, "first"))["data"] == {"x": "2"}


async def test_a_status_is_patched_by_itself(kube: KubeClient, namespace: str) -> None:
    await kube.create(paths.sessions(namespace), SESSION)
    change = {"spec": {"priority": 9}, "status": {"phase": "Queued"}}
    patched = await kube.merge_patch(paths.status(paths.sessions(namespace, "s")), change)
    assert patched["status"]["phase"] == "Queued"
    assert patched["spec"]["priority"] == 0


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_second_one_of_that_name_already_exists(kube: KubeClient, namespace: str) -> None:
    await kube.create(config_maps(namespace), config_map("a"))
    with pytest.raises(errors.AlreadyExists):
        await kube.create(config_maps(namespace), config_map("a"))


async def test_a_replacement_of_an_old_version_is_a_conflict(
    kube: KubeClient, namespace: str
) -> None:
    old = await kube.create(config_maps(namespace), config_map("a"))
    await kube.merge_patch(config_maps(namespace, "a"), {"data": {"x": "1"}})
    with pytest.raises(errors.Conflict) as caught:
        await kube.replace(config_maps(namespace, "a"), old)
    assert not isinstance(caught.value, errors.AlreadyExists)


async def test_a_deletion_meant_for_another_object_is_a_conflict(
    kube: KubeClient, namespace: str
) -> None:
    uid = (await kube.create(config_maps(namespace), config_map("a")))["metadata"]["uid"]
    with pytest.raises(errors.Conflict):
        await kube.delete(config_maps(namespace, "a"), uid="11111111-2222-3333-4444-555555555555")
    await kube.delete(config_maps(namespace, "a"), uid=uid)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda k, p: k.get(p), id="get"),
        pytest.param(lambda k, p: k.merge_patch(p, {"data": {}}), id="merge patch"),
        pytest.param(lambda k, p: k.json_patch(p, []), id="json patch"),
        pytest.param(lambda k, p: k.delete(p), id="delete"),
    ],
)
async def test_what_is_not_there_is_not_found(
    kube: KubeClient, namespace: str, call: Callable[[KubeClient, str], Any]
) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await call(kube, config_maps(namespace, "nothing"))
    assert '"nothing" not found' in str(caught.value)


async def test_a_broken_rule_names_its_fields(kube: KubeClient, namespace: str) -> None:
    wrong = SESSION | {"spec": {"command": ["x"], "workers": 65, "priority": 5000}}
    with pytest.raises(errors.Invalid) as caught:
        await kube.create(paths.sessions(namespace), wrong)
    assert {"spec.workers", "spec.priority"} <= {cause.field for cause in caught.value.causes}


async def test_a_stranger_is_refused(kubeconfig: Path) -> None:
    config = KubeConfig.from_file(kubeconfig)
    stranger = dataclasses.replace(
        config, client_certificate=None, client_key=None, token="not-a-token"
    )
    async with KubeClient(stranger) as client:
        with pytest.raises(errors.Unauthorized) as caught:
            await client.get(paths.nodes())
    assert "not-a-token" not in str(caught.value)


async def test_an_untrusted_certificate_is_no_answer(kubeconfig: Path) -> None:
    config = dataclasses.replace(KubeConfig.from_file(kubeconfig), ca=None)
    async with KubeClient(config) as client:
        with pytest.raises(errors.Unreachable, match="certificate"):
            await client.get("/version")


# ── lists and watches ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_list_has_all_its_pages(kube: KubeClient, namespace: str) -> None:
    wanted = {f"c{i}" for i in range(520)}
    await asyncio.gather(
        *(kube.create(config_maps(namespace), config_map(name)) for name in wanted)
    )
    listed = await kube.list(config_maps(namespace), labelSelector="test=kube")
    found = [item["metadata"]["name"] for item in listed["items"]]
    assert len(found) == 520
    assert set(found) == wanted
    paged = await kube.list(config_maps(namespace), labelSelector="test=kube", limit=100)
    assert {item["metadata"]["name"] for item in paged["items"]} == wanted


Next = Callable[[], Any]


@asynccontextmanager
async def following(
    kube: KubeClient, namespace: str, path: str | None = None, **options: Any
) -> AsyncIterator[Next]:
    """Changes of what is labelled below a path (the namespace's ConfigMaps), one at a call."""
    path = path or config_maps(namespace)
    watch = ListWatch(kube, path, label_selector="test=kube", backoff=BACKOFF, **options)
    changes = aiter(watch)

    async def following_change() -> Change:
        async with asyncio.timeout(20):
            return await anext(changes)

    async with aclosing(changes):  # type: ignore[type-var]  # aiter of an async generator
        yield following_change


async def test_the_watch_follows_the_list(kube: KubeClient, namespace: str) -> None:
    a = await kube.create(config_maps(namespace), config_map("a"))
    async with following(kube, namespace) as change:
        first = await change()
        assert isinstance(first, Synced)
        assert set(first.objects) == {a["metadata"]["uid"]}
        assert first.objects[a["metadata"]["uid"]]["kind"] == "ConfigMap"
        b = await kube.create(config_maps(namespace), config_map("b"))
        assert await change() == Applied({"kind": "ConfigMap", "apiVersion": "v1", **b})
        await kube.merge_patch(config_maps(namespace, "b"), {"data": {"x": "1"}})
        changed = await change()
        assert isinstance(changed, Applied)
        assert changed.object["data"] == {"x": "1"}
        await kube.delete(config_maps(namespace, "a"))
        gone = await change()
        assert isinstance(gone, Deleted)
        assert gone.object["metadata"]["name"] == "a"
        # Leaving the selection is leaving.
        await kube.merge_patch(config_maps(namespace, "b"), {"metadata": {"labels": {"test": "x"}}})
        assert isinstance(await change(), Deleted)


async def test_a_watch_of_metadata_sees_labels_and_no_data(
    kube: KubeClient, namespace: str
) -> None:
    path = paths.secrets(namespace)
    labels = {"test": "kube"}
    async with following(kube, namespace, path, metadata_only=True) as change:
        assert await change() == Synced({})
    secret: Json = {"metadata": {"name": "s", "labels": labels}, "stringData": {"k": "canary"}}
    await kube.create(path, secret)
    async with following(kube, namespace, path, metadata_only=True) as change:
        listed = await change()
        await kube.merge_patch(f"{path}/s", {"metadata": {"labels": {"seen": "1"}}})
        changed = await change()
        await kube.merge_patch(f"{path}/s", {"metadata": {"labels": {"test": None}}})
        gone = await change()

    assert [type(c) for c in (listed, changed, gone)] == [Synced, Applied, Deleted]
    assert isinstance(changed, Applied)
    assert changed.object["metadata"]["labels"] == {**labels, "seen": "1"}
    for found in (listed, changed, gone):
        assert "Y2FuYXJ5" not in repr(found), "the value in base 64"


class Sleeper(KubeClient):
    """Comes back to the first watch with a version of before there were sessions, which the API server does not know any more."""

    watches = 0

    @asynccontextmanager
    async def watch(
        self, path: str, inactivity_seconds: float, **query: str | int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        self.watches += 1
        if self.watches == 1:
            query["resourceVersion"] = "1"
        async with super().watch(path, inactivity_seconds, **query) as lines:
            yield lines


async def test_an_expired_version_leads_to_a_new_list(kubeconfig: Path, namespace: str) -> None:
    path = paths.sessions(namespace)
    labelled = {**SESSION, "metadata": {"generateName": "s-", "labels": {"test": "kube"}}}
    async with Sleeper(KubeConfig.from_file(kubeconfig)) as kube:
        await kube.create(path, labelled)
        async with following(kube, namespace, path) as change:
            assert isinstance(await change(), Synced)
            again = await change()
            assert isinstance(again, Synced)
            assert len(again.objects) == 1
            await kube.create(path, labelled)
            assert isinstance(await change(), Applied)


class Hasty(KubeClient):
    """Asks the API server to close every watch after a second."""

    watches = 0

    @asynccontextmanager
    async def watch(
        self, path: str, inactivity_seconds: float, **query: str | int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        self.watches += 1
        query["timeoutSeconds"] = 1
        async with super().watch(path, inactivity_seconds, **query) as lines:
            yield lines


async def test_a_watch_that_the_server_closes_goes_on_without_a_word(
    kubeconfig: Path, namespace: str
) -> None:
    async with (
        Hasty(KubeConfig.from_file(kubeconfig)) as kube,
        following(kube, namespace) as change,
    ):
        assert isinstance(await change(), Synced)
        waiting = asyncio.ensure_future(change())

        async def reopened() -> bool:
            return kube.watches >= 3

        await eventually_async(reopened, what="two closed watches")
        await kube.create(config_maps(namespace), config_map("a"))
        assert isinstance(await waiting, Applied)


async def test_an_outage_is_told_and_nothing_is_missed(
    kube: KubeClient, kubeconfig: Path, namespace: str, door: TcpDoor
) -> None:
    await kube.create(config_maps(namespace), config_map("a"))
    async with through(door, kubeconfig) as client, following(client, namespace) as change:
        assert isinstance(await change(), Synced)
        waiting = asyncio.ensure_future(change())
        await asyncio.to_thread(door.shut)
        assert isinstance(await waiting, Stale)
        await kube.create(config_maps(namespace), config_map("b"))
        await kube.delete(config_maps(namespace, "a"))
        waiting = asyncio.ensure_future(change())
        await asyncio.to_thread(door.open)
        assert isinstance(await waiting, Live)
        assert isinstance(await change(), Applied)
        gone = await change()
        assert isinstance(gone, Deleted)
        assert gone.object["metadata"]["name"] == "a"


async def test_broken_connections_are_made_again(
    kube: KubeClient, kubeconfig: Path, namespace: str, door: TcpDoor
) -> None:
    async with through(door, kubeconfig) as client, following(client, namespace) as change:
        assert isinstance(await change(), Synced)
        for i in range(5):
            waiting = asyncio.ensure_future(change())
            await asyncio.to_thread(door.slam)
            await kube.create(config_maps(namespace), config_map(f"c{i}"))
            seen = await waiting
            while not isinstance(seen, Applied):
                assert isinstance(seen, (Stale, Live, Synced)), seen
                seen = await change()
            assert seen.object["metadata"]["name"] == f"c{i}"


async def test_a_silent_watch_is_given_up(kube: KubeClient, namespace: str) -> None:
    async with following(kube, namespace, inactivity_seconds=0.5) as change:
        assert [type(await change()) for _ in range(3)] == [Synced, Stale, Live]


async def test_a_closed_door_is_unreachable(kubeconfig: Path, door: TcpDoor) -> None:
    async with through(door, kubeconfig) as client:
        assert (await client.get("/version"))["major"]
        await asyncio.to_thread(door.shut)
        with pytest.raises(errors.Unreachable, match=f"127.0.0.1:{door.port}"):
            await client.get("/version")
