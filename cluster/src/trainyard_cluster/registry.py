"""The clusters on this machine: one folder each, with a record of the options."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_state_path

from trainyard_cluster.errors import ClusterError, NotPossible
from trainyard_cluster.plan import Layout, Wanted

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


@dataclass(frozen=True, slots=True)
class Record:
    """The options of `up`, and the cluster's slot."""

    provider: str
    slot: int
    gpus: int
    kwok_nodes: int
    kwok_gpus: int
    nodes: int = 1

    def wanted(self, name: str) -> Wanted:
        """The options as `Wanted`."""
        return Wanted(name, self.gpus, self.kwok_nodes, self.kwok_gpus, self.nodes)


def root() -> Path:
    """`$XDG_STATE_HOME/trainyard/clusters`, usually ~/.local/state/trainyard/clusters."""
    return user_state_path("trainyard") / "clusters"


def layout(name: str) -> Layout:
    """Paths of the cluster `name`. Raises ClusterError for an invalid name."""
    if not _NAME.fullmatch(name):
        raise ClusterError(
            f"a cluster cannot be called {name!r}: use a letter, then letters, digits and dashes, at most 20"
        )
    return Layout(name, root() / name)


def read(name: str) -> Record | None:
    """The record of a cluster; None if there is none or it is incomplete."""
    try:
        return Record(**json.loads((layout(name).state / "cluster.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(name: str, record: Record) -> None:
    """Write the record atomically."""
    target = layout(name).state / "cluster.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    values = asdict(record)
    if record.nodes == 1:
        # Versions that know one node only read this record, too.
        del values["nodes"]
    temporary.write_text(json.dumps(values))
    temporary.replace(target)


def names() -> list[str]:
    """All clusters that have a folder; folders of their further nodes have another kind of name."""
    return sorted(p.name for p in root().glob("*") if p.is_dir() and _NAME.fullmatch(p.name))


def folders() -> list[str]:
    """Names of all folders of clusters and of their further nodes."""
    return sorted(p.name for p in root().glob("*") if p.is_dir())


def taken_slots(but: str) -> frozenset[int]:
    """Slots of the other clusters."""
    records = (read(name) for name in names() if name != but)
    return frozenset(r.slot for r in records if r is not None)


def existing(name: str) -> Record:
    """The record of an existing cluster. Raises ClusterError if there is none."""
    record = read(name)
    if record is None:
        known = ", ".join(names()) or "none"
        raise NotPossible(
            f"there is no cluster called {name!r} (there are: {known}); make it with `make cluster-up NAME={name}`"
        )
    return record
