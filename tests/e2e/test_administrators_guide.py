"""What the administrator's guide says is done, command by command: install on PostgreSQL, back up and restore, move to another
storage class, move to PostgreSQL."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import api_client, fresh_namespace, unique
from guide import Administrator, blocks
from installation import RELEASE, Installation, installed, load_images
from kubernetes import client
from poll import eventually
from postgres import Postgres, running_postgres

from trainyard.client import Client
from trainyard.errors import TrainyardError
from trainyard_cluster import registry
from trainyard_cluster.plan import Addresses
from trainyard_demo.data import write_digits

pytestmark = pytest.mark.e2e

BACKUP = "## Backup and restore"
CLASS = "shared"
"""The guide's name of a storage class for several nodes."""
HERE = {
    "crds": {"enabled": False},
    "image": {"registry": "docker.io"},
    "gateway": {"service": {"type": "NodePort"}},
}
"""What a test adds to the guide's values: CRDs belong to all tests; this machine has neither registry nor ingress."""
TRAINING = {
    "dataset": "digits",
    "training": {"task": "tabular-classification", "epochs": 100_000, "batchSize": 512},
    "resources": {"gpus": 1, "cpu": "200m", "memory": "512Mi"},
    "retry": {"limit": 0},
}


@pytest.fixture(scope="module")
def database(kubeconfig: Path) -> Iterator[Postgres]:
    """A server on the node, where pods reach it."""
    name = kubeconfig.parent.name
    record = registry.read(name)
    if record is None or record.provider != "embedded":
        pytest.skip("only the embedded cluster's node is a place for a server of ours")
    address = Addresses(record.slot).node
    with running_postgres(address=address, netns=registry.layout(name).netns) as server:
        yield server


