"""Resolves what is asked for over the runtime: a list of packages with hashes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from trainyard_environment.errors import CannotBuild
from trainyard_environment.linked import TORCH
from trainyard_environment.request.asked import Asked, Requirement
from trainyard_environment.resolving import stand_ins
from trainyard_environment.resolving.failures import failure, words
from trainyard_environment.resolving.locked import Pin, pins_of
from trainyard_environment.resolving.stand_ins import public, shown, stood_in
from trainyard_environment.resolving.uv import Done, Uv, python_options
from trainyard_environment.runtime import Runtime

TENSORBOARD = "tensorboard"
"""Programs that write its files, if it is there, can be watched."""
_WANTED = r"(?<![\w.-]){name}((?:[<>=!~]=?|===)[0-9][^\s,`)]*)"
_NAME = r"(?<![\w.-]){name}(?![\w-])"


class Resolver:
    """Resolves by uv in `folder`, over `runtime`; `say` takes sentences for the log."""

    def __init__(self, uv: Uv, runtime: Runtime, folder: Path, say: Callable[[str], None]) -> None:
        self._uv = uv
        self._runtime = runtime
        self._folder = folder
        self._say = say
        self._held = stood_in(runtime.held)
        self._tries = 0

    def resolve(self, asked: Asked) -> list[Pin]:
        """What to install; what the runtime has in the same version is left out.

        Raises CannotBuild.
        """
        locked = asked.whole or asked.hashed
        pins = self._locked(asked) if locked else self._free(asked)
        own = [pin.name for pin in pins if self._runtime.has(pin.name, pin.version)]
        if own:
            self._say(f"the runtime has {len(own)} of them already: {', '.join(own[:40])}")
        return [pin for pin in pins if pin.name not in set(own)]

    # ── versions that uv chooses ──────────────────────────────────────────────────────────

    def _free(self, asked: Asked) -> list[Pin]:
        added = self._added({one.name for one in asked.requirements})
        done, pins = self._compile(asked, [one.text for one in asked.requirements] + added)
        if done.code != 0 and added and not _is_outside(done):
            without, pins = self._compile(asked, [one.text for one in asked.requirements])
            if without.code == 0:
                self._say_without_tensorboard(done)
            done = without
        if done.code != 0:
            raise self._refused(asked, done)
        return pins

    def _added(self, names: Iterable[str]) -> list[str]:
        there = TENSORBOARD in self._runtime.packages or TENSORBOARD in names
        return [] if there else [TENSORBOARD]

    def _say_without_tensorboard(self, done: Done) -> None:
        self._say(f"tensorboard cannot be added, the rest can: {words(done.said)}")

    def _refused(self, asked: Asked, done: Done) -> CannotBuild:
        found = failure(done.said, "The packages cannot be resolved")
        named = self._named(asked, done.said)
        if _is_outside(done) or not named:
            return found
        replaced = self._replaced(asked, done.said, named)
        if replaced is None:
            return found
        name, wanted = replaced
        has = shown(self._held[name])
        return would_be_replaced(name, has, wanted, words(done.said))

    def _named(self, asked: Asked, said: str) -> list[str]:
        """What the runtime holds and uv names, first what is asked for by name, then torch."""
        names = {one.name for one in asked.requirements}
        held = [n for n in self._held if re.search(_NAME.format(name=re.escape(n)), said)]
        return sorted(held, key=lambda name: (name not in names, name != TORCH))

    def _replaced(self, asked: Asked, said: str, named: Sequence[str]) -> tuple[str, str] | None:
        """What the request would bring instead of a package of the runtime."""
        lines = [one.text for one in asked.requirements]
        done, pins = self._compile(asked, lines, hold=False)
        if done.code == 0:
            versions = {pin.name: pin.version for pin in pins}
            for name in named:
                if name in versions and public(versions[name]) != public(self._held[name]):
                    return name, versions[name]
        for name in named:
            for wanted in re.findall(_WANTED.format(name=re.escape(name)), said):
                if wanted.lstrip("=<>!~") != self._held[name]:
                    return name, wanted
        return None

    # ── versions that a lock names ────────────────────────────────────────────────────────

    def _locked(self, asked: Asked) -> list[Pin]:
        check_hashes(asked)
        if asked.python:
            # Without dependencies uv does not look at it.
            done, _ = self._compile(Asked(python=asked.python), [], hold=False, prefer=False)
            if done.code != 0:
                raise failure(done.said, "The lock is for another Python")
        asked = self._without_held(asked)
        done, pins = self._compile(
            asked, [one.text for one in asked.requirements], prefer=False, deps=not asked.whole
        )
        if done.code != 0:
            raise self._refused(asked, done)
        pins = [hashed(pin, asked.requirements) for pin in pins]
        added = self._added(pin.name for pin in pins)
        if added:
            pins += self._beside(pins, added)
        return pins

    def _beside(self, pins: Sequence[Pin], added: list[str]) -> list[Pin]:
        """Tensorboard and what it needs, beside the pins of a lock."""
        bounds = tuple(Requirement(pin.name, f"{pin.name}=={pin.version}") for pin in pins)
        done, more = self._compile(Asked(constraints=bounds), added)
        if done.code != 0:
            if _is_outside(done):
                raise failure(done.said, "The packages cannot be resolved")
            self._say_without_tensorboard(done)
            return []
        names = {pin.name for pin in pins}
        return [pin for pin in more if pin.name not in names]

    def _without_held(self, asked: Asked) -> Asked:
        """The lock without what the runtime holds. Raises CannotBuild."""
        lines = [one for one in asked.requirements if one.name in self._held]
        for pin in self._applying(lines):
            has = shown(self._held[pin.name])
            of_programs = pin.name == TORCH or pin.name in self._runtime.linked
            if of_programs and public(pin.version) != public(has):
                raise would_be_replaced(pin.name, has, pin.version)
            if pin.version != has:
                self._say(f"{pin.name} {has} of the runtime stands for {pin.version} of the lock")
        kept = tuple(one for one in asked.requirements if one.name not in self._held)
        return replace(asked, requirements=kept)

    def _applying(self, lines: Sequence[Requirement]) -> list[Pin]:
        """The pins whose markers apply here."""
        pinned = [one for one in lines if one.pinned and stand_ins.is_version(one.pinned)]
        if not pinned:
            return []
        folder = self._folder / "lock-stand-ins"
        folder.mkdir(exist_ok=True)
        for one in pinned:
            stand_ins.write(folder, one.name, one.pinned or "")
        own = ("--no-index", "--no-deps", "--find-links", str(folder))
        done, pins = self._run([one.text for one in pinned], own, {})
        if done.code != 0:
            raise failure(done.said, "The lock cannot be read")
        return pins

    # ── uv ────────────────────────────────────────────────────────────────────────────────

    def _compile(
        self,
        asked: Asked,
        lines: Sequence[str],
        *,
        hold: bool = True,
        prefer: bool = True,
        deps: bool = True,
    ) -> tuple[Done, list[Pin]]:
        folder = self._folder / f"stand-ins-{self._tries}"
        folder.mkdir()
        held = self._held if hold else {}
        for name, version in held.items():
            stand_ins.write(folder, name, version)
        wanted = list(lines)
        if asked.python:
            stand_ins.write(folder, stand_ins.PROJECT, "0", asked.python)
            wanted.append(f"{stand_ins.PROJECT}==0")
        bounds = [*(one.text for one in asked.constraints), *(f"{n}=={v}" for n, v in held.items())]
        preferred = [
            f"{one.name}=={one.version}"
            for one in self._runtime.packages.values()
            if prefer and one.name not in self._held and stand_ins.is_version(one.version)
        ]
        files = {
            "constraints": bounds,
            "overrides": [one.text for one in asked.overrides],
            "locked": preferred,
        }
        options = ["--find-links", str(folder), "--generate-hashes"]
        options += [] if deps else ["--no-deps"]
        options += ["--prerelease", "allow"] if asked.prereleases else []
        for name in (*held, stand_ins.PROJECT):
            options += ["--no-emit-package", name]
        return self._run(wanted, options, files)

    def _run(
        self, lines: Sequence[str], options: Sequence[str], files: dict[str, list[str]]
    ) -> tuple[Done, list[Pin]]:
        self._tries += 1
        paths = {}
        for name, texts in {"asked": lines, "locked": [], **files}.items():
            paths[name] = self._folder / f"{name}-{self._tries}.txt"
            paths[name].write_text("".join(f"{text}\n" for text in texts))
        for name in ("constraints", "overrides"):
            if name in files:
                options = [*options, f"--{name}", str(paths[name])]
        done = self._uv.run(
            "pip", "compile", str(paths["asked"]), "--output-file", str(paths["locked"]),
            "--quiet", "--no-header", "--no-annotate", *options,
            *python_options(self._runtime.executable), quiet=True,
        )  # fmt: skip
        return done, pins_of(paths["locked"].read_text()) if done.code == 0 else []


def check_hashes(asked: Asked) -> None:
    """Refuse a lock that is none: without hashes, or with some. Raises CannotBuild. Pure."""
    bare = [one.text for one in asked.requirements if not one.hashes]
    if bare:
        shown_lines = ", ".join(bare[:5]) + (", …" if len(bare) > 5 else "")
        have = len(asked.requirements) - len(bare)
        raise CannotBuild(
            "LockWithoutHashes",
            f"{len(bare)} of {len(asked.requirements)} requirements have no hash: {shown_lines}."
            if have
            else f"The lock has no hashes: {shown_lines}.",
            "Give every line its hashes (uv pip compile --generate-hashes), or none.",
        )
    loose = [one.text for one in asked.requirements if one.pinned is None]
    if loose:
        raise CannotBuild(
            "LockWithoutHashes",
            f"{loose[0]!r} has hashes, but names no version by ==.",
            "Pin it, or leave the hashes of all lines out.",
        )


def hashed(pin: Pin, requirements: Sequence[Requirement]) -> Pin:
    """A pin with the hashes that the lock has for it. Raises CannotBuild. Pure."""
    lines = [one for one in requirements if one.name == pin.name]
    hashes = {h for one in lines if one.pinned == pin.version for h in one.hashes}
    hashes = hashes or {h for one in lines for h in one.hashes}
    if not hashes:
        raise CannotBuild(
            "LockWithoutHashes",
            f"{pin.name} {pin.version} is needed, but the lock has no line of it with a hash.",
            "Make the lock of all that is needed (uv pip compile --generate-hashes).",
        )
    return Pin(pin.name, pin.version, tuple(sorted(hashes)))


def would_be_replaced(name: str, has: str, wanted: str, own: str = "") -> CannotBuild:
    """The refusal of a request that would bring another build of torch. Pure."""
    return CannotBuild(
        "TorchWouldBeReplaced",
        f"The runtime has {name} {has}, and what is asked for wants {name} {wanted}."
        + (f" {own}" if own else ""),
        f"Allow {name} {has}, or use a runtime that has {name} {wanted}.",
    )


def _is_outside(done: Done) -> bool:
    """Whether the index or the volume failed, and not the request."""
    return done.code != 0 and failure(done.said, "").exit_code != 65
