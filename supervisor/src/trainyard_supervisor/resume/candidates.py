"""What in a listing of the run folder is a checkpoint, by the names that programs give. Pure.

Programs leave a folder per step (`checkpoint-10/`), a file per step (`model_0.pth`), a pair of last
and best, or one file that they replace (`ckpt.pt`). Of a folder the whole folder is the checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

_SAVED = r"checkpoint|ckpt|chkpt|snapshot"
_COUNTED = rf"{_SAVED}|global_?step|step|epoch|iteration|iter|round|update|it|ep"
_NUMBERED = re.compile(rf"(?i)(?:^|[-_.=])(?:{_COUNTED})s?[-_=.]?(\d+)(?![0-9a-z])")
_ENDING_NUMBER = re.compile(r"(?:^|[-_.=])(\d+)(?:[-_.](?:steps?|epochs?|iters?))?$")
_NUMBERED_FOLDER = re.compile(
    rf"(?i)^(?:.*[-_.=])?(?:{_SAVED}|global_?step|step)[-_=.]?\d+(?:[-_.]\D.*)?$"
    r"|^(?:epoch|iteration|iter|round|update|it|ep)[-_=.]?\d+(?:[-_.=].*)?$|.\.ckpt$"
)
_NAMED = re.compile(rf"(?i)(?:^|[-_.=])(?:{_SAVED}|snap|resume)(?:$|[-_.=])")
_LAST = re.compile(r"(?i)(?:^|[-_.=])(?:last|latest)(?:$|[-_.=])")
_BEST = re.compile(r"(?i)(?:^|[-_.=])best(?:$|[-_.=])")
_PLAIN = re.compile(r"(?i)(?:^|[-_.=])(?:model|net|network|weights|policy|final)(?:$|[-_.=])")
_STORE = re.compile(
    rf"(?i)^(?:(?:{_SAVED})s?|models?|weights|saves?|saved[-_]?models?|snapshots?)$"
)
"""Folders in which a file with a number is a checkpoint."""
TRAINER_STATE = "trainer_state.json"
TAG = "latest"
"""DeepSpeed's file with the name of the folder that was written last."""
INCOMPLETE_MARK = "checkpoint-is-incomplete.txt"
"""transformers writes it before a checkpoint, and removes it afterwards."""
_TAGGED = re.compile(r"(?i)^global_?step\d+$")
_TEMPORARY = re.compile(
    r"(?i)^~|^_?(?:tmp|temp)(?:$|[-_.])|[-_.](?:tmp|temp)(?:$|[-_.])|~$"
    r"|\.(?:part|partial|incomplete|new)(?:$|\.)"
)
_BESIDE = re.compile(
    r"(?i)^(?:optim|sched|scaler|rng|random_state|training_args|args|tokenizer|vocab)"
    r"|replay_buffer|vec_?normalize|[-_.]optim(?:izer)?(?:$|[-_.])|-\d+-of-\d+"
)
"""Files that belong to a checkpoint and are none by themselves."""
STRONG = (
    ".pt", ".pth", ".ckpt", ".safetensors", ".ubj", ".keras", ".cbm", ".h5", ".hdf5", ".nemo",
    ".cbsnapshot", ".distcp",
)  # fmt: skip
"""Endings of files that hold the state of a model."""
WEAK = (
    ".bin", ".zip", ".npz", ".pkl", ".pickle", ".joblib", ".msgpack", ".tar", ".gz", ".model",
    ".params", ".eqx",
)  # fmt: skip
"""Endings of files that may be something else: their names must say that they are states."""
_SAYING = (
    TRAINER_STATE, TAG, INCOMPLETE_MARK, "config.json", "adapter_config.json", "meta.json",
    "config.cfg", "_METADATA", ".metadata",
)  # fmt: skip
"""Files that say something about the checkpoint beside them."""
_BARE = ("snap", "snapshot", "ckpt", "checkpoint")
_CONTENTS = ("model", "_METADATA", "manifest.ocdbt", "saved_model.pb")
"""Names without an ending of files that hold a state, in a folder that is a checkpoint."""


class Role(IntEnum):
    """What the name says; of one folder the lower number comes first."""

    STATE = 0
    """Numbered, last, or one file that is replaced: made to continue from."""
    BEST = 1
    PLAIN = 2
    """A model, such as what a program leaves at its end."""


