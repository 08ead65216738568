"""The API server takes the quantities that our parser takes, refuses the others in its words, and compares by value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import api_client, unique
from kubernetes import client
from quantity_cases import ACCEPTED, DIFFERENT, REFUSED, SAME

from trainyard_api import names

pytestmark = pytest.mark.integration


class Sessions:
    """TrainingSessions of one namespace."""

    def __init__(self, api: client.CustomObjectsApi, namespace: str) -> None:
        self._api = api
        self._where = (names.GROUP, names.VERSION, namespace, names.SESSION_PLURAL)

    def create(self, resources: dict[str, Any], name: str, **options: Any) -> None:
        spec = {"command": ["x"], "resources": resources}
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.SESSION_KIND,
            "metadata": {"name": name},
            "spec": spec,
        }
        self._api.create_namespaced_custom_object(*self._where, body, **options)

    def change(self, resources: dict[str, Any], name: str) -> None:
        self._api.patch_namespaced_custom_object(
            *self._where, name, {"spec": {"resources": resources}}
        )


@pytest.fixture
def sessions(kubeconfig: Path, namespace: str) -> Iterator[Sessions]:
    with api_client(kubeconfig) as api:
        yield Sessions(client.CustomObjectsApi(api), namespace)


def refusal(call: Any, *arguments: Any, **options: Any) -> str | None:
    try:
        call(*arguments, **options)
    except client.ApiException as error:
        if error.status != 422:
            raise
        return str(error.body)
    return None


def test_what_our_parser_takes_is_taken(sessions: Sessions) -> None:
    refused = {
        (field, value): message
        for field, value in ACCEPTED
        if (message := refusal(sessions.create, {field: value}, "s", dry_run="All"))
    }

    assert refused == {}


def test_the_rest_is_refused_in_the_same_words(sessions: Sessions) -> None:
    for field, value in REFUSED:
        message = refusal(sessions.create, {field: value}, "s", dry_run="All")
        assert message is not None, (field, value)
        assert f"spec.resources.{field}" in message
        assert "as a quantity" in message, (field, value, message)


@pytest.mark.parametrize(("one", "other"), SAME, ids=repr)
def test_the_same_value_may_be_applied_again(
    sessions: Sessions, one: dict[str, Any], other: dict[str, Any]
) -> None:
    name = unique("q")
    sessions.create(one, name)

    assert refusal(sessions.change, other, name) is None


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=repr)
def test_another_value_is_refused(
    sessions: Sessions, one: dict[str, Any], other: dict[str, Any]
) -> None:
    name = unique("q")
    sessions.create(one, name)

    found = refusal(sessions.change, other, name)

    assert found is not None
    assert "resources cannot change after creation" in found
