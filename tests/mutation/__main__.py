"""Mutation check of the bot's pure modules: `python tests/mutation [module …]`, or `make mutation-bot`.

Each mutant (see `mutants.py`) is loaded into a child of this process in place of its module, and the bot's unit tests run
there until the first one fails. A mutant that no test notices survives and is listed; more than 10 % survivors end with
exit code 1.

mutmut 3 copies one `src` folder and cannot see a workspace of editable rooms; cosmic-ray starts an interpreter for every
mutant, which takes the seconds of importing it all a thousand times. A fork has everything but the mutated package loaded.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

import pytest
from mutants import Mutant, mutants

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = "trainyard_bot"
SOURCE: Final = ROOT / "telegram_bot" / "src" / PACKAGE
TESTS: Final = {
    "updates.commands": ("commands",),
    "updates.fields": ("fields", "commands"),
    "updates.callback_data": ("callback_data",),
    "handlers.form": ("form",),
    "text.formats": ("formats",),
    "text.answers": ("answers",),
    "text.problems": ("answers",),
    "text.sessions": ("session_text",),
    "text.notices": ("session_text",),
    "text.registry": ("registry_text",),
    "text.keyboards": ("keyboards",),
    "notifications.rules": ("rules",),
    "notifications.plan": ("plan",),
}
"""The modules that are checked, and which tests are likeliest to notice; the bot's other unit tests come after them."""
MODULES: Final = tuple(TESTS)
SLOW: Final = ("_chart.py", "_client.py", "_hostile.py", "_poller.py", "_settings.py", "_state.py")
SURVIVORS_ALLOWED: Final = 0.10
SECONDS: Final = 60
"""A mutant that runs longer is in an endless loop: noticed."""
PRELOADED: Final = ("httpx", "hypothesis", "matplotlib.figure", "telegram.ext", "trainyard.client", "yaml")  # fmt: skip


class Injected(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives a mutant's code to whoever imports its module."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,  # noqa: ARG002  the import system's shape
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """Only for the mutated module."""
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutant."""
        exec(self._code, module.__dict__)


def noticed(name: str, code: CodeType | None) -> bool:
    """Whether any test fails with `code` in place of module `name` (None: as it is)."""
    child = os.fork()
    if child == 0:
        _be_tested(name, code)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _be_tested(name: str, code: CodeType | None) -> None:
    """Never returns; the exit code is pytest's."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    outcome = 1
    try:
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        if code is not None:
            sys.meta_path.insert(0, Injected(f"{PACKAGE}.{name}", code))
        first = [f"tests/unit/bot/test_bot_{t}.py" for t in TESTS[name]]
        rest = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "tests/unit/bot").glob("test_*.py"))
        # Files about disks, networks and pictures say nothing about text, or take long.
        rest = [p for p in rest if p not in first and not p.endswith(SLOW)]
        outcome = _pytest(first) or _pytest(rest)
    finally:
        os._exit(int(outcome))


def _pytest(files: list[str]) -> int:
    plugins = [f"-p{p}" for p in ("pytest_asyncio.plugin", "pytest_timeout", "_hypothesis_pytestplugin")]  # fmt: skip
    return int(pytest.main([*files, "-x", "-q", "-p", "no:cacheprovider", *plugins]))


def check(name: str) -> tuple[int, list[Mutant]]:
    """Number of mutants of a module, and those that survived."""
    path = SOURCE / f"{name.replace('.', '/')}.py"
    found = list(mutants(path.read_text()))
    survivors = []
    for mutant in found:
        if not noticed(name, compile(mutant.tree, str(path), "exec")):
            survivors.append(mutant)
            _say(f"  survives  {path.relative_to(ROOT)}:{mutant.line}: {mutant.what}")
    return len(found), survivors


def main() -> int:
    """Check the modules that are named, or all; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("modules", nargs="*", default=list(MODULES), help=", ".join(MODULES))
    chosen = parser.parse_args().modules
    os.chdir(ROOT)
    for module in PRELOADED:
        importlib.import_module(module)
    total, survived = 0, 0
    for name in chosen:
        started = time.monotonic()
        if noticed(name, None):
            _say(f"{name}: the tests fail without any mutant; mend them first")
            return 2
        made, survivors = check(name)
        total, survived = total + made, survived + len(survivors)
        _say(f"{name}: {len(survivors)} of {made} mutants survive ({time.monotonic() - started:.0f} s)")  # fmt: skip
    share = survived / max(1, total)
    _say(f"{survived} of {total} mutants survive: {share:.1%} (allowed: {SURVIVORS_ALLOWED:.0%})")
    return int(share > SURVIVORS_ALLOWED)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
