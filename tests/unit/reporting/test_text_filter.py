"""A filter lets everything through that holds one of its texts, and costs less than to look for each."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard.reporting.secret_mask import MASK, SecretMask
from trainyard.reporting.text_filter import TextFilter

LETTERS = st.sampled_from(list(b"ab\xff"))
TEXT = st.lists(LETTERS, min_size=7, max_size=90).map(bytes)
TEXTS = st.lists(TEXT, min_size=1, max_size=12)
MANY = [bytes([n]) * 5 + b"-filler-" * 8 for n in range(200)]
"""So many that words are looked at."""


@given(texts=TEXTS, before=st.binary(max_size=40), behind=st.binary(max_size=40), data=st.data())
def test_a_text_is_found_at_every_place(
    texts: list[bytes], before: bytes, behind: bytes, data: st.DataObject
) -> None:
    for others in ([], [text[:cut] for text in MANY for cut in (7, 20, 60)]):
        found = TextFilter([*texts, *others])
        assert found.may_hold(before + data.draw(st.sampled_from(texts)) + behind)


@pytest.mark.parametrize("length", [7, 8, 14, 15, 38, 39, 46, 47, 200])
def test_a_text_of_every_length_at_every_place(length: int) -> None:
    texts = [bytes([n]) * 3 + bytes(range(40, 40 + 60)) * 4 for n in range(150)]
    found = TextFilter([text[:length] for text in texts])
    for place in range(100):
        assert found.may_hold(b"." * place + texts[7][:length] + b".." * 50)
    assert not found.may_hold(b"step 10 of 20: loss 0.5 " * 1000)
    assert not found.may_hold(b"")


def naive(mask: SecretMask, data: bytes) -> bytes:
    for form in mask.forms:
        data = data.replace(form, MASK.encode())
    return data


WORDS = st.lists(
    st.sampled_from(
        [*(f"value-{n:02}-of-a-secret" for n in range(30)), "value-0", "-of-a", " ", "\ud800", "é"]
    ),
    max_size=20,
)


@given(words=WORDS, number=st.integers(1, 30))
def test_what_is_masked_is_what_looking_for_each_would_mask(words: list[str], number: int) -> None:
    mask = SecretMask(
        [f"value-{n:02}-of-a-secret".encode() for n in range(number)] + ["ä".encode("latin-1") * 9]
    )
    text = "".join(words)
    data = text.encode("utf-8", "surrogatepass")
    assert mask.in_bytes(data) == naive(mask, data)
    assert mask.in_text(text).encode("utf-8", "surrogatepass") == naive(mask, data)


def test_many_texts_cost_little() -> None:
    values = [hashlib.sha256(bytes([n])).hexdigest()[:40].encode() for n in range(20)]
    mask = SecretMask(values)
    assert len(mask.forms) >= 100
    assert mask.cost <= 20
    assert SecretMask(values[:1]).cost == len(SecretMask(values[:1]).forms)
    assert SecretMask().cost == 0
