"""A start request: a name and the fields of a TrainingSession's spec.

Pure but for generated names.
"""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import ValidationError

from trainyard_api import names
from trainyard_api.datasets.fit import misfit
from trainyard_api.model import FieldError, field_errors
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_gateway.errors import MOST_ERRORS, Unprocessable
from trainyard_gateway.registry.dataset_info import DatasetInfo
from trainyard_gateway.rights.sharing import Sharing


def require_fit(spec: TrainingSessionSpec, dataset: DatasetInfo) -> None:
    """Raises Unprocessable if the training of `spec` cannot use `dataset`, as its schema says."""
    if spec.training is None:
        return
    wrong = misfit(dataset.details, dataset.format, spec.training)
    if wrong is not None:
        field = f"training.{wrong.field}"
        message = f"{field} does not fit the dataset {dataset.name!r}: {wrong.message}"
        raise Unprocessable(message, [FieldError(field, wrong.message)])


def sharing_of(body: dict[str, Any]) -> Sharing:
    """Team and visibility of a start request. Raises Unprocessable."""
    try:
        return Sharing.model_validate({k: body[k] for k in Sharing.model_fields if k in body})
    except ValidationError as error:
        wrong = field_errors(error, Sharing, MOST_ERRORS)
        listed = "; ".join(f"{e.field}: {e.message}" for e in wrong)
        raise Unprocessable(f"the request is not valid: {listed}", wrong) from error


def parse(body: dict[str, Any], mark: str | None) -> tuple[str, TrainingSessionSpec]:
    """Name and spec of a start request. Raises Unprocessable with every wrong field."""
    fields = {k: v for k, v in body.items() if k not in Sharing.model_fields}
    name = fields.pop("name", None)
    if name is None:
        name = f"run-{mark[:12] if mark is not None else secrets.token_hex(4)}"
    wrong: list[FieldError] = []
    omitted = 0
    if not isinstance(name, str) or not names.is_session_name(name):
        rule = f"lower-case letters, digits and dashes, at most {names.SESSION_NAME_MAX}, a letter or digit at both ends"
        wrong.append(FieldError("name", rule, repr(name)[:80]))
    try:
        spec = TrainingSessionSpec.model_validate(fields)
    except ValidationError as error:
        wrong += field_errors(error, TrainingSessionSpec, MOST_ERRORS)
        omitted = error.error_count() - len(wrong)
    if wrong:
        listed = "; ".join(f"{e.field}: {e.message}" if e.field else e.message for e in wrong[:5])
        raise Unprocessable(f"the request is not valid: {listed}", wrong, omitted=max(0, omitted))
    return name, spec
