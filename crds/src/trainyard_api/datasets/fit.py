"""Whether a training fits a dataset's schema. Pure.

The gateway asks before a session starts, the trainer before it reads the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trainyard_api.datasets.choices import MAX_CLASSES, ColumnType
from trainyard_api.datasets.schema import ColumnRole, ColumnSchema, DatasetSchema
from trainyard_api.model import clip
from trainyard_api.training import Task, TrainingConfig

TEXT_FIELD = "text"
"""jsonl: the field that language-modeling reads."""
MAX_CATEGORIES = 64
"""A text column with more different values is an identifier, not a category."""
NAMES_SHOWN = 20

_TABLES = ("csv", "parquet", "jsonl")
_FORMATS: dict[Task, tuple[str, ...]] = {
    Task.TABULAR_CLASSIFICATION: (*_TABLES, "npz", "npy"),
    Task.TABULAR_REGRESSION: (*_TABLES, "npz", "npy"),
    Task.IMAGE_CLASSIFICATION: ("images", "npz"),
    Task.LANGUAGE_MODELING: ("text", "jsonl"),
}
_NUMBERS = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN)
_NO_FEATURES = (ColumnType.DATE, ColumnType.TIMESTAMP, ColumnType.OTHER)
_TEXT_ARRAYS = ("<U", ">U", "=U", "|S", "str", "bytes")
"""How dtypes of texts begin."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a training cannot use a dataset."""

    field: str
    """The field of TrainingConfig that is wrong, such as `target`."""
    message: str
    """One sentence that names what there is."""


def misfit(schema: DatasetSchema, file_format: str, config: TrainingConfig) -> Misfit | None:
    """Why `config` cannot use a dataset of this schema and format; None if nothing is known.

    What the schema does not tell (a file of an earlier version, values that were not counted) is
    no misfit: the trainer finds it when it reads the values.
    """
    return next(_misfits(schema, file_format, config), None)


def chosen_target(schema: DatasetSchema, config: TrainingConfig) -> str | None:
    """The column or array to predict: the session's, else the dataset's."""
    return config.target if config.target is not None else schema.target


def listed(names: Iterable[str]) -> str:
    """Names as a sentence shows them: quoted, each and all of them cut."""
    every = list(names)
    shown = ", ".join(repr(clip(name)) for name in every[:NAMES_SHOWN])
    more = len(every) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _misfits(schema: DatasetSchema, file_format: str, config: TrainingConfig) -> Iterator[Misfit]:
    if file_format not in _FORMATS[config.task]:
        yield Misfit("task", _wrong_format(config.task, file_format))
    if schema.revision < 1:
        return
    columns = {column.name: column for column in schema.columns}
    if config.task == Task.LANGUAGE_MODELING:
        if file_format == "jsonl" and TEXT_FIELD not in columns:
            yield Misfit("task", _without_text(columns))
        return
    if not columns:  # images in folders
        yield from _of_classes("task", "the folders of images", schema.classes)
        return
    yield from _of_names(columns, config)
    target = chosen_target(schema, config)
    if target is None or target not in columns:
        yield Misfit("target", _without_target(columns, file_format))
        return
    yield from _of_target(columns[target], schema, config)
    if file_format in _TABLES:
        yield from _of_features(columns, target, config)


def _of_names(columns: dict[str, ColumnSchema], config: TrainingConfig) -> Iterator[Misfit]:
    ignored = config.ignore_columns or []
    if unknown := [name for name in ignored if name not in columns]:
        what = "a column" if len(unknown) == 1 else "columns"
        there = f"the columns are {listed(columns)}"
        yield Misfit("ignoreColumns", f"{listed(unknown)} is not {what} of the dataset; {there}")
    if config.target is not None and config.target not in columns:
        there = f"the columns are {listed(columns)}"
        yield Misfit("target", f"{config.target!r} is not a column of the dataset; {there}")
    if config.target is not None and config.target in ignored:
        yield Misfit("target", f"{config.target!r} is listed in ignoreColumns, too")


