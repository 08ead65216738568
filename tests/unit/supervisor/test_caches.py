"""A cache that cannot be used stops no program."""

from __future__ import annotations

from pathlib import Path

from trainyard_supervisor.processes.caches import usable


def environment(kept: Path) -> dict[str, str]:
    return {
        "XDG_CACHE_HOME": str(kept),
        "HF_HOME": f"{kept}/huggingface",
        "TORCH_HOME": f"{kept}-of-mine/torch",
        "MPLCONFIGDIR": "/opt/plots",
    }


def test_a_cache_that_can_be_written_is_used(tmp_path: Path) -> None:
    assert usable(environment(tmp_path), tmp_path, "/scratch") == ({}, None)
    assert list(tmp_path.iterdir()) == []


def test_without_one_that_can_be_written_caches_are_in_scratch_space(tmp_path: Path) -> None:
    kept = tmp_path / "a file"
    kept.write_text("")
    changed, sentence = usable(environment(kept), kept, "/scratch")

    assert changed == {"XDG_CACHE_HOME": "/scratch", "HF_HOME": "/scratch/huggingface"}
    assert sentence is not None
    assert "/scratch" in sentence


def test_nothing_is_said_where_no_variable_names_the_cache(tmp_path: Path) -> None:
    assert usable({"HF_HOME": "/opt/models"}, tmp_path / "none", "/scratch") == ({}, None)
