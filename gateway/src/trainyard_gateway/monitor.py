"""Measures one node and tells the gateway; the program of a DaemonSet.

`python -m trainyard_gateway.monitor --gateway-url URL --token-file FILE`
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from trainyard_gateway.machine import measure

INTERVAL_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Measure and tell until told to stop; outages are waited out."""
    options = parse(arguments)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    # The first call only sets the mark from which CPU use is counted.
    psutil.cpu_percent()
    said = ""
    while not stopped.is_set():
        if options.alive_file:
            options.alive_file.touch()
        if stopped.wait(options.interval):
            break
        problem = tell(options.gateway_url, options.token_file, options.volume)
        if problem != said:
            sys.stderr.write(f"{problem or 'the gateway is heard again'}\n")
            said = problem
    return 0


def tell(gateway_url: str, token_file: Path, volume: Path) -> str:
    """Send one measurement; what went wrong, empty when nothing did."""
    try:
        # Read every time: the kubelet renews it.
        token = token_file.read_text().strip()
        request = urllib.request.Request(
            f"{gateway_url.rstrip('/')}/api/v1/report/node",
            measure(volume).model_dump_json(by_alias=True).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return f"the gateway answered {error.code}"
    except OSError as error:
        return f"no answer from the gateway: {error}"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of a command line; by default, of this process."""
    parser = argparse.ArgumentParser(prog="trainyard_gateway.monitor", description=__doc__)
    parser.add_argument("--gateway-url", required=True, help="such as http://trainyard-gateway")
    parser.add_argument("--token-file", type=Path, required=True, help="projected token")
    parser.add_argument("--volume", type=Path, default=Path("/"), help="file system to measure")
    parser.add_argument("--alive-file", type=Path, help="touched at every round, for a probe")
    parser.add_argument(
        "--interval", type=float, default=INTERVAL_SECONDS, help="seconds between measurements"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
