"""What programs do with the model registry by MLflow's own clients, of three versions."""

from __future__ import annotations

import httpx
import pytest
from cluster import unique
from gateway_lab import GatewayLab
from mlflow_clients import MlflowClient

from trainyard_gateway.trees.pickles import PICKLE

pytestmark = pytest.mark.integration

LIFE = """
import os, pathlib, tempfile
name = os.environ["NAME"]
with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "MLmodel").write_text("flavors: {}")
    pathlib.Path(folder, "model.pkl").write_bytes(b"\\x80\\x04K\\x01.")
    if hasattr(mlflow, "initialize_logged_model"):  # Version 3 keeps models beside runs.
        model = mlflow.initialize_logged_model(name="net", source_run_id=run.info.run_id)
        client.log_model_artifacts(model.model_id, folder)
        client.finalize_logged_model(model.model_id, "READY")
    else:
        mlflow.log_artifacts(folder, "net")
    mlflow.register_model(f"runs:/{run.info.run_id}/net", name)
    pathlib.Path(folder, "w.bin").write_bytes(bytes(range(256)) * 1000)
    mlflow.log_artifacts(folder, "plain")
second = mlflow.register_model(f"runs:/{run.info.run_id}/plain", name, tags={"made": "by hand"})
def files(uri):
    with tempfile.TemporaryDirectory() as into:
        found = pathlib.Path(mlflow.artifacts.download_artifacts(uri, dst_path=into))
        return {p.relative_to(found).as_posix(): p.stat().st_size for p in found.rglob("*")
                if p.is_file() and p.name != "registered_model_meta"}
client.update_registered_model(name, "a net")
client.set_registered_model_tag(name, "task", "toy")
client.set_registered_model_tag(name, "gone", "1")
client.delete_registered_model_tag(name, "gone")
client.update_model_version(name, "1", "the first")
client.set_model_version_tag(name, "1", "ok", "yes")
client.set_registered_model_alias(name, "champion", "1")
first = client.get_model_version_by_alias(name, "champion")
by_alias = files(f"models:/{name}@champion")
client.set_registered_model_alias(name, "champion", 2)
moved = sorted(files(f"models:/{name}@champion"))
client.delete_model_version_tag(name, "2", "made")
copied = client.copy_model_version(f"models:/{name}/1", f"{name}.copy")
def names(**more):
    return [m.name for m in client.search_registered_models(**more)]
def numbers(filter, **more):
    return [int(v.version) for v in client.search_model_versions(filter, **more)]
client.transition_model_version_stage(name, "1", "Staging")
client.transition_model_version_stage(name, "2", "staging", archive_existing_versions=True)
stages = {v.version: v.current_stage for v in client.search_model_versions(f"name='{name}'")}
latest = {v.current_stage: v.version for v in client.get_latest_versions(name)}
shown = client.get_registered_model(name)
searched = {
    "name": names(filter_string=f"name = '{name}'"), "like": names(filter_string=f"name LIKE '{name}.c%'"),
    "tag": names(filter_string=f"tags.task = 'toy' and name LIKE '{name}%'", order_by=["last_updated_timestamp DESC"]),
    "versions": numbers(f"name = '{name}'"), "oldest": numbers(f"name = '{name}'", order_by=["version_number ASC"]),
    "run": numbers(f"run_id = '{run.info.run_id}' and name = '{name}'", order_by=["version_number ASC"]),
    "tagged": numbers(f"tags.ok = 'yes' and name = '{name}'"),
}
page = client.search_model_versions(f"name='{name}'", max_results=1)
rest = client.search_model_versions(f"name='{name}'", max_results=1, page_token=page.token)
refusals = {
    "again": refused(client.create_registered_model, name),
    "odd": refused(client.create_registered_model, "a b"),
    "missing": refused(client.get_registered_model, "no-such-model"),
    "version": refused(client.get_model_version, name, "77"),
    "alias": refused(client.get_model_version_by_alias, name, "nobody"),
    "reserved": refused(client.set_registered_model_alias, name, "v3", "1"),
    "elsewhere": refused(client.create_model_version, name, "s3://bucket/model"),
    "nothing": refused(client.create_model_version, name, f"runs:/{run.info.run_id}/nothing", run.info.run_id),
}
client.delete_registered_model_alias(name, "champion")
client.delete_model_version(name, "2")
after = numbers(f"name = '{name}'")
client.rename_registered_model(name, f"{name}.new")
renamed = [client.get_registered_model(f"{name}.new").name, files(f"models:/{name}.new/1") == by_alias]
client.delete_run(run.info.run_id)
kept = files(f"models:/{name}.new/1") == by_alias
client.delete_registered_model(f"{name}.copy")
give(
    second=int(second.version), status=second.status, run=second.run_id == run.info.run_id,
    first=[first.description, first.tags, int(first.version), first.run_id == run.info.run_id],
    by_alias=by_alias, moved=moved, copied=[copied.name, int(copied.version)],
    stages={str(k): v for k, v in stages.items()}, latest={k: str(v) for k, v in latest.items()},
    shown=[shown.description, shown.tags, {k: str(v) for k, v in shown.aliases.items()}],
    searched=searched, pages=[len(page), len(rest), int(page[0].version) != int(rest[0].version)],
    refusals=refusals, after=after, renamed=renamed, kept=kept,
)
"""


