"""Errors as MLflow's clients read them: a code, a sentence, and MLflow's status. Pure.

Clients decide by the code: a missing experiment, for example, is made after
RESOURCE_DOES_NOT_EXIST. They send a request again after 408, 429, 500, 502, 503 and 504.
"""

from __future__ import annotations

ROOT = "/mlflow"
"""Paths of this protocol begin so."""
_CODES = {
    400: (400, "INVALID_PARAMETER_VALUE"),
    401: (401, "UNAUTHENTICATED"),
    403: (403, "PERMISSION_DENIED"),
    404: (404, "RESOURCE_DOES_NOT_EXIST"),
    405: (404, "ENDPOINT_NOT_FOUND"),
    408: (408, "TEMPORARILY_UNAVAILABLE"),
    409: (400, "RESOURCE_ALREADY_EXISTS"),
    412: (400, "INVALID_STATE"),
    413: (400, "INVALID_PARAMETER_VALUE"),
    415: (400, "INVALID_PARAMETER_VALUE"),
    416: (416, "INVALID_PARAMETER_VALUE"),
    422: (400, "INVALID_PARAMETER_VALUE"),
    429: (429, "REQUEST_LIMIT_EXCEEDED"),
    503: (503, "TEMPORARILY_UNAVAILABLE"),
    507: (507, "RESOURCE_LIMIT_EXCEEDED"),
}


def of_status(status: int, known_path: bool = True) -> tuple[int, str]:
    """Status and code of an error; `known_path`: whether the protocol has the path here."""
    if status == 404 and not known_path:
        return 404, "ENDPOINT_NOT_FOUND"
    return _CODES.get(status, (status, "INTERNAL_ERROR"))
