"""`system`: the gateway's machine and the cluster's nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import System


def system(form: FormatOption = Format.TABLE) -> None:
    """Show the usage of the gateway's machine and of the cluster's nodes."""
    with gateway() as (client, _):
        found = client.system_info()
    output.show(form, found.wire(), listing(found))


def listing(found: System) -> Table:
    """The table of `system`."""
    columns: list[Column[tuple[str, str, str]]] = [
        Column("WHAT", lambda p: p[0]),
        Column("USED", lambda p: p[1], right=True),
        Column("OF", lambda p: p[2], right=True),
    ]
    return make_table(columns, _facts(found), wide=True, empty="")


def _facts(found: System) -> list[tuple[str, str, str]]:
    memory, disk = found.memory, found.disk
    facts = [
        ("cluster GPUs", str(found.gpus_used), str(found.gpus_total)),
        ("cpu", formats.percent(found.cpu_percent), f"{found.cpu_count} cores"),
        ("memory", formats.size(memory.used_bytes), formats.size(memory.total_bytes)),
        ("disk", formats.size(disk.used_bytes), formats.size(disk.total_bytes)),
    ]
    for gpu in found.gpus:
        used, total = formats.size(gpu.memory_used_bytes), formats.size(gpu.memory_total_bytes)
        busy = formats.percent(gpu.utilization_percent)
        facts.append((f"gpu {gpu.index} {gpu.name}, {busy} busy", used, total))
    for node in found.nodes:
        name = f"node {node.name}" + ("" if node.ready else " (not ready)")
        facts.append((name, str(node.gpus_used), f"{node.gpus} GPUs"))
    return facts
