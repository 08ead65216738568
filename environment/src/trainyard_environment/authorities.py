"""The certificates by which the index is checked, as the administrator gives them in one file."""

from __future__ import annotations

import re
from pathlib import Path

from trainyard_environment.errors import bad_arguments

MOST_BYTES = 2 << 20
"""Of a file: more than a ConfigMap or a Secret holds."""
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")
_HINT = (
    "Tell the administrator: environments.caConfigMap (or caSecret) and environments.caKey of the"
    " chart say where the certificate of the index's authority is."
)


def authorities(file: Path, source: str) -> tuple[str, ...]:
    """Certificates of `file`, each in PEM; `source` names the file to people. Raises CannotBuild.

    What else the file holds (comments, keys, certificates that are none) is left out.
    """
    try:
        with file.open("rb") as content:
            given = content.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise bad_arguments(
            f"The certificate of the index's authority is not there: {source}.", _HINT
        ) from error
    except OSError as error:
        raise bad_arguments(
            f"The certificate of the index's authority cannot be read: {source}:"
            f" {error.strerror or error}.",
            _HINT,
        ) from error
    if len(given) > MOST_BYTES:
        raise bad_arguments(f"There are more than {MOST_BYTES} bytes of certificates: {source}.")
    found = tuple(pem for block in _BLOCK.findall(given) if (pem := _checked(block)))
    if not found:
        raise bad_arguments(
            f"There is no certificate in PEM (-----BEGIN CERTIFICATE-----): {source}.", _HINT
        )
    return found


def _checked(block: bytes) -> str:
    """The certificate as uv reads it, empty if it is none."""
    # Imported where there are certificates: not every build of Python has it.
    import ssl

    try:
        # Line ends of other systems and spaces go.
        der = ssl.PEM_cert_to_DER_cert("\n".join(block.decode("ascii").split("\r\n")))
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ValueError, ssl.SSLError):
        return ""
    return ssl.DER_cert_to_PEM_cert(der)