class Entry(NamedTuple):
    """A file; `path` is relative to the run folder, `changed` in nanoseconds."""

    path: str
    size: int
    changed: int


class Candidate(NamedTuple):
    """A file, or a folder with its files."""

    path: str
    role: Role
    changed: int
    """When the newest of its files changed."""
    files: tuple[Entry, ...]
    is_folder: bool = False
    step: int = -1
    by_transformers: bool = False
    """Whether a folder beside it holds a record of transformers."""
    by_glob: bool = False
    """Whether a glob of the command names it."""
    temporary: bool = False
    """Whether its name says that it is still being written."""

    @property
    def group(self) -> str:
        """The folder in which it lies."""
        return self.path.rpartition("/")[0]

    @property
    def age_key(self) -> tuple[int, int, bool]:
        """Higher is newer."""
        return self.changed, self.step, _LAST.search(self.path.rpartition("/")[2]) is not None


def is_of_interest(name: str) -> bool:
    """Whether a file of this name can be a checkpoint, or say something about one."""
    kept = _without_temporary(name)
    return (
        kept.lower().endswith((*STRONG, *WEAK, ".index.json"))
        or kept in _CONTENTS + _BARE + _SAYING
        or _is_text_model(kept)
    )


def candidates(entries: Iterable[Entry], pattern: re.Pattern[str] | None) -> list[Candidate]:
    """The checkpoints among the files of a run folder; of `pattern`, those whose path matches."""
    listed = list(entries)
    if pattern is not None:
        return _matching(listed, pattern)
    folders = _folders(listed)
    held: dict[str, list[Entry]] = {folder: [] for folder in folders}
    alone: list[Entry] = []
    for entry in listed:
        inside = _nearest(entry.path, folders)
        if inside is None:
            alone.append(entry)
        else:
            held[inside].append(entry)
    kin = _kin(listed)
    found = [_of_folder(path, files, folders, kin) for path, files in held.items() if files]
    return found + [one for one in map(_of_file, alone) if one is not None]


def holds_state(path: str) -> bool:
    """Whether a file in the folder of a checkpoint holds a state."""
    name = path.rpartition("/")[2]
    return name in _CONTENTS or name.lower().endswith(STRONG + WEAK)


