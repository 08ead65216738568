"""The schema of a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from trainyard_api.datasets.choices import ColumnType, SchemaChoices
from trainyard_api.datasets.schema import ColumnRole, DatasetSchema
from trainyard_data.errors import BadChoice, BadData
from trainyard_data.tables.files.csv_file import CsvTable, open_csv
from trainyard_data.tables.files.json_lines import JsonLines
from trainyard_data.tables.files.parquet_file import ParquetTable
from trainyard_data.tables.files.source import Batch, Source, in_order
from trainyard_data.tables.meaning import missing, notes, roles
from trainyard_data.tables.meaning import target as targets
from trainyard_data.tables.meaning.roles import NUMBER_TYPES, Context, Found, Problem
from trainyard_data.tables.meaning.target import Target
from trainyard_data.tables.values.column_types import decimal_marks
from trainyard_data.tables.values.forms import Kind
from trainyard_data.tables.values.profile import Profile, empty_rows
from trainyard_data.tables.values.profiling import profile

PROBLEMS = 5
"""Problems that a refusal names."""


def inspect(path: Path, file_format: str, choices: SchemaChoices) -> DatasetSchema:
    """The schema of a CSV, JSONL or Parquet file. Raises BadData or BadChoice."""
    source = _open(path, file_format, choices)
    _check_names(choices, getattr(source, "names", None))
    profiles = _profiles(source, choices)
    _check_names(choices, list(profiles))
    context = _context(source, profiles, choices)
    found = [roles.find(name, p, context) for name, p in profiles.items()]
    try:
        return _schema(source, found, choices)
    except BadData as error:
        if not isinstance(source, JsonLines):
            raise
        return _of_texts(source, found, choices, error)


TEXT_FIELD = "text"
"""jsonl: the field that a language model reads."""


def _of_texts(
    source: Source, found: list[Found], choices: SchemaChoices, error: BadData
) -> DatasetSchema:
    """The schema of objects that are no table, but have a text each."""
    field = next((c for c in found if c.name == TEXT_FIELD), None)
    if field is None or field.profile.count({Kind.OTHER}):
        hint = f"for language-modeling, call the field with the text {TEXT_FIELD!r}"
        raise BadData(str(error), hint=f"{error.hint}; {hint}" if error.hint else hint) from error
    empty = field.profile.empty
    if empty is not None:
        raise BadData(f"{source.place(empty.row)}, field {TEXT_FIELD!r}: the text is null or empty")
    rows = field.profile.rows
    return DatasetSchema(
        samples=rows,
        dimensions=[rows],
        columns=[c.schema for c in found],
        notes=[f"The file is for language-modeling: {error}."],
        choices=choices,
    )


def _open(path: Path, file_format: str, choices: SchemaChoices) -> Source:
    if file_format == "csv":
        return open_csv(path, choices.delimiter, choices.header)
    return ParquetTable(path) if file_format == "parquet" else JsonLines(path)


def _check_names(choices: SchemaChoices, names: Collection[str] | None) -> None:
    given = [*choices.ignore, *choices.types, *([choices.target] if choices.target else [])]
    for name in given if names is not None else ():
        if name not in (names or ()):
            raise BadChoice(f"there is no column {name!r}; the columns are {_listed(names or ())}")
    if choices.target in choices.ignore:
        raise BadChoice(f"the target {choices.target!r} is also to be ignored")


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(repr(name[:80]) for name in list(names)[:50])
    return f"{shown} and {len(names) - 50} more" if len(names) > 50 else shown


def _profiles(source: Source, choices: SchemaChoices) -> dict[str, Profile]:
    """The profile of each column; of those to be ignored only the number of rows."""
    names: list[str] | None = getattr(source, "names", None)
    ignored = frozenset(choices.ignore)
    absent = missing.beside_numbers(choices)
    wanted = None if names is None else [n for n in names if n not in ignored]

    def work(batch: Batch) -> tuple[int, dict[str, Profile]]:
        return batch.rows, {
            name: Profile(rows=batch.rows) if name in ignored else profile(values, absent)
            for name, values in batch.columns.items()
        }

    found: dict[str, Profile] = {}
    rows = 0
    for count, parts in in_order(source.parts(wanted), work):
        for name in [n for n in parts if n not in found]:
            found[name] = empty_rows(rows) if rows else Profile()
        for name in found:
            found[name] = found[name].plus(parts.get(name) or empty_rows(count))
        rows += count
    if rows == 0:
        raise BadData("the file has no rows")
    if rows == 1:
        names_ = _listed(names if names is not None else source.order(found))
        raise BadData(f"the file has 1 row; a training needs more (the columns are {names_})")
    order = names if names is not None else source.order(found)
    return {name: found.get(name, Profile(rows=rows)) for name in order}


def _context(source: Source, profiles: Mapping[str, Profile], choices: SchemaChoices) -> Context:
    proved = set[str]()
    for found in profiles.values():
        proved |= decimal_marks(form.kind for form in found.forms)
    semicolons = isinstance(source, CsvTable) and source.dialect.delimiter == ";"
    context = Context(
        choices=choices,
        decimal="," if proved == {","} else None,
        comma_hint="," if semicolons else ".",
        categories=source.categories,
        unused=source.unused,
    )
    return replace(context, missing=missing.among_texts(profiles, context))


def _schema(source: Source, found: list[Found], choices: SchemaChoices) -> DatasetSchema:
    rows = found[0].profile.rows
    target = _target(found, choices)
    found = [_as_target(c) if target and c.name == target.name else c for c in found]
    if len(found) == 1:
        raise BadData(_no_features(found, target), hint=_separated(source, found))
    _refuse(source, found, target, choices)
    chosen = next(c for c in found if target and c.name == target.name)
    dialect = source.dialect if isinstance(source, CsvTable) else None
    return DatasetSchema(
        samples=rows,
        dimensions=[rows, len(found)],
        columns=[c.schema for c in found],
        target=chosen.name,
        target_reason=target.reason if target else None,
        classes=_classes(chosen),
        dialect=dialect,
        notes=[*source.remarks, *notes.of_table(found, dialect, choices)],
        choices=choices,
    )


def _target(found: list[Found], choices: SchemaChoices) -> Target | None:
    if choices.target is not None:
        return Target(choices.target, "it was chosen")
    # What cannot be predicted in the last place is refused by name, not passed over.
    possible = [c.name for i, c in enumerate(found, 1) if not c.ignored or _is_data(c, i)]
    return targets.choose(possible)


def _is_data(column: Found, place: int) -> bool:
    """Whether an ignored column is one that a user may want to predict."""
    # Separators at the end of all lines make a column without a name.
    nameless = column.name == f"column {place}" and column.schema.reason == roles.NO_VALUES
    return not column.set_apart and not nameless


def _as_target(column: Found) -> Found:
    reason = None if column.ignored else column.schema.reason
    update = {"role": ColumnRole.TARGET.value, "reason": reason}
    schema = column.schema.model_copy(update=update)
    problem = column.problem
    kept = None if problem is not None and problem.of_features else problem
    return replace(column, schema=schema, problem=kept)


def _refuse(
    source: Source, found: list[Found], target: Target | None, choices: SchemaChoices
) -> None:
    problems = [c.problem for c in found if c.problem and not c.ignored]
    if target is not None:
        chosen = next(c for c in found if c.name == target.name)
        wrong = targets.problem(chosen, target) if chosen.problem is None else None
        problems += [wrong] if wrong else []
    if problems:
        raise _refusal(source, problems, choices)
    features = [c.name for c in found if c.schema.role == ColumnRole.FEATURE]
    if target is None or not features:
        raise BadData(_no_features(found, target), hint=_separated(source, found))


def _refusal(
    source: Source, problems: Sequence[Problem], choices: SchemaChoices
) -> BadData | BadChoice:
    shown = [_sentence(source, p) for p in problems[:PROBLEMS]]
    more = len(problems) - PROBLEMS
    text = "; ".join(shown) + (f"; and {more} more columns" if more > 0 else "")
    chosen = {*choices.types, choices.target}
    error = BadChoice if any(p.column in chosen for p in problems) else BadData
    return error(text, problems[0].hint)


def _sentence(source: Source, problem: Problem) -> str:
    place = f"{source.place(problem.row)}, " if problem.row is not None else ""
    return f"{place}column {problem.column!r}: {problem.cause}"


def _no_features(found: list[Found], target: Target | None) -> str:
    if len(found) == 1:
        return (
            f"the file has one column, {found[0].name[:200]!r}; a table needs a target and at least"
            f" one feature"
        )
    why = [f"{c.name[:80]!r}: {c.schema.reason}" for c in found if c.ignored]
    named = f" beside the target {target.name!r}" if target else ""
    return f"no column can be a feature{named}: " + "; ".join(why[:20])


def _separated(source: Source, found: list[Found]) -> str:
    """What to do about a file of one column."""
    if len(found) > 1:
        return "choose the type of a column: --set NAME=text"
    if not isinstance(source, CsvTable):
        return ""
    name = found[0].name
    mark = next((m for m in ("^", "~", ":", "  ", " ", "/", "\\") if m in name), None)
    if any(separator in name for separator in ",;\t|"):
        return "is each line in quotes as a whole? leave them out"
    if mark is None:
        return "the values of a row are separated by commas"
    shown = "spaces" if mark.isspace() else repr(mark)
    return f"is it separated by {shown}? separate the values by commas"


def _classes(column: Found) -> list[str] | None:
    kind, texts = column.schema.type, column.profile.distinct
    if texts is None or kind == ColumnType.OTHER:
        return None
    if kind in NUMBER_TYPES:
        texts = texts - column.profile.missing.keys()
    if len(texts) > targets.most_classes(column.profile.rows):
        return None
    return sorted_classes(texts)


def sorted_classes(texts: Collection[str]) -> list[str]:
    """Classes in the order of their numbers if all are numbers, else of their texts."""
    try:
        return sorted(texts, key=lambda text: (Decimal(text), text))
    except InvalidOperation:
        return sorted(texts)
