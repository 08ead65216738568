"""Where a session's model comes from, as the gateway knows it. Pure.

A trainer runs its user's program. What that program writes into a card about the origin (session,
dataset, checkpoint that it resumed from) is replaced by the session's facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from trainyard_api.rights.owner import User

_DATASET = ("name", "file", "format", "sha256")
_FOUND = "Found"


class Session(Protocol):
    """What the origin needs of a session."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def uid(self) -> str:
        """Its UID."""

    @property
    def spec(self) -> dict[str, Any]:
        """Its spec."""

    @property
    def status(self) -> dict[str, Any]:
        """Its status; the gateway itself writes `dataset`."""


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """The session that reports a model."""

    session: Session
    attempt: int
    source_uid: str | None = None
    """UID of the session whose checkpoint it resumed from, if that is verified."""
    user: User = User("", None)
    """The session's user, whose rights count; the default has none."""

    @property
    def model_name(self) -> str:
        """The only name under which the session may register models."""
        return str(self.session.spec.get("outputModel") or self.session.name)

    def stated_in(self, card: Mapping[str, Any]) -> dict[str, Any]:
        """The card with the origin that is known; what is not known is not claimed either."""
        session = {
            "name": self.session.name,
            "uid": self.session.uid,
            "attempt": self.attempt,
        }
        stated = {
            **card,
            "name": self.model_name,
            "session": session,
            "dataset": self._dataset(card.get("dataset")),
            "resumedFrom": self._resumed(card.get("resumedFrom")),
        }
        return {k: v for k, v in stated.items() if v is not None or k in card}

    def _dataset(self, claimed: Any) -> dict[str, Any] | None:
        name = self.session.spec.get("dataset")
        if name is None:
            return None
        found = self.session.status.get("dataset")
        facts = found if isinstance(found, dict) and found.get("state") == _FOUND else {}
        rest = claimed if isinstance(claimed, dict) else {}
        return {
            **{k: v for k, v in rest.items() if k not in _DATASET},
            **{k: facts[k] for k in _DATASET if k in facts},
            "name": name,
        }

    def _resumed(self, claimed: Any) -> dict[str, Any] | None:
        source = self.session.spec.get("resumeFrom")
        if not isinstance(source, dict):
            return None
        rest = claimed if isinstance(claimed, dict) else {}
        known = {"session": source.get("session")}
        if self.source_uid is not None:
            known["sessionUid"] = self.source_uid
        return {**{k: v for k, v in rest.items() if k != "sessionUid"}, **known}
