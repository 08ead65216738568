"""Callback data: what buttons carry through Telegram and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_bot.updates.callback_data import (
    DATA_LIMIT,
    Action,
    CallbackData,
    decode,
    encode,
    short_id,
)


@given(st.sampled_from(Action), st.from_regex(r"[A-Za-z0-9._-]{1,61}", fullmatch=True))
def test_callback_data_comes_back_as_it_was_sent(action: Action, argument: str) -> None:
    data = encode(CallbackData(action, argument))

    assert len(data.encode()) <= DATA_LIMIT
    assert decode(data) == CallbackData(action, argument)


OF_EARLIER_VERSIONS = {
    "st": Action.STATUS,
    "lg": Action.LOGS,
    "mt": Action.METRICS,
    "sp": Action.STOP,
    "cn": Action.CANCEL,
    "su": Action.SUSPEND,
    "re": Action.RESUME,
    "up": Action.RAISE_PRIORITY,
    "md": Action.SHOW_MODEL,
    "mf": Action.SEND_MODEL,
    "dm": Action.DELETE_MODEL,
    "ds": Action.SHOW_DATASET,
    "tr": Action.TRAIN,
    "ok": Action.CONFIRM,
    "no": Action.DISMISS,
    "fm": Action.FORM,
}


@pytest.mark.parametrize(("code", "action"), OF_EARLIER_VERSIONS.items(), ids=OF_EARLIER_VERSIONS)
def test_buttons_of_earlier_versions_keep_their_meaning(code: str, action: Action) -> None:
    assert decode(f"{code}:u-1") == CallbackData(action, "u-1")


def test_every_action_is_in_the_table_of_codes() -> None:
    assert set(OF_EARLIER_VERSIONS.values()) == set(Action)
    assert DATA_LIMIT == 64


@pytest.mark.parametrize(
    "data",
    ["", "sp", "sp:", ":x", "xx:1", "sp:a b", "sp:" + "a" * 62, "sp:é", "sp:../x/y", "sp:a\n"],
    ids=["empty", "no argument", "empty argument", "no code", "unknown code", "space", "too long",
         "not ASCII", "slash", "line break"],
)  # fmt: skip
def test_forged_data_is_none(data: str) -> None:
    assert decode(data) is None


@pytest.mark.parametrize("argument", ["", "a" * 62, "a b"], ids=["empty", "too long", "space"])
def test_an_argument_that_does_not_fit_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match="^no button can carry CallbackData"):
        encode(CallbackData(Action.STOP, argument))


def test_short_ids_are_stable_and_short() -> None:
    assert short_id("iris") == "47612b3175fe"
    assert short_id("x" * 128) != short_id("x" * 127)
