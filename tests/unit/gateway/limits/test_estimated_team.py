"""An estimate says nothing about the limits of a team that is not the caller's."""

from __future__ import annotations

from typing import Any, cast

import pytest

from trainyard_api.rights.owner import Role, User
from trainyard_gateway.errors import NotPermitted, Unavailable
from trainyard_gateway.estimates.estimator import Estimator
from trainyard_gateway.limits.service import Starter
from trainyard_gateway.rights.asking import Rights
from trainyard_gateway.rights.users import Users
from trainyard_gateway.store.store import Store

ADA = Starter(User("ada", Role.MEMBER, ("vision", "speech")), "k1")


class NoCluster:
    """Reads nothing."""

    async def objects(self) -> Any:
        raise Unavailable("the cluster does not answer")


@pytest.mark.parametrize(("team", "refusal"), [
    pytest.param({}, Unavailable, id="of-the-first-team"),
    pytest.param({"team": "speech"}, Unavailable, id="of-another-team-of-the-user"),
    pytest.param({"team": "finance"}, NotPermitted, id="of-no-team-of-the-user"),
])  # fmt: skip
async def test_whose_limits_are_asked(
    team: dict[str, str], refusal: type[Exception], database: Store
) -> None:
    rights = Rights(Users(database), database)
    estimator = Estimator(cast(Any, NoCluster()), cast(Any, None), cast(Any, None), rights)
    with pytest.raises(refusal):
        await estimator.estimate({"command": ["x"], **team}, ADA)
