"""Which limits can be set: what is set can be read again."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_gateway.limits.limit import LimitSpec
from trainyard_gateway.limits.service import Limits
from trainyard_gateway.store.store import Store


@pytest.mark.parametrize("queue", ["", " ", "a b", "a\n", "a\u2003b", "Batch", "-a", "x" * 64])
def test_a_queue_that_can_have_no_such_name_is_refused(queue: str) -> None:
    with pytest.raises(ValidationError):
        LimitSpec(queues=[queue])


async def test_what_is_set_is_read_again(database: Store) -> None:
    limits = Limits(database)
    wanted = LimitSpec(max_gpus=0, gpu_hours=0.5, queues=["a-1", "b"], max_priority=-5)
    await limits.put(Subject(SubjectKind.USER, "ada"), wanted)
    (found,) = await limits.spent()
    assert found.spec == wanted
