"""What a version of a registered model is made of, read from its URI. Pure.

    runs:/<run>/<path>
    models:/m-<logged model>
    models:/<name>/<version>, <stage> or latest, and models:/<name>@<alias>
    mlflow-artifacts:/<path>, and the same path at the gateway's address

Files of other places are not here, and a version keeps its files itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from trainyard_api import mlflow
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import BadRequest, NotFound
from trainyard_gateway.mlflow.wire import places
from trainyard_gateway.mlflow.wire.places import Place

FILES = "/mlflow/api/2.0/mlflow-artifacts/artifacts/"
"""Where the gateway answers for artifacts."""


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """A version of a registered model, by its number, its stage, an alias, or `latest`."""

    name: str
    which: str
    is_alias: bool = False


Source = Place | OtherVersion


def source_of(uri: str) -> Source:
    """What a URI names. Raises BadRequest, and NotFound for a place of nothing."""
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise _unknown(uri) from error
    if parts.query or parts.fragment:
        raise _unknown(uri)
    path = parts.path.strip("/")
    if parts.scheme == "runs":
        run, _, below = path.partition("/")
        if not mlflow.is_run_id(run):
            raise NotFound(f"Run with id={visible(run[:64])} not found")
        return places.of_run(run, below)
    if parts.scheme == "models":
        return _of_models(path, uri)
    if parts.scheme == "mlflow-artifacts":
        return places.place_of(path.removeprefix(FILES.strip("/") + "/"))
    _, known, below = parts.path.partition(FILES)
    if parts.scheme in ("http", "https") and known:
        return places.place_of(unquote(below).strip("/"))
    raise _unknown(uri)


def _of_models(path: str, uri: str) -> Source:
    name, at, alias = path.partition("@")
    if at:
        return OtherVersion(name, alias, is_alias=True)
    name, slash, which = path.partition("/")
    if slash and which and "/" not in which:
        return OtherVersion(name, which)
    if places.is_logged_model_id(path):
        return Place(path, "")
    raise _unknown(uri)


def _unknown(uri: str) -> BadRequest:
    return BadRequest(
        f"Invalid model version source: '{visible(uri[:200])}'. Trainyard keeps the files of "
        "versions itself and makes them of what it has: runs:/<run id>/<path>, models:/<model id>, "
        "models:/<name>/<version>, or mlflow-artifacts:/… of a run. Log files of other places to a "
        "run first (mlflow.log_artifacts)"
    )
