"""Jobs of attempts, from the JSON of the API server."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard_api import names
from trainyard_api.timestamps import parse_seconds
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import Json, block, count, items, mapping, number, text
from trainyard_scheduler.objects.model import Job
from trainyard_scheduler.objects.pods import pod_requests


def parse_job(raw: Json, gpu_resources: Sequence[str]) -> Job | None:
    """The Job of an attempt; None for any other Job.

    Raises ValueError, TypeError, LookupError or AttributeError if it makes no sense.
    """
    meta = raw["metadata"]
    labels = mapping(meta.get("labels"))
    owners = items(meta.get("ownerReferences"))
    owner = next((o for o in owners if o.get("kind") == names.SESSION_KIND), None)
    attempt = number(labels.get(names.LABEL_ATTEMPT))
    if owner is None or attempt == 0:
        return None
    expected = names.job_name(text(labels.get(names.LABEL_SESSION)), owner["uid"], attempt)
    if meta["name"] != expected:
        return None
    annotations = mapping(meta.get("annotations"))
    end = end_of(mapping(raw.get("status")))
    return Job(
        uid=meta["uid"],
        name=meta["name"],
        session_uid=owner["uid"],
        attempt=attempt,
        version=fields.version(meta),
        created=parse_seconds(meta.get("creationTimestamp")) or 0.0,
        workers=count(raw["spec"].get("completions")) or 1,
        worker=pod_requests(raw["spec"]["template"], gpu_resources),
        nodes=tuple(n for n in block(annotations.get(names.ANNOTATION_NODES)).split(",") if n),
        backfilled=annotations.get(names.ANNOTATION_BACKFILLED) == "true",
        finished=text(end.get("type")),
        reason=text(end.get("reason")),
        message=text(end.get("message")),
        finish_time=parse_seconds(end.get("lastTransitionTime")),
        deleting="deletionTimestamp" in meta,
    )


def end_of(status: Json) -> Json:
    """The condition by which the Job has ended, {} while it runs."""
    for condition in items(status.get("conditions")):
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True":
            return dict(condition)
    return {}
