"""What the program of a session may do with registered models; the owner of a key may do all.

- It makes versions under the names that its session's spec gives it (an output, its model, its own
  name), and under names that no model has yet or that only sessions of the same user have used.
- It describes, tags and points aliases at models of the latter kind.
- It renames and deletes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainyard_api.rights.decision import OwnedObject, Verb
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import NotFound, NotPermitted
from trainyard_gateway.mlflow.registry import finding
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.rights.asking import require, require_next_version
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.registry import models, registered
from trainyard_gateway.trees import rights


def require_owner(visitor: Visitor) -> None:
    """Raises NotPermitted for a pod."""
    if visitor.session_uid is not None:
        raise NotPermitted(
            "the program of a session may not rename or delete models; an API key may"
        )


def require_change(connection: Connection, name: str, visitor: Visitor) -> None:
    """Whether the caller may describe a model. Raises NotPermitted and NotFound."""
    _require(connection, name, visitor, Verb.UPDATE)
    if visitor.session_uid is not None and _is_of_others(connection, name, visitor.session_uid):
        raise NotPermitted(
            f"there is a model '{name}' that is an upload or of another user's session; the program "
            "of this session may not change it, and an API key may"
        )


def require_version(
    connection: Connection, name: str, spec: Mapping[str, Any], session: str, visitor: Visitor
) -> None:
    """Whether a pod may make a version; `spec`: of its session. Raises NotPermitted."""
    require_next_version(connection, visitor.user, name)
    uid = visitor.session_uid
    if uid is None or rights.is_declared(spec, session, name):
        return
    if _is_of_others(connection, name, uid):
        raise NotPermitted(
            f"there is a model '{name}' that is an upload or of another user's session; declare it "
            "in spec.outputs or as spec.outputModel, or give another name"
        )


def require_removal(connection: Connection, name: str, visitor: Visitor) -> None:
    """Whether the caller may delete a model or a version. Raises NotPermitted and NotFound."""
    finding.model_of(connection, name, visitor.user)
    _require(connection, name, visitor, Verb.DELETE)


def _require(connection: Connection, name: str, visitor: Visitor, verb: Verb) -> None:
    owner = owners.find(connection, Kind.MODEL, name)
    gone = NotFound(f"Registered Model with name={visible(name[:140])} not found")
    require(visitor.user, verb, OwnedObject(Kind.MODEL.value, name, owner), gone)


def _is_of_others(connection: Connection, name: str, uid: str) -> bool:
    found = registered.find(connection, name)
    if found is None:
        return False
    if found.row is not None:
        maker = found.row.session_uid
        if maker is None or not models.are_of_same_user(connection, uid, maker):
            return True
    return models.has_version_of_others(connection, name, uid)
