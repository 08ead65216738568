"""What comes of a data case: its schema or refusal, a short training, predictions row by row."""

from __future__ import annotations

import io
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_case import Ask, Case, Outcome, Refused, RefusedInTraining, Trains
from dataset_rows import Rows, rows
from tiny_training import TinySession

from trainyard_api.contract import ExitCode
from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.fit import misfit
from trainyard_api.datasets.schema import ColumnRole, ColumnSchema, DatasetSchema
from trainyard_api.training import TrainingConfig
from trainyard_data.errors import DataError
from trainyard_data.formats import format_of
from trainyard_data.inspection import inspect
from trainyard_trainer.__main__ import main
from trainyard_trainer.errors import BadData
from trainyard_trainer.inference.generate import Sampling
from trainyard_trainer.inference.predict import Predictor

OTHERS = "…"
"""Stands for all other columns of a table, which must be features."""
ALL = os.environ.get("TRAINYARD_CORPUS") == "all"
"""Whether every row that is asked for is predicted alone, and every file trains."""
ALONE = 40 if ALL else 3
"""Rows that are predicted alone by the command."""
EVERY_ROW = 3000 if ALL else 0
"""Samples up to which each row of a file is predicted alone, by a model that is loaded once."""
TRAINED = 40_000
"""Bytes up to which a file is trained in the usual run."""
DEFAULTS: dict[str, Any] = {
    "epochs": 1,
    "batchSize": 32,
    "learningRate": 0.01,
    "validationSplit": 0.2,
    "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [16]}},
}


@dataclass(slots=True)
class Trial:
    """A case in a folder of its own. `found` collects what is not as expected."""

    case: Case
    folder: Path
    gateway_url: str
    trained_bytes: int | None = None if ALL else TRAINED
    """Larger files are inspected only."""
    found: list[str] = field(default_factory=list)
    schema: DatasetSchema | None = None
    sentence: str = ""
    """Of the refusal."""
    file_format: str = ""

    def run(self) -> list[str]:
        """Inspect, train and predict; what was not as expected."""
        path = self.case.write(self.folder)
        self.read(path)
        self.found += differences(self.case.expected, self.schema, self.sentence)
        small = self.trained_bytes is None or path.stat().st_size <= self.trained_bytes
        if self.schema is not None and small and not self.found:
            self._train(path)
        return self.found

    def read(self, path: Path) -> None:
        """The schema or the sentence of the refusal."""
        try:
            self.file_format = format_of(path.name)
            choices = SchemaChoices.model_validate(self.case.choices)
            self.schema = inspect(path, self.file_format, choices)
        except DataError as error:
            self.sentence = sentence(error)

    def _train(self, path: Path) -> None:
        assert self.schema is not None
        refusal = self.case.expected
        if unfit := self.misfit():
            self.sentence = unfit
            self.found += _refusal(refusal, unfit)
            return
        session = self._session(path, self.configuration())
        with redirect_stdout(io.StringIO()) as log:
            code = session.run_here()
        if code != 0:
            told = session.explanation()
            self.sentence = f"{told.get('message')} {told.get('hint') or ''}".strip()
            self.found += _refusal(refusal, self.sentence)
            if code != ExitCode.BAD_DATA:
                self.found.append(f"the training ended with {code}: {log.getvalue()[-400:]}")
        elif not isinstance(refusal, Trains):
            self.found.append("it trained")
        else:
            self._predict(path, session.run_dir / "output")

    def misfit(self) -> str | None:
        """Why the gateway would refuse the session of the case."""
        assert self.schema is not None
        config = TrainingConfig.model_validate(self.configuration())
        unfit = misfit(self.schema, self.file_format, config)
        return None if unfit is None else unfit.message

    def configuration(self) -> dict[str, Any]:
        """A short training of the task that the case expects."""
        expected = self.case.expected
        task = expected.task if isinstance(expected, Trains) else "tabular-classification"
        return {**DEFAULTS, "task": task, **self.case.training}

    def _session(self, path: Path, config: dict[str, Any]) -> TinySession:
        assert self.schema is not None
        (self.folder / "schema-1.json").write_text(self.schema.model_dump_json(exclude_none=True))
        return TinySession(
            self.folder, self.gateway_url, config, path.name, self.file_format, "schema-1.json"
        )

    def _predict(self, path: Path, model: Path) -> None:
        assert self.schema is not None
        for ask in self.case.asks:
            self.found += answer(ask, model, self.folder)
        samples = rows(path, self.file_format, self.schema)
        if samples is None or self.configuration()["task"] == "language-modeling":
            return
        ending = ".zip" if self.file_format == "images" else path.suffix
        given = self.folder / f"given{ending}"
        every = list(range(samples.count))
        mixed = random.Random(0).sample(every, len(every))
        samples.write(given, every)
        together = predict(model, given)
        samples.write(given, mixed)
        shuffled = predict(model, given)
        alone = []
        few = _spread(every, ALONE)
        for row in few:
            samples.write(given, [row])
            alone += predict(model, given)
        self.found += _same(together, shuffled, mixed, "in another order", self.file_format)
        self.found += _same(together, alone, few, "alone", self.file_format)
        if len(few) < samples.count <= EVERY_ROW and not self.found:
            self._predict_each(model, samples, given, together)

    def _predict_each(self, model: Path, samples: Rows, given: Path, together: list[Any]) -> None:
        """Predict each row alone, in the loaded model that the command uses."""
        predictor, answers = Predictor.load(model), []
        every = range(samples.count)
        for row in every:
            samples.write(given, [row])
            try:
                answers += predictor.predict_file(given, Sampling())[0]
            except BadData as error:
                answers.append(f"refused: {error}")
        self.found += _same(together, answers, every, "alone, each", self.file_format)


