"""The network between nodes: a bridge in the first node's namespace, one link per further node."""

from __future__ import annotations

from collections.abc import Iterable

from trainyard_cluster.embedded import network
from trainyard_cluster.embedded.network import enter
from trainyard_cluster.plan import Layout, Place
from trainyard_cluster.shell import run, succeeds

BRIDGE = "nodes"
SWITCH_CIDR = "10.245.0.0/24"


def routes(place: Place, others: Iterable[Place]) -> list[str]:
    """The routes of a node, as arguments of `ip route replace`. Pure."""
    first = Place(1, place.at)
    found = [] if place.number == 1 else ["default dev lo"]
    if place.number > 1:
        # The API server, DNS and NodePorts have the first node's own address.
        found += [f"{address}/32 via {first.switch}" for address in (place.at.node, place.at.host)]
    return found + [
        f"{other.pods} via {other.switch}" for other in others if other.number != place.number
    ]


def complete(cluster: Layout, node: Layout, place: Place) -> bool:
    """Whether the node's link has its address and is up at both ends."""
    return (
        network.exists(node)
        and place.switch in network.addresses(node, "eth0")
        and succeeds([*enter(cluster), "ip", "link", "show", "dev", node.link])
    )


def join(cluster: Layout, node: Layout, place: Place) -> None:
    """Create the node's namespace and its link again; no process may use the old namespace."""
    leave(cluster, node)
    inside = f"{node.link}n"[:15]
    run(["ip", "netns", "add", node.netns])
    _each(
        cluster,
        f"ip link add {node.link} type veth peer name {inside}",
        f"ip link set {node.link} master {BRIDGE} up",
        f"ip link set {inside} netns {node.netns} name eth0",
    )
    _each(
        node,
        f"ip addr add {place.switch}/24 dev eth0",
        "ip link set eth0 up",
        "ip link set lo up",
        "sysctl -qw net.ipv4.ip_forward=1",
    )


def leave(cluster: Layout, node: Layout) -> None:
    """Remove the node's link and namespace if they exist."""
    if network.exists(cluster):
        # The other end goes with it.
        succeeds([*enter(cluster), "ip", "link", "delete", node.link])
    network.delete_namespace(node)


def prepare(cluster: Layout, first: Place) -> None:
    """Make the switch in the first node's namespace if it is missing."""
    # The host has no route to further nodes either.
    network.masquerade(cluster, "-s", SWITCH_CIDR)
    if succeeds([*enter(cluster), "ip", "link", "show", "dev", BRIDGE]):
        return
    _each(
        cluster,
        f"ip link add {BRIDGE} type bridge",
        f"ip addr add {first.switch}/24 dev {BRIDGE}",
        f"ip link set {BRIDGE} up",
    )


def connect(cluster: Layout, node: Layout) -> None:
    """Plug the node in at the switch's end; `disconnect` pulled the plug."""
    _each(cluster, f"ip link set {node.link} up")


def disconnect(cluster: Layout, node: Layout) -> None:
    """Pull the node's plug. Its own end keeps its routes."""
    _each(cluster, f"ip link set {node.link} down")


def set_routes(node: Layout, place: Place, others: Iterable[Place]) -> None:
    """Set every route of a node; a cut that `cut` made is gone afterwards."""
    _each(node, *(f"ip route replace {route}" for route in routes(place, others)))


def cut(node: Layout, other: Place) -> None:
    """Drop what the node sends to the pods of another one and to its kubelet."""
    targets = (other.pods, f"{other.switch}/32")
    _each(node, *(f"ip route replace blackhole {target}" for target in targets))


def mend(node: Layout, place: Place, other: Place) -> None:
    """Undo `cut`."""
    succeeds([*enter(node), "ip", "route", "delete", "blackhole", f"{other.switch}/32"])
    succeeds([*enter(node), "ip", "route", "delete", "blackhole", other.pods])
    set_routes(node, place, [other])


def _each(where: Layout, *commands: str) -> None:
    for command in commands:
        run([*enter(where), *command.split()])
