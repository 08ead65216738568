"""Files of a bundle that look like passwords and keys. A guess, for a warning before they are sent.

Known are names of files, and the beginnings that services give to their tokens. Nothing of what is
found is shown.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from trainyard_api.files.paths import shown

_NAMES: Final = (
    ".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".pypirc", ".git-credentials", ".pgpass",
    ".htpasswd", ".dockercfg", ".s3cfg", ".boto", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.pem",
    "*.key", "*.ppk", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "credentials", "credentials.json",
    "*-credentials.json", "client_secret*.json", "service-account*.json", "service_account*.json",
    "application_default_credentials.json", "kaggle.json", "kubeconfig", "secrets.y*ml", "secrets.json",
    "secrets.toml", "secret.y*ml",
)  # fmt: skip
_PATHS: Final = (".aws/config", ".docker/config.json", ".kube/config", ".huggingface/token")
_EXAMPLES: Final = ("*.example", "*.sample", "*.template", "*.dist", "*.pub")
_TOKENS: Final = {
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "an API key that begins with sk-": r"\bsk-(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{20,}",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "an API key of Google": r"\bAIza[A-Za-z0-9_-]{35}",
    "a token of Slack": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a token of npm": r"\bnpm_[A-Za-z0-9]{36}",
    "a token of a package index": r"\bpypi-[A-Za-z0-9_-]{50,}",
    "an API key of Trainyard": r"\bty_[A-Za-z0-9]{8}_[A-Za-z0-9]{49}",
}
_TOKEN: Final = re.compile("|".join(f"({pattern})" for pattern in _TOKENS.values()).encode())
_KINDS: Final = tuple(_TOKENS)
_MOST_BYTES: Final = 1 << 20
"""Of one file: tokens stand in small ones."""
_MOST_BYTES_OF_ALL: Final = 64 << 20
MOST_FILES: Final = 10
"""That one warning names."""


def suspicious(top: Path, paths: Iterable[str]) -> list[str]:
    """A sentence for each file below `top` that looks like a secret, in the order of `paths`."""
    found = [f"{shown(path)} {why}" for path, why in _found(top, paths)]
    if len(found) > MOST_FILES:
        found[MOST_FILES:] = [f"and {len(found) - MOST_FILES} more"]
    return found


def _found(top: Path, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    left = _MOST_BYTES_OF_ALL
    for path in paths:
        if is_named_like_a_secret(path):
            yield path, "is named like one"
            continue
        content = _content(top / path, left)
        left -= len(content)
        if (token := _TOKEN.search(content)) is not None:
            line = content.count(b"\n", 0, token.start()) + 1
            yield f"{path}:{line}", f"holds what looks like {_KINDS[(token.lastindex or 1) - 1]}"


def is_named_like_a_secret(path: str) -> bool:
    """Whether files of this name mostly hold passwords, keys or tokens. Pure."""
    name = posixpath.basename(path).lower()
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in _EXAMPLES):
        return False
    if any(f"/{path}".endswith(f"/{known}") for known in _PATHS):
        return True
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _NAMES)


def _content(file: Path, left: int) -> bytes:
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > min(_MOST_BYTES, left):
            return b""
        with file.open("rb") as content:
            return content.read(_MOST_BYTES)
    except OSError:
        # The bundle itself says what cannot be read.
        return b""