def sentence(error: DataError) -> str:
    """What a person reads."""
    return f"{error}; {error.hint}" if error.hint else str(error)


def differences(expected: Outcome, schema: DatasetSchema | None, told: str) -> list[str]:
    """What differs between the expectation and the reader's answer."""
    if schema is None:
        return _refusal(expected, told)
    if isinstance(expected, Refused):
        return [f"accepted: {shown(schema)}"]
    if isinstance(expected, RefusedInTraining):
        return []
    return list(_unequal(expected, schema))


def _unequal(expected: Trains, schema: DatasetSchema) -> Iterator[str]:
    yield from _counts(expected, schema)
    if expected.columns:
        yield from _columns(expected.columns, schema)
    if expected.image is not None and schema.images is not None:
        read = (schema.images.channels, schema.images.height, schema.images.width)
        if read != expected.image:
            yield f"pictures of {read}, not {expected.image}"
    told = " ".join(remarks(schema))
    yield from (
        f"does not say {words!r}: {told!r}"
        for words in expected.says
        if words.lower() not in told.lower()
    )


def _counts(expected: Trains, schema: DatasetSchema) -> Iterator[str]:
    if schema.samples != expected.samples:
        yield f"{schema.samples} samples, not {expected.samples}"
    classes = tuple(schema.classes or ())
    if expected.classes is not None and sorted(classes) != sorted(expected.classes):
        yield f"classes {_few(classes)}, not {_few(expected.classes)}"
    if expected.target is not None and schema.target != expected.target:
        yield f"target {schema.target!r}, not {expected.target!r}"
    missing = {c.name: c.missing or 0 for c in schema.columns}
    for name, count in expected.missing.items():
        if missing.get(name) != count:
            yield f"{name!r} misses {missing.get(name)} values, not {count}"


def remarks(schema: DatasetSchema) -> list[str]:
    """All that the schema says in words."""
    reasons = [f"{c.name}: {c.reason}" for c in schema.columns if c.reason]
    texts = [f"{c.name}: {', '.join(c.missing_values)}" for c in schema.columns if c.missing_values]
    return [
        *schema.notes,
        *([schema.target_reason] if schema.target_reason else []),
        *reasons,
        *texts,
    ]


def _columns(wanted: str, schema: DatasetSchema) -> Iterator[str]:
    columns = {column.name: column for column in schema.columns}
    entries = wanted.split(" | ")
    rest = entries.pop().removeprefix(f"{OTHERS} ") if entries[-1].startswith(OTHERS) else None
    for entry in entries:
        role = {"*": ColumnRole.TARGET, "-": ColumnRole.IGNORED}.get(entry[0], ColumnRole.FEATURE)
        name, _, types = entry.lstrip("*-").rpartition(" ")
        column = columns.pop(name, None)
        if column is None:
            yield f"no column {name!r} among {_few(columns)}"
        else:
            yield from _column(column, role, types, schema.target)
    for name, column in columns.items():
        if rest is None:
            yield f"there is a column {name!r}"
        else:
            yield from _column(column, ColumnRole.FEATURE, rest, schema.target)


