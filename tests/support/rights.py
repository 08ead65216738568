"""Rights one verb at a time, and what the API server's RBAC authorizer says to a request when it has them. Pure.

A right is one verb of one resource in one rule, so that a proof can leave out just this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

ALL = "*"


@dataclass(frozen=True)
class Request:
    """What somebody asked of the API server, as the authorizer saw it; a `namespace` of "" means all of them, or none."""

    group: str
    resource: str
    """With its subresource: `pods/log`."""
    verb: str
    namespace: str = ""
    name: str = ""

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """From an event of the audit log."""
        ref = event["objectRef"]
        resource = "/".join(filter(None, (ref["resource"], ref.get("subresource"))))
        # The log takes a created object's name from its body, which nobody has read when rights are looked at.
        unnamed = event["verb"] == "create" and "subresource" not in ref
        return cls(
            ref.get("apiGroup", ""),
            resource,
            event["verb"],
            ref.get("namespace", ""),
            "" if unnamed else ref.get("name", ""),
        )


@dataclass(frozen=True)
class Right:
    """One verb of one resource; `namespace` is where a RoleBinding grants it, None everywhere."""

    role: str
    group: str
    resource: str
    verb: str
    namespace: str | None = None
    names: tuple[str, ...] = ()

    def permits(self, request: Request) -> bool:
        """As the RBAC authorizer decides."""
        _, _, subresource = request.resource.partition("/")
        resources = {ALL, request.resource} | ({f"*/{subresource}"} if subresource else set())
        return (
            self.namespace in (None, request.namespace)
            and self.group in (ALL, request.group)
            and self.resource in resources
            and self.verb in (ALL, request.verb)
            and (not self.names or request.name in self.names)
        )

    def __str__(self) -> str:
        where = "everywhere" if self.namespace is None else f"in {self.namespace}"
        only = f" named {', '.join(self.names)}" if self.names else ""
        return f"{self.role}: {self.verb} {self.resource}.{self.group or 'core'}{only} {where}"


def granted(objects: Iterable[Mapping[str, Any]], account: str, namespace: str) -> list[Right]:
    """Every right that the roles among `objects` give to a service account of `namespace`."""
    known = list(objects)
    rules = {
        (o["kind"], o["metadata"]["name"]): o["rules"]
        for o in known
        if o["kind"] in ("Role", "ClusterRole")
    }
    found = []
    for binding in known:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        subjects = [(s["kind"], s["name"], s.get("namespace")) for s in binding["subjects"]]
        if ("ServiceAccount", account, namespace) not in subjects:
            continue
        role = (binding["roleRef"]["kind"], binding["roleRef"]["name"])
        where = binding["metadata"]["namespace"] if binding["kind"] == "RoleBinding" else None
        found += [
            Right(role[0], group, resource, verb, where, tuple(rule.get("resourceNames", ())))
            for rule in rules[role]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        ]
    return found


def permitted(rights: Iterable[Right], request: Request) -> bool:
    """Whether any of them is enough."""
    return any(right.permits(request) for right in rights)


def needing(
    right: Right, rights: Sequence[Right], requests: Iterable[Request], namespace: str
) -> Request | None:
    """A request that is refused without this one right; None when all would pass.

    A right everywhere must be needed as such: the same one in `namespace` alone may not be enough.
    """
    without = [other for other in rights if other is not right]
    if right.namespace is None:
        without.append(replace(right, namespace=namespace))
    refused = (r for r in requests if right.permits(r) and not permitted(without, r))
    return next(refused, None)


def rules(rights: Iterable[Right]) -> list[dict[str, Any]]:
    """Back to the rules of a role."""
    return [
        {
            "apiGroups": [right.group],
            "resources": [right.resource],
            "verbs": [right.verb],
            **({"resourceNames": list(right.names)} if right.names else {}),
        }
        for right in rights
    ]
