"""Which texts stand for a missing value.

Beside numbers the known texts do, such as NA. Among texts one of them may be a value: Namibia. It
is missing there only if the user says so, or if it stands beside numbers of the same file.
"""

from __future__ import annotations

from collections.abc import Mapping

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_data.tables.meaning.roles import NUMBER_TYPES, Context, decided_type
from trainyard_data.tables.values.forms import NUMBERS, Kind
from trainyard_data.tables.values.profile import Profile


def beside_numbers(choices: SchemaChoices) -> frozenset[str] | None:
    """The chosen texts; None: those that are known, as where an empty list is chosen."""
    return frozenset(choices.missing or ()) - {""} or None


def among_texts(profiles: Mapping[str, Profile], context: Context) -> frozenset[str]:
    """The texts for all columns of texts of a table."""
    if context.choices.missing is not None:
        return beside_numbers(context.choices) or frozenset()
    return frozenset(
        text
        for name, profile in profiles.items()
        if profile.missing and profile.count(NUMBERS | {Kind.BOOLEAN})
        if decided_type(name, profile, context) in NUMBER_TYPES
        for text in profile.missing
    )
