"""The gateway's Lease: made, renewed after each write that the database takes, and never a reason to end."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from trainyard_api import names
from trainyard_gateway.sign_of_life import SignOfLife
from trainyard_gateway.store.errors import is_unavailable
from trainyard_gateway.store.store import Store
from trainyard_kube import KubeClient, errors

OWN = "/apis/coordination.k8s.io/v1/namespaces/yard/leases/ty-gateway"


class Cluster:
    """An API server with one Lease; `trouble` is what the next writes are answered with."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.trouble: errors.KubeError | None = None
        self.asked: Counter[str] = Counter()

    async def get(self, path: str) -> dict[str, Any]:
        assert path == OWN
        if self.lease is None:
            raise errors.NotFound(404, "NotFound", "no such Lease")
        return self.lease

    async def create(self, path: str, body: dict[str, Any]) -> None:
        assert f"{path}/ty-gateway" == OWN
        self._take("create", body)

    async def replace(self, path: str, body: dict[str, Any]) -> None:
        assert path == OWN
        self._take("replace", body)

    def _take(self, what: str, body: dict[str, Any]) -> None:
        self.asked[what] += 1
        if self.trouble is not None:
            raise self.trouble
        kept = {"name": "ty-gateway", "namespace": "yard", "resourceVersion": "7"}
        self.lease = {**body, "metadata": {**kept, **body["metadata"]}}

    @property
    def renewed(self) -> str:
        assert self.lease is not None
        return str(self.lease["spec"]["renewTime"])


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def sign(cluster: Cluster, database: Store) -> SignOfLife:
    """A clock shows one second more each time that it is read."""
    times = iter(range(1000))
    kube = cast(KubeClient, cluster)
    return SignOfLife(kube, "yard", "ty", database, identity="gw-1", now=lambda: float(next(times)))


async def test_the_lease_is_made_and_renewed(cluster: Cluster, sign: SignOfLife) -> None:
    await sign.renew()
    assert cluster.lease is not None
    made = {"holderIdentity": "gw-1", "leaseDurationSeconds": 15}
    assert cluster.lease["spec"] == {**made, "renewTime": "1970-01-01T00:00:00.000000Z"}
    await sign.renew()
    assert cluster.renewed == "1970-01-01T00:00:01.000000Z"
    assert cluster.lease["metadata"]["resourceVersion"] == "7"
    assert cluster.asked == {"create": 1, "replace": 1}


@pytest.mark.parametrize(
    "trouble",
    [
        errors.Conflict(409, "Conflict", "it has changed"),
        errors.AlreadyExists(409, "AlreadyExists", "it is there"),
        errors.Forbidden(403, "Forbidden", "leases"),
        errors.Unreachable("refused"),
    ],
    ids=["renewed by another", "made by another", "no right", "no answer"],
)
async def test_trouble_of_the_api_server_ends_nothing(
    cluster: Cluster, sign: SignOfLife, trouble: errors.KubeError
) -> None:
    cluster.trouble = trouble
    await sign.renew()
    await sign.renew()
    assert cluster.asked == {"create": 2}
    cluster.trouble = None
    await sign.renew()
    assert cluster.renewed


async def test_a_database_that_takes_no_writes_leaves_the_lease_alone(
    cluster: Cluster, sign: SignOfLife, database: Store
) -> None:
    await sign.renew()
    first = cluster.renewed
    await database.write(lambda c: c.exec_driver_sql("PRAGMA query_only=1"))
    with pytest.raises(OperationalError) as found:
        await sign.renew()
    assert is_unavailable(found.value)
    assert cluster.renewed == first


async def test_limits_stay_on_the_lease_until_there_are_others(
    cluster: Cluster, database: Store
) -> None:
    found = iter(["", "first", "", "second"])

    async def limits() -> str:
        return next(found)

    sign = SignOfLife(cast(KubeClient, cluster), "yard", "ty", database, limits)
    shown = []
    for _ in range(4):
        await sign.renew()
        assert cluster.lease is not None
        shown.append(
            (cluster.lease["metadata"].get("annotations") or {}).get(names.ANNOTATION_LIMITS)
        )
    assert shown == [None, "first", "first", "second"]


async def test_the_trial_leaves_nothing_behind(sign: SignOfLife, database: Store) -> None:
    await sign.renew()
    rows = await database.read(lambda c: c.execute(text("SELECT * FROM idempotency")).all())
    assert rows == []
