"""The chart without a cluster to ask: `helm template | kubectl apply`, Argo CD. Nothing changes from render to render."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_render import EVERYTHING, Rendered, render
from installation import CHART, ROOT

from trainyard_operator import settings as operator_settings


@cache
def plain() -> Rendered:
    return render()


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_two_renders_are_the_same(values: dict[str, Any]) -> None:
    first, second = render(values), render(values)

    assert first.code == 0, first.error
    assert first.objects == second.objects


def test_nothing_is_a_hook() -> None:
    """A hook is deleted and made again at every sync of Argo CD."""
    hooks = [
        o["metadata"]["name"]
        for o in render(EVERYTHING).objects
        if "helm.sh/hook" in (o["metadata"].get("annotations") or {})
    ]

    assert hooks == []


def test_the_key_and_the_queue_are_made_by_the_operator_while_there_are_none(
    tmp_path: Path,
) -> None:
    found = render({"queue.spec": {"gpuQuota": 4, "borrow": False}})
    settings = operator_config(found, tmp_path)

    assert found.of("Secret", "TrainingQueue") == []
    assert settings.first_key == operator_settings.FirstKey(secret="ty-api-key", key="api-key")
    assert settings.default_queue is not None
    assert settings.default_queue.model_dump(exclude_unset=True) == {
        "gpu_quota": 4,
        "borrow": False,
    }
    mounted = [
        v["secret"]["secretName"]
        for v in found.named("Deployment", "ty-gateway")["spec"]["template"]["spec"]["volumes"]
        if "secret" in v
    ]
    assert mounted == ["ty-api-key"]


@pytest.mark.parametrize(
    ("values", "granted"),
    [
        ({}, {"secrets", "trainingqueues"}),
        ({"queue.create": False}, {"secrets"}),
        ({"gateway.apiKey.existingSecret": "mine"}, {"trainingqueues"}),
        ({"queue.create": False, "gateway.apiKey.existingSecret": "mine"}, set()),
    ],
    ids=["both", "no queue", "a Secret of theirs", "neither"],
)
def test_the_operator_may_create_only_what_it_has_to(
    values: dict[str, Any], granted: set[str], tmp_path: Path
) -> None:
    found = render(values)
    rules = found.named("Role", "ty-operator")["rules"]
    settings = operator_config(found, tmp_path)

    creates = {r["resources"][0] for r in rules if "create" in r["verbs"]}
    assert creates & {"secrets", "trainingqueues"} == granted
    assert (settings.first_key is not None) == ("secrets" in granted)
    assert (settings.default_queue is not None) == ("trainingqueues" in granted)


def operator_config(found: Rendered, folder: Path) -> operator_settings.Settings:
    path = folder / "operator.yaml"
    path.write_text(found.named("ConfigMap", "ty-operator")["data"]["operator.yaml"])
    return operator_settings.load(path)


def test_a_wrong_queue_is_refused_when_it_is_rendered() -> None:
    found = render({"queue.spec": {"gpus": 4}})

    assert found.code != 0
    assert "gpus" in found.error


def test_the_queue_has_the_fields_of_the_custom_resource() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    crd = yaml.safe_load((ROOT / "crds" / "trainingqueues.yaml").read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    ours = schema["properties"]["queue"]["properties"]["spec"]["properties"]

    assert ours.keys() == spec["properties"].keys()
    for name, field in spec["properties"].items():
        kinds = ours[name]["type"] if isinstance(ours[name]["type"], list) else [ours[name]["type"]]
        assert field["type"] in kinds, name
        for bound in ("minimum", "maximum"):
            assert ours[name].get(bound) == field.get(bound), name
