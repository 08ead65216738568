"""A session's object → the rows of the ledger that follow from it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from trainyard_api import names, timestamps
from trainyard_api.phase import HOLDING_GPUS
from trainyard_api.quantity import millicores, whole
from trainyard_api.session.allocation import AllocationKind

UNKNOWN: Final = "Unknown"
"""Outcome of an attempt without a record of when it began and ended."""
DELETED: Final = "Deleted"
"""Outcome of an attempt that was under way when its session was deleted."""
MOST_UNKNOWN: Final = 1000
"""Attempts of a session, from the last one back, that are noted as unknown."""
_MOST: Final = 2**53
_LONGEST_LABELS: Final = 16_384

Body = Mapping[str, Any]


class AllocationRow(NamedTuple):
    """A row of `allocations`. Times are microseconds since the epoch."""

    session_uid: str
    kind: str
    number: int
    session: str
    user: str
    queue: str
    labels: str
    start: int | None
    finish: int | None
    exact: bool
    ran: bool
    gpus: int
    cpu_millis: int
    memory_bytes: int
    outcome: str
    checkpoint: int | None
    team: str = ""
    """Of the session's label, like the next one."""
    api_key: str = ""


class Rows(NamedTuple):
    """What follows from one state of a session."""

    recorded: tuple[AllocationRow, ...] = ()
    """What the operator has recorded. Nothing else is known better."""
    open: tuple[AllocationRow, ...] = ()
    """What is held now, or was until the session was deleted; a recorded end stays."""
    unknown: tuple[AllocationRow, ...] = ()
    """Attempts without a record; what is there stays."""


def rows_of(body: Body, deleted: bool, now: int) -> Rows:
    """The rows of a session; `now` is when it was seen like this."""
    status = _mapping(body.get("status"))
    base = _base(body)
    recorded = [
        row
        for item in _items(status.get("allocations"))
        if (row := _recorded(base, item, status)) is not None
    ]
    number = _count(status.get("attempt"))
    known = {row.number for row in recorded if row.kind == AllocationKind.ATTEMPT}
    holds = status.get("phase") in set(HOLDING_GPUS) and number not in known
    opened = [_opened(base, body, status, now if deleted else None)] if holds and number else []
    last = number - 1 if holds else number
    missing = (n for n in range(max(1, last - MOST_UNKNOWN + 1), last + 1) if n not in known)
    return Rows(
        tuple(recorded),
        tuple(row for row in opened if row.start is not None),
        tuple(_unknown(base, body, status, missing)),
    )


def last_sign(body: Body) -> int | None:
    """When a session was last heard of, which is the least that its attempt has lasted."""
    status = _mapping(body.get("status"))
    progress = _mapping(status.get("progress"))
    attempt = [status.get("attemptAllocatedTime"), status.get("attemptStartTime")]
    if progress.get("attempt") == status.get("attempt"):
        attempt += [progress.get("lastHeartbeat"), progress.get("lastStepTime")]
    return max((t for t in map(_micros, attempt) if t is not None), default=None)


def _base(body: Body) -> AllocationRow:
    metadata, spec = body["metadata"], _mapping(body.get("spec"))
    labels = _mapping(metadata.get("labels"))
    kept = {k: v for k, v in labels.items() if isinstance(v, str) and k != names.LABEL_USER}
    text = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()
    return AllocationRow(
        session_uid=metadata["uid"],
        kind=AllocationKind.ATTEMPT.value,
        number=0,
        session=metadata["name"],
        user=str(labels.get(names.LABEL_USER) or "")[:64],
        queue=str(spec.get("queue") or "default")[:64],
        labels=text if len(text) <= _LONGEST_LABELS else "{}",
        start=None,
        finish=None,
        exact=False,
        ran=False,
        gpus=0,
        cpu_millis=0,
        memory_bytes=0,
        outcome="",
        checkpoint=None,
        team=str(labels.get(names.LABEL_TEAM) or "")[:64],
        api_key=str(labels.get(names.LABEL_KEY) or "")[:64],
    )


def _recorded(base: AllocationRow, item: Body, status: Body) -> AllocationRow | None:
    """A row from a record of the operator; None from one that makes no sense."""
    number, finish = _count(item.get("number")), _micros(item.get("endTime"))
    kind = item.get("kind", AllocationKind.ATTEMPT.value)
    if not number or finish is None or kind not in set(AllocationKind):
        return None
    start = _micros(item.get("startTime"))
    checkpoints = [_micros(item.get("checkpointTime"))]
    if number == _count(status.get("attempt")):
        # It is reported late: until the next attempt begins, it is one of this attempt or before.
        last = _mapping(_mapping(status.get("progress")).get("lastCheckpoint"))
        checkpoints.append(_micros(last.get("time")))
    return base._replace(
        kind=str(kind),
        number=number,
        start=None if start is None else min(start, finish),
        finish=finish,
        exact=item.get("exact") is True,
        ran=item.get("ran") is True,
        gpus=_count(item.get("gpus")),
        cpu_millis=_count(item.get("cpuMillis")),
        memory_bytes=_count(item.get("memoryBytes")),
        outcome=str(item.get("outcome"))[:16],
        checkpoint=max((c for c in checkpoints if c is not None), default=None),
    )


def _opened(base: AllocationRow, body: Body, status: Body, gone: int | None) -> AllocationRow:
    """The attempt that is under way, or was when the session was deleted."""
    spec = _mapping(body.get("spec"))
    resources, workers = _mapping(spec.get("resources")), _count(spec.get("workers")) or 1
    began = _micros(status.get("attemptStartTime"))
    bound = _micros(status.get("attemptAllocatedTime"))
    start = bound if bound is not None else began
    last = _mapping(_mapping(status.get("progress")).get("lastCheckpoint"))
    return base._replace(
        number=_count(status.get("attempt")),
        start=start if gone is None or start is None else min(start, gone),
        finish=gone,
        ran=began is not None,
        gpus=_count(status.get("gpus")),
        cpu_millis=_amount(millicores, resources.get("cpu", "1"), workers),
        memory_bytes=_amount(whole, resources.get("memory", "2Gi"), workers),
        outcome=DELETED if gone is not None else "",
        checkpoint=_micros(last.get("time")),
    )


def _unknown(
    base: AllocationRow, body: Body, status: Body, numbers: Iterator[int]
) -> Iterator[AllocationRow]:
    """Rows without a start, at the time that is known of the session."""
    times = [status.get(name) for name in ("completionTime", "startTime", "queuedTime")]
    known = map(_micros, [*times, body["metadata"].get("creationTimestamp")])
    when = next((t for t in known if t is not None), 0)
    for number in numbers:
        yield base._replace(
            number=number, finish=when, gpus=_count(status.get("gpus")), outcome=UNKNOWN
        )


def _amount(read: Any, quantity: object, workers: int) -> int:
    try:
        return min(_MOST, int(read(str(quantity))) * workers)
    except ValueError:
        return 0


def _mapping(value: object) -> Body:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[Body]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _count(value: object) -> int:
    """A number from 0 to 2^53; 0 for anything else."""
    whole_number = isinstance(value, int) and not isinstance(value, bool)
    return value if whole_number and isinstance(value, int) and 0 < value <= _MOST else 0


def _micros(text: object) -> int | None:
    found = timestamps.parse(text)
    return None if found is None else timestamps.to_micros(found)
