"""The parts of notices together: receivers, what fills the outbox, and what empties it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trainyard_api.rights.owner import User
from trainyard_gateway.notices.delivery import NoticeDelivery
from trainyard_gateway.notices.receivers import Receivers
from trainyard_gateway.notices.rights.recheck import Recheck
from trainyard_gateway.notices.watching import NoticeWatcher
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.settings import Settings
from trainyard_gateway.store.store import Store
from trainyard_gateway.task_supervisor import TaskSupervisor


@dataclass(frozen=True, slots=True)
class Notices:
    """Notices of the gateway."""

    receivers: Receivers
    watcher: NoticeWatcher
    delivery: NoticeDelivery
    recheck: Recheck

    def start(self, tasks: TaskSupervisor) -> None:
        """Run what there is to run; nothing where notices are switched off."""
        if self.receivers.enabled:
            tasks.start(NoticeWatcher.__name__, self.watcher.run)
            tasks.start(NoticeDelivery.__name__, self.delivery.run)


def build(
    settings: Settings, cache: SessionCache, database: Store, user_of: Callable[[str], User]
) -> Notices:
    """The parts, connected; `user_of` tells who the user of a name is."""
    receivers = Receivers(database, settings.notices_enabled, settings.notices_internal_hosts)
    watcher = NoticeWatcher(cache, database, receivers, user_of)
    recheck = Recheck(cache, database, user_of)
    delivery = NoticeDelivery(database, receivers, recheck=recheck)
    watcher.on_added = delivery.wake
    cache.on_change(watcher.notify)
    return Notices(receivers, watcher, delivery, recheck)
