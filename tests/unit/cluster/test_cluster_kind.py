"""What is asked of kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainyard_cluster import kind, registry, status
from trainyard_cluster.plan import Layout, Wanted
from trainyard_cluster.registry import Record

KIND = Path("/bin-dir/kind")
LAYOUT = Layout("mine", Path("/state/mine"))


def test_a_node_image_and_a_configuration_are_handed_on(tmp_path: Path) -> None:
    file = tmp_path / "kind.yaml"
    command = kind.create_command(
        KIND, Wanted("mine"), LAYOUT, kind.Options("localhost/node:1", file)
    )

    assert command[:3] == [str(KIND), "create", "cluster"]
    assert "--image=localhost/node:1" in command
    assert f"--config={file}" in command


def test_kind_decides_what_is_not_given() -> None:
    command = kind.create_command(KIND, Wanted("mine"), LAYOUT, kind.Options())

    assert not [word for word in command if word.startswith(("--image", "--config"))]


def test_the_users_kubeconfig_is_never_touched() -> None:
    """kind edits $KUBECONFIG or ~/.kube/config unless it is told of another file."""
    for command in (
        kind.create_command(KIND, Wanted("mine"), LAYOUT, kind.Options()),
        kind.delete_command(KIND, LAYOUT),
    ):
        assert f"--kubeconfig={LAYOUT.kubeconfig}" in command


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("clusters: [{cluster: {server: 'https://127.0.0.1:37001'}}]", "https://127.0.0.1:37001"),
        ("clusters: []", "unknown"),
        ("clusters: [{cluster: null}]", "unknown"),
        ("[]", "unknown"),
        ("{", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
    ids=["kind's", "no cluster", "no server", "a list", "no YAML", "empty", "no file"],
)
def test_the_address_of_a_kind_cluster_is_that_of_its_kubeconfig(
    text: str | None, server: str, tmp_path: Path
) -> None:
    file = tmp_path / "kubeconfig"
    if text is not None:
        file.write_text(text)

    assert status.server_of(file) == server


def test_a_kind_cluster_has_no_processes_and_so_no_memory_to_show() -> None:
    shown = status.heading(status.State("mine", "kind", "https://127.0.0.1:37001", "/k"))

    assert shown == "cluster mine (kind) · https://127.0.0.1:37001"


@pytest.mark.parametrize(
    ("nodes", "kept"), [(1, False), (3, True)], ids=["one node, as ever", "three nodes"]
)
def test_a_record_is_read_as_it_was_written(
    nodes: int, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    record = Record("embedded", 3, 4, 0, 8, nodes)

    registry.write("mine", record)

    assert registry.read("mine") == record
    assert ('"nodes"' in (registry.layout("mine").state / "cluster.json").read_text()) is kept
    (registry.root() / "mine.n2").mkdir()
    assert registry.names() == ["mine"], "a node is no cluster"
    assert registry.folders() == ["mine", "mine.n2"]