def test_the_life_of_a_registered_model(mlflow: MlflowClient, lab: GatewayLab) -> None:
    name = unique("net")

    found = mlflow.run(LIFE, NAME=name)

    assert (found["second"], found["status"], found["run"]) == (2, "READY", True)
    assert found["first"] == ["the first", {"ok": "yes"}, 1, True]
    assert found["by_alias"] == {"MLmodel": 11, "model.pkl": 5}
    assert found["moved"] == ["MLmodel", "model.pkl", "w.bin"]
    assert found["copied"] == [f"{name}.copy", 1]
    assert found["stages"] == {"1": "Archived", "2": "Staging"}
    assert found["latest"] == {"Archived": "1", "Staging": "2"}
    assert found["shown"] == ["a net", {"task": "toy"}, {"champion": "2"}]
    assert found["searched"] == {
        "name": [name],
        "like": [f"{name}.copy"],
        "tag": [name],
        "versions": [2, 1],
        "oldest": [1, 2],
        "run": [1, 2],
        "tagged": [1],
    }
    assert found["pages"] == [1, 1, True]
    codes = {which: code for which, (code, _) in found["refusals"].items()}
    assert codes == {
        "again": "RESOURCE_ALREADY_EXISTS",
        "odd": "INVALID_PARAMETER_VALUE",
        "missing": "RESOURCE_DOES_NOT_EXIST",
        "version": "RESOURCE_DOES_NOT_EXIST",
        "alias": "INVALID_PARAMETER_VALUE",
        "reserved": "INVALID_PARAMETER_VALUE",
        "elsewhere": "INVALID_PARAMETER_VALUE",
        "nothing": "INVALID_PARAMETER_VALUE",
    }
    assert found["after"] == [1]
    assert found["renamed"] == [f"{name}.new", True]
    assert found["kept"]
    with lab.client() as gateway:
        [version] = gateway.versions(f"{name}.new").models
        assert (version.kind, version.version, version.flags) == ("tree", 1, [PICKLE])
        gateway.delete_model(f"{name}.new")
    gone = "give(gone=refused(client.get_registered_model, os.environ['NAME']))"
    assert (
        mlflow.run(f"import os; {gone}", NAME=f"{name}.new")["gone"][0] == "RESOURCE_DOES_NOT_EXIST"
    )


API = "/mlflow/api/2.0/mlflow"
FILES = "/mlflow/api/2.0/mlflow-artifacts/artifacts"
SCOPES = {
    "models read": (("models:read",), (200, 200, 403, 403)),
    "models written, sessions not read": (("models:write",), (403, 403, 200, 403)),
    "sessions only": (("sessions:read", "sessions:write"), (403, 403, 403, 403)),
    "models written, sessions read": (("models:write", "sessions:read"), (403, 403, 200, 200)),
}


@pytest.mark.parametrize(("scopes", "expected"), SCOPES.values(), ids=SCOPES)
def test_keys_need_the_scopes_of_models(
    lab: GatewayLab, scopes: tuple[str, ...], expected: tuple[int, ...]
) -> None:
    name = unique("net")
    admin = {"Authorization": f"Bearer {lab.key}"}
    with httpx.Client(base_url=lab.url, headers=admin, timeout=60) as http:
        run = http.post(f"{API}/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]
        http.put(f"{FILES}/0/{run['run_id']}/artifacts/net/MLmodel", content=b"m")
        http.post(f"{API}/registered-models/create", json={"name": name})
        make = {"name": name, "source": f"runs:/{run['run_id']}/net"}
        http.post(f"{API}/model-versions/create", json=make).raise_for_status()
        http.headers["Authorization"] = f"Bearer {lab.new_key(unique('key'), *scopes)}"

        found = (
            http.get(f"{API}/registered-models/get", params={"name": name}),
            http.get(f"{FILES}/registry/{name}/1/artifacts/MLmodel"),
            http.post(f"{API}/registered-models/create", json={"name": f"{name}.2"}),
            http.post(f"{API}/model-versions/create", json=make),
        )
        changed = http.put(f"{FILES}/registry/{name}/1/artifacts/MLmodel", content=b"x")

    assert tuple(answer.status_code for answer in found) == expected
    assert changed.status_code == 403


PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
REFUSED = {
    "a prompt": ("registered-models/create", {"name": "p", "tags": [PROMPT]}, "keeps models only"),
    "a version without a model": ("model-versions/create", {"name": "nobody", "source": f"runs:/{'a' * 32}/net"}, "name=nobody not found"),
    "an alias without a version": ("registered-models/alias", {"name": "nobody", "alias": "a", "version": "0"}, "version"),
    "a stage of no kind": ("model-versions/transition-stage", {"name": "n", "version": "1", "stage": "Best"}, "stage"),
}  # fmt: skip


@pytest.mark.parametrize(("operation", "body", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(
    lab: GatewayLab, operation: str, body: dict[str, object], said: str
) -> None:
    headers = {"Authorization": f"Bearer {lab.key}"}

    answer = httpx.post(f"{lab.url}{API}/{operation}", json=body, headers=headers, timeout=60)

    assert answer.status_code in (400, 404), answer.text
    assert said in answer.json()["message"]
