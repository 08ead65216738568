"""What is found of a cluster's leftovers while others remove them."""

from __future__ import annotations

from pathlib import Path

from trainyard_cluster.embedded.leftovers import pids_below


def test_a_cgroup_that_goes_away_while_it_is_read_hides_no_other(tmp_path: Path) -> None:
    for name, pids in {".": "", "pod-a": "7\n9\n", "pod-a/container": "12\n"}.items():
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "cgroup.procs").write_text(pids)
    # Listed, and not there when it is opened: what a removal at the wrong moment looks like.
    (tmp_path / "pod-b").mkdir()
    (tmp_path / "pod-b/cgroup.procs").symlink_to(tmp_path / "gone")

    assert sorted(pids_below(tmp_path)) == [7, 9, 12]
    assert list(pids_below(tmp_path / "never")) == []
