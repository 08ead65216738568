"""Every curl line of the documentation works, in its order, and every endpoint has one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cluster import api_client
from gateway_lab import GatewayFactory, GatewayLab, monitor_token, simulated_node
from identity_provider import identity_provider, sso_setting
from kubernetes import client
from staged_trees import stage

from trainyard_api import names
from trainyard_gateway.app import described
from trainyard_gateway.http.openapi.document import document
from trainyard_gateway.settings import Settings

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[3] / "docs" / "API_DOCUMENTATION.md").read_text()
LINES = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.S | re.M)
    for line in block.splitlines()
    if line and not line.startswith("export ")
]


@pytest.fixture(scope="module")
def lab(
    gateway_factory: GatewayFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayLab]:
    """Notices may be made, and there is single sign-on."""
    with identity_provider(tmp_path_factory.mktemp("provider"), "http://127.0.0.1:9") as provider:
        yield gateway_factory(
            notices_enabled="true",
            notices_internal_hosts="127.0.0.1",
            sso=sso_setting(provider, "http://127.0.0.1:9"),
        )


def method_of(line: str) -> str:
    given = re.search(r" -X ([A-Z]+)", line)
    if given:
        return given[1]
    if " -T " in line:
        return "PUT"
    return "POST" if re.search(r" (--json|--data-binary|-F) ", line) else "GET"


def test_every_endpoint_has_a_line() -> None:
    asked = {
        (method_of(line), found[1])
        for line in LINES
        if (found := re.search(r'"\$GATEWAY(/[^"?]*)', line))
    }
    missing = [
        f"{method.upper()} {path}"
        for path, item in document(described())["paths"].items()
        for method in item
        if not any(
            m == method.upper() and re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", path), p)
            for m, p in asked
        )
    ]

    assert missing == []


def test_every_setting_is_named() -> None:
    from pydantic.alias_generators import to_camel

    assert [n for n in map(to_camel, Settings.model_fields) if f"`{n}`" not in PAGE] == []


def give_a_queue(lab: GatewayLab) -> None:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.QUEUE_KIND,
        "metadata": {"name": names.DEFAULT_QUEUE},
        "spec": {},
    }
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).create_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.QUEUE_PLURAL, body
        )


def test_every_line_works(lab: GatewayLab, http: httpx.Client, tmp_path: Path) -> None:
    give_a_queue(lab)
    # A session whose trainer reports, for the lines that need a token.
    trainer = lab.new_trainer("s")
    session = trainer.session_uid
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "GATEWAY": lab.url,
        "KEY": lab.key,
        "SESSION": session,
        "TOKEN": trainer.token,
        "HOOK": "http://127.0.0.1:9/nothing-listens-here",
        "MONITOR_TOKEN": monitor_token(lab, "trainyard-monitor", simulated_node(lab)),
    }
    work = tmp_path / "work"
    work.mkdir()
    output = lab.data / "runs" / session / "output"
    output.mkdir(parents=True)
    (output.parent / "notes.txt").write_text("left")
    environment["TREE"] = stage(output.parent, {"notes.txt": b"left"}).tree
    before, after = LINES[:], [line for line in LINES if "/report/model" in line]
    assert len(after) == 1
    script = "\n".join(
        f"cp m.safetensors '{output}/model.safetensors'\n{line}" if line in after else line
        for line in before
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-x", "-c", script],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    left = http.get("/models").json()["models"]

    assert done.returncode == 0, done.stderr[-3000:]
    assert [m["name"] for m in left] == ["s"]
