"""Runs the scanners: `python scan [name …]`, or `make scan`. Exit code 1 with a finding or a scanner that cannot be had."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from programs import OUT, ROOT, ToolMissingError
from scanners import SCANNERS, NoDataError, Scanner


def main(arguments: Sequence[str] | None = None) -> int:
    """One line per scanner: result, seconds, log; its findings below."""
    names = [scanner.name for scanner in SCANNERS]
    parser = argparse.ArgumentParser(prog="scan", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(names)}")
    wanted = parser.parse_args(arguments).names
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"no scanner is called {', '.join(unknown)}; there are {', '.join(names)}")
    good = [look(s) for s in SCANNERS if not wanted or s.name in wanted]
    return 0 if all(good) else 1


def look(scanner: Scanner) -> bool:
    """Run one and say what came of it; True without findings."""
    log = OUT / "logs" / f"{scanner.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    started = time.monotonic()
    good, findings = True, []
    try:
        findings = scanner.find(log)
        good = not findings
        result = "0 findings" if good else f"{len(findings)} FINDINGS"
    except NoDataError as error:
        result = f"no data: {error}"
    except ToolMissingError as error:
        good, result = False, f"CANNOT RUN: {error}"
    seconds = time.monotonic() - started
    place = log.relative_to(ROOT)
    sys.stdout.write(
        f"{scanner.name:<19} {result:<12} {seconds:6.1f} s  {place}  ({scanner.reads})\n"
    )
    sys.stdout.writelines(f"    {finding}\n" for finding in findings)
    sys.stdout.flush()
    return good


if __name__ == "__main__":
    sys.exit(main())
