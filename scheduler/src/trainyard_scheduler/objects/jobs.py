"""Jobs of attempts, from the JSON of the API server."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard_api import names
from trainyard_scheduler.objects.fields import Json, block, count, mapping
from trainyard_scheduler.objects.model import Job
from trainyard_scheduler.objects.owned_jobs import numbered_job
from trainyard_scheduler.objects.pods import pod_requests


def parse_job(raw: Json, gpu_resources: Sequence[str]) -> Job | None:
    """The Job of an attempt; None for any other Job.

    Raises ValueError, TypeError, LookupError or AttributeError if it makes no sense.
    """
    found = numbered_job(raw, names.LABEL_ATTEMPT, names.job_name)
    if found is None:
        return None
    attempt, owned = found
    annotations = mapping(raw["metadata"].get("annotations"))
    return Job(
        **owned,
        attempt=attempt,
        workers=count(raw["spec"].get("completions")) or 1,
        worker=pod_requests(raw["spec"]["template"], gpu_resources),
        nodes=tuple(n for n in block(annotations.get(names.ANNOTATION_NODES)).split(",") if n),
        backfilled=annotations.get(names.ANNOTATION_BACKFILLED) == "true",
        suspended=raw["spec"].get("suspend") is True,
    )
