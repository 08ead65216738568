"""`python -m trainyard_bot --config bot.yaml` runs until SIGTERM.

Exit codes: 0 after SIGTERM, 2 for wrong settings or a token that the Bot API does not accept.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from telegram.error import InvalidToken

from trainyard_api.settings_file import InvalidSettingsError
from trainyard_bot import app, logs, settings
from trainyard_bot.gateway.client import connect
from trainyard_bot.redaction import Redactor


def main(argv: list[str] | None = None, edit_clock: Callable[[], float] = time.monotonic) -> int:
    """Run the bot until SIGTERM and return the exit code.

    `edit_clock` counts the seconds between edits of a message.
    """
    given = _arguments().parse_args(argv)
    overrides = {key: value for key, value in vars(given).items() if key != "config"}
    try:
        values = settings.load(given.config, overrides)
        token = settings.read_secret(values.token, values.token_file, "token")
        key = settings.read_secret(values.api_key, values.api_key_file, "apiKey")
        if values.alive_file:
            values.alive_file.touch()
    except InvalidSettingsError as error:
        sys.stderr.write(f"trainyard_bot: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"trainyard_bot: aliveFile: {error}\n")
        return 2
    redactor = Redactor((token, key))
    logs.configure(values.log_level, redactor)
    gateway = connect(values.gateway_url, key, values.gateway_timeout_seconds)
    application = app.build(values, token, gateway, redactor, edit_clock)
    try:
        application.run_polling(allowed_updates=list(app.UPDATES), bootstrap_retries=-1)
    except InvalidToken:
        sys.stderr.write("trainyard_bot: token: the Bot API does not accept it\n")
        return 2
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainyard_bot", description="Telegram bot of Trainyard."
    )
    parser.add_argument("--config", type=Path, help="YAML file with the settings")
    parser.add_argument("--gateway-url", help="address of the gateway")
    parser.add_argument("--api-base-url", help="address of the Bot API")
    parser.add_argument("--state-file", type=Path, help="file for what must survive a restart")
    parser.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
