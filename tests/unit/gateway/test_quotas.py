"""How much datasets and models may take."""

from __future__ import annotations

import pytest

from trainyard_gateway.errors import OutOfSpace, Problem, TooLarge
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.store.registry.usage import Usage


@pytest.mark.parametrize(
    ("most_bytes", "most_count", "used", "more", "wanted"),
    [
        pytest.param(None, None, Usage(10**6, 10**15), 10**15, None, id="no bounds"),
        pytest.param(100, None, Usage(9, 40), 60, None, id="just fits"),
        pytest.param(100, None, Usage(9, 40), 61, OutOfSpace, id="one byte too many"),
        pytest.param(100, None, Usage(0, 0), 101, TooLarge, id="would never fit"),
        pytest.param(100, None, Usage(9, 120), 0, OutOfSpace, id="the bound was lowered"),
        pytest.param(None, 3, Usage(2, 0), 1, None, id="one more"),
        pytest.param(None, 3, Usage(3, 0), 1, OutOfSpace, id="as many as allowed"),
    ],
)
def test_what_is_taken(
    most_bytes: int | None,
    most_count: int | None,
    used: Usage,
    more: int,
    wanted: type[Problem] | None,
) -> None:
    found = Quota("dataset", most_bytes, most_count).refusal(used, more)

    assert type(found) is (wanted or type(None))


def test_the_refusal_says_how_much_there_is_and_which_setting_it_was() -> None:
    quota = Quota("model", 100, None)

    assert "take 40 of the 100 bytes that modelsMaxBytes allows" in str(
        quota.refusal(Usage(1, 40), 61)
    )
    assert "may have 100 (modelsMaxBytes)" in str(quota.refusal(Usage(0, 0), 101))