@contextmanager
def shared_volumes(kubeconfig: Path, folder: Path, number: int) -> Iterator[None]:
    """A second storage class with that many volumes."""
    storage_class = {
        "metadata": {"name": CLASS},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    with api_client(kubeconfig) as api:
        core, storage = client.CoreV1Api(api), client.StorageV1Api(api)
        old = next(v for v in core.list_persistent_volume().items if v.spec.local)
        names = [unique(CLASS) for _ in range(number)]
        storage.create_storage_class(storage_class)
        try:
            for name in names:
                (folder / name).mkdir()
                spec = {
                    "capacity": {"storage": "1Ti"},
                    "accessModes": ["ReadWriteMany"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": CLASS,
                    "local": {"path": str(folder / name)},
                    "nodeAffinity": old.spec.node_affinity,
                }
                core.create_persistent_volume({"metadata": {"name": name}, "spec": spec})
            yield
        finally:
            for name in names:
                core.delete_persistent_volume(name)
            storage.delete_storage_class(CLASS)


@pytest.fixture(scope="module")
def volumes(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with shared_volumes(kubeconfig, tmp_path_factory.mktemp("volumes"), 2):
        yield


@pytest.fixture
def administrator(release: Installation, tmp_path: Path) -> Administrator:
    """Logged in to the installation on SQLite."""
    person = Administrator(release, tmp_path)
    (pod,) = blocks(BACKUP, "yaml")
    person.write("copy.yaml", person.here(pod))
    person.do(f"echo {release.key} | trainyard login {release.url} --key-stdin")
    return person


@pytest.fixture(scope="module")
def release(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation on SQLite with a dataset."""
    with installed(kubeconfig) as found:
        with found.client() as people:
            people.upload_dataset("digits", write_digits(tmp_path_factory.mktemp("digits")))
        yield found


def settled(release: Installation) -> None:
    release.kubectl("rollout", "status", f"deployment/{RELEASE}-gateway", "--timeout=120s")


def datasets(release: Installation) -> list[str]:
    with release.client() as people:
        found = eventually(people.datasets, within=30, what="datasets")
    return [dataset.sha256 for dataset in found.datasets]


def values(*parts: dict[str, Any]) -> str:
    """Values laid over each other."""
    merged: dict[str, Any] = {}
    for part in parts:
        merge(merged, copy.deepcopy(part))
    return yaml.safe_dump(merged)


def merge(into: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def documented(heading: str) -> dict[str, Any]:
    """The values that a section shows."""
    (text,) = (b for b in blocks(heading, "yaml") if "kind:" not in b and "volumes:" not in b)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_back_up_and_restore(release: Installation, administrator: Administrator) -> None:
    with release.client() as people:
        key = people.create_key("kept", "datasets:read").key
    before = datasets(release)

    said = administrator.do(*(b for b in blocks(BACKUP, "console") if "psql" not in b))

    # The dataset and its schema.
    for words in ("backed up the database and 2 files", "whole and unchanged", "restored the"):
        assert words in said
    settled(release)
    with Client(release.url, key) as people:
        found = eventually(people.datasets, within=30, what="datasets")
    assert [dataset.sha256 for dataset in found.datasets] == before


def test_another_storage_class(
    release: Installation, administrator: Administrator, volumes: None
) -> None:
    heading = "### Another storage class"
    claim, second = blocks(heading, "yaml")
    pod, more = (
        yaml.safe_load((administrator.folder / "copy.yaml").read_text()),
        yaml.safe_load(second),
    )
    pod["spec"]["containers"][0]["volumeMounts"] += more["volumeMounts"]
    pod["spec"]["volumes"] += more["volumes"]
    administrator.write("copy.yaml", administrator.here(yaml.safe_dump(pod)))
    administrator.write("claim.yaml", administrator.here(claim))
    moved = {"storage": {"existingClaim": f"{RELEASE}-data-new"}}
    administrator.write("values.yaml", values(release.values_tree(), HERE, moved))
    before = datasets(release)
    with release.client() as people:
        name = people.start_training(TRAINING, unique("moved")).name
        eventually(lambda: steps(people, name) > 0, within=90, what="its first points")

    administrator.do(*blocks(heading, "bash"))

    settled(release)
    assert datasets(release) == before
    bound = release.get("pvc", f"{RELEASE}-data-new")
    assert (bound["status"]["phase"], bound["spec"]["storageClassName"]) == ("Bound", CLASS)
    assert release.get("pvc", f"{RELEASE}-data")["status"]["phase"] == "Bound"
    with release.client() as people:
        reached = steps(people, name)
        eventually(lambda: steps(people, name) > reached, within=90, what="points after the move")
        assert people.status(name).phase == "Running"
        people.stop(name)


def steps(people: Client, name: str) -> int:
    """The epochs that the gateway knows of, all from the first one on."""
    try:
        series = people.history(name, "val/accuracy", max_points=10_000).series
    except TrainyardError as error:
        raise AssertionError(str(error)) from error
    found = [point.epoch for point in series[0].points] if series else []
    assert found == list(range(1, len(found) + 1))
    return len(found)


def test_from_sqlite_to_postgresql(
    release: Installation, administrator: Administrator, database: Postgres
) -> None:
    """After the move to the claim for several nodes; then with two gateways."""
    url = database.database()
    administrator.names = {"postgresql://trainyard@postgres.example:5432/trainyard": url}
    administrator.write("password.txt", database.password_file.read_text())
    claimed = (administrator.folder / "copy.yaml").read_text()
    administrator.write("copy.yaml", claimed.replace(f"{RELEASE}-data", f"{RELEASE}-data-new"))
    shown = documented("## PostgreSQL")
    assert shown["database"]["passwordSecret"] == "trainyard-database"
    moved = {
        "database": {**shown["database"], "url": url},
        "gateway": shown["gateway"],
        "storage": {"existingClaim": f"{RELEASE}-data-new"},
    }
    administrator.write("values.yaml", values(release.values_tree(), HERE, moved))
    before = datasets(release)
    with release.client() as people:
        key = people.create_key("moved", "datasets:read").key

    said = administrator.do(*blocks("### From SQLite to PostgreSQL", "console"))

    assert "restored the database and 2 files" in said
    settled(release)
    with Client(release.url, key) as people:
        found = eventually(people.datasets, within=30, what="datasets")
    assert [dataset.sha256 for dataset in found.datasets] == before
    assert release.get("deployment", f"{RELEASE}-gateway")["status"]["readyReplicas"] == 2
    assert database.sql(url, "SELECT count(*) FROM datasets") == ["1"]


@pytest.fixture
def newcomer(kubeconfig: Path, tmp_path: Path) -> Iterator[Administrator]:
    """Somebody with nothing but a cluster."""
    with fresh_namespace(kubeconfig, "guide") as namespace:
        release = Installation(kubeconfig, namespace)
        load_images(kubeconfig)
        try:
            yield Administrator(release, tmp_path)
        finally:
            release.helm("uninstall", RELEASE, "--wait", "--ignore-not-found")


def test_install_on_postgresql_back_up_and_restore(
    newcomer: Administrator, database: Postgres, volumes: None, tmp_path: Path
) -> None:
    release, url = newcomer.release, database.database()
    # The guide's steps begin before the namespace is there; the fixture only takes care that it goes.
    release.kubectl("delete", "namespace", release.namespace)
    shown = documented("## PostgreSQL")
    install = yaml.safe_load(newcomer.here(yaml.safe_dump(documented("## Install"))))
    newcomer.write(
        "values.yaml",
        values(install, shown, {"database": {"url": url}}, release.values_tree(), HERE),
    )
    newcomer.write("password.txt", database.password_file.read_text())
    (commands,) = blocks("## Install", "console")
    secret = blocks("## PostgreSQL", "console")[0]
    namespace, rest = re.split(r"(?=^helm )", commands, maxsplit=1, flags=re.MULTILINE)
    installing, signing_in = re.split(r"(?=^kubectl )", rest, maxsplit=1, flags=re.MULTILINE)

    newcomer.do(namespace, secret, installing)
    newcomer.names = {"https://trainyard.example": release.url}
    newcomer.do(signing_in)
    # What the installation itself says to copy, but for the lines that never end.
    notes = release.helm("get", "notes", RELEASE).splitlines()
    told = [line for line in notes if line.startswith("  kubectl ") and "--watch" not in line]
    assert len(told) >= 6
    assert release.key in newcomer.do(*told)

    with release.client() as client_:
        client_.upload_dataset("digits", write_digits(tmp_path))
        key = client_.create_key("kept", "datasets:read").key
    before = datasets(release)
    (newcomer.folder / "bin" / "psql").symlink_to(database.binaries / "psql")
    newcomer.names = {shown["database"]["url"]: url}
    (pod,) = blocks(BACKUP, "yaml")
    newcomer.write("copy.yaml", newcomer.here(pod))

    said = newcomer.do(*(b for b in blocks(BACKUP, "console") if "mv db" not in b))

    assert "restored the database and 2 files" in said
    settled(release)
    with Client(release.url, key) as people:
        found = eventually(people.datasets, within=30, what="datasets")
    assert [dataset.sha256 for dataset in found.datasets] == before
