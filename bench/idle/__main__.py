"""`python bench/idle`: what the whole installation costs while nobody trains: memory and CPU of every pod, exec probes included.

Needs a cluster with this tree's images built (`make images`, `make cluster-up`). Results go to bench/results/idle.json and idle.md.
The bot runs with a token that nobody has: it polls Telegram's address in vain, as often as it would with an answer or less.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "bench" / "operator")]

import machine  # noqa: E402  # found by the line above
from cluster import apply_crds, fresh_namespace  # noqa: E402
from installation import Installation, load_images  # noqa: E402

GOAL_MIB, GOAL_CORES = 400, 0.05
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Cost:
    """What one pod takes."""

    component: str
    rss_mib: float
    """Resident memory of its processes, shared pages counted for each."""
    pss_mib: float
    """The same with shared pages divided among those who share them."""
    cores: float
    """CPU seconds per second, from the pod's cgroup."""


def main() -> None:
    """Install, settle, measure, write."""
    parser = argparse.ArgumentParser(description="Measure the idle installation.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=120, help="how long it is watched")
    parser.add_argument("--settle", type=float, default=30, help="seconds before that")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "idle.json")
    options = parser.parse_args()
    apply_crds(options.kubeconfig)
    load_images(options.kubeconfig)
    with fresh_namespace(options.kubeconfig, "idle") as namespace:
        release = Installation(options.kubeconfig, namespace)
        release.kubectl("create", "secret", "generic", "telegram", "--from-literal=token=1:nobody")
        bot = {"bot.enabled": True, "bot.tokenSecret": "telegram", "bot.chats": [1]}
        began = time.monotonic()
        release.upgrade(**bot)
        installed = time.monotonic() - began
        time.sleep(options.settle)
        costs = measure(release, options.seconds)
        release.helm("uninstall", "ty", "--wait")
    rows = [asdict(cost) for cost in costs]
    total = {
        key: round(sum(row[key] for row in rows), 3) for key in ("rss_mib", "pss_mib", "cores")
    }
    results = {
        "machine": machine.shape(),
        "seconds": options.seconds,
        "installSeconds": round(installed, 1),
        "pods": rows,
        "total": total,
        "goal": {"rss_mib": GOAL_MIB, "cores": GOAL_CORES},
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=2) + "\n")
    lines = ["| Pod | RSS, MiB | PSS, MiB | CPU, % of a core |", "| --- | --- | --- | --- |"]
    for row in [*rows, {"component": "all", **total}]:
        lines.append(
            f"| {row['component']} | {row['rss_mib']:.0f} | {row['pss_mib']:.0f} | {100 * row['cores']:.2f} |"
        )
    lines.append(f"| goal | {GOAL_MIB} | | {100 * GOAL_CORES:.0f} |")
    options.out.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def measure(release: Installation, seconds: float) -> list[Cost]:
    """The costs of every pod of the release over `seconds`."""
    pods = release.items("pods", "app.kubernetes.io/part-of=trainyard")
    # Simulated nodes run nothing.
    real = release.node["metadata"]["name"]
    by_uid = {
        pod["metadata"]["uid"]: pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in pods
        if pod["spec"]["nodeName"] == real
    }
    groups = {uid: cgroup(uid) for uid in by_uid}
    began, before = time.monotonic(), {uid: cpu_seconds(group) for uid, group in groups.items()}
    time.sleep(seconds)
    after, passed = {uid: cpu_seconds(g) for uid, g in groups.items()}, time.monotonic() - began
    return [
        Cost(
            component,
            memory(uid, "Rss"),
            memory(uid, "Pss"),
            round((after[uid] - before[uid]) / passed, 5),
        )
        for uid, component in sorted(by_uid.items(), key=lambda item: item[1])
    ]


def processes(uid: str) -> list[Path]:
    """Folders in /proc of a pod's processes."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if uid in (entry / "cgroup").read_text().replace("_", "-"):
                found.append(entry)
        except OSError:
            continue
    return found


def cgroup(uid: str) -> Path:
    """The folder that accounts for a pod's CPU, of cgroup v1 or v2."""
    for entry in processes(uid):
        for line in (entry / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpuacct" not in controllers.split(","):
                continue
            base = CGROUPS / controllers if controllers else CGROUPS
            parts = Path(path.lstrip("/")).parts
            level = next(i for i, part in enumerate(parts) if uid in part.replace("_", "-"))
            for root in (base, CGROUPS / "cpuacct"):
                # A container's view of the mounts may begin lower than the path that the kernel names.
                for first in range(level + 1):
                    folder = root.joinpath(*parts[first : level + 1])
                    if (folder / "cpuacct.usage").exists() or (folder / "cpu.stat").exists():
                        return folder
    raise SystemExit(f"no cgroup of the pod {uid} is to be seen; run this on the node, as root")


def cpu_seconds(group: Path) -> float:
    """CPU time that all processes of a cgroup have used so far, also those that have ended."""
    usage = group / "cpuacct.usage"
    if usage.exists():
        return int(usage.read_text()) / 1e9
    fields = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(fields["usage_usec"]) / 1e6


def memory(uid: str, kind: str) -> float:
    """MiB of a kind (Rss or Pss) of a pod's processes."""
    total = 0
    for entry in processes(uid):
        try:
            lines = (entry / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # a probe that has ended
        total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
    return round(total / 1024, 1)


if __name__ == "__main__":
    main()
