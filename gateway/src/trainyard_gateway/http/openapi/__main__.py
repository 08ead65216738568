"""Writes the API's description: `python -m trainyard_gateway.http.openapi --out FILE [--check]`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from trainyard_gateway.app import described
from trainyard_gateway.http.openapi.document import document


def render() -> str:
    """The file's text."""
    return json.dumps(document(described()), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or with --check say whether it is up to date."""
    parser = argparse.ArgumentParser(prog="trainyard_gateway.http.openapi", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args(arguments)
    text = render()
    if not options.check:
        options.out.write_text(text)
        return 0
    if options.out.exists() and options.out.read_text() == text:
        return 0
    sys.stderr.write(f"{options.out} is not what the code renders; run `make manifests`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
