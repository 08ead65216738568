"""docs/images-and-arrays.md lists the endings, words and bounds that the reader knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trainyard_api.datasets.choices import FEW_CLASSES, MAX_CLASSES
from trainyard_data.archives.limits import Limits
from trainyard_data.arrays import choose
from trainyard_data.images import layout, listing, names, pixels

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "images-and-arrays.md").read_text()


def paragraph(title: str) -> str:
    """The text of a paragraph that begins with this title in bold."""
    return TEXT.partition(f"**{title}.**")[2].partition("\n\n")[0].replace("\n", " ")


def listed(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def test_the_endings_of_images() -> None:
    counted = paragraph("What counts").partition("Hidden files")[0]

    assert listed(counted) == set(names.ENDINGS)


def test_the_folders_of_splits() -> None:
    words = listed(paragraph("Splits"))

    assert words == set(layout.SPLITS)


def test_the_names_of_arrays() -> None:
    targets, _, rest = paragraph("NPZ").partition(", and the samples are ")
    samples, _, _ = rest.partition(", in any case")

    assert listed(targets) == set(choose.TARGET_NAMES)
    assert listed(samples) == set(choose.INPUT_NAMES)


@pytest.mark.parametrize(
    ("title", "bounds"),
    [
        ("Limits", [
            Limits().members, f"{Limits().member_bytes >> 20} MiB",
            f"{pixels.MOST_PIXELS // 10**6} million pixels", listing.MOST_FOLDERS, Limits().ratio,
        ]),
        ("Damage", [f"above {pixels.DECODED_AT_LOOK // 10**6} million"]),
        ("Classes", [f"more than {FEW_CLASSES} or half as many as images", f"most {MAX_CLASSES:,}"]),
    ],
    ids=["limits", "damage", "classes"],
)  # fmt: skip
def test_the_bounds(title: str, bounds: list[int | str]) -> None:
    text = paragraph(title)

    shown = [f"{bound:,}" if isinstance(bound, int) else bound for bound in bounds]
    assert [bound for bound in shown if bound not in text] == []
