"""`python notice_process.py DATABASE`: delivers what is in the outbox until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from trainyard_gateway.notices.delivery import NoticeDelivery, Pace
from trainyard_gateway.notices.receivers import Receivers
from trainyard_gateway.store.connect import connect

HURRIED = Pace(answer=5.0, claim=1.0, look=0.05)


async def deliver(database: Path) -> None:
    """Deliver without end."""
    store = connect(f"sqlite:///{database}", None)
    await store.open()
    receivers = Receivers(store, True, ["127.0.0.1"])
    await receivers.load()
    await NoticeDelivery(store, receivers, HURRIED).run()


if __name__ == "__main__":
    asyncio.run(deliver(Path(sys.argv[1])))