def _column(
    column: ColumnSchema, role: ColumnRole, types: str, target: str | None
) -> Iterator[str]:
    if column.type not in types.split("/"):
        yield f"{column.name!r} is {column.type}, not {types}"
    found = ColumnRole.TARGET if column.name == target else column.role or ColumnRole.FEATURE
    if found != role:
        yield f"{column.name!r} is a {found}, not a {role}"


def _refusal(expected: Outcome, told: str) -> list[str]:
    if isinstance(expected, Trains):
        return [f"refused: {told}"]
    missing = [w for w in expected.words if w.lower() not in told.lower()]
    return [f"refused without {missing}: {told}"] if missing else []


def _few(names: Any) -> str:
    listed = [str(name)[:40] for name in names]
    return f"{listed[:12]}{f' and {len(listed) - 12} more' if len(listed) > 12 else ''}"


def shown(schema: DatasetSchema) -> str:
    """A schema in one line."""
    marks: Mapping[str | None, str] = {ColumnRole.TARGET: "*", ColumnRole.IGNORED: "-"}
    columns = [
        f"{'*' if c.name == schema.target else marks.get(c.role, '')}{c.name[:40]} {c.type}"
        for c in schema.columns[:40]
    ]
    classes = f"; classes {_few(schema.classes)}" if schema.classes is not None else ""
    image = (
        f"; {schema.images.channels}×{schema.images.height}×{schema.images.width}"
        if schema.images
        else ""
    )
    return f"{schema.samples} samples; {' | '.join(columns)}{classes}{image}; {' '.join(remarks(schema))}"


def answer(ask: Ask, model: Path, folder: Path) -> list[str]:
    """What differs from the expected answers."""
    path = folder / ask.filename
    ask.make(path)
    code, answers, said = asked(model, path)
    if isinstance(ask.expected, Refused):
        if code == 0:
            return [f"{ask.what}: predicted {answers}"]
        wrong = _refusal(ask.expected, said)
        ended = [] if code == ExitCode.BAD_DATA else [f"{ask.what}: exit code {code}"]
        return [f"{ask.what}: {w}" for w in wrong] + ended
    if code != 0:
        return [f"{ask.what}: refused: {said}"]
    pairs = list(zip(answers, ask.expected, strict=False))
    right = len(answers) == len(ask.expected) and all(a == e or e == "?" for a, e in pairs)
    return [] if right else [f"{ask.what}: {answers}, not {ask.expected}"]


def asked(model: Path, given: Path) -> tuple[int, list[Any], str]:
    """Exit code, predictions, and what was said beside them."""
    printed, said = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(said):
        code = main(["predict", f"--model={model}", f"--input={given}"])
    return (
        code,
        [json.loads(line)["prediction"] for line in printed.getvalue().splitlines()],
        said.getvalue(),
    )


def predict(model: Path, given: Path) -> list[Any]:
    """Predictions, or the one text of the refusal."""
    code, answers, said = asked(model, given)
    return answers if code == 0 else [f"refused: {said}"]


def _spread(every: Sequence[int], most: int) -> list[int]:
    if len(every) <= most:
        return list(every)
    return sorted({round(i * (len(every) - 1) / (most - 1)) for i in range(most)})


def _same(
    together: list[Any], others: list[Any], order: Sequence[int], how: str, file_format: str
) -> list[str]:
    if file_format == "images":
        # Archives have no order that a reader must keep.
        whole, part = Counter(map(str, together)), Counter(map(str, others))
        return [] if part <= whole else [f"predictions {how} differ: {part}, not {whole}"]
    if len(others) != len(order) or len(together) <= max(order, default=-1):
        return [
            f"{len(others)} predictions of {len(order)} rows {how}: {others[:3]} {together[:3]}"
        ]
    for row, value in zip(order, others, strict=True):
        if not _equal(together[row], value):
            return [f"row {row} {how}: {value!r}, with all others {together[row]!r}"]
    return []


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-4 * max(1.0, abs(one))
    return bool(one == other)
