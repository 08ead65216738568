"""Sends the reports of trees that wait, until the gateway has them or refuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainyard.reporting.artifacts.waiting import Report, WaitingTrees
from trainyard.reporting.transport import NotDeliveredError, RejectedError, Transport

FINAL = frozenset({400, 403, 413, 422})
"""Answers after which sending a report again is of no use."""


class Delivery:
    """Delivers reports one by one; `say` and `warn` take a sentence each."""

    def __init__(
        self,
        trees: WaitingTrees,
        transport: Transport,
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._trees, self._transport = trees, transport
        self._say, self._warn = say, warn

    def send(self, report: Report) -> None:
        """Send a report and remove it when it is answered. Raises NotDeliveredError: try later."""
        try:
            body = report.read()
        except FileNotFoundError:
            # Another process of the session has delivered it.
            return
        except OSError as error:
            raise NotDeliveredError(f"the report cannot be read: {error}") from error
        if body:
            self._post(report, body)
        else:
            self._warn(f"'{report.name}' is not registered: what lies there is no report")
        self._trees.remove(report)

    def _post(self, report: Report, body: bytes) -> None:
        try:
            receipt = self._transport.post("/report/tree", body)
        except RejectedError as error:
            if error.status not in FINAL:
                raise NotDeliveredError(str(error), status=error.status) from error
            self._warn(f"'{report.name}' is not registered: {error}")
        else:
            self._say(_registered(report, receipt))


def _registered(report: Report, receipt: dict[str, Any]) -> str:
    return f"'{report.name}' is registered as version {receipt.get('version')} of that name"
