"""What stands around a session's Jobs and pods: nodes, warnings of Kubernetes, and the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from trainyard_operator.core.attempts.gateway_life import GatewayLife
from trainyard_scheduler.facts import Node
from trainyard_scheduler.held_up import node_trouble
from trainyard_scheduler.objects.model import Pod
from trainyard_scheduler.objects.warning_events import WarningIndex


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Nodes by name, Warning Events about pods and Jobs, and the gateway's life."""

    nodes: Mapping[str, Node] | None = None
    """None if nothing is known of nodes."""
    warnings: WarningIndex = field(default_factory=WarningIndex)
    gateway: GatewayLife | None = None
    """None if nothing is known of the gateway."""

    def warning(self, uid: str) -> str:
        """The newest warning about a pod or Job; empty without one."""
        found = self.warnings.newest(uid)
        return found.words if found is not None else ""

    def trouble(self, pod: Pod) -> str:
        """What is wrong with a pod's node; empty if nothing is known to be."""
        return node_trouble(pod.assigned, self.nodes)

    def lost(self, name: str) -> bool:
        """Whether a node is gone or does not answer."""
        if self.nodes is None or not name:
            return False
        node = self.nodes.get(name)
        return node is None or (node.unready is not None and node.unready.silent)


NOTHING_KNOWN: Final = Surroundings()