def _of_target(
    column: ColumnSchema, schema: DatasetSchema, config: TrainingConfig
) -> Iterator[Misfit]:
    name = column.name
    if config.target is None and name in (config.ignore_columns or []):
        message = f"{name!r} is the dataset's target and listed in ignoreColumns; name another"
        yield Misfit("target", f"{message} of {listed(c.name for c in schema.columns)}")
    if config.task == Task.TABULAR_REGRESSION:
        if _is_no_number(column):
            hint = "choose a column of numbers, or the task tabular-classification"
            yield Misfit("target", f"{name!r} holds {_held(column)}, not numbers; {hint}")
        return
    counted = schema.classes if name == schema.target else None
    yield from _of_classes("target", repr(clip(name)), counted, column.distinct)
    in_use = name == schema.target and column.type in set(ColumnType)
    if in_use and counted is None and column.distinct is None and schema.samples > MAX_CLASSES:
        yield Misfit("target", _too_many(repr(clip(name)), f"more than {MAX_CLASSES}"))


def _of_classes(
    field: str, where: str, classes: list[str] | None, distinct: int | None = None
) -> Iterator[Misfit]:
    count = len(classes) if classes is not None else distinct
    if count == 1:
        only = f" {clip(classes[0])!r}" if classes else ""
        yield Misfit(field, f"{where}: there is one class{only}; two are needed at least")
    if count is not None and count > MAX_CLASSES:
        yield Misfit(field, _too_many(where, str(count)))


def _too_many(where: str, count: str) -> str:
    return (
        f"{where}: there are {count} different values, and at most {MAX_CLASSES} classes;"
        " choose another target, or the task tabular-regression for numbers"
    )


def _of_features(
    columns: dict[str, ColumnSchema], target: str, config: TrainingConfig
) -> Iterator[Misfit]:
    ignored = {target, *(config.ignore_columns or [])}
    # Without a role the column is what the session makes of it.
    left = [c for n, c in columns.items() if n not in ignored and c.role != ColumnRole.IGNORED]
    if not left:
        there = f"the columns are {listed(columns)}"
        yield Misfit("ignoreColumns", f"no column is left to learn from; {there}")
    if wrong := [c for c in left if _is_no_feature(c)]:
        shown = ", ".join(f"{clip(c.name)!r} ({_held(c)})" for c in wrong[:NAMES_SHOWN])
        more = f" and {len(wrong) - NAMES_SHOWN} more" if len(wrong) > NAMES_SHOWN else ""
        what = "cannot be a feature" if len(wrong) == 1 else "cannot be features"
        yield Misfit("ignoreColumns", f"{shown}{more} {what}; list them in ignoreColumns")


def _is_no_feature(column: ColumnSchema) -> bool:
    if column.type == ColumnType.TEXT:
        return column.distinct is not None and column.distinct > MAX_CATEGORIES
    return column.type in _NO_FEATURES


def _is_no_number(column: ColumnSchema) -> bool:
    if column.type in set(ColumnType):
        return column.type not in _NUMBERS
    return column.type.startswith(_TEXT_ARRAYS)


def _held(column: ColumnSchema) -> str:
    words = {
        ColumnType.TEXT: "texts",
        ColumnType.DATE: "dates",
        ColumnType.TIMESTAMP: "times",
        ColumnType.OTHER: "lists, objects or binary values",
    }
    found = next((w for kind, w in words.items() if kind == column.type), clip(column.type))
    counted = column.type == ColumnType.TEXT and column.distinct is not None
    return f"{column.distinct} different {found}" if counted else found


def _wrong_format(task: Task, file_format: str) -> str:
    fitting = [str(t) for t, formats in _FORMATS.items() if file_format in formats]
    instead = f"; with {file_format} go {', '.join(fitting)}" if fitting else ""
    return f"{task} needs {' or '.join(_FORMATS[task])}; the dataset is {file_format}{instead}"


def _without_text(columns: dict[str, ColumnSchema]) -> str:
    return (
        f"language-modeling reads the field {TEXT_FIELD!r} of each line;"
        f" the fields are {listed(columns)}"
    )


def _without_target(columns: dict[str, ColumnSchema], file_format: str) -> str:
    what = "array" if file_format == "npz" else "column"
    return f"name the {what} to predict: the {what}s are {listed(columns)}"
