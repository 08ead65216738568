"""Fixtures that every ring of tests may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from gateway_lab import GatewayFactory
    from lanes import Lanes
    from postgres import Postgres
    from report_stand_in import ReportStandIn
    from xdist.remote import Producer

# Real servers answer in milliseconds most of the time, not always; a slow example is no failure.
settings.register_profile(
    "trainyard",
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("trainyard")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    """`-n 3` runs the tests in lanes (tests/support/lanes.py)."""
    from lanes import Lanes

    return Lanes(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> None:
    """Refuse a case that pytest would call `argname0`; it asks here for cases without an id."""
    from case_ids import is_telling

    if not is_telling(val):
        pytest.fail(f"give the cases of {argname!r} ids: {val!r} is no name", pytrace=False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Refuse cases of a set: each lane would collect them in another order."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        if len(mark.args) > 1 and isinstance(mark.args[1], set | frozenset):
            pytest.fail(f"sort the cases of {mark.args[0]!r}: a set has no order", pytrace=False)


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """Kubeconfig of a real cluster with this tree's CRDs in it."""
    from cluster import apply_crds, find_kubeconfig

    path = find_kubeconfig()
    apply_crds(path)
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; skips where there is none and none can be installed."""
    from postgres import running_postgres

    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def gateway_factory(
    kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayFactory]:
    """`gateway_factory(**settings)` starts a gateway that all tests of a module may share."""
    from gateway_lab import gateways

    with gateways(kubeconfig, lambda: tmp_path_factory.mktemp("gateway")) as start:
        yield start


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a gateway with a new database, of each kind in turn."""
    from gateway_lab import on_postgres

    if request.param == "sqlite":
        return {}
    return on_postgres(request.getfixturevalue("postgres"))


@pytest.fixture
def gateway() -> Iterator[ReportStandIn]:
    """A server that takes a trainer's reports in the gateway's place, and remembers them."""
    from report_stand_in import report_stand_in

    with report_stand_in() as state:
        yield state


@pytest.fixture
def namespace(kubeconfig: Path) -> Iterator[str]:
    """A fresh namespace under Pod Security `restricted`."""
    from cluster import fresh_namespace

    with fresh_namespace(kubeconfig) as name:
        yield name
