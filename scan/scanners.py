"""Every scanner: what it reads, and what of its output counts as a finding.

None has a list of things to overlook: comments, annotations and files by which a scanner can be told to look away are switched
off (`--ignore-nosec`, `--disable-nosem`, …) or counted as findings.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from bills import of_archive
from programs import OUT, ROOT, ToolMissingError, cluster_tool, go_tool, python_tool
from targets import CHART, write_schemas, write_targets

SHIPPED: Final = (
    "crds",
    "kube",
    "data",
    "scheduler",
    "supervisor/src",
    "environment/src",
    "client/src",
    "operator",
    "gateway",
    "trainer-image",
    "telegram_bot",
)
"""Rooms whose code runs at an installation or at its users."""
WORKSHOP: Final = (
    "client/blocking_twins.py", "cluster", "images", "demo", "bench", "scan", "charts", "docs",
    "examples", "run_api.py",
)  # fmt: skip
"""What builds, shows and measures. It starts programs for a living, which bandit mentions at its level `low`."""
READERS: Final = ("gateway/src/trainyard_gateway/trees/pickles.py",)
"""What names the opcodes of pickles, by `pickletools`, which runs none of them."""
STARTERS: Final = (
    "client/src/trainyard/cli/commands/trackers/tensorboard.py",
    "client/src/trainyard/code/git.py",
    "supervisor/src/trainyard_supervisor/processes/program_start.py",
    "environment/src/trainyard_environment/making/environment.py",
    "environment/src/trainyard_environment/resolving/uv.py",
    "environment/src/trainyard_environment/runtime.py",
)
"""What an installation ships to start programs: the user's TensorBoard, Git for a folder's commit, the user's own, uv and the
runtime's Python."""
HISTORY_FROM: Final = "2853c42"
"""A commit can only be taken back by rewriting all that follow; what lies before this one is told in docs/security.md."""
LOCKS: Final = (
    "dev",
    "operator",
    "gateway",
    "telegram_bot",
    "trainer-image",
    "trainer-torch",
    "bench",
    "scan",
)


class NoDataError(Exception):
    """A scanner runs, but what it would compare with cannot be had here."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """`find` writes what it did to the log and returns the findings, one line each. Raises ToolMissingError, NoDataError."""

    name: str
    reads: str
    find: Callable[[Path], list[str]]


def run(command: Sequence[object], log: Path, accepted: Sequence[int] = (0, 1)) -> str:
    """Standard output; all of it goes to `log` too. Raises ToolMissingError when the scanner itself breaks."""
    argv = [str(part) for part in command]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    with log.open("a") as sink:
        sink.write(f"$ {' '.join(argv)}\n{done.stdout}\n{done.stderr}\n")
    if done.returncode not in accepted:
        raise ToolMissingError(f"exit code {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def helm_lint(log: Path) -> list[str]:
    """Helm's own opinion; `--strict` makes warnings errors."""
    said = run([cluster_tool("helm"), "lint", "--strict", CHART], log)
    return [line for line in said.splitlines() if line.startswith(("[WARNING]", "[ERROR]"))]


def kubeconform(log: Path) -> list[str]:
    """Every object against the schema of its kind, closed: no field that Kubernetes does not know."""
    schemas = write_schemas() / "{{ .ResourceKind }}{{ .KindSuffix }}.json"
    files = [*write_targets().values(), ROOT / "examples" / "session.yaml"]
    command = [go_tool("kubeconform"), "-strict", "-output", "json", "-summary"]
    said = json.loads(run([*command, "-schema-location", schemas, *files], log))
    if said["summary"]["skipped"]:
        raise ToolMissingError("kubeconform skipped objects")
    return [f"{r['kind']} {r['name']}: {r['msg']}" for r in said["resources"]]


