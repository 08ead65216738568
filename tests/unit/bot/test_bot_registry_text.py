"""What the bot writes about models, datasets and nodes, word for word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bot_objects import dataset, model

from trainyard.models import Gpu, Node, System, Usage
from trainyard_bot.text import answers, registry
from trainyard_bot.text.formats import LocalTime

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
AT = LocalTime(NOW, ZoneInfo("Europe/Vienna"))
MIB = 2**20
IRIS = model(
    "iris<",
    version=3,
    size_bytes=2 * MIB,
    sha256="ab<",
    card={"session": {"name": "iris-1"}, "metrics": {"val/loss": 0.1}},
)


def test_models() -> None:
    bare = model("bare", created="yesterday")

    assert registry.models([IRIS, bare], AT) == (
        "<b>2 models</b>\n"
        "📦 <code>iris&lt;</code> version 3 · 2.0 MiB · 14:00\n"
        "📦 <code>bare</code> version 1 · 0 B"
    )
    assert registry.models([], AT) == "No models yet. A session that succeeds registers one."


def test_model() -> None:
    assert registry.model(IRIS, 3, AT) == (
        "📦 <b>iris&lt;</b>\n"
        "version 3 · 2.0 MiB · 14:00\n"
        "3 versions\n"
        "From session <code>iris-1</code>\n"
        "SHA-256 <code>ab&lt;</code>\n"
        "<code>val/loss</code> 0.1"
    )
    assert registry.model(model("bare"), 1, AT) == (
        "📦 <b>bare</b>\nversion 1 · 0 B · 14:00\nSHA-256 <code>ab</code>"
    )


def test_a_folder_says_so() -> None:
    tree = model("best", kind="tree", files=12, flags=["pickle"], size_bytes=MIB)

    assert registry.models([tree], AT).splitlines()[1] == (
        "📦 <code>best</code> version 1 · 12 files · 1.0 MiB · ⚠️ pickle · 14:00"
    )
    assert answers.is_folder("best<", 12) == (
        "<b>best&lt;</b> is a folder of 12 files; I send single files only. "
        "Use the command line: <code>trainyard models get best&lt;</code>"
    )


@pytest.mark.parametrize(
    ("card", "lines"),
    [
        ({"session": "iris-1"}, ["From session <code>iris-1</code>"]),
        ({"session": {"name": "iris-1"}}, ["From session <code>iris-1</code>"]),
        ({"session": {"name": 7}}, []),
        ({"session": 7, "metrics": [1]}, []),
        ({"metrics": {"a": None, "b": "NaN"}}, ["<code>a</code> None", "<code>b</code> NaN"]),
        (
            {"metrics": {"a": "Infinity", "b": "-Infinity"}},
            ["<code>a</code> ∞", "<code>b</code> −∞"],
        ),
    ],
    ids=["a name", "an object", "no name", "something else", "metrics", "infinite"],
)
def test_a_card_shows_what_can_be_read_in_it(card: dict[str, Any], lines: list[str]) -> None:
    shown = registry.model(model("m", card=card), 1, AT).splitlines()

    assert [line for line in shown[2:] if "SHA-256" not in line] == lines


MESSY = dataset(
    "iris<",
    (("a<", "float64"), ("c" * 70, "t" * 40)),
    samples=1500,
    size_bytes=3 * MIB,
    dimensions=[1500, 5],
)


def test_datasets() -> None:
    assert registry.datasets([MESSY, dataset("bare", samples=1, created="")], AT) == (
        "<b>2 datasets</b>\n"
        "🗂 <code>iris&lt;</code> csv · 1,500 samples · 3.0 MiB · 14:00\n"
        "🗂 <code>bare</code> csv · 1 sample · 0 B"
    )
    assert registry.datasets([], AT) == (
        "No datasets yet. Upload one with the command line: trainyard datasets put FILE"
    )


def test_dataset() -> None:
    assert registry.dataset(MESSY, AT) == (
        "🗂 <b>iris&lt;</b>\n"
        "csv · 1,500 samples · 3.0 MiB · 14:00\n"
        "Dimensions 1,500 × 5\n"
        "<code>a&lt;</code> float64\n"
        f"<code>{'c' * 59}…</code> {'t' * 29}…"
    )
    assert registry.dataset(dataset("bare"), AT) == "🗂 <b>bare</b>\ncsv · 0 samples · 0 B · 14:00"


def test_a_dataset_with_its_target_and_what_was_guessed() -> None:
    notes = [f"guess {n} <b>" for n in range(6)] + ["g" * 400]
    schema = {"target": "kind<", "targetReason": "it is the last column", "notes": notes[5:]}
    shown = registry.dataset(dataset("d", schema=schema), AT).splitlines()
    assert shown[2:] == [
        "Target <code>kind&lt;</code> (it is the last column)",
        "⚠️ guess 5 &lt;b&gt;",
        f"⚠️ {'g' * 299}…",
    ]
    many = registry.dataset(dataset("d", schema={"notes": notes}), AT).splitlines()
    assert many[2:] == [*(f"⚠️ guess {n} &lt;b&gt;" for n in range(5)), "… and 2 more notes"]


@pytest.mark.parametrize(("number", "lines"), [(30, 31), (31, 32), (33, 32)])
def test_long_lists_are_cut_and_counted(number: int, lines: int) -> None:
    wide = dataset("d", (("c", "t"),) * number)
    for text, more in (
        (registry.models([model("m")] * number, AT), 0),
        (registry.datasets([dataset("d")] * number, AT), 0),
        (registry.dataset(wide, AT), 1),
    ):
        shown = text.splitlines()
        assert len(shown) == lines + more
        assert (shown[-1] == f"… and {number - 30} more") == (number > 30)


def test_long_names_are_kept_up_to_the_longest_that_exist() -> None:
    for length_of_name, shown in ((128, "n" * 128), (129, "n" * 127 + "…")):
        assert f">{shown}<" in registry.models([model("n" * length_of_name)], AT)
        assert f">{shown}<" in registry.datasets([dataset("n" * length_of_name)], AT)


GIB = 2**30


def usage(used: int, total: int) -> Usage:
    return Usage(used_bytes=used, total_bytes=total, percent=0)


def machine(nodes: tuple[Node, ...] = (), gpus: tuple[Gpu, ...] = (), **fields: Any) -> System:
    values = {"gpus_used": 0, "gpus_total": 0, "cpu_percent": 12.6, **fields}
    return System(
        time="",
        cpu_count=4,
        memory=usage(3 * GIB, 16 * GIB),
        disk=usage(40 * GIB, 100 * GIB),
        nodes=list(nodes),
        gpus=list(gpus),
        **values,
    )


def node(name: str, used: int = 0, gpus: int = 1, ready: bool = True) -> Node:
    return Node(name=name, ready=ready, gpus_used=used, gpus=gpus)


def gpu(name: str, percent: float = 0, used: int = 0, total: int = 1) -> Gpu:
    return Gpu(
        index=0,
        name=name,
        utilization_percent=percent,
        memory_used_bytes=used,
        memory_total_bytes=total,
    )


def test_system() -> None:
    shown = machine(
        (node("node<1", 3, 4), node("tiny"), node("gone<", 0, 8, ready=False)),
        (gpu("H<200", 99.5, 70 * GIB, 140 * GIB),),
        gpus_used=3,
        gpus_total=5,
    )

    assert registry.system(shown) == (
        "🖥 <b>GPUs in use: 3 of 5</b>\n"
        "<code>node&lt;1</code> 3 of 4 GPUs\n"
        "<code>tiny</code> 0 of 1 GPU\n"
        "⚠️ <code>gone&lt;</code> is not ready\n"
        "<b>Machine of the gateway</b>\n"
        "CPU 13 % · memory 3.0 GiB of 16 GiB · disk 40 GiB of 100 GiB\n"
        "H&lt;200 100 % · 70 GiB of 140 GiB"
    )


def test_a_large_system_is_cut_and_counted() -> None:
    def shown(nodes: int, gpus: int) -> list[str]:
        return registry.system(machine((node("n"),) * nodes, (gpu("g"),) * gpus)).splitlines()

    assert len(shown(30, 16)) == 1 + 30 + 2 + 16
    assert len(shown(30, 17)) == 1 + 30 + 2 + 16
    assert shown(31, 0)[31] == "… and 1 more node"
    assert shown(33, 0)[31] == "… and 3 more nodes"
    cut = registry.system(machine((node("n" * 101),), (gpu("g" * 41),))).splitlines()
    assert cut[1] == f"<code>{'n' * 99}…</code> 0 of 1 GPU"
    assert cut[-1] == f"{'g' * 39}… 0 % · 0 B of 1 B"
