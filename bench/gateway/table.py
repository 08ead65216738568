"""The results in Markdown."""

from __future__ import annotations

import json
from typing import Any

_BESIDES = (
    "batches refused by the peer",
    "seconds the first time",
    "spikes shown",
    "gateway grew by MiB",
    "small call meanwhile, p99 ms",
)
_HEAD = (
    "measurement", "unit", "gateway", "peer", "times better", "bound: a server that does nothing",
    "times better at most", "times less added", "rounds",
)  # fmt: skip


def table(results: dict[str, Any]) -> str:
    """Medians with the least and the most, and how much better the gateway is and could be."""
    rows = [f"Machine: {json.dumps(results['machine'])}", ""]
    rows += [_row(_HEAD), _row(["---", "---", *["---:"] * 7])]
    for name, found in results.items():
        if name == "machine":
            continue
        for what, one in ({name: found} if "pairs" in found else found).items():
            parts = [(what, one)]
            parts += [(f"{what}: {k}", v) for k, v in one.items() if isinstance(v, dict) and "pairs" in v]  # fmt: skip
            rows += [_row(_cells(part, figures)) for part, figures in parts]
            rows += [_row([f"{what}: {k}", "", one[k], *[""] * 6]) for k in _BESIDES if k in one]
    return "\n".join(rows) + "\n"


def _cells(what: str, one: dict[str, Any]) -> list[Any]:
    bound: list[Any] = ["", "", ""]
    if "rounds" in one:
        least = _spread([each[2] for each in one["rounds"]])
        bound = [f"{one['nothing']:,.4g} ({least})", one["times better at most"], one["times less added"]]  # fmt: skip
    sides = [
        f"{one[side]:,.4g} ({_spread([pair[n] for pair in one['pairs']])})"
        for n, side in enumerate(("gateway", "peer"))
    ]
    return [what, one["unit"], *sides, one["times better"], *bound, len(one["pairs"])]


def _spread(values: list[float]) -> str:
    return f"{min(values):,.4g} to {max(values):,.4g}"


def _row(cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"
