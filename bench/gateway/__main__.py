"""`python bench/gateway`: the gateway beside an MLflow tracking server and nginx, in one run.

    ingest     20 clients with a run of 20 metrics each report in batches of 1, 10, 500 points; points acknowledged per second, on
               SQLite and PostgreSQL
    writes     MLflow's own client at the door for it: values per second of 1 and 20 writers in batches of 1, 10, 500
    searches   the same client: searches over 10,000 runs
    history    the same client: a history of 1,000,000 values
    charts     20 runs × 20,000 points with a one-step spike each; the time of one chart of all runs, and whether the spikes are in it
    downloads  one large file against nginx with sendfile; MB/s, the memory that the gateway grew by, and the p99 of a small call meanwhile
    uploads    the same against nginx PUT, which neither hashes nor syncs; ours does both

Peers alternate, so that what the machine does besides hits both; medians of `--pairs` pairs. Ours keeps every acknowledged point over a
power cut (SQLite: synchronous FULL; PostgreSQL: fsync and synchronous commits); MLflow is run as it comes, on the same PostgreSQL server,
but with as many database connections as 20 clients need. What it refuses is not acknowledged, and counted.
MLflow's own client takes most of the time of most of its calls. So a third server takes part, which does nothing but answer: no
server can be more times better than that one.

`--only` measures some, `--databases`, `--writers` and `--batches` parts of them, and what the file has of others is kept.
`--data FOLDER --fill` fills databases with runs and values only, and `--data FOLDER` measures what is there.
Needs a cluster (trainers prove who they are by its tokens) and, for MLflow, a virtual environment with it: `make bench-gateway` makes both.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(ROOT / "tests" / "support"), str(ROOT / "bench" / "operator"), str(Path(__file__).parent),
]  # fmt: skip

import clients  # noqa: E402  # found by the line above
import load  # noqa: E402  # as above
import machine  # noqa: E402  # as above
from cluster import apply_crds, fresh_namespace  # noqa: E402  # as above
from comparing import Cost, compared, progress  # noqa: E402  # as above
from gateway_lab import GatewayLab, on_postgres, running_gateway  # noqa: E402  # as above
from peers import Mlflow, nginx, replaying  # noqa: E402  # as above
from postgres import running_postgres  # noqa: E402  # as above
from table import table  # noqa: E402  # as above
from tracking import Side  # noqa: E402  # as above

CLIENTS = 20
RUNS, POINTS = 20, 20_000


class Servers(NamedTuple):
    """The gateway and an MLflow server on the same kind of database."""

    ours: GatewayLab
    peer: Mlflow
    folder: Path

    @property
    def pids(self) -> tuple[int, int]:
        """Their processes."""
        assert self.ours.process is not None
        return self.ours.process.pid, self.peer.pid


def main() -> None:
    """Run the chosen measurements and write table and JSON."""
    options = _options()
    apply_crds(options.kubeconfig)
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    results["machine"] = machine.shape()
    chosen: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
        "ingest": ingest, "writes": writes, "searches": searches, "history": history,
        "charts": charts, "downloads": downloads, "uploads": uploads,
    }  # fmt: skip
    for name in options.only:
        found = chosen[name](options)
        # Parts of a measurement come in several runs.
        results[name] = found if "pairs" in found else {**results.get(name, {}), **found}
        print(name, json.dumps(found, indent=2), flush=True)
        # Each time: a run that is stopped has measured something.
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=2) + "\n")
        options.out.with_suffix(".md").write_text(table(results))
    print(f"written to {options.out}")


def ingest(options: argparse.Namespace) -> dict[str, Any]:
    """Points per second by database and batch size."""
    found: dict[str, Any] = {}
    for database in options.databases:
        with _servers(options, database) as servers:
            lab, peer = servers.ours, servers.peer
            ours = load.trainers(lab, CLIENTS)
            theirs = uvloop.run(load.mlflow_runs(peer.url, CLIENTS))
            names = [f"metric-{n}" for n in range(options.metrics)]
            for size in options.batches:
                what = f"{database}, batches of {size}"
                pairs, costs, refused = [], [], 0
                # The first pair warms both up.
                for number in range(options.pairs + 1):
                    with Cost(servers.pids[0]) as our_cost:
                        mine = uvloop.run(load.report(lab.url, ours, size, names, options.seconds))
                    with Cost(servers.pids[1]) as their_cost:
                        other, no = uvloop.run(
                            load.log_batch(peer.url, theirs, size, names, options.seconds)
                        )
                    if number == 0:
                        continue
                    refused += no
                    pairs.append((mine, other))
                    costs.append((our_cost.per(mine), their_cost.per(other)))
                    progress(what, mine, other, "points/s")
                found[what] = compared(pairs, "points/s")
                found[what]["batches refused by the peer"] = refused
                # The load generator shares the machine; what a point costs the server it does not touch.
                found[what]["server CPU"] = compared(costs, "µs/point", smaller_is_better=True)
    return found


def writes(options: argparse.Namespace) -> dict[str, Any]:
    """What MLflow's own client logs in a second, by database."""
    return _with_clients(options, lambda sides, _: clients.writes(options, sides))


def searches(options: argparse.Namespace) -> dict[str, Any]:
    """How long it takes to find runs."""
    return _with_clients(options, lambda sides, kept: clients.searches(options, sides, kept))


def history(options: argparse.Namespace) -> dict[str, Any]:
    """How long it takes to read a long history."""
    return _with_clients(options, lambda sides, kept: clients.history(options, sides, kept))


