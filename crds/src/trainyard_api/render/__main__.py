"""Write the CRDs and their reference page.

`python -m trainyard_api.render --out crds --chart charts/trainyard --docs docs [--check]`

The plain files are for `kubectl apply -f crds/`. The chart's copies can be disabled, and an
uninstall keeps them. `--check` writes nothing and exits with 1 if a file is out of date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from trainyard_api.render import crd, reference

HEADER = "# Generated from trainyard_api by `make manifests`; do not edit.\n"
_ANNOTATIONS_MARK = "metadata:\n  name:"


def plain(manifest: dict[str, Any]) -> str:
    """The manifest as YAML."""
    return HEADER + yaml.safe_dump(manifest, sort_keys=False, width=100, allow_unicode=True)


def templated(manifest: dict[str, Any]) -> str:
    """The manifest as a chart template: behind `crds.enabled`, kept on uninstall."""
    text = yaml.safe_dump(manifest, sort_keys=False, width=100, allow_unicode=True)
    keep = (
        "metadata:\n  annotations:\n    {{- if .Values.crds.keep }}\n    helm.sh/resource-policy: keep\n"
        '    {{- end }}\n    trainyard.io/generated: "true"\n  name:'
    )
    text = text.replace(_ANNOTATIONS_MARK, keep, 1)
    return f"{HEADER}{{{{- if .Values.crds.enabled }}}}\n{text}{{{{- end }}}}\n"


def files(out: Path, chart: Path, docs: Path) -> dict[Path, str]:
    """Every generated file with its content."""
    rendered = {docs / "crd-reference.md": reference.page()}
    for manifest in (crd.session_crd(), crd.queue_crd()):
        name = f"{manifest['spec']['names']['plural']}.yaml"
        rendered[out / name] = plain(manifest)
        rendered[chart / "templates" / "crds" / name] = templated(manifest)
    return rendered


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the CRDs from the models.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the plain files")
    parser.add_argument("--chart", type=Path, required=True, help="folder of the chart")
    parser.add_argument("--docs", type=Path, required=True, help="folder of the documents")
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 on a difference")
    options = parser.parse_args(arguments)
    stale = []
    for path, content in files(options.out, options.chart, options.docs).items():
        if path.exists() and path.read_text() == content:
            continue
        stale.append(path)
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    if options.check and stale:
        listed = ", ".join(str(path) for path in stale)
        sys.stderr.write(f"out of date: {listed}; run `make manifests`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
