"""What the Jobs of sessions have in common, from the JSON of the API server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from trainyard_api import names
from trainyard_api.timestamps import parse_seconds
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import Json, items, mapping, number, text


class OwnedJob(TypedDict):
    """The fields that each kind of Job has, by their names in the models."""

    uid: str
    name: str
    session_uid: str
    version: int
    created: float
    finished: str
    reason: str
    message: str
    finish_time: float | None
    deleting: bool


def numbered_job(
    raw: Json, number_label: str, name_of: Callable[[str, str, int], str]
) -> tuple[int, OwnedJob] | None:
    """The Job's number and common fields; None for a Job of no session or under another name.

    `name_of` gives the name that a Job has by its session's name, UID and the number. Raises as
    `parse_job`.
    """
    meta = raw["metadata"]
    labels = mapping(meta.get("labels"))
    owners = items(meta.get("ownerReferences"))
    owner = next((o for o in owners if o.get("kind") == names.SESSION_KIND), None)
    ordinal = number(labels.get(number_label))
    if owner is None or ordinal == 0:
        return None
    if meta["name"] != name_of(text(labels.get(names.LABEL_SESSION)), owner["uid"], ordinal):
        return None
    end = _end(mapping(raw.get("status")))
    return ordinal, OwnedJob(
        uid=meta["uid"],
        name=meta["name"],
        session_uid=owner["uid"],
        version=fields.version(meta),
        created=parse_seconds(meta.get("creationTimestamp")) or 0.0,
        finished=text(end.get("type")),
        reason=text(end.get("reason")),
        message=text(end.get("message")),
        finish_time=parse_seconds(end.get("lastTransitionTime")),
        deleting="deletionTimestamp" in meta,
    )


def _end(status: Json) -> Json:
    """The condition by which the Job has ended, {} while it runs."""
    for condition in items(status.get("conditions")):
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True":
            return condition
    return {}
