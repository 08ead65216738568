"""Whether a checkpoint is whole: first by the names of its files, then by their structure."""

from __future__ import annotations

import re
from collections.abc import Callable

from trainyard_supervisor.resume.candidates import (
    INCOMPLETE_MARK,
    TAG,
    TRAINER_STATE,
    Candidate,
    Entry,
    holds_state,
    is_temporary,
)

MOST_FILES = 256
"""Files of one checkpoint whose structure is looked at."""
_CONFIGURATIONS = ("config.json", "adapter_config.json")
_CHECKPOINT_FOLDER = re.compile(r"^checkpoint-\d+$")
_SPACY = ("meta.json", "config.cfg")


def problem(candidate: Candidate, damage: Callable[[str], str | None]) -> str | None:
    """What is wrong with a checkpoint, None if it is whole.

    `damage` says what is wrong with the structure of one file, by its path.
    """
    candidate = _last_save(candidate)
    lacking = _by_names(candidate)
    if lacking is not None:
        return lacking
    read = [e.path for e in candidate.files if _says_more(e.path) or holds_state(e.path)]
    for path in (read if candidate.is_folder else [candidate.path])[:MOST_FILES]:
        wrong = damage(path)
        if wrong is not None:
            return f"{path[len(candidate.path) + 1 :]} {wrong}" if candidate.is_folder else wrong
    return None


def _last_save(candidate: Candidate) -> Candidate:
    """Without the folders that DeepSpeed has begun after the one that its tag names."""
    tags = [entry.changed for entry in candidate.files if _tag_of(candidate, entry)]
    if not tags:
        return candidate
    begun = {
        _step_of(candidate, entry)
        for entry in candidate.files
        if entry.changed > max(tags) and _step_of(candidate, entry)
    }
    kept = tuple(entry for entry in candidate.files if _step_of(candidate, entry) not in begun)
    return candidate._replace(files=kept)


def _tag_of(candidate: Candidate, entry: Entry) -> bool:
    return entry.path == f"{candidate.path}/{TAG}"


def _step_of(candidate: Candidate, entry: Entry) -> str:
    """DeepSpeed's folder of a step; empty for other files."""
    first = entry.path[len(candidate.path) + 1 :].partition("/")[0]
    return first if first.startswith("global_step") else ""


def _by_names(candidate: Candidate) -> str | None:
    if not candidate.is_folder:
        return None if candidate.files[0].size else "it is empty"
    names = {entry.path[len(candidate.path) + 1 :] for entry in candidate.files}
    if INCOMPLETE_MARK in names:
        return f"transformers has left its mark {INCOMPLETE_MARK}"
    states = [entry for entry in candidate.files if holds_state(entry.path)]
    if not states and not (candidate.by_glob and any(e.size for e in candidate.files)):
        return "no file in it holds a state"
    for entry in states:
        if not entry.size:
            return f"{entry.path[len(candidate.path) + 1 :]} is empty"
    for name in sorted(names):
        if is_temporary(name.rpartition("/")[2]):
            return f"{name} is still being written"
    return _by_program(candidate, names)


def _by_program(candidate: Candidate, names: set[str]) -> str | None:
    """What each program writes last."""
    own = candidate.path.rpartition("/")[2]
    random_states = any(name.startswith("random_states_") for name in names)
    numbered = _CHECKPOINT_FOLDER.match(own) is not None
    exported = numbered and names.intersection(_CONFIGURATIONS) and "optimizer.pt" not in names
    by_accelerate = random_states or "optimizer.bin" in names
    by_transformers = "training_args.bin" in names or (
        not by_accelerate and (exported or (numbered and candidate.by_transformers))
    )
    if by_transformers and TRAINER_STATE not in names:
        return f"it has no {TRAINER_STATE}, which transformers writes last"
    if "optimizer.bin" in names and not random_states:
        return "it has no random_states_0.pkl, which accelerate writes last"
    if any(name.startswith("global_step") for name in names) and TAG not in names:
        return f"it has no file {TAG}, which DeepSpeed writes last"
    sharded = {name.rpartition("/")[0] for name in names if name.endswith(".distcp")}
    lacking = [f for f in sorted(sharded) if (f"{f}/.metadata" if f else ".metadata") not in names]
    if lacking:
        return "it has no .metadata, which PyTorch writes last"
    return None


def _says_more(path: str) -> bool:
    """Whether a file says what else there must be."""
    name = path.rpartition("/")[2]
    return name in (TRAINER_STATE, TAG) or name.endswith(".index.json") or name in _SPACY
