"""The real bot as a process, on a configuration of the test's making."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from bot_api import BotApi
from poll import eventually

CHAT, GROUP = 7, -70
HURRIED = Path(__file__).with_name("bot_hurried.py")


class BotProcess:
    """`python -m trainyard_bot`; `log` collects what it writes over all its lives.

    With `hurry` the clock that times its edits goes that much faster; everything else keeps its
    time.
    """

    def __init__(
        self,
        folder: Path,
        api: BotApi,
        gateway_url: str,
        key: str,
        *,
        hurry: float | None = None,
        **more: Any,
    ) -> None:
        self.folder, self._api = folder, api
        self._program = ["-m", "trainyard_bot"] if hurry is None else [str(HURRIED), str(hurry)]
        self.log = folder / "bot.log"
        (folder / "token").write_text(api.token + "\n")
        (folder / "api-key").write_text(key + "\n")
        values = {
            "gatewayUrl": gateway_url,
            "apiBaseUrl": api.url,
            "tokenFile": str(folder / "token"),
            "apiKeyFile": str(folder / "api-key"),
            "stateFile": str(folder / "state" / "state.json"),
            "chats": [{"id": CHAT, "timeZone": "Europe/Vienna"}, {"id": GROUP, "users": [1], "notify": "none"}],
            "pollSeconds": 0.2,
            "gatewayTimeoutSeconds": 1.5,
            **more,
        }  # fmt: skip
        self.config = folder / "bot.yaml"
        self.config.write_text(yaml.safe_dump(values))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it asks for updates."""
        asked = len(self._api.of("deleteWebhook"))
        names = {k: v for k, v in os.environ.items() if not k.startswith("TRAINYARD_BOT_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._program, "--config", str(self.config)],
                stdout=log,
                stderr=log,
                env={**names, "MPLCONFIGDIR": str(self.folder)},
            )
        try:
            eventually(
                lambda: self._asks(asked), within=120, every=0.05, what="the bot asks for updates"
            )
        except AssertionError:
            # Nobody else ends one that never came up.
            self.process.kill()
            self.process.wait()
            raise

    def _asks(self, asked: int) -> bool:
        """Clearing the webhook is the last thing before the first long poll."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the bot ended: {self.log.read_text()}")
        return len(self._api.of("deleteWebhook")) > asked

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=20)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop(signal.SIGKILL)
