"""Where the tests' time went: `python tests/support/time_by_folder.py build/tests.xml`."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

DEPTH = 3
"""`tests.integration.gateway` of `tests.integration.gateway.test_reports`."""


def totals(cases: Iterable[tuple[str, float]]) -> list[tuple[str, int, float]]:
    """Folder, number of tests and seconds, the longest first; a case is a module's dotted name and its seconds."""
    count: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for module, took in cases:
        parts = module.split(".")
        named = next((i for i, part in enumerate(parts) if part.startswith("test_")), len(parts))
        folder = "/".join(parts[: min(named, DEPTH)])
        count[folder] += 1
        seconds[folder] += took
    found = [(folder, count[folder], seconds[folder]) for folder in count]
    return sorted(found, key=lambda line: -line[2])


def main(report: Path) -> None:
    """Print the table of a JUnit report."""
    cases = ElementTree.parse(report).iter("testcase")
    found = totals((case.get("classname", ""), float(case.get("time", 0))) for case in cases)
    for folder, number, took in found:
        sys.stdout.write(f"{took:7.0f} s {number:6,} tests  {folder}\n")
    sys.stdout.write(f"{sum(t for _, _, t in found):7.0f} s in all lanes together\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
