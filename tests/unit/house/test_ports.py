"""Two lanes of tests never hand out the same port, and never one that an outgoing connection may have."""

from __future__ import annotations

import pytest
from ports import LOWEST, PORTS_PER_LANE, free_port, lane_ports

LINUX = (32768, 60999)


def test_lanes_share_no_port_with_each_other_nor_with_outgoing_connections() -> None:
    lanes = [set(lane_ports(worker, LINUX)) for worker in ("", "gw0", "gw1", "gw2", "gw15")]
    assert [len(lane) for lane in lanes] == [PORTS_PER_LANE] * 5
    assert len(set().union(*lanes)) == 5 * PORTS_PER_LANE
    assert LOWEST <= min(map(min, lanes)) <= max(map(max, lanes)) < LINUX[0]


def test_with_more_lanes_than_slices_they_start_again_at_the_first() -> None:
    assert lane_ports("gw2", (LOWEST + 2 * PORTS_PER_LANE, 60999)) == lane_ports("gw0", LINUX)


def test_a_machine_whose_outgoing_connections_leave_no_room_says_so() -> None:
    with pytest.raises(ValueError, match="ip_local_port_range starts at 1024"):
        lane_ports("gw0", (1024, 65535))


def test_a_port_is_handed_out_once() -> None:
    found = [free_port() for _ in range(50)]
    assert len(set(found)) == 50
