"""`python bench/web`: the web page beside those of MLflow and Trackio, in the same Chromium on the
same machine.

    table     1,000 sessions: until rows are drawn, frames while scrolling
    overlay   100 curves of 20,000 points over each other: until they are drawn, spikes that are seen
    live      50 running sessions that report every second: bytes, delay, CPU, memory of the page
    log       a log of a million lines: until lines are drawn; the others keep no logs

Every round begins with an empty cache. MLflow and Trackio are run as they come, with one worker on
SQLite; the gateway runs on SQLite too. Needs a cluster (`make bench-web` brings one) and virtual
environments with the others.

`--only` measures some of the three and `--parts` some of the four. Every part is written when it
is done, with its sizes and the load average before and after it; the files keep what they have of
all other parts. So a long measurement can be made in pieces. Times depend on what else the machine
does.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The gateway's bench has a module `table`, too: this folder comes first.
sys.path[:0] = [
    str(Path(__file__).parent), str(ROOT / "tests" / "support"), str(ROOT / "bench" / "operator"),
    str(ROOT / "bench" / "gateway"),
]  # fmt: skip

import machine  # noqa: E402  # found by the line above
import yard  # noqa: E402  # as above
from browser import running_browser  # noqa: E402  # as above
from cluster import apply_crds, fresh_namespace  # noqa: E402  # as above
from gateway_lab import running_gateway  # noqa: E402  # as above
from own_page import OwnPage  # noqa: E402  # as above
from peer_page import PeerPage, filled  # noqa: E402  # as above
from peers import Mlflow  # noqa: E402  # as above
from playwright.sync_api import Error as PlaywrightError  # noqa: E402  # as above
from table import BEGIN, END, PARTS, summary, table  # noqa: E402  # as above
from trackio_page import TrackioPage  # noqa: E402  # as above
from trackio_server import Trackio  # noqa: E402  # as above
from window import NotDrawnError  # noqa: E402  # as above

RESULTS = ROOT / "bench" / "results" / "web.json"
_DOCS = ROOT / "docs" / "web.md"
_STATIC = ROOT / "gateway" / "src" / "trainyard_gateway" / "static"
_LOG_BYTES = str(1 << 30)


Figures = Iterator[tuple[str, dict[str, Any]]]
"""Parts with their figures."""
Measure = Callable[[], dict[str, Any]]


def main() -> None:
    """Measure the pages, one after the other, and write JSON and Markdown."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-web-") as name:
        for what in options.only:
            for part, figures in _SIDES[what](options, Path(name)):
                print(what, part, json.dumps(figures, indent=2), flush=True)
                _write(options.out, what, part, {"asked": _asked(options), **figures})
    print(f"written to {options.out}")


def _write(file: Path, side: str, part: str, figures: dict[str, Any]) -> None:
    """Put a part beside what the files have of the others."""
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    results["page"] = sizes()
    results.setdefault(side, {})[part] = figures
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=2) + "\n")
    file.with_suffix(".md").write_text(table(results))
    if file == RESULTS:
        text = _DOCS.read_text()
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        _DOCS.write_text(before + BEGIN + summary(results) + END + after)


def _measured(parts: dict[str, Measure], wanted: list[str]) -> Figures:
    """The wanted ones among the parts, each with what else the machine did."""
    for name, measure in parts.items():
        if name in wanted:
            before = machine.shape()
            figures = measure()
            load = [before["loadAverage"], machine.shape()["loadAverage"]]
            yield name, {"machine": before, "load": load, **figures}


def own(options: argparse.Namespace, folder: Path) -> Figures:
    """The figures of our page."""
    if options.kubeconfig is None:
        raise SystemExit("--kubeconfig: our gateway needs a cluster; make bench-web brings one")
    apply_crds(options.kubeconfig)
    with ExitStack() as stack:
        namespace = stack.enter_context(fresh_namespace(options.kubeconfig, "bench"))
        place = folder / "gateway"
        place.mkdir()
        gateway = running_gateway(options.kubeconfig, namespace, place, log_max_bytes=_LOG_BYTES)
        lab = stack.enter_context(gateway)
        clients = yard.sessions(lab, options.sessions)
        yard.curves(lab, clients, _points(options))
        yard.lines(clients[-1], options.lines if "log" in options.parts else yard.LINES_AT_ONCE)
        # The browser has an event loop of its own, beside which none can fill.
        browser = stack.enter_context(running_browser())
        page = OwnPage(browser, lab, clients, options.rounds)
        parts: dict[str, Measure] = {
            "table": partial(page.table, options.sessions),
            "overlay": page.overlay,
            "log": partial(page.log, clients[-1]),
            "live": partial(page.live, options.seconds),
        }
        yield from _measured(parts, options.parts)


def peer(options: argparse.Namespace, folder: Path) -> Figures:
    """The figures of MLflow's page."""
    place = folder / "mlflow"
    with Mlflow(options.mlflow, place, None) as server:
        runs = filled(server, place, options.sessions, yard.REPORTING, _points(options))
        with running_browser() as browser:
            page = PeerPage(browser, server, runs, options.rounds)
            parts: dict[str, Measure] = {
                "table": partial(_tried, page.table),
                "overlay": partial(_tried, page.overlay),
                "live": partial(_tried, partial(page.live, options.seconds)),
            }
            yield from _measured(parts, options.parts)


def second_peer(options: argparse.Namespace, folder: Path) -> Figures:
    """The figures of Trackio's page."""
    with Trackio(options.trackio, folder / "trackio") as server:
        server.fill(options.sessions, yard.REPORTING, _points(options))
        with running_browser() as browser:
            page = TrackioPage(browser, server, options.rounds)
            table_ = partial(page.table, options.sessions)
            overlay = partial(page.overlay, min(options.sessions, yard.REPORTING))
            parts: dict[str, Measure] = {
                "table": partial(_tried, table_),
                "overlay": partial(_tried, overlay),
                "live": partial(_tried, partial(page.live, options.seconds)),
            }
            yield from _measured(parts, options.parts)


def _points(options: argparse.Namespace) -> int:
    """Of each curve; one is enough where none is looked at."""
    return int(options.points) if {"overlay", "live"} & set(options.parts) else 1


def _tried(measure: Measure) -> dict[str, Any]:
    """The figures of a peer, or that its page did not show it."""
    try:
        return measure()
    except (NotDrawnError, PlaywrightError) as error:
        return {"failed": str(error)[:500]}


_SIDES: dict[str, Callable[[argparse.Namespace, Path], Figures]] = {
    "trainyard": own,
    "mlflow": peer,
    "trackio": second_peer,
}


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """The sizes of this run."""
    names = ("sessions", "points", "lines", "rounds", "seconds")
    return {name: getattr(options, name) for name in names}


def sizes() -> dict[str, int]:
    """Bytes of our page as they are sent: each file compressed by gzip."""
    files = {file: file.read_bytes() for file in sorted(_STATIC.rglob("*")) if file.is_file()}
    packed = {file: len(gzip.compress(content)) for file, content in files.items()}
    return {"files": len(files), "bytes compressed": sum(packed.values())}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the web page.")
    parser.add_argument("--kubeconfig", type=Path, help="needed for our gateway")
    parser.add_argument("--only", nargs="+", choices=list(_SIDES), default=list(_SIDES))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--trackio", type=Path, default=ROOT / "build" / "trackio" / "bin")
    parser.add_argument("--mlflow", type=Path, default=ROOT / "build" / "mlflow" / "bin")
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--points", type=int, default=20_000, help="of each of 100 curves")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60, help="length of the live measurement")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
