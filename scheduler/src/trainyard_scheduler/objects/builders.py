"""Jobs and pods that install the packages of sessions, from the JSON of the API server."""

from __future__ import annotations

from trainyard_api import names
from trainyard_api.timestamps import parse_seconds
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import Json, items, mapping, number, text
from trainyard_scheduler.objects.jobs import end_of
from trainyard_scheduler.objects.model import BuilderJob


def parse_builder(raw: Json) -> BuilderJob | None:
    """The Job that installs packages; None for any other Job.

    Raises ValueError, TypeError, LookupError or AttributeError if it makes no sense.
    """
    meta = raw["metadata"]
    labels, owners = mapping(meta.get("labels")), items(meta.get("ownerReferences"))
    if labels.get(names.LABEL_COMPONENT) != names.ENVIRONMENT_BUILDER:
        return None
    owner = next((o for o in owners if o.get("kind") == names.SESSION_KIND), None)
    build = number(labels.get(names.LABEL_BUILD))
    if owner is None or build == 0:
        return None
    if meta["name"] != names.builder_name(
        text(labels.get(names.LABEL_SESSION)), owner["uid"], build
    ):
        return None
    end = end_of(mapping(raw.get("status")))
    return BuilderJob(
        uid=meta["uid"],
        name=meta["name"],
        session_uid=owner["uid"],
        number=build,
        version=fields.version(meta),
        created=parse_seconds(meta.get("creationTimestamp")) or 0.0,
        image=text(mapping(meta.get("annotations")).get(names.ANNOTATION_IMAGE)),
        finished=text(end.get("type")),
        reason=text(end.get("reason")),
        message=text(end.get("message")),
        finish_time=parse_seconds(end.get("lastTransitionTime")),
        deleting="deletionTimestamp" in meta,
    )
