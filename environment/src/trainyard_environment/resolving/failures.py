"""Why uv failed, in a sentence with what to do, from its own words. Pure."""

from __future__ import annotations

import re

from trainyard_api.contract import BuilderExit
from trainyard_environment.errors import CannotBuild
from trainyard_environment.resolving.stand_ins import LOCAL

WORDS = 1200
"""Characters of uv's own words in a message."""
_UNUSED = ("warning:", "hint: Consider enabling use of system TLS certificates")
"""Lines of no use in a failure: options of uv are not the reader's to choose."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
_NO_ROOM = re.compile(r"os error (28|122|27)\b|No space left|[Dd]isk quota exceeded")
_NOT_WRITABLE = re.compile(r"os error (30|13)\b|Read-only file system")
_DENIED = re.compile(r"\b(401|403|407)\b|[Uu]nauthorized|[Ff]orbidden|lack of valid authentication")
_CERTIFICATE = re.compile(r"invalid peer certificate|[Tt][Ll][Ss] |handshake|InvalidContentType")
_CERTIFICATES = (
    (
        # The signature of an authority that has the same name, such as after its renewal.
        re.compile(r"UnknownIssuer|BadSignature"),
        "the certificate of the index, or of the host that has its files, is of an unknown"
        " authority: put the certificate of this authority where environments.caConfigMap (or"
        " caSecret) of the chart points; what stands there counts instead of the usual ones.",
    ),
    (
        re.compile(r"not valid for name"),
        "the index's certificate is for another name: environments.indexUrl must have that one.",
    ),
    (
        re.compile(r"certificate expired|not valid yet"),
        "the index's certificate is not valid at this time: renew it, or set the node's clock.",
    ),
    (
        re.compile(r"CaUsedAsEndEntity"),
        "the index shows the certificate of an authority (CA:TRUE) as its own: it needs one that"
        " is for servers.",
    ),
    (
        re.compile(r"invalid peer certificate"),
        "the index needs another certificate; the message says what is wrong with this one.",
    ),
)
"""What uv says of a certificate, and what the administrator does."""
_DOWN = re.compile(
    r"error sending request|Connection (refused|reset)|connect error|dns error|timed? ?out"
    r"|operation timed out|HTTP status server error|\b(429|50[0-9])\b [A-Z]|Request failed after"
    r"|Could not connect|error decoding response|unexpected EOF|IncompleteMessage"
    r"|connection closed|Failed to (fetch|download)"
)
_NO_WHEEL = re.compile(r"Wheels are required for `([^`]+)`")
_ONLY_SOURCE = re.compile(r"(\S+) has no usable wheels")
_OTHER_PYTHON = re.compile(
    r"no wheels with a matching|current Python version \(|incompatible with the current"
    r"|Requires-Python|does not satisfy Python|requires-python|requires Python "
)
_NOT_THERE = re.compile(r"([\w.-]+)(\[[^\]]*\])? was not found in the package registry")
_NO_VERSION = re.compile(r"there (?:is|are) no versions? of ([\w.-]+)")
_DAMAGED = re.compile(
    r"Failed to extract|[Ii]nvalid zip|unexpected header|The wheel is invalid|is corrupt"
    r"|Invalid `?RECORD|Failed to read metadata|Metadata field .* not found|Bad CRC"
)
_HASH = re.compile(r"[Hh]ash mismatch|hash(es)? (do|does) not match")


def words(said: str) -> str:
    """What uv said, in one paragraph of at most `WORDS` characters."""
    lines = [_ESCAPES.sub("", line).strip() for line in said.splitlines()]
    kept = [line for line in lines if line and not line.startswith(_UNUSED)] or lines
    errors = [at for at, line in enumerate(kept) if line.startswith("error: ")]
    text = ""
    for line in kept[errors[0] if errors else 0 :]:
        # A line that ends a sentence ends with a dot; any other leads to the next one.
        text += ("" if not text else " " if text.endswith((".", ":", ",")) else ": ") + line
    text = re.sub(r"(^|(?<=: ))(error|cause): ", "", text).replace(LOCAL, " of the runtime")
    return text if len(text) <= WORDS else f"{text[: WORDS // 2]} … {text[-WORDS // 2 :]}"


def failure(said: str, what: str) -> CannotBuild:
    """The refusal after uv said so; `what` is the subject of the sentence."""
    own = words(said)
    text = f"{what}: {own or 'uv says nothing'}".rstrip(".") + "."
    for found in (_volume(said, text), _index(said, text)):
        if found is not None:
            return found
    if _DAMAGED.search(said) and not _HASH.search(said):
        return CannotBuild(
            "PackageDamaged",
            text,
            "Name another version, or tell the administrator: the index's file is damaged.",
        )
    return CannotBuild("EnvironmentNotResolved", text, _hint(said))


def _volume(said: str, text: str) -> CannotBuild | None:
    if _NO_ROOM.search(said):
        return no_room(text)
    if _NOT_WRITABLE.search(said):
        return CannotBuild(
            "VolumeNotWritable",
            text,
            "Tell the administrator: the data volume must be writable for the builder.",
            BuilderExit.NO_ROOM,
        )
    return None


def no_room(text: str) -> CannotBuild:
    """The refusal where no space is left."""
    return CannotBuild(
        "NoRoomForEnvironment",
        text,
        "Ask for fewer packages, or tell the administrator to free space on the data volume.",
        BuilderExit.NO_ROOM,
    )


def _index(said: str, text: str) -> CannotBuild | None:
    """Whether the index did not do its part; that a package is not there is an answer."""
    if "No solution found" in said and not _DENIED.search(said):
        return None
    if _HASH.search(said) or _DAMAGED.search(said):
        return None
    if _DENIED.search(said):
        return CannotBuild(
            "IndexRefused",
            text,
            "Tell the administrator: the index wants other credentials than the chart's Secret"
            " has.",
            BuilderExit.INDEX_UNAVAILABLE,
        )
    if _CERTIFICATE.search(said) and _DOWN.search(said):
        return CannotBuild(
            "IndexUnavailable",
            text,
            f"Tell the administrator: {_of_certificate(said)}",
            BuilderExit.INDEX_UNAVAILABLE,
        )
    if _DOWN.search(said):
        return CannotBuild(
            "IndexUnavailable",
            text,
            "It is tried again; if it stays so, tell the administrator: the index does not answer.",
            BuilderExit.INDEX_UNAVAILABLE,
        )
    return None


def _of_certificate(said: str) -> str:
    known = (sentence for pattern, sentence in _CERTIFICATES if pattern.search(said))
    return next(known, "no connection by TLS can be made: is environments.indexUrl its address?")


def _hint(said: str) -> str:
    if (found := _NO_WHEEL.search(said) or _ONLY_SOURCE.search(said)) is not None:
        return (
            f"{found[1]} has no wheel for this Python and machine, and nothing is built from"
            " source: a build runs code of the package. Name a version that has one."
        )
    if _OTHER_PYTHON.search(said):
        return "Name a version for the runtime's Python, or use a runtime with another Python."
    if (found := _NOT_THERE.search(said)) is not None:
        return f"The index has no package {found[1]}: look for a mistake in its name."
    if (found := _NO_VERSION.search(said)) is not None:
        return f"Name a version of {found[1]} that the index has."
    if _HASH.search(said):
        return "Make the lock again: the index has other files than it was made from."
    return "Let the named versions agree: allow more of them, or leave some out."
