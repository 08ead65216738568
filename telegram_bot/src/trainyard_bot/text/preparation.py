"""What the bot writes of a session whose packages are being installed. Pure.

`answers` lists the guarantees.
"""

from __future__ import annotations

from typing import Final

from trainyard.models import Session
from trainyard_api.phase import ConditionType, Phase, Reason
from trainyard_bot.text.formats import LocalTime, count, inline

ICON: Final = "📦"
IN_A_LIST: Final = "installs packages"


def is_preparing(shown: Session) -> bool:
    """Whether it is pending because of its packages."""
    return shown.phase == Phase.PENDING and any(
        condition.type == ConditionType.ADMITTED
        and condition.reason == Reason.PREPARING_ENVIRONMENT
        for condition in shown.status.conditions or ()
    )


def lines(shown: Session, local: LocalTime) -> list[str]:
    """What is installed, and when it is tried again; nothing for any other session."""
    if not is_preparing(shown):
        return []
    found = [f"Installs {_asked(shown)} before it waits for GPUs: /logs"]
    build = shown.status.environment_build
    if build is not None and build.retry_time is not None and local.until(build.retry_time) > 0:
        failed = f" after {count(build.failures, 'failure')}" if build.failures else ""
        found.append(f"Next try about {local.clock(build.retry_time)}{failed}")
    return found


def _asked(shown: Session) -> str:
    asked = shown.spec.packages
    if asked is None:
        return "its packages"
    if asked.file is not None:
        return f"the packages of {inline(asked.file, 100)}"
    return f"{count(len(asked.requirements or ()), 'package')} with dependencies"
