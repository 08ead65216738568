"""The revisions of the database's schema are one chain, numbered without a gap."""

from __future__ import annotations

import re
from pathlib import Path

from trainyard_gateway.store.schema import migrate


def revisions(folder: Path) -> list[tuple[str, str, str | None]]:
    """Number in the name of the file, revision and the one before it, by file name."""
    found = []
    for file in sorted(folder.glob("*.py")):
        text = file.read_text()
        own = re.search(r'^revision = "(\d+)"$', text, re.MULTILINE)
        before = re.search(r'^down_revision = (?:"(\d+)"|None)$', text, re.MULTILINE)
        assert own is not None, file.name
        assert before is not None, file.name
        found.append((file.name.partition("_")[0], own[1], before[1]))
    return found


def faults(found: list[tuple[str, str, str | None]], head: str) -> list[str]:
    """What is wrong with the chain."""
    numbers = [number for number, _, _ in found]
    wrong = [f"{n} is there twice" for n in sorted(set(numbers)) if numbers.count(n) > 1]
    expected = [f"{place:04}" for place in range(1, len(found) + 1)]
    if not wrong and numbers != expected:
        wrong.append(f"the files are {numbers}, not {expected}")
    for number, own, before in found:
        if own != number:
            wrong.append(f"file {number} holds revision {own}")
        earlier = f"{int(number) - 1:04}" if number != "0001" else None
        if before != earlier:
            wrong.append(f"{number} follows {before}, not {earlier}")
    if numbers and head != numbers[-1]:
        wrong.append(f"HEAD is {head}, the newest revision {numbers[-1]}")
    return wrong


def test_the_revisions_are_one_chain() -> None:
    assert faults(revisions(migrate.FOLDER / "versions"), migrate.HEAD) == []


def test_equal_numbers_and_gaps_are_found(tmp_path: Path) -> None:
    def write(name: str, own: str, before: str) -> None:
        (tmp_path / name).write_text(f"revision = {own}\ndown_revision = {before}\n")

    write("0001_a.py", '"0001"', "None")
    write("0002_b.py", '"0002"', '"0001"')
    assert faults(revisions(tmp_path), "0002") == []

    assert faults(revisions(tmp_path), "0001") == ["HEAD is 0001, the newest revision 0002"]
    write("0002_c.py", '"0002"', '"0001"')
    assert faults(revisions(tmp_path), "0002") == ["0002 is there twice"]
    (tmp_path / "0002_c.py").rename(tmp_path / "0004_c.py")
    assert len(faults(revisions(tmp_path), "0004")) == 3
