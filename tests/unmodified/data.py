"""Small data for the programs, the same at every run."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

WORDS: Final = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "again")


def text(folder: Path) -> None:
    """Lines of words: txt/train.txt."""
    rng = random.Random(0)
    lines = [" ".join(rng.choices(WORDS, k=12)) for _ in range(2000)]
    (folder / "txt").mkdir(parents=True)
    (folder / "txt" / "train.txt").write_text("\n".join(lines) + "\n")


def table(folder: Path) -> None:
    """A label and eight columns: tab/train.csv and tab/valid.csv."""
    rng = random.Random(0)
    (folder / "tab").mkdir(parents=True)
    for name, count in (("train", 20_000), ("valid", 2_000)):
        with (folder / "tab" / f"{name}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["label", *(f"f{n}" for n in range(8))])
            for _ in range(count):
                x = [rng.gauss(0, 1) for _ in range(8)]
                rows.writerow([int(x[0] * x[1] + x[2] > 0), *(f"{v:.4f}" for v in x)])


MAKERS: Final[dict[str, Callable[[Path], None]]] = {"text": text, "table": table}
