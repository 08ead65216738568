"""Errors in the form of MLflow's protocol."""

from __future__ import annotations

import json

STATUS = {
    "INVALID_PARAMETER_VALUE": 400,
    "BAD_REQUEST": 400,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 413,
    # 503 would be right. Clients try that again for minutes, and the program waits meanwhile.
    "TEMPORARILY_UNAVAILABLE": 424,
    "TRY_AGAIN": 503,
    "INTERNAL_ERROR": 500,
}


class Refusal(Exception):
    """A call is answered by an error; `code` is a key of `STATUS`, `message` a sentence."""

    def __init__(self, message: str, code: str = "INVALID_PARAMETER_VALUE") -> None:
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.code]

    @property
    def body(self) -> bytes:
        """What MLflow's clients raise as RestException."""
        code = "TEMPORARILY_UNAVAILABLE" if self.code == "TRY_AGAIN" else self.code
        return json.dumps({"error_code": code, "message": self.message}).encode()

    def worth_waiting(self) -> Refusal:
        """The same, as clients try it again for minutes."""
        return Refusal(self.message, "TRY_AGAIN")


def away(what: str) -> Refusal:
    """The gateway is needed for `what` and cannot be reached."""
    return Refusal(
        f"Trainyard's gateway cannot be reached now, and {what} needs it; what this session logs "
        "waits on its volume and is not lost",
        "TEMPORARILY_UNAVAILABLE",
    )