def _with_clients(
    options: argparse.Namespace,
    measured: Callable[[clients.Sides, Path], Iterator[tuple[str, dict[str, Any]]]],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for database in options.databases:
        with _servers(options, database) as servers:
            ours = Side("the gateway", f"{servers.ours.url}/mlflow", servers.ours.key)
            with replaying(servers.ours.url) as nothing:
                third = Side("a server that does nothing", f"{nothing}/mlflow", ours.token)
                peer = Side("mlflow", servers.peer.url, database=servers.peer.store)
                sides = clients.Sides(ours, peer, third, servers.pids)
                for what, one in measured(sides, servers.folder):
                    found[f"{database}, {what}"] = one
    return found


@contextmanager
def _servers(options: argparse.Namespace, database: str) -> Iterator[Servers]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-gateway-")))
        if options.data is not None:
            if database != "sqlite":
                raise SystemExit("--data keeps SQLite's files only; give --databases sqlite")
            folder = options.data
        server = None
        if database == "postgresql":
            server = stack.enter_context(running_postgres(durable=True))
        lab = _gateway(stack, options, folder, on_postgres(server) if server else {})
        peer = stack.enter_context(Mlflow(options.mlflow, folder / "mlflow", server))
        yield Servers(lab, peer, folder)


def charts(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds for one chart of all runs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-gateway-")))
        lab = _gateway(stack, options, folder, {})
        peer = stack.enter_context(Mlflow(options.mlflow, folder / "mlflow", None))
        ours = load.trainers(lab, RUNS)
        theirs = uvloop.run(load.mlflow_runs(peer.url, RUNS))
        uvloop.run(load.fill(lab.url, ours, POINTS))
        uvloop.run(load.fill_mlflow(peer.url, theirs, POINTS))
        pairs = []
        for _ in range(options.pairs):
            mine = uvloop.run(load.read_charts(lab, ours))
            peers = uvloop.run(load.read_mlflow_charts(peer.url, theirs))
            pairs.append((mine, peers))
            progress("charts", mine.seconds, peers.seconds, "s")
    out = compared([(a.seconds, b.seconds) for a, b in pairs], "s", smaller_is_better=True)
    # The gateway keeps what it has sent; the medians are of that.
    out["seconds the first time"] = {"gateway": pairs[0][0].seconds, "mlflow": pairs[0][1].seconds}
    out["spikes shown"] = {"gateway": pairs[0][0].spikes, "mlflow": pairs[0][1].spikes, "of": RUNS}
    return out


def downloads(options: argparse.Namespace) -> dict[str, Any]:
    """MB/s of one large file, and how much memory the gateway grew by."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-gateway-")))
        lab = _gateway(stack, options, folder, {})
        file = load.large_model(lab, options.gigabytes)
        url = stack.enter_context(nginx(file.parent))
        before, pairs = load.resident(lab), []
        watch = load.Watch(lab)
        with watch:
            load.download(f"{lab.url}/api/v1/models/large", lab.key)
        sides: list[Callable[[], float]] = [
            lambda: load.download(f"{lab.url}/api/v1/models/large", lab.key),
            lambda: load.download(f"{url}/{file.name}", None),
        ]
        # Both are bound by the kernel, so that they are close: more pairs, and each side goes first in half of them.
        for turn in range(3 * options.pairs):
            if turn % 2 == 0:
                mine, other = (side() for side in sides)
            else:
                other, mine = (side() for side in reversed(sides))
            pairs.append((mine, other))
            progress("downloads", mine, other, "MB/s")
    return _transfers(pairs, watch, before)


def uploads(options: argparse.Namespace) -> dict[str, Any]:
    """MB/s of one large file until it is acknowledged."""
    size = int(options.gigabytes * 2**30)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-gateway-")))
        lab = _gateway(stack, options, folder, {})
        url = stack.enter_context(nginx(lab.data))
        place, pairs = f"{lab.url}/api/v1/models?name=large", []
        before, watch = load.resident(lab), load.Watch(lab)
        with watch:
            load.upload("POST", place, lab.key, size)
        for _ in range(options.pairs):
            load.remove_model(lab, "large")
            mine = load.upload("POST", place, lab.key, size)
            other = load.upload("PUT", f"{url}/put/large", None, size)
            pairs.append((mine, other))
            progress("uploads", mine, other, "MB/s")
    return _transfers(pairs, watch, before)


def _transfers(pairs: list[tuple[float, float]], watch: load.Watch, before: int) -> dict[str, Any]:
    out = compared(pairs, "MB/s")
    out["gateway grew by MiB"] = round((watch.most - before) / 2**20, 1)
    out["small call meanwhile, p99 ms"] = round(watch.p99(), 1)
    return out


def _gateway(
    stack: ExitStack, options: argparse.Namespace, folder: Path, settings: dict[str, str]
) -> GatewayLab:
    namespace = stack.enter_context(fresh_namespace(options.kubeconfig, "bench"))
    place = folder / "gateway"
    place.mkdir(parents=True, exist_ok=True)
    return stack.enter_context(running_gateway(options.kubeconfig, namespace, place, **settings))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the gateway.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument(
        "--mlflow", type=Path, default=ROOT / "build" / "mlflow" / "bin", help="folder of `mlflow`"
    )
    parser.add_argument(
        "--only", nargs="+", default=(every := ["ingest", "writes", "searches", "history", "charts", "downloads", "uploads"]),
        choices=every,
    )  # fmt: skip
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 10, 500])
    parser.add_argument("--metrics", type=int, default=20, help="different metrics of a run")
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 20], help="MLflow's clients")
    parser.add_argument("--runs", type=int, default=10_000, help="runs that a search looks at")
    parser.add_argument("--values", type=int, default=1_000_000, help="of the long history")
    parser.add_argument("--data", type=Path, help="folder that keeps databases for another run")
    parser.add_argument("--fill", action="store_true", help="fill them, and measure no reading")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=10, help="length of one ingest measurement"
    )
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "gateway.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
