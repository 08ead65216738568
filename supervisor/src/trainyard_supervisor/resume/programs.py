"""`spec.resume: auto`: programs that take the path of a checkpoint, and how. Pure.

A program is recognised by its command and, if it is a script, by its text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple

from trainyard_supervisor.resume.candidates import TRAINER_STATE, Candidate

HINT = "name the option in the command: {if-checkpoint} --resume {latest-checkpoint} {end}"
_PYTHON = re.compile(r"^python[0-9.]*$")
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_WRAPPERS = ("env", "nice", "nohup", "time", "exec")
_LAUNCHERS = ("torchrun", "accelerate-launch", "deepspeed")
_LAUNCHER_MODULES = (
    "torch.distributed.run",
    "torch.distributed.launch",
    "accelerate.commands.launch",
    "deepspeed.launcher.runner",
)
_SHELLS = ("sh", "bash", "dash", "zsh", "ash")
_TRL = ("sft", "dpo", "grpo", "kto", "reward", "rloo", "distillation")
_CONFIGURATION = (".json", ".yaml", ".yml")
_OPTION = re.compile(r"""['"]--?resume[-_]from[-_]checkpoint['"]""")
_PARSER = re.compile(r"\b(?:HfArgumentParser|TrlParser)\b")


class Kind(Enum):
    """How a program takes a checkpoint."""

    TRANSFORMERS = "--resume_from_checkpoint"
    ACCELERATE = "--resume_from_checkpoint="
    LIGHTNING = "--ckpt_path"
    ULTRALYTICS = "resume model="


class Known(NamedTuple):
    """A program that takes a checkpoint; its own words begin at `start`."""

    kind: Kind
    start: int


def recognised(words: Sequence[str], text_of: Callable[[str], str | None]) -> Known | str:
    """The program of a command, or why it is not known, as a sentence.

    `text_of` gives the text of a script by its path, None without one.
    """
    at = _program_at(words)
    if at is None:
        return f"there is no program in the command that is known; {HINT}"
    name, rest = posixpath.basename(words[at]), words[at + 1 :]
    is_module = at > 0 and words[at - 1] in ("-m", "--module")
    command = rest[0] if name == "trl" and rest else name.removeprefix("trl.scripts.")
    if command in _TRL and (is_module or name == "trl"):
        return Known(Kind.TRANSFORMERS, at + 1)
    if name in ("yolo", "ultralytics"):
        asked = "train" in rest or "mode=train" in rest
        return Known(Kind.ULTRALYTICS, at + 1) if asked else "yolo is not asked to train"
    if name in _SHELLS:
        return (
            f"{name} hides the program; use $TRAINYARD_LATEST_CHECKPOINT in what it runs, or {HINT}"
        )
    text = text_of(f"{name.replace('.', '/')}.py" if is_module else words[at])
    if text is None:
        return f"{name[:100]} is not known; {HINT}"
    return _by_text(text, name[:100], rest, at + 1)


def with_checkpoint(words: Sequence[str], known: Known, path: str) -> list[str]:
    """The command with the checkpoint `path`, instead of another that it may name."""
    own, before = list(words[known.start :]), list(words[: known.start])
    if known.kind is Kind.ULTRALYTICS:
        kept = [w for w in own if w != "resume" and not w.startswith(("model=", "resume="))]
        return [*before, *kept, "resume", f"model={path}"]
    option = Kind.TRANSFORMERS.value if known.kind is Kind.ACCELERATE else known.kind.value
    kept = []
    skip = False
    for number, word in enumerate(own):
        name, sign, _ = word.partition("=")
        if skip:
            skip = False
        elif name.replace("-", "_") == option.replace("-", "_"):
            following = own[number + 1 : number + 2]
            skip = not sign and bool(following) and not following[0].startswith("-")
        else:
            kept.append(word)
    return [*before, *kept, option, path]


def fits(candidate: Candidate, kind: Kind) -> bool:
    """Whether a checkpoint is of a program of this kind."""
    name = candidate.path.rpartition("/")[2]
    inside = {entry.path[len(candidate.path) + 1 :] for entry in candidate.files}
    if kind is Kind.TRANSFORMERS:
        return candidate.is_folder and re.match(r"^checkpoint-\d+$", name) is not None
    if kind is Kind.ACCELERATE:
        return candidate.is_folder and any(
            n.startswith(("random_states_", "optimizer.bin")) or n == TRAINER_STATE for n in inside
        )
    if kind is Kind.LIGHTNING:
        return name.endswith(".ckpt")
    return name == "last.pt"


def _by_text(text: str, name: str, rest: Sequence[str], start: int) -> Known | str:
    if "LightningCLI" in text:
        if "fit" in rest:
            return Known(Kind.LIGHTNING, start)
        return f"{name} is not asked to fit"
    if _OPTION.search(text):
        return Known(Kind.ACCELERATE if "Accelerator(" in text else Kind.TRANSFORMERS, start)
    if _PARSER.search(text):
        if "resume_from_checkpoint" not in text:
            return (
                f"{name} does not pass resume_from_checkpoint to train(); write "
                "trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)"
            )
        if len(rest) == 1 and rest[0].endswith(_CONFIGURATION):
            return (
                f"{name} reads its arguments from {rest[0][:100]} alone; give them as options, or "
                "use $TRAINYARD_LATEST_CHECKPOINT in the program"
            )
        return Known(Kind.TRANSFORMERS, start)
    return (
        f"{name} takes no checkpoint in a way that is known (transformers, LightningCLI, "
        f"ultralytics, accelerate); {HINT}, or read $TRAINYARD_LATEST_CHECKPOINT in the program"
    )


def _program_at(words: Sequence[str]) -> int | None:
    """Where the program stands, behind interpreters and launchers; of a module, its name."""
    at = 0
    while at < len(words):
        name = posixpath.basename(words[at])
        launches = name in _LAUNCHERS or words[at] in _LAUNCHER_MODULES
        if name in _WRAPPERS:
            at = _after_wrapper(words, at + 1)
        elif name == "uv" and words[at + 1 : at + 2] == ["run"]:
            at = _after_wrapper(words, at + 2)
        elif _PYTHON.match(name):
            found = _after_python(words, at + 1)
            if found is None:
                return None
            at = found
        elif launches or (name == "accelerate" and words[at + 1 : at + 2] == ["launch"]):
            found = _after_launcher(words, at + 1)
            if found is None:
                return None
            at = found
        else:
            return at
    return None


def _after_wrapper(words: Sequence[str], at: int) -> int:
    while at < len(words) and (words[at].startswith("-") or "=" in words[at]):
        at += 2 if words[at] in ("-n", "-u", "--with", "--python") else 1
    return at


def _after_python(words: Sequence[str], at: int) -> int | None:
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "-c" or words[at] == "-":
            return None
        if words[at] == "-m":
            return at + 1
        at += 2 if words[at] in _WITH_VALUE else 1
    return at


def _after_launcher(words: Sequence[str], at: int) -> int | None:
    """The program of a launcher: a module behind `-m`, or the first script."""
    for number in range(at, len(words)):
        if words[number] in ("-m", "--module") and number + 1 < len(words):
            return number + 1
        if words[number].endswith(".py"):
            return number
    return None
