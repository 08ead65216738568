"""What the claims of an identity mean here: a user's name, role and teams, or why not. Pure.

Guarantees:

- Groups that the settings do not map give nothing; without a mapped group there is no way in, but
  with `defaultRole`.
- Names that mean something to Kubernetes or to this installation are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from trainyard_api.rights.owner import DEFAULT_TEAM, Role
from trainyard_api.visible_text import visible
from trainyard_gateway.rights.users import MOST_TEAMS, NAME_PATTERN
from trainyard_gateway.sso_settings import MOST_GROUPS, SsoSettings

MOST_NAME: Final = 63
"""Characters of a user's name."""
MOST_SUBJECT: Final = 255
"""Characters of `sub` (OpenID Connect Core, 2)."""
RESERVED: Final = frozenset(
    {"admin", "administrator", "root", "system", "default", "trainyard", "kubernetes-admin", "anonymous"}
)  # fmt: skip
"""Names that no identity gets, in any case of letters."""
_RANKS: Final = {role: rank for rank, role in enumerate(Role)}
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Person:
    """Who has an identity."""

    subject: str
    """The claim `sub`, which never changes; with the issuer it is the identity."""
    name: str | None
    """The name that the claims ask for; None where they ask for none that can be had."""
    refusal: str
    """Why there is no name; empty with one."""
    role: Role
    teams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an identity does not come in."""

    reason: str
    """A sentence for the person who logs in."""
    code: str
    """A word for the audit log."""


def person_of(claims: Mapping[str, Any], settings: SsoSettings) -> Person | Refusal:
    """The person with these verified claims, or why there is none."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_subject(subject):
        return Refusal("the provider sends no valid claim `sub`", "no subject")
    groups = groups_of(claims.get(settings.groups_claim))
    if groups is None:
        return Refusal(
            f"the claim `{settings.groups_claim}` is no list of at most {MOST_GROUPS} names of "
            "groups; an administrator corrects the provider",
            "bad groups",
        )
    found = rights_of(groups, settings)
    if found is None:
        return Refusal(
            "none of your groups at the provider opens this installation; an administrator maps a "
            "group to a team in the setting `sso.groups`",
            "no group",
        )
    name, refusal = name_of(claims, settings)
    return Person(subject, name, refusal, *found)


def is_subject(text: str) -> bool:
    """Whether a text can be a claim `sub`: ASCII without control characters."""
    return 0 < len(text) <= MOST_SUBJECT and text.isascii() and text.isprintable()


def groups_of(claim: object) -> list[str] | None:
    """The groups of a claim; a text is one group. None for what is not accepted."""
    if claim is None:
        return []
    listed = [claim] if isinstance(claim, str) else claim
    if not isinstance(listed, list) or len(listed) > MOST_GROUPS:
        return None
    texts = [group for group in listed if isinstance(group, str)]
    return texts if len(texts) == len(listed) else None


def rights_of(groups: list[str], settings: SsoSettings) -> tuple[Role, tuple[str, ...]] | None:
    """The highest role and all teams of these groups; None if they give none."""
    given = set(groups)
    mapped = [rights for group, rights in settings.groups.items() if group in given]
    if not mapped:
        role = settings.default_role
        return None if role is None else (role, (DEFAULT_TEAM,))
    teams = dict.fromkeys(team for rights in mapped for team in rights.teams)
    highest = max((rights.role for rights in mapped), key=_RANKS.__getitem__)
    return highest, tuple(teams)[:MOST_TEAMS]


def name_of(claims: Mapping[str, Any], settings: SsoSettings) -> tuple[str | None, str]:
    """The user's name that the claims ask for, or None and why not."""
    claim, value = settings.user_claim, claims.get(settings.user_claim)
    if not isinstance(value, str) or not value:
        return None, f"the provider sends no claim `{claim}`, which has the name of the user"
    if claim == "email" and claims.get("email_verified") is not True:
        return None, "the provider has not verified your address (`email_verified`)"
    shown = visible(value[:_SHOWN])
    if is_reserved(value):
        return None, f"{shown!r} is a name that no user of single sign-on gets"
    name = label_of(value)
    if len(name) > MOST_NAME or re.fullmatch(NAME_PATTERN, name) is None:
        return None, (
            f"{shown!r} makes no name of a user: letters, digits, `-`, `_`, `.`, `@`, `+`, at most "
            f"{MOST_NAME} in all, first and last a letter or digit; an administrator links your "
            "identity to a user in the setting `sso.links`"
        )
    return name, ""


def label_of(name: str) -> str:
    """A name as the label `trainyard.io/user` has it, also of the same user with `kubectl`.

    Kubernetes' admission policy writes it in the same way, so that no two names become one.
    """
    for character, written in (("_", "__"), ("@", "_a"), (":", "_c"), ("/", "_s"), ("+", "_p")):
        name = name.replace(character, written)
    return name


def is_reserved(name: str) -> bool:
    """Whether a name means something to Kubernetes or to this installation."""
    lower = name.casefold().strip()
    return lower in RESERVED or ":" in lower or lower.startswith(("system_c", "kubeadm"))
