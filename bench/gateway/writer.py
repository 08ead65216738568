"""MLflow's own client, as a program that `tracking.py` starts with the interpreter of MLflow's environment.

It reads a call from each line of its input, {"uri": …, "token": …, "do": …, …}, does it, and writes the answer as a line. The same
process talks to every server, so that what it is slow or fast by hits all of them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from mlflow.entities import Metric
from mlflow.tracking import MlflowClient

clients: dict[str, MlflowClient] = {}


def write(
    client: MlflowClient, run: str, size: int, names: list[str], seconds: float, first: int
) -> dict[str, Any]:
    """Log batches of `size` values for so long, from the value `first` on; how many were acknowledged, and in what time."""
    number, started = first, time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        found = [(n // len(names), names[n % len(names)]) for n in range(number, number + size)]
        if size == 1:
            step, name = found[0]
            client.log_metric(run, name, step / 7, timestamp=step, step=step)
        else:
            client.log_batch(run, [Metric(name, step / 7, step, step) for step, name in found])
        number += size
    return {"values": number - first, "seconds": now - started}


def search(
    client: MlflowClient, experiment: str, filter: str, order: list[str], most: int
) -> dict[str, Any]:
    """Read all pages of a search, or `most` runs; how many there were, and in what time."""
    started, count, token = time.perf_counter(), 0, None
    while True:
        page: Sequence[Any] = client.search_runs(
            [experiment], filter, order_by=order, max_results=min(most - count, 1000), page_token=token,
        )  # fmt: skip
        count += len(page)
        token = page.token
        if not token or count >= most:
            return {"runs": count, "seconds": time.perf_counter() - started}


def history(client: MlflowClient, run: str, metric: str) -> dict[str, Any]:
    """Read a whole history; how many values it has, and in what time."""
    started = time.perf_counter()
    found = client.get_metric_history(run, metric)
    return {"values": len(found), "seconds": time.perf_counter() - started}


def client_of(uri: str, token: str | None) -> MlflowClient:
    """The client of a server. MLflow reads the token from the environment for each request."""
    os.environ.pop("MLFLOW_TRACKING_TOKEN", None)
    if token is not None:
        os.environ["MLFLOW_TRACKING_TOKEN"] = token
    return clients.setdefault(uri, MlflowClient(uri))


CALLS: dict[str, Callable[..., dict[str, Any]]] = {
    "write": write,
    "search": search,
    "history": history,
}


def main() -> None:
    """Answer until the input ends."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        client = client_of(asked.pop("uri"), asked.pop("token"))
        print(json.dumps(CALLS[asked.pop("do")](client, **asked)), flush=True)


if __name__ == "__main__":
    main()
