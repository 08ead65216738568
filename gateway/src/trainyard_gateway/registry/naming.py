"""Names of datasets and models, and names of their files."""

from __future__ import annotations

import re

from trainyard_api.names import is_artifact_name
from trainyard_gateway.errors import BadRequest


def check_name(kind: str, name: str) -> None:
    """Raises BadRequest for a name that a dataset or model cannot have."""
    if not is_artifact_name(name):
        raise BadRequest(
            f"a {kind} cannot be called {name[:140]!r}: use letters, digits, '-', '_' and '.', at most 128, "
            "with a letter or digit at both ends"
        )


def safe_filename(filename: str) -> str:
    """A generated name with the ending of the given one, which says the format."""
    return "data" + re.sub(r"[^a-z0-9.]", "", "." + filename.lower().partition(".")[2])[:32]
