"""Placeholders of a command: what is filled in, what is refused, and what is the program's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainyard_api.command.template import (
    ANY,
    SPELLING_MESSAGE,
    STRUCTURE_MESSAGE,
    filled,
    globs,
    is_structured,
)
from trainyard_api.model import field_errors
from trainyard_api.session.spec import TrainingSessionSpec

PATH = "/data/run/out/checkpoint-10"


@pytest.mark.parametrize(
    ("command", "without", "with_one"),
    [
        ("run {if-checkpoint} --r {latest-checkpoint} {end} -v", "run -v", f"run --r {PATH} -v"),
        ("run {if-checkpoint}--r={latest-checkpoint}{end} -v", "run -v", f"run --r={PATH} -v"),
        ("run --r={if-checkpoint}{latest-checkpoint}{end}", "run --r=", f"run --r={PATH}"),
        (
            "yolo {if-checkpoint} model={latest-checkpoint} {else} model=n.yaml {end}",
            "yolo model=n.yaml",
            f"yolo model={PATH}",
        ),
        ("run {if-checkpoint} --again {end}", "run", "run --again"),
        ("run {if-checkpoint} {else} --fresh {end}", "run --fresh", "run"),
        (
            "run {else} {end} {a,b} {0} [[1]] {} ${A}",
            "run {else} {end} {a,b} {0} [[1]] {} ${A}",
            "",
        ),
        (
            "a {if-checkpoint} 1 {end} b {if-checkpoint} {latest-checkpoint} {end} {end}",
            "a b {end}",
            f"a 1 b {PATH} {{end}}",
        ),
    ],
)
def test_a_command_with_and_without_a_checkpoint(command: str, without: str, with_one: str) -> None:
    words = command.split(" ")
    assert filled(words, {ANY: None}) == filled(words, {}) == without.split(" ")
    assert filled(words, {ANY: PATH}) == (with_one or without).split(" ")


def test_a_part_stands_if_each_checkpoint_in_it_is_found() -> None:
    words = ["{if-checkpoint}", "{latest-checkpoint:g/*}", "{latest-checkpoint:d/*}", "{end}", "x"]
    assert globs(words) == ("d/*", "g/*")
    assert filled(words, {"g/*": "g/1"}) == ["x"]
    assert filled(words, {"g/*": "g/1", "d/*": "d/1"}) == ["g/1", "d/1", "x"]


def test_empty_words_and_words_of_several_lines_stay() -> None:
    words = ["sh", "", "a\n{if-checkpoint}\nb {latest-checkpoint}\n{end}\nc"]
    assert filled(words, {}) == ["sh", "", "a\n\nc"]
    assert filled(words, {ANY: "p"}) == ["sh", "", "a\n\nb p\n\nc"]


@pytest.mark.parametrize(
    "command",
    [
        "run {latest-checkpoint}",
        "run --r={latest-checkpoint:out/*}",
        "run {if-checkpoint} {latest-checkpoint}",
        "run {if-checkpoint} {if-checkpoint} {end} {end}",
        "run {if-checkpoint} {else} {latest-checkpoint} {end}",
        "run {if-checkpoint} a {else} b {else} c {end}",
    ],
)
def test_a_command_that_cannot_start_without_a_checkpoint_is_refused(command: str) -> None:
    assert refusals(command) == [STRUCTURE_MESSAGE]


@pytest.mark.parametrize(
    "command",
    [
        "run {{latest-checkpoint}}",
        "run {latest_checkpoint}",
        "run {LATEST-CHECKPOINT}",
        "run {latestCheckpoint}",
        "run {if_checkpoint} x {end}",
        "run {latest-checkpoint:",
    ],
)
def test_what_is_nearly_a_placeholder_is_refused(command: str) -> None:
    assert refusals(command) == [SPELLING_MESSAGE]


def refusals(command: str) -> list[str]:
    """The messages of the errors."""
    with pytest.raises(ValidationError) as caught:
        TrainingSessionSpec.model_validate({"command": command.split(" ")})
    return [error.message for error in field_errors(caught.value, TrainingSessionSpec)]


TOKENS = ("{if-checkpoint}", "{latest-checkpoint}", "{latest-checkpoint:*.pt}", "{else}", "{end}")
WORDS = st.lists(st.lists(st.sampled_from((*TOKENS, "a", "{", "}")), max_size=4).map("".join))


@given(WORDS)
def test_what_is_accepted_can_be_filled_and_leaves_no_placeholder(words: list[str]) -> None:
    if not is_structured(words):
        return
    for found in ({}, dict.fromkeys(globs(words), "p")):
        text = " ".join(filled(words, found))
        assert "{latest-checkpoint" not in text
        assert "{if-checkpoint" not in text


@given(st.lists(st.text()))
def test_other_commands_stay_as_they_are(words: list[str]) -> None:
    if not any("{if-checkpoint}" in word or "{latest-checkpoint" in word for word in words):
        assert filled(words, {ANY: PATH}) == words
        assert globs(words) == ()
