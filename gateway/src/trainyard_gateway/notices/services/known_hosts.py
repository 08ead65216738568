"""Hosts of services whose URLs people paste, and which take no webhooks of Standard Webhooks."""

from __future__ import annotations

from typing import Final

_SCHEMES: Final = {
    "api.telegram.org": "tgram",
    "chat.googleapis.com": "gchat",
    "discord.com": "discord",
    "discordapp.com": "discord",
    "hooks.slack.com": "slack",
    "webhook.office.com": "msteams",
}


def instead(host: str) -> str | None:
    """The scheme that Apprise has for the service of a host; None for another host. Pure."""
    return next(
        (scheme for name, scheme in _SCHEMES.items() if host == name or host.endswith(f".{name}")),
        None,
    )