def kube_score(log: Path) -> list[str]:
    """Criticals and warnings of the production values, with what the operator makes of a session."""
    command = [go_tool("kube-score"), "score", "--output-format=json", "--output-version=v2"]
    options = [
        "--disable-ignore-checks-annotations",
        "--enable-optional-test=container-seccomp-profile",
    ]
    said = json.loads(run([*command, *options, write_targets()["production"]], log))
    return [
        f"{item['object_name']}: {check['check']['name']}: {comment['summary']}"
        for item in said
        for check in item["checks"]
        if not check["skipped"] and check["grade"] < _KUBE_SCORE_OK
        for comment in check["comments"] or [{"summary": ""}]
    ]


_KUBE_SCORE_OK: Final = 10


def checkov_chart(log: Path) -> list[str]:
    """Its Kubernetes checks on the production values."""
    return _checkov(["--framework=kubernetes", "--file", str(write_targets()["production"])], log)


def checkov_dockerfile(log: Path) -> list[str]:
    """Its checks of the Dockerfile."""
    return _checkov(["--framework=dockerfile", "--file", "Dockerfile"], log)


def _checkov(arguments: Sequence[str], log: Path) -> list[str]:
    command = [python_tool("checkov"), "--quiet", "--skip-download", "--output=json"]
    said = json.loads(run([*command, *arguments], log))
    results = said.get("results", {})
    return [
        f"{c['check_id']} {c['check_name']}: {c['resource']}"
        for kind in ("failed_checks", "skipped_checks", "parsing_errors")
        for c in results.get(kind, [])
    ]


def bandit_shipped(log: Path) -> list[str]:
    """Every level, in what runs at an installation, starts no programs and reads no pickles."""
    return _bandit(
        [*SHIPPED, f"--exclude={','.join((*STARTERS, *READERS))}", "--severity-level=all"], log
    )


def bandit_workshop(log: Path) -> list[str]:
    """From level `medium`, in what builds and measures, starts programs, or reads pickles."""
    return _bandit([*WORKSHOP, *STARTERS, *READERS, "--severity-level=medium"], log)


def _bandit(arguments: Sequence[str], log: Path) -> list[str]:
    command = [python_tool("bandit"), "--quiet", "--ignore-nosec", "--format=json", "--recursive"]
    said = json.loads(run([*command, *arguments], log))
    return [
        f"{r['test_id']} {r['filename']}:{r['line_number']} {r['issue_text']}"
        for r in said["results"]
    ] + [f"{e['filename']}: {e['reason']}" for e in said["errors"]]


def semgrep(log: Path) -> list[str]:
    """Rules of our own (scan/rules), each of which must find its sample (scan/samples.yaml)."""
    samples: dict[str, str] = yaml.safe_load((ROOT / "scan" / "samples.yaml").read_text())
    rules = {
        rule["id"]
        for file in (ROOT / "scan" / "rules").glob("*.yaml")
        for rule in yaml.safe_load(file.read_text())["rules"]
    }
    command = [python_tool("semgrep"), "scan", "--config=scan/rules", "--json", "--metrics=off"]
    options = ["--disable-version-check", "--disable-nosem", "--strict", "--jobs=2"]
    # Semgrep has a list of folders of its own that it would leave out.
    options += ["--x-ignore-semgrepignore-files"]
    with tempfile.TemporaryDirectory() as folder:
        for rule, code in samples.items():
            (Path(folder) / f"{rule}.py").write_text(code)
        places = [*SHIPPED, *WORKSHOP, folder]
        said = json.loads(run([*command, *options, *places], log))
    found = [
        (r["check_id"].rpartition(".")[2], f"{r['path']}:{r['start']['line']}", Path(r["path"]))
        for r in said["results"]
    ]
    seen = {rule for rule, _, path in found if path == Path(folder) / f"{rule}.py"}
    return [
        *(f"{rule} {place}" for rule, place, path in found if path.parent != Path(folder)),
        *(f"the rule {rule} does not find its sample" for rule in sorted(rules - seen)),
        *(f"{e.get('path', '')}: {e['message']}" for e in said["errors"]),
    ]


