"""The language of MLflow's filters and orders, read into conditions. Pure.

    filter   = [ comparison { AND comparison } ]
    comparison = name ( operator value | IS [NOT] NULL | [NOT] IN "(" value { "," value } ")" )
    name     = [ entity "." ] key            key: plain, in double quotes or in backticks
    value    = number | text in single or double quotes

What is not of this language is refused in a sentence that names it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from trainyard_api.visible_text import visible
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.store.runs.conditions import Condition, Field, Order

LONGEST: Final = 32_768
"""Characters of a filter."""
MOST: Final = 100
"""Comparisons of a filter, and keys of an order."""
_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<text>'[^']*')
    |(?P<quoted>"[^"]*"|`[^`]*`)
    |(?P<operator><=|>=|!=|<|>|=)
    |(?P<mark>[().,])
    |(?P<word>[^\s'"`<>=!(),.]+)
    )""",
    re.X,
)
_ENTITIES: Final = {
    "attribute": Field.ATTRIBUTE, "attributes": Field.ATTRIBUTE, "attr": Field.ATTRIBUTE,
    "run": Field.ATTRIBUTE, "metric": Field.METRIC, "metrics": Field.METRIC, "param": Field.PARAM,
    "params": Field.PARAM, "parameter": Field.PARAM, "parameters": Field.PARAM, "tag": Field.TAG,
    "tags": Field.TAG, "dataset": Field.DATASET, "datasets": Field.DATASET,
}  # fmt: skip
_TEXT_OPERATORS: Final = frozenset({"=", "!=", "LIKE", "ILIKE"})
_NUMBER_OPERATORS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
_LISTS: Final = frozenset({"IN", "NOT IN"})
_NULLS: Final = frozenset({"IS NULL", "IS NOT NULL"})
DATASET_KEYS: Final = frozenset({"name", "digest", "context"})


@dataclass(frozen=True, slots=True)
class Words:
    """What a kind of search knows."""

    texts: frozenset[str]
    """Attributes that are text."""
    numbers: frozenset[str]
    """Attributes that are numbers."""
    lists: frozenset[str]
    """Attributes that are compared with lists."""
    fields: frozenset[Field] = frozenset({Field.ATTRIBUTE, Field.TAG})
    aliases: tuple[tuple[str, str], ...] = ()
    """Other names of attributes."""


RUNS: Final = Words(
    frozenset({"run_id", "run_name", "status", "user_id", "artifact_uri"}),
    frozenset({"start_time", "end_time"}),
    frozenset({"run_id"}),
    frozenset(Field),
    (("created", "start_time"), ("Created", "start_time"), ("run name", "run_name"),
     ("Run name", "run_name"), ("Run Name", "run_name")),
)  # fmt: skip
EXPERIMENTS: Final = Words(
    frozenset({"name", "experiment_id"}),
    frozenset({"creation_time", "last_update_time"}),
    frozenset({"experiment_id"}),
)
REGISTERED_MODELS: Final = Words(
    frozenset({"name"}),
    frozenset({"timestamp", "last_updated_timestamp"}),
    frozenset({"name"}),
)
MODEL_VERSIONS: Final = Words(
    frozenset({"name", "run_id", "source_path"}),
    frozenset({"version_number", "creation_timestamp", "last_updated_timestamp"}),
    frozenset({"name", "run_id"}),
)
LOGGED_MODELS: Final = Words(
    frozenset({"name", "model_id", "model_type", "status", "source_run_id"}),
    frozenset({"creation_timestamp", "creation_time", "last_updated_timestamp"}),
    frozenset(),
    frozenset({Field.ATTRIBUTE, Field.TAG, Field.PARAM, Field.METRIC}),
    (("creation_time", "creation_timestamp"),),
)


def parse_filter(text: str, words: Words) -> tuple[Condition, ...]:
    """The conditions of a filter; they hold together. Raises BadRequest."""
    if "\0" in text:
        raise BadRequest("a filter has no NUL characters")
    if len(text) > LONGEST:
        raise BadRequest(f"a filter has at most {LONGEST} characters; this one has {len(text)}")
    reader = _Reader(_tokens(text), text, words)
    found: list[Condition] = []
    while not reader.at_end():
        if found:
            reader.expect_and()
        found.append(reader.comparison())
        if len(found) > MOST:
            raise BadRequest(f"a filter has at most {MOST} comparisons")
    return tuple(found)


def parse_orders(texts: Sequence[str], words: Words) -> tuple[Order, ...]:
    """The keys of an order. Raises BadRequest."""
    if len(texts) > MOST:
        raise BadRequest(f"order_by has at most {MOST} keys")
    found = tuple(_order(text, words) for text in texts)
    keys = [(order.field, order.key) for order in found]
    if len(set(keys)) < len(keys):
        raise BadRequest(f"`order_by` contains duplicate fields: {_shown(', '.join(texts))}")
    return found


def _order(text: str, words: Words) -> Order:
    if len(text) > LONGEST or "\0" in text:
        raise BadRequest(f"a key of order_by has at most {LONGEST} characters, and no NUL")
    reader = _Reader(_tokens(text), text, words)
    field, key = reader.name()
    ascending = True
    if not reader.at_end():
        direction = reader.word().lower()
        if direction not in ("asc", "desc") or not reader.at_end():
            raise BadRequest(
                f"Invalid ordering key in order_by clause '{_shown(text)}': a key is followed by ASC, DESC or nothing"
            )
        ascending = direction == "asc"
    if field is Field.DATASET:
        raise BadRequest(f"Invalid order_by clause '{_shown(text)}': runs have no order by dataset")
    return Order(field, key, ascending)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    end = len(text.rstrip())
    position = 0
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise BadRequest(
                f"Invalid clause(s) in filter string: '{_shown(text[position:])}' cannot be read; "
                "texts stand in quotes"
            )
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


