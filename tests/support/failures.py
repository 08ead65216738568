"""Why tests failed, a few lines each: `python tests/support/failures.py build/tests.xml`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

LINES = 8
"""Of each failure: the first of those that pytest marks with E, which name the error."""
WIDTH = 200


def failures(report: Path) -> Iterator[str]:
    """A text for each test of a JUnit report that failed."""
    for case in ElementTree.parse(report).iter("testcase"):
        for kind in ("failure", "error"):
            for found in case.iter(kind):
                yield f"{case.get('classname')}::{case.get('name')}: {kind}\n" + reason(found)


def reason(found: ElementTree.Element) -> str:
    """The lines of an error; what the report calls its message where there are none."""
    lines = [line for line in (found.text or "").splitlines() if line.startswith("E ")]
    lines = lines[:LINES] or (found.get("message") or "").splitlines()[:LINES]
    return "".join(f"  {line[:WIDTH]}\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.writelines(failures(Path(sys.argv[1])))