def is_temporary(name: str) -> bool:
    """Whether a name says that the file is still being written."""
    return _TEMPORARY.search(name) is not None


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A glob as a pattern of whole paths: `*` and `?` within a name, `**/` for any folders."""
    out, at = "", 0
    while at < len(glob):
        if glob.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
            continue
        if glob.startswith("**", at):
            out, at = out + ".*", at + 2
            continue
        end = glob.find("]", at + 2)
        if glob[at] == "[" and end > 0:
            inner = glob[at + 1 : end].replace("\\", "\\\\")
            out += "[" + ("^" + inner[1:] if inner[0] == "!" else inner) + "]"
            at = end + 1
            continue
        out += {"*": "[^/]*", "?": "[^/]"}.get(glob[at], re.escape(glob[at]))
        at += 1
    return re.compile(out + r"\Z")


def _matching(listed: list[Entry], pattern: re.Pattern[str]) -> list[Candidate]:
    held: dict[str, list[Entry]] = {}
    for entry in listed:
        above = entry.path.split("/")
        paths = ("/".join(above[:depth]) for depth in range(1, len(above) + 1))
        here = next((path for path in paths if pattern.match(path)), None)
        if here is not None:
            held.setdefault(here, []).append(entry)
    kin = _kin(listed)
    found = []
    for path, files in held.items():
        is_folder = files[0].path != path
        role = Role.BEST if _BEST.search(_stem(path)) else Role.STATE
        one = _candidate(path, role, files, is_folder=is_folder)
        found.append(one._replace(by_glob=True, by_transformers=_above(path) in kin))
    return found


def _kin(listed: Iterable[Entry]) -> set[str]:
    """The folders in which transformers keeps checkpoints."""
    return {_above(_above(one.path)) for one in listed if one.path.endswith(f"/{TRAINER_STATE}")}


def _folders(listed: list[Entry]) -> set[str]:
    """The folders that are checkpoints, by name or by what lies in them."""
    named: set[str] = set()
    for entry in listed:
        folder, _, name = entry.path.rpartition("/")
        if name == TRAINER_STATE or name.endswith(".distcp") or name.startswith("random_states_"):
            named.add(folder)
        if not holds_state(entry.path):
            continue
        # The nearest folder whose name says so.
        while folder and not _is_named(folder):
            folder = folder.rpartition("/")[0]
        above, _, own = folder.rpartition("/")
        if folder:
            named.add(above if _TAGGED.match(own) and above else folder)
    return {folder for folder in named if folder}


def _is_named(folder: str) -> bool:
    above, _, name = folder.rpartition("/")
    if _NUMBERED_FOLDER.search(name) or _LAST.search(name) or _BEST.search(name):
        return True
    return name.isdigit() and _STORE.match(above.rpartition("/")[2]) is not None


def _nearest(path: str, folders: set[str]) -> str | None:
    folder = path.rpartition("/")[0]
    while folder and folder not in folders:
        folder = folder.rpartition("/")[0]
    return folder or None


def _of_folder(path: str, files: list[Entry], folders: set[str], kin: set[str]) -> Candidate:
    name = path.rpartition("/")[2]
    role = Role.STATE
    if _BEST.search(name):
        role = Role.BEST
    elif any(other.startswith(f"{path}/") for other in folders):
        # Checkpoints lie in it: its own files are what the program left at its end.
        role = Role.PLAIN
    made = _candidate(path, role, files, is_folder=True)
    return made._replace(by_transformers=_above(path) in kin)


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _of_file(entry: Entry) -> Candidate | None:
    above, _, name = entry.path.rpartition("/")
    role = _role(_without_temporary(name), above.rpartition("/")[2])
    return None if role is None else _candidate(entry.path, role, [entry], is_folder=False)


def _role(name: str, folder: str) -> Role | None:
    lower, stem = name.lower(), _stem(name)
    strong = lower.endswith(STRONG)
    if name in _BARE:
        return Role.STATE
    if _is_text_model(name):
        return Role.STATE if _ENDING_NUMBER.search(stem) else Role.PLAIN
    if not (strong or lower.endswith(WEAK)) or _BESIDE.search(stem):
        return None
    if _BEST.search(stem):
        return Role.BEST
    if _NUMBERED.search(stem) or _LAST.search(stem) or _NAMED.search(stem):
        return Role.STATE
    if lower.endswith((".ckpt", ".cbsnapshot")):
        return Role.STATE
    if _ENDING_NUMBER.search(stem) and (
        _PLAIN.search(stem) or _STORE.match(folder) or lower.endswith(".ubj")
    ):
        return Role.STATE
    return Role.PLAIN if _PLAIN.search(stem) and (strong or lower.endswith(".zip")) else None


def _candidate(path: str, role: Role, files: list[Entry], *, is_folder: bool) -> Candidate:
    name = path.rpartition("/")[2]
    numbers = _NUMBERED.findall(name) or _ENDING_NUMBER.findall(_stem(name))
    return Candidate(
        path=path,
        role=role,
        changed=max(entry.changed for entry in files),
        files=tuple(sorted(files, key=lambda entry: entry.path)),
        is_folder=is_folder,
        step=int(numbers[-1][:18]) if numbers else -1,
        temporary=any(part.startswith(".") or is_temporary(part) for part in path.split("/")),
    )


def _stem(name: str) -> str:
    """A name without the endings that say what kind of file it is."""
    stem = name.rpartition("/")[2]
    while True:
        head, dot, ending = stem.rpartition(".")
        if not dot or not head or f".{ending.lower()}" not in (*STRONG, *WEAK, ".weights"):
            return stem
        stem = head


def _without_temporary(name: str) -> str:
    """`ckpt.pt.tmp` and `.ckpt.pt.new` are `ckpt.pt`, still being written."""
    if name in _SAYING:
        return name
    kept = re.sub(r"(?i)^[.~]+|^_?(?:tmp|temp)[-_.]", "", name)
    kept = re.sub(r"(?i)[-_.](?:tmp|temp)(?:[-_.]?\w*)?$|~$", "", kept)
    return re.sub(r"(?i)\.(?:part|partial|incomplete|new)$", "", kept)


def _is_text_model(name: str) -> bool:
    """LightGBM writes its models as texts."""
    return re.match(r"(?i)^model[-_.\d]*\.txt$", name) is not None
