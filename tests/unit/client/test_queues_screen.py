"""`trainyard queues`: what the table shows."""

from __future__ import annotations

from trainyard.cli.commands.queues import listing
from trainyard.cli.text.table import plain
from trainyard.models import QueueInfo


def test_the_table_has_quota_share_and_use_and_a_dash_for_what_is_not_known() -> None:
    queues = [
        QueueInfo(
            name="vision", gpu_quota=4, borrow=True, weight=3, share=0.75, paused=False, running=2,
            waiting=1, gpus_used=6, gpus_total=8, max_gpus_per_session=8,
        ),
        QueueInfo(name="work", borrow=False, weight=1, share=0.25, paused=True),
    ]  # fmt: skip
    shown = [line.split() for line in plain(listing(queues, wide=False)).splitlines()]
    wide = [line.split() for line in plain(listing(queues, wide=True)).splitlines()]

    assert shown == [
        ["NAME", "HELD", "QUOTA", "SHARE", "RUNNING", "WAITING", "STATE"],
        ["vision", "6", "4", "75%", "2", "1", "open"],
        ["work", "-", "-", "25%", "-", "-", "paused"],
    ]
    assert wide[1][7:] == ["BestEffortFIFO", "3", "yes", "-", "8"]
    assert plain(listing([], wide=False)) == "there are no queues"
