"""Options of `datasets put` and `datasets schema` that say how a file is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from inspect import signature
from typing import Annotated, Any, Final

import typer

from trainyard.cli.errors import UsageProblem
from trainyard_api.datasets.choices import MAX_SIDE, ColumnType

PANEL: Final = "How the file is read, where the reader shall not guess"
_DELIMITERS: Final = {",": ",", ";": ";", "|": "|", "tab": "\t", "\\t": "\t", "\t": "\t"}
_SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")


class ImageClass(StrEnum):
    """Which folder of a path names the class."""

    FIRST_FOLDER = "first-folder"
    LAST_FOLDER = "last-folder"


class ChannelAxis(StrEnum):
    """Which axis of an array holds the channels of images."""

    FIRST = "first"
    LAST = "last"


class Decimal(StrEnum):
    """The decimal mark of numbers."""

    POINT = "."
    COMMA = ","


def _option(help_text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=PANEL, **more)


TargetOption = Annotated[str | None, _option("Column or array to predict.", metavar="COLUMN")]
IgnoreOption = Annotated[
    list[str] | None, _option("A column that is not used. Repeatable.", metavar="COLUMN")
]
TypesOption = Annotated[
    list[str] | None,
    _option(
        f"Type of a column: {', '.join(ColumnType)}. Repeatable.", "--set", metavar="COLUMN=TYPE"
    ),
]
MissingOption = Annotated[
    list[str] | None,
    _option("A text for a missing value, such as '?'; '' for none among texts. Repeatable."),
]
DelimiterOption = Annotated[
    str | None, _option("csv: what separates values: , ; | or tab.", metavar="CHARACTER")
]
DecimalOption = Annotated[Decimal | None, _option("csv: the decimal mark.")]
HeaderOption = Annotated[
    bool | None, _option("csv: whether the first line names the columns.", "--header/--no-header")
]
ImageSizeOption = Annotated[
    str | None, _option("images: size that all are scaled to.", metavar="HEIGHTxWIDTH")
]
ImageClassOption = Annotated[
    ImageClass | None, _option("images: which folder of a path names the class.")
]
ChannelAxisOption = Annotated[
    ChannelAxis | None, _option("npz, npy: which axis of images holds the channels.")
]


Reading = dict[str, Any]
"""Fields of SchemaChoices, by their names in JSON."""


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `chosen` in place of its parameter `reading`."""
    options = list(signature(chosen, eval_str=True).parameters.values())

    @wraps(command)
    def run(**given: Any) -> None:
        reading = chosen(**{option.name: given.pop(option.name) for option in options})
        command(**given, reading=reading)

    own = signature(command, eval_str=True)
    parts = ([p] if p.name != "reading" else options for p in own.parameters.values())
    merged = own.replace(parameters=[parameter for part in parts for parameter in part])
    run.__signature__ = merged  # type: ignore[attr-defined]  # typer reads options from it
    return run


def chosen(  # noqa: PLR0913  one argument for each option
    target: TargetOption = None,
    ignore: IgnoreOption = None,
    types: TypesOption = None,
    missing: MissingOption = None,
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    header: HeaderOption = None,
    image_size: ImageSizeOption = None,
    image_class: ImageClassOption = None,
    channel_axis: ChannelAxisOption = None,
) -> Reading:
    """The fields of SchemaChoices, by their names in JSON, that were given. Raises UsageProblem.

    A type that is empty (`--set zip=`) is None: it takes the choice back.
    """
    fields = {
        "target": target,
        "ignore": ignore or None,
        "types": dict(_type(text) for text in types) if types else None,
        "missing": missing or None,
        "delimiter": None if delimiter is None else _delimiter(delimiter),
        "decimal": decimal and decimal.value,
        "header": header,
        "imageSize": None if image_size is None else _size(image_size),
        "imageClass": image_class and image_class.value,
        "channelAxis": channel_axis and channel_axis.value,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _type(text: str) -> tuple[str, str | None]:
    column, equals, kind = text.rpartition("=")
    if not equals or not column or (kind and kind not in set(ColumnType)):
        raise UsageProblem(
            f"--set {text!r}: give COLUMN=TYPE, where TYPE is one of {', '.join(ColumnType)}"
        )
    return column, kind or None


def _delimiter(text: str) -> str:
    if text not in _DELIMITERS:
        raise UsageProblem(f"--delimiter {text!r}: give ',', ';', '|' or tab")
    return _DELIMITERS[text]


def _size(text: str) -> list[int]:
    found = _SIZE.fullmatch(text.lower())
    sides = [int(side) for side in found.groups()] if found else []
    if not sides or not all(1 <= side <= MAX_SIDE for side in sides):
        raise UsageProblem(
            f"--image-size {text!r}: give HEIGHTxWIDTH such as 64x64, each from 1 to {MAX_SIDE}"
        )
    return sides
