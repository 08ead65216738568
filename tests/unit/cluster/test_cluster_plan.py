"""What a cluster consists of: folders, addresses, command lines, certificates."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from trainyard_cluster import registry
from trainyard_cluster.embedded import certificates, objects
from trainyard_cluster.embedded.commands import processes
from trainyard_cluster.errors import ClusterError
from trainyard_cluster.plan import SLOTS, Addresses, Layout, Place, Wanted, slots
from trainyard_cluster.programs.versions import NODE_PARTS

BIN = Path("/bin-dir")


def layout(name: str = "demo") -> Layout:
    return Layout(name, Path("/state") / name)


def test_two_clusters_share_nothing() -> None:
    one, other = layout("trainyard"), layout("test")

    for place in ("state", "run", "netns", "link", "cgroup", "kubeconfig", "containerd_socket"):
        assert getattr(one, place) != getattr(other, place), place


@pytest.mark.parametrize("name", ["a", "trainyard", "a-name-of-20-letters"])
def test_names_fit_the_kernel(name: str) -> None:
    """Interface names have at most 15 characters, paths of unix sockets at most 107."""
    found = layout(name)

    assert len(found.link) <= 15
    assert len(str(found.containerd_socket)) + len(".ttrpc") <= 107


def test_every_slot_is_tried_once_and_a_name_keeps_its_first() -> None:
    assert sorted(slots("demo")) == list(range(SLOTS))
    assert slots("demo") == slots("demo")
    assert slots("demo")[0] != slots("test")[0]


def test_addresses_of_a_slot_are_one_point_to_point_network() -> None:
    at = Addresses(17)

    network = ipaddress.ip_network(f"{at.host}/30", strict=False)
    assert ipaddress.ip_address(at.node) in network
    assert at.server == "https://172.30.17.2:6443"


@pytest.mark.parametrize(("kwok_nodes", "more"), [(0, set()), (3, {"kwok"})], ids=["plain", "kwok"])
def test_all_parts_run_and_kwok_only_when_wanted(kwok_nodes: int, more: set[str]) -> None:
    parts = processes(layout(), Place(1, Addresses(1)), BIN, Wanted("demo", kwok_nodes=kwok_nodes))

    assert {p.name for p in parts} == {"containerd", *NODE_PARTS, *more} - {"kubectl"}
    assert parts[0].name == "containerd", "the runtime is there before the kubelet"
    for part in parts[1:]:
        assert part.argv[0] == f"{BIN}/{part.name}"


def test_no_part_listens_beyond_the_node() -> None:
    """Everything but the API server binds to the loopback of the node's own namespace."""
    arguments = [
        argument
        for part in processes(layout(), Place(1, Addresses(1)), BIN, Wanted())
        for argument in part.argv
    ]

    assert not [a for a in arguments if "0.0.0.0" in a]


@pytest.mark.parametrize(
    "name", ["", "Demo", "1demo", "-demo", "de_mo", "../demo", "a" * 21, "demo/x"], ids=repr
)
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="use a letter, then letters, digits and dashes"):
        registry.layout(name)


def test_certificates_hold_what_python_and_kubernetes_ask_for(tmp_path: Path) -> None:
    found = Layout("demo", tmp_path)
    at = Place(1, Addresses(5))

    certificates.create(found, at)

    authority = x509.load_pem_x509_certificate((found.pki / "ca.crt").read_bytes())
    assert isinstance(authority.public_key(), ec.EllipticCurvePublicKey)
    for identity in certificates.identities(found, at):
        made = x509.load_pem_x509_certificate((found.pki / f"{identity.file}.crt").read_bytes())
        made.verify_directly_issued_by(authority)
        # Python 3.13 and newer refuse certificates without these.
        made.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        made.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        assert (found.pki / f"{identity.file}.key").stat().st_mode & 0o077 == 0
    server = x509.load_pem_x509_certificate((found.pki / "apiserver.crt").read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address(at.node) in names.get_values_for_type(x509.IPAddress)
    assert certificates.current(found)


def test_half_made_certificates_are_made_again(tmp_path: Path) -> None:
    found = Layout("demo", tmp_path)
    certificates.create(found, Place(1, Addresses(5)))
    (found.pki / "done").unlink()

    assert not certificates.current(found)


def test_volumes_of_two_clusters_lie_apart() -> None:
    paths = [
        volume["spec"]["local"]["path"]
        for name in ("demo", "test")
        for volume in objects.volumes(layout(name))
    ]

    assert len(paths) == len(set(paths)) == 48


def test_only_the_own_volumes_are_freed() -> None:
    folders = {"volume-1": Path("one"), "volume-2": Path("two")}
    phases = {"volume-1": "Released", "volume-2": "Bound", "someone-elses": "Released"}
    volumes = [{"metadata": {"name": n}, "status": {"phase": p}} for n, p in phases.items()]

    assert objects.released(volumes, folders) == {"volume-1": Path("one")}
