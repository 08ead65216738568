"""Several real nodes of one cluster, as values: names, addresses, routes, processes, volumes."""

from __future__ import annotations

import ipaddress
import itertools
import json
from pathlib import Path

import pytest
import yaml

from trainyard_cluster.embedded import certificates, config, objects, switch
from trainyard_cluster.embedded.commands import POLICY_ENGINE, processes
from trainyard_cluster.plan import (
    MAX_NODES,
    POD_CIDR,
    Addresses,
    Layout,
    Place,
    Wanted,
    node_layout,
    node_number,
)
from trainyard_cluster.programs.versions import NODE_PARTS

BIN = Path("/bin-dir")
ENGINE = Path("/engine") / POLICY_ENGINE
NUMBERS = range(1, MAX_NODES + 1)
CLUSTER = Layout("a-name-of-20-letters", Path("/state/a-name-of-20-letters"))
AT = Addresses(7)


def names(number: int, engine: Path | None = ENGINE) -> list[str]:
    layout = node_layout(CLUSTER, number)
    wanted = Wanted(CLUSTER.name, nodes=3)
    return [p.name for p in processes(layout, Place(number, AT), BIN, wanted, engine)]


def test_nodes_of_a_cluster_share_nothing() -> None:
    layouts = [node_layout(CLUSTER, number) for number in NUMBERS]

    for place in ("name", "state", "run", "netns", "link", "cgroup", "containerd_socket"):
        assert len({getattr(one, place) for one in layouts}) == MAX_NODES, place
    # A prefix of another one's folder would take its processes and mounts for its own.
    for one, other in itertools.permutations(layouts, 2):
        assert not str(other.state).startswith(f"{one.state}/")
        assert not str(other.run).startswith(f"{one.run}/")
    assert all(len(one.link) <= 15 for one in layouts)
    assert all(len(f"{one.containerd_socket}.ttrpc") <= 107 for one in layouts)


def test_the_first_node_is_the_cluster_itself() -> None:
    assert node_layout(CLUSTER, 1) is CLUSTER
    assert Place(1, AT).node == AT.node


def test_addresses_of_nodes_and_their_pods_are_apart() -> None:
    places = [Place(number, AT) for number in NUMBERS]
    pods = [ipaddress.ip_network(place.pods) for place in places]

    assert len({place.node for place in places}) == MAX_NODES
    assert not [(a, b) for a, b in itertools.combinations(pods, 2) if a.overlaps(b)]
    assert all(one.subnet_of(ipaddress.ip_network(POD_CIDR)) for one in pods)  # type: ignore[arg-type]  # both are IPv4


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"node {n}")
def test_every_node_reaches_the_pods_of_every_other_and_nothing_else(number: int) -> None:
    places = [Place(n, AT) for n in NUMBERS]
    routes = {
        words[0]: words[1:]
        for words in (route.split() for route in switch.routes(places[number - 1], places))
    }

    for other in places:
        expected = ["via", other.switch] if other.number != number else None
        assert routes.pop(other.pods, None) == expected
    if number > 1:
        first = ["via", places[0].switch]
        assert routes.pop(f"{AT.node}/32") == first, "API server and DNS"
        assert routes.pop(f"{AT.host}/32") == first
        assert routes.pop("default") == ["dev", "lo"], "nothing leaves the machine"
    assert routes == {}


def test_further_nodes_run_no_control_plane() -> None:
    assert set(names(1)) == {"containerd", *NODE_PARTS, POLICY_ENGINE} - {"kubectl"}
    for number in NUMBERS[1:]:
        assert names(number) == ["containerd", "kubelet", "kube-proxy", POLICY_ENGINE]


def test_nothing_enforces_policies_without_the_engine() -> None:
    assert [names(n, None) for n in (1, 2)] == [
        [name for name in names(n) if name != POLICY_ENGINE] for n in (1, 2)
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("3", 3),
        ("demo", 1),
        ("demo.n2", 2),
        ("demo.n1", None),
        ("other.n2", None),
        ("0", None),
        ("10", None),
        ("02", None),
        ("-1", None),
        ("", None),
        ("demo.n", None),
    ],
    ids=repr,
)
def test_a_node_is_named_by_number_or_name(text: str, number: int | None) -> None:
    assert node_number("demo", text) == number


def test_pods_are_routed_so_that_policies_see_every_packet() -> None:
    for number in NUMBERS:
        place = Place(number, AT)
        network = json.loads(config.cni(node_layout(CLUSTER, number), place))

        assert network["plugins"][0]["type"] == "ptp"
        assert network["plugins"][0]["ipam"]["ranges"] == [[{"subnet": place.pods}]]
    proxy = yaml.safe_load(config.kube_proxy(CLUSTER))
    assert proxy["iptables"]["masqueradeAll"] is False, "pods keep their address between nodes"


def test_every_kubelet_asks_the_one_dns() -> None:
    for number in NUMBERS:
        settings = yaml.safe_load(config.kubelet(node_layout(CLUSTER, number), Place(number, AT)))

        assert settings["clusterDNS"] == [AT.node]


def test_volumes_are_reached_from_every_real_node_and_from_no_simulated_one() -> None:
    simulated = objects.kwok_node(1, 8)["metadata"]["labels"]
    real = {"kubernetes.io/os": "linux", "kubernetes.io/hostname": "demo.n2"}
    [[requirement]] = {
        json.dumps(term["matchExpressions"]): term["matchExpressions"]
        for volume in objects.volumes(CLUSTER)
        for term in volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    }.values()

    assert real[requirement["key"]] in requirement["values"]
    assert requirement["key"] not in simulated


def test_a_node_gets_its_certificates_from_the_cluster(tmp_path: Path) -> None:
    cluster = Layout("demo", tmp_path / "demo")
    node, place = node_layout(cluster, 2), Place(2, AT)
    certificates.create(cluster, Place(1, AT))
    assert not certificates.node_current(cluster, node, place)

    certificates.create_for_node(cluster, node, place)

    assert certificates.node_current(cluster, node, place)
    certificates.create(cluster, Place(1, AT))
    assert not certificates.node_current(cluster, node, place), "a new authority"


def test_a_cluster_of_an_older_version_gets_what_it_lacks_and_keeps_the_rest(
    tmp_path: Path,
) -> None:
    cluster, place = Layout("demo", tmp_path / "demo"), Place(1, AT)
    certificates.create(cluster, place)
    old = {file.name: file.read_bytes() for file in cluster.pki.iterdir()}
    (cluster.pki / "network-policies.crt").unlink()

    certificates.add_missing(cluster, place)

    new = {file.name: file.read_bytes() for file in cluster.pki.iterdir()}
    assert {name for name in old if new[name] != old[name]} == {
        "network-policies.crt",
        "network-policies.key",
    }


def test_the_engine_of_policies_may_only_look_at_what_it_judges() -> None:
    [role] = [
        one
        for one in objects.rights_and_storage()
        if one["kind"] == "ClusterRole" and one["metadata"]["name"] == "trainyard:network-policies"
    ]
    [binding] = [
        one
        for one in objects.rights_and_storage()
        if one["kind"] == "ClusterRoleBinding"
        and one["roleRef"]["name"] == role["metadata"]["name"]
    ]

    granted = {
        (resource, verb)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {
        (resource, verb)
        for resource in ("pods", "namespaces", "networkpolicies")
        for verb in ("list", "watch")
    }
    assert [subject["name"] for subject in binding["subjects"]] == [certificates.POLICY_USER]
