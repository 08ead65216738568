"""What was measured, as a table."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- make bench-edit -->\n", "<!-- end of make bench-edit -->\n"
ORDER = (
    "folder read",
    "folder sent",
    "session created",
    "code found",
    "Job created",
    "pod created",
    "pod on a node",
    "init container running",
    "init container terminated",
    "container running",
    "first line printed",
    "first line shown",
)
"""What happens on the way of `trainyard run`."""


@dataclass(frozen=True)
class Pair:
    """One edit, run by both."""

    own: dict[str, float]
    """Seconds after the edit by what had happened then."""
    ray: float
    """Seconds after the edit until the first line was shown."""

    @property
    def shown(self) -> float:
        """Seconds until `trainyard run` showed the first line."""
        return self.own["first line shown"]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"own": self.own, "ray": self.ray}


def page(pairs: Sequence[Pair], ray: str) -> str:
    """The tables. Pure but for the machine's load."""
    own, peer = [p.shown for p in pairs], [p.ray for p in pairs]
    ratio = statistics.median(p.shown / p.ray for p in pairs)
    load = os.getloadavg()[0]
    rows = [
        f"Seconds from saving an edit to the first line of the new program, {len(pairs)} pairs in",
        f"turns on {os.cpu_count()} CPU cores, load {load:.1f} at the end (`make bench-edit`):",
        "",
        f"| | `trainyard run` | `ray job submit --working-dir`, Ray {ray} |",
        "| --- | ---: | ---: |",
        f"| median | {statistics.median(own):.1f} | {statistics.median(peer):.1f} |",
        f"| fastest and slowest | {min(own):.1f} to {max(own):.1f} | {min(peer):.1f} to {max(peer):.1f} |",
        f"| ratio, median of the pairs | {ratio:.2f} | 1 |",
        "",
        "Where the time of `trainyard run` goes, medians of seconds after the edit:",
        "",
        "| Until | Seconds |",
        "| --- | ---: |",
    ]
    for what in ORDER:
        found = [p.own[what] for p in pairs if what in p.own]
        if found:
            rows.append(f"| {what} | {statistics.median(found):.2f} |")
    return "\n".join(rows) + "\n"


def written_into_docs(text: str, file: Path) -> None:
    """Replace what stands between the marks. Raises SystemExit without them."""
    before = file.read_text()
    marked = re.escape(BEGIN) + ".*?" + re.escape(END)
    after, count = re.subn(marked, lambda _: f"{BEGIN}\n{text}\n{END}", before, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{file} has no place for the table of make bench-edit")
    file.write_text(after)
