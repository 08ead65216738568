"""What MLflow's protocol calls sessions and experiments, and its bounds. Pure.

It needs the standard library only. All programs that make an id make the same one.
"""

from __future__ import annotations

import re
from typing import Final

from trainyard_api.files.hashing import sha256_of

MAX_KEY: Final = 250
"""Characters of the name of a metric, a param or a tag."""
MAX_PARAM_VALUE: Final = 6000
MAX_TAG_VALUE: Final = 8000
MAX_EXPERIMENT_NAME: Final = 500
MAX_METRICS: Final = 1000
"""Metrics of one batch."""
MAX_PARAMS: Final = 100
MAX_TAGS: Final = 100
MAX_ENTITIES: Final = 1000
"""Metrics, params and tags of one batch together."""
DEFAULT_EXPERIMENT: Final = "Default"
DEFAULT_EXPERIMENT_ID: Final = "0"
_ID_BITS: Final = 60
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")
_KEY: Final = re.compile(r"[/\w.\- :]{1,250}")


def run_id_of(session_uid: str) -> str:
    """The id of a session's run: its UID without dashes. All its attempts are one run."""
    return session_uid.replace("-", "")


def session_uid_of(run_id: str) -> str:
    """The UID of the session whose run this is, if it is the run of a session."""
    return "-".join((run_id[:8], run_id[8:12], run_id[12:16], run_id[16:20], run_id[20:]))


def series_key_of(session_uid: str, run_id: str) -> str:
    """What the metrics of a run are stored under: the session's UID for its own run."""
    return session_uid if run_id == run_id_of(session_uid) else run_id


def is_run_id(text: str) -> bool:
    """Whether `text` is the id of a run: 32 hexadecimal digits."""
    return _RUN_ID.fullmatch(text) is not None


def experiment_id_of(name: str, salt: int = 0) -> str:
    """The id of an experiment, from its name; `salt` where another experiment has that id."""
    if name == DEFAULT_EXPERIMENT:
        return DEFAULT_EXPERIMENT_ID
    text = f"{name}\0{salt}" if salt else name
    digest = sha256_of(0)
    digest.update(text.encode("utf-8", "surrogatepass"))
    number = int.from_bytes(digest.digest()[:8], "big")
    return str((number >> (64 - _ID_BITS)) or 1)


def key_fault(key: str) -> str | None:
    """What is wrong with the name of a metric, a param or a tag, as MLflow judges it."""
    if len(key) > MAX_KEY:
        return f"a name has at most {MAX_KEY} characters"
    if _KEY.fullmatch(key) is None:
        return (
            "a name has letters, digits, underscores (_), dashes (-), periods (.), spaces ( ), "
            "colons (:) and slashes (/)"
        )
    if key.startswith("/") or any(part in ("", ".", "..") for part in key.split("/")):
        return "a name is like a relative path: no part of it is empty, . or .."
    return None
