"""Which files and folders of a run folder are checkpoints, by the names that programs give."""

from __future__ import annotations

import pytest

from trainyard_supervisor.resume.candidates import (
    Candidate,
    Entry,
    Role,
    candidates,
    glob_pattern,
    is_of_interest,
)
from trainyard_supervisor.resume.choice import choose
from trainyard_supervisor.resume.wholeness import problem


def listed(*paths: str) -> list[Entry]:
    """Files, each newer than the one before; `PATH=0` is an empty one."""
    return [
        Entry(path.removesuffix("=0"), 0 if path.endswith("=0") else 9, number)
        for number, path in enumerate(paths)
        if is_of_interest(path.removesuffix("=0").rpartition("/")[2])
    ]


def chosen(*paths: str, glob: str | None = None) -> str | None:
    """The checkpoint that is chosen of files whose structure is whole."""
    pattern = None if glob is None else glob_pattern(glob)
    found = choose(candidates(listed(*paths), pattern), lambda one: problem(one, lambda _: None))
    return None if found.chosen is None else found.chosen.path


def trainer(step: int, *more: str, place: str = "out") -> list[str]:
    """A checkpoint as transformers writes it."""
    names = ("config.json", "model.safetensors", "training_args.bin", "optimizer.pt", *more)
    return [f"{place}/checkpoint-{step}/{name}" for name in names]


