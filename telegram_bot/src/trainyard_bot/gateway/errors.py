"""What can go wrong in the bot.

```
BotError
├── ConfigError      a setting is missing or wrong; says which, and what is accepted
└── GatewayError     the gateway refused, failed or did not answer; carries a views.Problem for people
```

Errors of the Bot API stay python-telegram-bot's own (`telegram.error.TelegramError`); the sender decides on them.
"""

from __future__ import annotations

from trainyard_bot.gateway.views import Problem


class BotError(Exception):
    """Any error of the bot's own."""


class ConfigError(BotError):
    """A setting is missing or wrong."""


class GatewayError(BotError):
    """A call of the gateway did not succeed. `problem` says so to people."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.kind}: {problem.detail}" if problem.detail else problem.kind)
        self.problem = problem

    @property
    def passing(self) -> bool:
        """Whether the same call may succeed later."""
        return self.problem.kind in {
            "too_many",
            "server",
            "unavailable",
            "timeout",
            "unsure",
            "unreachable",
            "garbled",
        }
