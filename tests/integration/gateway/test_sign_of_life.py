"""The gateway renews its Lease while its database takes writes, and not while it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from cluster import api_client, fresh_namespace
from gateway_lab import GatewayLab, running_gateway
from kubernetes import client
from poll import eventually
from postgres import Postgres
from tcp_door import TcpDoor

pytestmark = pytest.mark.integration

WAITS = '"task": "SignOfLife"'


@pytest.fixture
def door(postgres: Postgres) -> Iterator[TcpDoor]:
    with TcpDoor(postgres.address, postgres.port) as found:
        yield found


@pytest.fixture
def gateway(
    kubeconfig: Path, tmp_path: Path, postgres: Postgres, door: TcpDoor
) -> Iterator[GatewayLab]:
    """A gateway of the release `ty` that reaches its database through the door."""
    url = urlsplit(postgres.database())
    behind = urlunsplit(url._replace(netloc=f"{url.username}@127.0.0.1:{door.port}"))
    with (
        fresh_namespace(kubeconfig, "gw") as namespace,
        running_gateway(
            kubeconfig,
            namespace,
            tmp_path,
            release="ty",
            database_url=behind,
            database_password_file=str(postgres.password_file),
        ) as found,
    ):
        yield found


def test_the_lease_is_renewed_while_the_database_takes_writes(
    gateway: GatewayLab, door: TcpDoor
) -> None:
    with api_client(gateway.kubeconfig) as api:
        leases = client.CoordinationV1Api(api)

        def renewed() -> str:
            return str(
                leases.read_namespaced_lease("ty-gateway", gateway.namespace).spec.renew_time
            )

        def failures() -> int:
            return sum(
                WAITS in line and "waits for the database" in line
                for line in gateway.log.read_text().splitlines()
            )

        first = eventually(renewed, within=60, what="the Lease")
        eventually(lambda: renewed() != first, within=60, what="a renewal")

        door.shut()
        eventually(lambda: failures() >= 1, within=120, what="a write that fails")
        last, told = renewed(), failures()
        eventually(lambda: failures() >= told + 3, within=120, what="further writes that fail")
        assert renewed() == last

        door.open()
        eventually(lambda: renewed() != last, within=120, what="a renewal after the outage")