RECORD = "trainer_state.json"
SHAPES = [
    pytest.param(
        [*trainer(10, RECORD), *trainer(20, RECORD)], "out/checkpoint-20", id="folder-per-step"
    ),
    pytest.param(
        [*trainer(10, RECORD), "out/model.safetensors", "out/training_args.bin", "out/config.json"],
        "out/checkpoint-10",
        id="final-model-beside-checkpoints",
    ),
    pytest.param(
        [*trainer(50, RECORD), *trainer(10, RECORD)],
        "out/checkpoint-10",
        id="time-counts-and-not-the-number",
    ),
    pytest.param(
        ["out/step-000010/lit_model.pth", "out/step-000020/lit_model.pth", "out/final/lit_model.pth"],
        "out/step-000020",
        id="litgpt",
    ),
    pytest.param(
        ["rl_model_1000_steps.zip", "rl_model_2000_steps.zip", "rl_model_replay_buffer_2000_steps.pkl"],
        "rl_model_2000_steps.zip",
        id="stable-baselines",
    ),
    pytest.param(["ckpt/m_10.ubj", "ckpt/m_20.ubj"], "ckpt/m_20.ubj", id="xgboost"),
    pytest.param(["ckpt/m_20.ubj", "model.ubj"], "ckpt/m_20.ubj", id="xgboost-final"),
    pytest.param(["model_0.pth", "model_1.pth"], "model_1.pth", id="fastai"),
    pytest.param(
        ["lightning_logs/version_0/checkpoints/epoch=2-step=60.ckpt"],
        "lightning_logs/version_0/checkpoints/epoch=2-step=60.ckpt",
        id="lightning",
    ),
    pytest.param(
        [
            "lightning_logs/version_1/checkpoints/epoch=9-step=900.ckpt",
            "lightning_logs/version_0/checkpoints/epoch=0-step=10.ckpt",
        ],
        "lightning_logs/version_0/checkpoints/epoch=0-step=10.ckpt",
        id="siblings-by-time",
    ),
    pytest.param(
        ["r/checkpoints/last.ckpt", "r/checkpoints/best-epoch=3.ckpt"],
        "r/checkpoints/last.ckpt",
        id="last-before-best",
    ),
    pytest.param(
        ["runs/detect/train/weights/last.pt", "runs/detect/train/weights/best.pt"],
        "runs/detect/train/weights/last.pt",
        id="ultralytics",
    ),
    pytest.param(
        [
            "runs/detect/train/weights/last.pt",
            "runs/detect/train2/weights/last.pt=0",
            "runs/detect/train2/weights/best.pt",
        ],
        "runs/detect/train2/weights/best.pt",
        id="best-of-a-newer-run",
    ),
    pytest.param(
        [
            f"out/{which}/{name}"
            for which in ("model-last", "model-best")
            for name in ("meta.json", "ner/model", "config.cfg")
        ],
        "out/model-last",
        id="spacy",
    ),
    pytest.param(["out/ckpt.pt"], "out/ckpt.pt", id="nanogpt"),
    pytest.param(["catboost_info/snap", "model.cbm"], "catboost_info/snap", id="catboost"),
    pytest.param(["ckpt/01.keras", "ckpt/02.keras"], "ckpt/02.keras", id="keras"),
    pytest.param(
        ["out/checkpoint-1.pth.tar", "out/last.pth.tar", "out/model_best.pth.tar"],
        "out/last.pth.tar",
        id="timm",
    ),
    pytest.param(["model.txt"], "model.txt", id="lightgbm"),
    pytest.param(
        [f"out/step_10/{name}" for name in ("optimizer.bin", "random_states_0.pkl")],
        "out/step_10",
        id="accelerate",
    ),
    pytest.param(
        ["out/checkpoint-5/unet/x.safetensors", "out/checkpoint-5/random_states_0.pkl"],
        "out/checkpoint-5",
        id="diffusers",
    ),
    pytest.param(
        ["ds/global_step10/mp_rank_00_model_states.pt", "ds/latest"], "ds", id="deepspeed"
    ),
    pytest.param(
        ["ds/global_step10/mp.pt", "ds/latest", "ds/global_step20/mp.pt=0"],
        "ds",
        id="deepspeed-torn-after-the-tag",
    ),
    pytest.param(
        ["c/step-10/__0_0.distcp", "c/step-10/.metadata"], "c/step-10", id="distributed-checkpoint"
    ),
    pytest.param(["lr=0.1_epochs100/last.pt"], "lr=0.1_epochs100/last.pt", id="folder-of-a-run"),
    pytest.param(["a/checkpoint-10/model.pt", "a/checkpoint-10/optimizer.pt"], "a/checkpoint-10", id="own-loop"),
    pytest.param(
        ["processed/data.pt", "yolo11n.pt", "resnet50-0676ba61.pth", "train.npz", "x.zip"],
        None,
        id="data-and-downloads",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("paths", "expected"), SHAPES)
def test_the_newest_of_every_shape(paths: list[str], expected: str | None) -> None:
    assert chosen(*paths) == expected


TORN = [
    pytest.param(trainer(20), "it has no trainer_state.json", id="no-record"),
    pytest.param(trainer(20)[:2], "it has no trainer_state.json", id="no-record-yet"),
    pytest.param(
        trainer(20, "checkpoint-is-incomplete.txt", RECORD), "transformers has left", id="mark"
    ),
    pytest.param(["out/checkpoint-20/model.safetensors=0"], "is empty", id="empty-file-in-it"),
    pytest.param(["out/ckpt_20.pt=0"], "it is empty", id="empty"),
    pytest.param(["out/ckpt_20.pt.tmp"], "still being written", id="temporary"),
    pytest.param(["out/.ckpt_20.pt.new"], "still being written", id="hidden"),
    pytest.param(["out/tmp-checkpoint-20/model.pt"], "still being written", id="temporary-folder"),
    pytest.param(
        trainer(20, "rng_state.pth.tmp", RECORD), "still being written", id="temporary-in-it"
    ),
    pytest.param(["out/step_20/optimizer.bin"], "random_states_0.pkl", id="accelerate"),
    pytest.param(["out/global_step20/mp.pt"], "no file latest", id="deepspeed-without-its-tag"),
    pytest.param(["out/step-20/__0_0.distcp"], "no .metadata", id="distributed-checkpoint"),
]


@pytest.mark.parametrize(("paths", "why"), TORN)
def test_a_torn_one_is_set_aside_and_the_one_before_taken(paths: list[str], why: str) -> None:
    before = trainer(10, RECORD, place="older")
    found = choose(
        candidates(listed(*before, *paths), None), lambda one: problem(one, lambda _: None)
    )
    assert found.chosen is not None
    assert found.chosen.path == "older/checkpoint-10"
    (aside,) = found.aside
    assert why in aside.why


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("out/checkpoint-*", "out/checkpoint-20"),
        ("out/checkpoint-1?", "out/checkpoint-10"),
        ("**/odd", "a/b/odd"),
        ("a/*", "a/b"),
        ("out/checkpoint-[!2]0", "out/checkpoint-10"),
        ("nothing/*", None),
    ],
)
def test_a_glob_names_what_is_a_checkpoint(glob: str, expected: str | None) -> None:
    entries = [*listed(*trainer(10, RECORD), *trainer(20, RECORD)), Entry("a/b/odd", 5, 99)]
    found = choose(
        candidates(entries, glob_pattern(glob)), lambda one: problem(one, lambda _: None)
    )
    assert (found.chosen and found.chosen.path) == expected


def test_what_a_program_leaves_at_its_end_counts_only_alone() -> None:
    assert chosen("final/model.safetensors") == "final/model.safetensors"
    assert chosen("ckpt.pt", "final/model.safetensors") == "ckpt.pt"


def test_of_one_save_the_last_and_the_higher_step_count() -> None:
    files = [Entry("c/epoch=1.ckpt", 1, 7), Entry("c/epoch=2.ckpt", 1, 7)]
    found: list[Candidate] = candidates(files, None)
    assert {one.role for one in found} == {Role.STATE}
    assert choose(found, lambda _: None).chosen == max(found, key=lambda one: one.step)
