"""Jobs that install the packages of sessions, from the JSON of the API server."""

from __future__ import annotations

from trainyard_api import names
from trainyard_scheduler.objects.fields import Json, mapping, text
from trainyard_scheduler.objects.model import BuilderJob
from trainyard_scheduler.objects.owned_jobs import numbered_job


def parse_builder(raw: Json) -> BuilderJob | None:
    """The Job that installs packages; None for any other Job.

    Raises ValueError, TypeError, LookupError or AttributeError if it makes no sense.
    """
    meta = raw["metadata"]
    if mapping(meta.get("labels")).get(names.LABEL_COMPONENT) != names.ENVIRONMENT_BUILDER:
        return None
    found = numbered_job(raw, names.LABEL_BUILD, names.builder_name)
    if found is None:
        return None
    number, owned = found
    image = text(mapping(meta.get("annotations")).get(names.ANNOTATION_IMAGE))
    return BuilderJob(**owned, number=number, image=image)
