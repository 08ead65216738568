"""Measures one node and reports to the gateway; the program of a DaemonSet.

`python -m trainyard_gateway.nodes.monitor --gateway-url URL --token-file FILE`
"""

from __future__ import annotations

import argparse
import http.client
import signal
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from trainyard_gateway.nodes.machine import measure

INTERVAL_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Measure and report until SIGTERM or SIGINT, also through outages. Returns the exit code."""
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
        problem = report(options.gateway_url, options.token_file, options.volume)
        if problem != said:
            sys.stderr.write(f"{problem or 'the gateway answers again'}\n")
            said = problem
    return 0


def report(gateway_url: str, token_file: Path, volume: Path) -> str:
    """Send one measurement. Returns what went wrong, empty on success."""
    try:
        # Read every time: the kubelet renews it.
        token = token_file.read_text().strip()
        body = measure(volume).model_dump_json(by_alias=True).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        status = _post(gateway_url, body, headers)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from the gateway: {error}"
    except Exception as error:  # of any kind: the next round measures again
        return f"this round measured nothing: {error!r}"
    return "" if status < 400 else f"the gateway answered {status}"


def _post(gateway_url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer."""
    to = urlsplit(gateway_url)
    kind = http.client.HTTPSConnection if to.scheme == "https" else http.client.HTTPConnection
    connection = kind(to.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", f"{to.path.rstrip('/')}/api/v1/report/node", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _address(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be an address such as http://trainyard-gateway"
        )
    return text


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of a command line; by default, of this process."""
    parser = argparse.ArgumentParser(prog="trainyard_gateway.nodes.monitor", description=__doc__)
    parser.add_argument(
        "--gateway-url", type=_address, required=True, help="such as http://trainyard-gateway"
    )
    parser.add_argument("--token-file", type=Path, required=True, help="projected token")
    parser.add_argument("--volume", type=Path, default=Path("/"), help="file system to measure")
    parser.add_argument("--alive-file", type=Path, help="touched at every round, for a probe")
    parser.add_argument(
        "--interval", type=float, default=INTERVAL_SECONDS, help="seconds between measurements"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
