"""Why an environment cannot be built."""

from __future__ import annotations

from trainyard_api.contract import BuilderExit


class CannotBuild(Exception):
    """There is no environment.

    `reason` is one word for machines, `message` and `hint` are sentences for people.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        hint: str = "",
        exit_code: BuilderExit = BuilderExit.NOT_RESOLVED,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def bad_arguments(message: str, hint: str = "") -> CannotBuild:
    """The refusal of what the operator says: no change of the request can help."""
    return CannotBuild("BadArguments", message, hint, BuilderExit.BAD_ARGUMENTS)


def not_understood(message: str, hint: str = "Correct the file.") -> CannotBuild:
    """The refusal of a file or a line that says what to install."""
    return CannotBuild("RequirementRefused", message, hint)