def gitleaks_tree(log: Path) -> list[str]:
    """The files that git keeps, as they are now."""
    said = run(["git", "ls-files", "-z"], log.with_suffix(".files"))
    copy = OUT / "tree"
    run(["rm", "-rf", copy], log)
    for name in filter(None, said.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    return _gitleaks("dir", copy, log)


def gitleaks_history(log: Path) -> list[str]:
    """Every commit after HISTORY_FROM."""
    return _gitleaks("git", ROOT, log, f"--log-opts={HISTORY_FROM}..HEAD")


def _gitleaks(mode: str, place: Path, log: Path, *more: str) -> list[str]:
    report = log.with_suffix(".json")
    command = [
        go_tool("gitleaks"),
        mode,
        place,
        "--no-banner",
        "--redact",
        "--ignore-gitleaks-allow",
    ]
    options = [
        "--report-format=json",
        f"--report-path={report}",
        "--gitleaks-ignore-path=/dev/null",
    ]
    run([*command, *options, *more], log)
    found: list[Mapping[str, Any]] = json.loads(report.read_text())
    return [
        f"{f['RuleID']} {f['File'].removeprefix(f'{place}/')}:{f['StartLine']} {f['Commit'][:10]}"
        for f in found
    ]


def pip_audit(log: Path) -> list[str]:
    """Known vulnerabilities of every pinned package. Raises NoDataError where PyPI's answers are not to be had."""
    found = []
    for lock in LOCKS:
        command = [python_tool("pip-audit"), "--requirement", f"requirements/{lock}.lock"]
        options = ["--require-hashes", "--disable-pip", "--format=json", "--progress-spinner=off"]
        said = json.loads(run([*command, *options], log) or '{"dependencies": []}')
        dependencies = said["dependencies"]
        unknown = [d for d in dependencies if "skip_reason" in d]
        if len(unknown) == len(dependencies):
            raise NoDataError("the package index gives no vulnerability data here")
        found += [f"{d['name']}: {d['skip_reason']}" for d in unknown]
        found += [
            f"{lock}.lock: {d['name']} {d['version']}: {v['id']}"
            for d in dependencies
            for v in d.get("vulns", [])
        ]
    return found


def bills(log: Path) -> list[str]:
    """CycloneDX bills of materials in build/scan/sbom: the environment, every lock, every image that is built."""
    folder = OUT / "sbom"
    folder.mkdir(parents=True, exist_ok=True)
    program = python_tool("cyclonedx-py")
    form = ["--output-format=json", "--schema-version=1.6", "--output-reproducible"]
    environment = ["environment", ".venv/bin/python"]
    run([program, *environment, *form, "--outfile", folder / "environment.json"], log, (0,))
    for lock in LOCKS:
        target = folder / f"{lock}.json"
        source = ["requirements", f"requirements/{lock}.lock"]
        run([program, *source, *form, "--outfile", target], log, (0,))
    for archive in sorted((ROOT / "build" / "images").glob("*.tar")):
        (folder / f"image-{archive.stem}.json").write_text(json.dumps(of_archive(archive)))
    return [
        f"{p.name} lists nothing" for p in sorted(folder.iterdir()) if '"purl"' not in p.read_text()
    ]


SCANNERS: Final = (
    Scanner("helm-lint", "the chart", helm_lint),
    Scanner("kubeconform", "three renderings, a session's objects", kubeconform),
    Scanner("kube-score", "production values, a session's objects", kube_score),
    Scanner("checkov-chart", "production values, a session's objects", checkov_chart),
    Scanner("checkov-dockerfile", "Dockerfile", checkov_dockerfile),
    Scanner("bandit-shipped", "what runs at an installation", bandit_shipped),
    Scanner("bandit-workshop", "what builds and measures, from medium", bandit_workshop),
    Scanner("semgrep", "rules of our own", semgrep),
    Scanner("gitleaks-tree", "files", gitleaks_tree),
    Scanner("gitleaks-history", "commits", gitleaks_history),
    Scanner("pip-audit", "every lock", pip_audit),
    Scanner("sbom", "environment, every lock, built images", bills),
)
