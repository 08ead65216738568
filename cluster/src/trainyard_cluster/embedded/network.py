"""The node's network namespace: a point-to-point link to the host, and no route elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from trainyard_cluster.errors import StepFailed, Taken
from trainyard_cluster.plan import POD_CIDR, Addresses, Layout, slots
from trainyard_cluster.shell import run, succeeds

_NETNS_DIR = Path("/run/netns")


def choose_slot(layout: Layout, taken: frozenset[int]) -> int:
    """The first slot without another cluster, interface or route of this machine."""
    used = run(["ip", "-4", "route", "show", "table", "all"])
    for slot in slots(layout.name):
        if slot not in taken and f"172.30.{slot}." not in used:
            return slot
    raise Taken("no free address range in 172.30.0.0/16: take down clusters that are not needed")


def complete(layout: Layout, at: Addresses) -> bool:
    """Whether both ends of the link have their addresses and are up."""
    return (
        exists(layout)
        and at.host in output(["ip", "-4", "-o", "addr", "show", "dev", layout.link, "up"])
        and at.node in addresses(layout, "eth0")
        and "dev lo" in output([*enter(layout), "ip", "route", "show", "default"])
    )


def up(layout: Layout, at: Addresses) -> None:
    """Create namespace, link and addresses again; no process may use the old namespace."""
    down(layout)
    inside = f"{layout.link}n"[:15]
    run(["ip", "netns", "add", layout.netns])
    run(["ip", "link", "add", layout.link, "type", "veth", "peer", "name", inside])
    run(["ip", "link", "set", inside, "netns", layout.netns, "name", "eth0"])
    run(["ip", "addr", "add", f"{at.host}/30", "dev", layout.link])
    run(["ip", "link", "set", layout.link, "up"])
    for command in (
        f"ip addr add {at.node}/30 dev eth0",
        "ip link set eth0 up",
        "ip link set lo up",
        # All other addresses end on the loopback: nothing leaves the machine.
        "ip route add default dev lo",
        "sysctl -qw net.ipv4.ip_forward=1",
    ):
        run([*enter(layout), *command.split()])


def let_services_reach_the_host(layout: Layout, at: Addresses) -> None:
    """Let pods reach Services whose endpoints are on the host, which has no route to pods.

    What pods send to the host itself gets no answer.
    """
    through_service = ["-d", f"{at.host}/32", "-m", "conntrack", "--ctstate", "DNAT"]
    masquerade(layout, "-s", POD_CIDR, *through_service)


def masquerade(layout: Layout, *packets: str) -> None:
    """Give packets that leave by eth0 the node's address, unless a rule does so already."""
    rule = ["POSTROUTING", "-o", "eth0", *packets, "-j", "MASQUERADE"]
    nat = [*enter(layout), "iptables", "--wait", "-t", "nat"]
    if not succeeds([*nat, "-C", *rule]):
        run([*nat, "-A", *rule])


def down(layout: Layout) -> None:
    """Remove link and namespace if they exist."""
    if (Path("/sys/class/net") / layout.link).exists():
        run(["ip", "link", "delete", layout.link])
    delete_namespace(layout)


def exists(layout: Layout) -> bool:
    """Whether the namespace is there."""
    return (_NETNS_DIR / layout.netns).exists()


def addresses(layout: Layout, interface: str) -> str:
    """What `ip addr` says of an interface in the namespace; "" if it is down or not there."""
    return output([*enter(layout), "ip", "-4", "-o", "addr", "show", "dev", interface, "up"])


def delete_namespace(layout: Layout) -> None:
    """Remove the namespace if it is there."""
    path = _NETNS_DIR / layout.netns
    # Path.is_mount knows folders only.
    if os.path.ismount(path):
        run(["ip", "netns", "delete", layout.netns])
    # `ip netns add` that was killed in the middle leaves a file on which nothing is mounted.
    path.unlink(missing_ok=True)


def contains(layout: Layout, pid: int) -> bool:
    """Whether a process is in this namespace, not in an older one of that name."""
    try:
        theirs = Path(f"/proc/{pid}/ns/net").stat()
        ours = (_NETNS_DIR / layout.netns).stat()
    except OSError:
        return False
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)


def output(argv: list[str]) -> str:
    """What a command prints; "" if it fails."""
    try:
        return run(argv)
    except StepFailed:
        return ""


def enter(layout: Layout) -> list[str]:
    """Prefix that runs a command inside.

    `ip netns exec` would remount /sys, which hides the mounts of cgroup v1.
    """
    return ["nsenter", f"--net={_NETNS_DIR / layout.netns}"]
