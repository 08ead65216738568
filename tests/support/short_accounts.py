"""Users of a real API server who have all rights of an account but one, and what its authorizer says about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kubernetes import client
from rights import Request, Right, rules


@contextmanager
def short_accounts(
    api: client.ApiClient, namespace: str, account: str, held: Sequence[Right]
) -> Iterator[list[str]]:
    """A user for every right of an account, who has all the others; the API server does not ask whether a user exists."""
    rbac = client.RbacAuthorizationV1Api(api)
    users = [f"{namespace}-{account}-without-{index}" for index in range(len(held))]
    for who, missing in zip(users, held, strict=True):
        rest = [right for right in held if right is not missing]
        here = rules(right for right in rest if right.namespace is not None)
        everywhere = rules(right for right in rest if right.namespace is None)
        meta = {"name": who, "labels": {"short-of": namespace}}
        subject = {"kind": "User", "name": who, "apiGroup": "rbac.authorization.k8s.io"}
        refs = {
            kind: {"kind": kind, "name": who, "apiGroup": "rbac.authorization.k8s.io"}
            for kind in ("Role", "ClusterRole")
        }
        rbac.create_namespaced_role(namespace, {"metadata": meta, "rules": here})
        rbac.create_namespaced_role_binding(
            namespace, {"metadata": meta, "subjects": [subject], "roleRef": refs["Role"]}
        )
        rbac.create_cluster_role({"metadata": meta, "rules": everywhere})
        rbac.create_cluster_role_binding(
            {"metadata": meta, "subjects": [subject], "roleRef": refs["ClusterRole"]}
        )
    try:
        yield users
    finally:
        chosen = f"short-of={namespace}"
        rbac.delete_collection_cluster_role_binding(label_selector=chosen)
        rbac.delete_collection_cluster_role(label_selector=chosen)


def allows(api: client.ApiClient, who: str, request: Request) -> bool:
    """What the API server's authorizer says."""
    resource, _, subresource = request.resource.partition("/")
    attributes = {
        "group": request.group,
        "resource": resource,
        "subresource": subresource,
        "verb": request.verb,
        "namespace": request.namespace,
        "name": request.name,
    }
    groups = ["system:authenticated", "system:serviceaccounts"]
    body = {"spec": {"user": who, "groups": groups, "resourceAttributes": attributes}}
    answer = client.AuthorizationV1Api(api).create_subject_access_review(body)
    return bool(answer.status.allowed)
