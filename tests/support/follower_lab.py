"""A run folder whose event files and tables are followed, by one supervisor after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from trainyard_supervisor.event_files.followed import Batch, load, save
from trainyard_supervisor.event_files.follower import Follower, Session

Point = tuple[str, int, float]


@dataclass
class Lab:
    """A run folder, the spool's numbers, and one supervisor after the other."""

    root: Path
    attempt: int = 1
    since: int = -1
    started: float = 0.0
    said: list[str] = field(default_factory=list)
    batches: dict[tuple[int, int], list[Point]] = field(default_factory=dict)
    taken: Callable[[str], bool] = lambda _: True
    taken_of_tables: Callable[[str], bool] = lambda _: True

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A supervisor begins, after the one before was killed or had ended."""
        followed = load(self.root, self.last)
        session = Session(
            self.attempt,
            self.since,
            self.started,
            self.taken,
            takes_of_tables=self.taken_of_tables,
        )
        self.follower = Follower(self.root, followed, session, self.said.append)
        self.follower.scan()

    @property
    def epochs(self) -> int | None:
        """How many epochs are over."""
        return self.follower.read().epoch

    def last(self, attempt: int) -> int:
        return max((n for of, n in self.batches if of == attempt), default=0)

    def look(self, killed: str = "", last: bool = False) -> bool:
        """One batch; `killed` says before what. Whether there was one."""
        reading = self.follower.read(last=last)
        if killed == "remember":
            return True
        if reading.rows:
            number = self.last(self.attempt) + 1
            followed = self.follower.followed
            save(self.root, followed, Batch(self.attempt, number, reading.places))
            if killed == "spool":
                return True
            self.batches[self.attempt, number] = [
                (name, row.step, value)
                for row in reading.rows
                for name, value in row.values.items()
            ]
        if killed != "keep":
            self.follower.keep(reading)
        return reading.taken > 0

    def all(self, last: bool = False) -> list[Point]:
        """Everything so far, after everything was read."""
        self.follower.scan()
        while self.look(last=last):
            pass
        return [point for _, batch in sorted(self.batches.items()) for point in batch]
