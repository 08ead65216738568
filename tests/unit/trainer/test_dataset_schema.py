"""One schema for all attempts of a session, and one sentence for every fault of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainyard_api.datasets.schema import ColumnSchema, DatasetSchema
from trainyard_data import errors as data_errors
from trainyard_trainer.data import faults
from trainyard_trainer.dataset_schema import KeptSchema
from trainyard_trainer.errors import BadConfiguration, BadData, OutOfMemory, TrainingError


def schema(revision: int) -> DatasetSchema:
    columns = [ColumnSchema(name="a", type="integer"), ColumnSchema(name="kind", type="text")]
    return DatasetSchema(
        samples=3, dimensions=[3, 2], columns=columns, target="kind", revision=revision
    )


def write(path: Path, revision: int) -> Path:
    path.write_text(schema(revision).model_dump_json(exclude_none=True))
    return path


def test_later_attempts_keep_the_first_schema(tmp_path: Path) -> None:
    said: list[str] = []
    kept = KeptSchema(tmp_path / "run" / "s.json", said.append)
    found = kept.find(write(tmp_path / "schema-1.json", 1))
    assert found == schema(1)
    kept.keep(found)
    assert kept.find(tmp_path / "schema-1.json") == schema(1)
    assert said == []

    kept.keep(schema(2))
    assert kept.find(write(tmp_path / "schema-2.json", 2)) == schema(1)
    assert len(said) == 1
    assert "revision 2 by now; this session keeps revision 1" in said[0]
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["s.json"]


@pytest.mark.parametrize("content", [None, "", "{", '{"samples": "many"}'], ids=["absent", "empty", "torn", "no schema"])  # fmt: skip
def test_without_a_schema_it_is_said(tmp_path: Path, content: str | None) -> None:
    said: list[str] = []
    place = tmp_path / "schema-1.json"
    if content is not None:
        place.write_text(content)

    assert KeptSchema(tmp_path / "s.json", said.append).find(place) is None
    assert said == ["the dataset has no schema: its file is inspected now"]


def test_a_folder_that_takes_nothing_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = KeptSchema(tmp_path / "file" / "s.json", lambda _: None)
    kept.keep(schema(1))

    assert kept.find(None) is None


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (data_errors.BadData("row 1 is odd", "mend it"), BadData, "d.csv: row 1 is odd"),
        (data_errors.BadChoice("there is no column 'b'"), BadConfiguration, "no column 'b'"),
        (MemoryError(), OutOfMemory, "memory does not hold d.csv"),
        (RuntimeError("[enforce] DefaultCPUAllocator: no"), OutOfMemory, "does not hold d.csv"),
        (NotImplementedError("That compression method"), BadData, "cannot be read: That compr"),
        (ValueError("two\nlines"), BadData, "d.csv cannot be read: two lines"),
        (KeyError(), BadData, "d.csv cannot be read: KeyError"),
        (OverflowError("too large"), BadData, "d.csv cannot be read: too large"),
        (OSError(28, "No space left"), OSError, "No space left"),
        (BadData("as it is"), BadData, "^as it is$"),
    ],
    ids=["data", "choice", "memory", "tensor memory", "compression", "lines", "silent", "overflow", "volume", "ours"],
)  # fmt: skip
def test_every_fault_while_reading_is_one_sentence(
    error: Exception, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as raised, faults.of_file("d.csv"):
        raise error
    assert "\n" not in str(raised.value)
    if isinstance(error, data_errors.BadData):
        assert isinstance(raised.value, TrainingError)
        assert raised.value.hint == "mend it"
