"""How long it takes from a saved edit to the first line of the new code's log, beside Ray.

Both send the same folder with the same edit and ask for one GPU, which is simulated and free. They
take turns on one machine. Before the first pair each has run once: images, caches and the bundle of
the unedited folder are there.

`make bench-edit` writes bench/results/edit.json, bench/results/edit.md and the table of
docs/capacity.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

from cluster import apply_crds, fresh_namespace  # noqa: E402  # found by the line above
from folder import Folder  # noqa: E402  # as above
from installation import Installation, load_images  # noqa: E402  # as above
from own import Trainyard  # noqa: E402  # as above
from peer import Ray, ray  # noqa: E402  # as above
from report import Pair, page, written_into_docs  # noqa: E402  # as above


def main() -> None:
    """Install both, measure in turns, write."""
    parser = argparse.ArgumentParser(description="Measure the time from an edit to its first line.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--ray", type=Path, required=True, help="folder of ray's programs")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "edit.json")
    options = parser.parse_args()
    apply_crds(options.kubeconfig)
    load_images(options.kubeconfig)
    with (
        tempfile.TemporaryDirectory() as scratch,
        fresh_namespace(options.kubeconfig, "edit") as namespace,
        ray(options.ray, Path(scratch) / "ray") as peer,
    ):
        release = Installation(options.kubeconfig, namespace)
        release.upgrade()
        own = Trainyard(release, Path(scratch) / "home")
        pairs = measured(own, peer, Folder(Path(scratch) / "project"), options.pairs)
        version = peer.version
        release.helm("uninstall", "ty", "--wait")
    found = {
        "pairs": [pair.plain() for pair in pairs],
        "ray": version,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    text = page(pairs, version)
    options.out.with_suffix(".md").write_text(text)
    written_into_docs(text, ROOT / "docs" / "capacity.md")
    print(text)


def measured(own: Trainyard, peer: Ray, folder: Folder, count: int) -> list[Pair]:
    """The pairs, after one run of both that does not count. Who is first changes."""
    pairs = []
    for number in range(count + 1):
        turns: dict[str, float] = {}
        own_moments: dict[str, float] = {}
        for who in ("own", "ray") if number % 2 else ("ray", "own"):
            mark, saved = folder.edit()
            if who == "own":
                moments = own.first_line(folder.path, mark, f"edit-{number}")
                own_moments = {what: moment - saved for what, moment in moments.items()}
            else:
                turns[who] = peer.first_line(folder.path, mark) - saved
        pair = Pair(own_moments, turns["ray"])
        print(f"{number}: trainyard {pair.shown:.2f} s, ray {pair.ray:.2f} s", flush=True)
        pairs.append(pair)
    return pairs[1:]


if __name__ == "__main__":
    main()