class _Reader:
    """Reads tokens from left to right. Every method raises BadRequest."""

    def __init__(self, tokens: list[_Token], text: str, words: Words) -> None:
        self._tokens, self._text, self._words = tokens, text, words
        self._aliases = dict(words.aliases)
        self._at = 0

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._tokens)

    def word(self) -> str:
        """The next word."""
        token = self._next("a word")
        return token.text

    def expect_and(self) -> None:
        """Two comparisons have AND between them."""
        token = self._next("AND")
        if token.kind != "word" or token.text.upper() != "AND":
            self._refuse(f"'{_shown(token.text)}' stands where AND is expected; OR is not known")

    def comparison(self) -> Condition:
        """One comparison."""
        field, key = self.name()
        operator = self._operator()
        self._check(field, key, operator)
        if operator in _NULLS:
            return Condition(field, key, operator)
        if operator in _LISTS:
            return Condition(field, key, operator, self._list())
        return Condition(field, key, operator, self._value(field, key))

    def name(self) -> tuple[Field, str]:
        """What is compared or ordered by."""
        first = self._next("a name")
        if first.kind == "quoted" or not self._follows("."):
            return Field.ATTRIBUTE, self._attribute(_unquoted(first.text))
        field = _ENTITIES.get(first.text)
        if field is None or field not in self._words.fields:
            known = sorted(f.value for f in self._words.fields)
            self._refuse(f"Invalid entity type '{_shown(first.text)}'. Valid values are {known}")
        self._at += 1
        key = self._key()
        if field is Field.ATTRIBUTE:
            key = self._attribute(key)
        if field is Field.DATASET and key not in DATASET_KEYS:
            self._refuse(
                f"Invalid dataset key '{_shown(key)}' specified. Valid keys are {sorted(DATASET_KEYS)}"
            )
        return field, key

    def _key(self) -> str:
        token = self._next("a key")
        if token.kind == "quoted":
            return _unquoted(token.text)
        if token.kind not in ("word", "number"):
            self._refuse(f"'{_shown(token.text)}' stands where a key is expected")
        parts = [token.text]
        # A key may hold dots without quotes: params.model.depth
        while self._follows("."):
            self._at += 1
            parts.append(self._next("a key").text)
        return ".".join(parts)

    def _attribute(self, key: str) -> str:
        key = self._aliases.get(key, key)
        if key not in self._words.texts | self._words.numbers:
            known = sorted(self._words.texts | self._words.numbers)
            self._refuse(f"Invalid attribute key '{_shown(key)}' specified. Valid keys are {known}")
        return key

    def _operator(self) -> str:
        token = self._next("a comparison")
        if token.kind == "operator":
            return token.text
        words = token.text.upper()
        while words in ("IS", "NOT", "IS NOT"):
            words = f"{words} {self._next('a comparison').text.upper()}"
        if words not in _TEXT_OPERATORS | _LISTS | _NULLS:
            self._refuse(f"'{_shown(words)}' is no comparison")
        return words

    def _check(self, field: Field, key: str, operator: str) -> None:
        if field is Field.METRIC or (field is Field.ATTRIBUTE and key in self._words.numbers):
            allowed = _NUMBER_OPERATORS
        elif field is Field.ATTRIBUTE:
            allowed = _TEXT_OPERATORS | (_LISTS if key in self._words.lists else frozenset())
        elif field is Field.DATASET:
            allowed = _TEXT_OPERATORS | _LISTS
        else:
            allowed = _TEXT_OPERATORS | _NULLS
        if operator not in allowed:
            self._refuse(
                f"Invalid comparator '{operator}' for {field.value} '{_shown(key)}': it takes {', '.join(sorted(allowed))}"
            )

    def _value(self, field: Field, key: str) -> str | float:
        token = self._next("a value")
        numeric = field is Field.METRIC or key in self._words.numbers
        if field in (Field.ATTRIBUTE, Field.METRIC) and numeric:
            if token.kind != "number":
                self._refuse(
                    f"Expected numeric value type for {field.value} '{_shown(key)}'. Found {_shown(token.text)}"
                )
            return number(token.text)
        if token.kind == "text" or (token.kind == "quoted" and token.text.startswith('"')):
            return _unquoted(token.text)
        return self._refuse(
            f"Expected a quoted string value for {field.value} '{_shown(key)}' (e.g. 'my-value'). Got value {_shown(token.text)}"
        )

    def _list(self) -> tuple[str, ...]:
        found: list[str] = []
        opening = self._next("a list")
        while opening.text == "(":
            token = self._next("a text in quotes")
            if token.kind not in ("text", "quoted"):
                break
            found.append(_unquoted(token.text))
            mark = self._next(")")
            if mark.text == ")":
                return tuple(found)
            if mark.text != ",":
                break
        return self._refuse("a list is (text, text, …), each text in quotes")

    def _follows(self, mark: str) -> bool:
        return not self.at_end() and self._tokens[self._at].text == mark

    def _next(self, wanted: str) -> _Token:
        if self.at_end():
            self._refuse(f"it ends where {wanted} is expected")
        self._at += 1
        return self._tokens[self._at - 1]

    def _refuse(self, reason: str) -> NoReturn:
        raise BadRequest(f"Invalid clause(s) in filter string '{_shown(self._text)}': {reason}")


def number(text: str) -> float:
    """A number of a filter; whole numbers stay whole, within 64 bits."""
    whole = re.fullmatch(r"-?\d{1,18}", text)
    return int(text) if whole else float(text)


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in "'\"`" else text


def _shown(text: str) -> str:
    return visible(text[:200])
