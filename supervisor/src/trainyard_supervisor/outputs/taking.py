"""Takes the outputs that a session declares, once its program has ended well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from trainyard.reporting.artifacts.removal import drop
from trainyard.reporting.artifacts.sources import name_at, own_folders, source_at
from trainyard.reporting.artifacts.staging import (
    CannotStage,
    Stager,
    StagingStopped,
    is_full,
    reason,
)
from trainyard.reporting.artifacts.waiting import WaitingTrees
from trainyard_api.names import is_artifact_name
from trainyard_supervisor.outputs.taken import Taken
from trainyard_supervisor.settings import Attempt, Output


def take(
    outputs: Sequence[Output],
    attempt: Attempt,
    run_dir: Path,
    say: Callable[[str], None],
    stopped: Callable[[], bool],
) -> Taken:
    """Stage each output and its report.

    An output that is missing or cannot be staged is a sentence, and no failure.
    """
    trees = WaitingTrees(run_dir)
    without_space: list[str] = []
    for output in outputs:
        if stopped():
            return Taken(in_time=False)
        try:
            _take(output, attempt, run_dir, trees, say, stopped)
        except StagingStopped:
            return Taken(in_time=False)
        except (CannotStage, OSError) as error:
            why = reason(error)
            say(f"the output '{output.name}' ({output.path}) is not registered: {why}")
            if is_full(error):
                without_space.append(output.name)
    return Taken(in_time=True, without_space=tuple(without_space))


def _take(  # one output and what all share
    output: Output,
    attempt: Attempt,
    run_dir: Path,
    trees: WaitingTrees,
    say: Callable[[str], None],
    stopped: Callable[[], bool],
) -> None:
    if not is_artifact_name(output.name):
        raise CannotStage("that is no name in the registry")
    # Relative to the working directory, which the supervisor shares with its program.
    path = Path(output.path)
    source = source_at(path, run_dir, inside=True)
    part = trees.part()
    try:
        # Links, unless a worker in another pod may still write into a file.
        linked = attempt.workers == 1
        stager = Stager(part, linked=linked, stopped=stopped)
        tree = stager.stage(source, own_folders(run_dir), name_at(path))
        report = {
            "sessionUid": attempt.session_uid,
            "attempt": attempt.number,
            "name": output.name,
            "tree": tree.sha256,
            "files": tree.files,
            "sizeBytes": tree.size_bytes,
        }
        trees.put(part, tree, report)
    except (CannotStage, StagingStopped, OSError):
        drop(part)
        raise
    for note in tree.notes:
        say(f"the output '{output.name}' ({output.path}): {note}")
