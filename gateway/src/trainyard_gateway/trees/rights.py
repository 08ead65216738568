"""Under which names a session may register trees. Pure.

Its program runs with the session's token, so that these names are the only ones that it can fill:

- names in `spec.outputs`, and the name of its model (`spec.outputModel`, or else its own name);
- its own name, a dot and more, as long as every version of that name was registered by sessions of
  the same name. A session's name has no dot, so that none is named like another one's output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_declared(spec: Mapping[str, Any], session: str, name: str) -> bool:
    """Whether the spec of a session gives it this name."""
    outputs = spec.get("outputs")
    declared = {o.get("name") for o in outputs or () if isinstance(o, Mapping)}
    return name in declared or name == (spec.get("outputModel") or session)


def is_below(session: str, name: str) -> bool:
    """Whether a name is that of the session, a dot and more."""
    return name.startswith(f"{session}.")


def refusal(session: str, name: str, *, others: bool) -> str:
    """The sentence that refuses a name; `others`: since it is not the session's."""
    advice = "declare it in spec.outputs"
    if others:
        return (
            f"there is a model {name!r} that is an upload or of another session; {advice}, or give "
            "another name"
        )
    return (
        f"session {session!r} may not register {name!r}: {advice}, or call it {session}.NAME, such "
        f"as {session}.{name}"
    )
