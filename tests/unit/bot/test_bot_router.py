"""Every command and every button has its handler."""

from __future__ import annotations

import httpx
import pytest

from trainyard import AsyncClient
from trainyard_bot.gateway.client import GatewayClient
from trainyard_bot.gateway.deadline import TracingTransport
from trainyard_bot.handlers.confirmations import Confirmations
from trainyard_bot.handlers.registry import RegistryHandlers
from trainyard_bot.handlers.sessions import SessionHandlers
from trainyard_bot.handlers.train_form import TrainFormHandlers
from trainyard_bot.router import Router
from trainyard_bot.text import answers, problems
from trainyard_bot.text.chart import ChartRenderer
from trainyard_bot.text.formats import LocalTime
from trainyard_bot.updates.callback_data import Action
from trainyard_bot.updates.commands import USAGES
from trainyard_bot.updates.user_context import UserContext

ADA = UserContext(7, 1)


def router() -> Router:
    """All handlers, and a gateway that answers 503 to everything."""
    transport = TracingTransport(httpx.MockTransport(lambda _: httpx.Response(503)))
    gateway = GatewayClient(AsyncClient("http://gateway", "key", transport=transport), 0.01)
    confirmations = Confirmations(lambda: "id", lambda: 0.0)

    def local_time(_: int) -> LocalTime:
        raise AssertionError("nothing is shown without an answer of the gateway")

    sessions = SessionHandlers(gateway, confirmations, ChartRenderer(), local_time)
    registry = RegistryHandlers(gateway, confirmations, local_time)
    forms = TrainFormHandlers(gateway, sessions.show, lambda: "form")
    return Router(sessions, registry, forms, confirmations, lambda: "error")


def test_every_button_but_yes_and_no_has_a_handler_and_an_operation() -> None:
    buttons = router().buttons

    assert set(buttons) == set(Action) - {Action.CONFIRM, Action.DISMISS}
    assert {route.operation for route in buttons.values()} <= set(problems.OPERATIONS)


@pytest.mark.parametrize(
    "action", sorted(set(Action) - {Action.CONFIRM, Action.DISMISS, Action.FORM})
)
async def test_a_button_says_what_could_not_be_done(action: Action) -> None:
    one = router()
    (reply,) = await one.tap(f"{action}:u-1", ADA)

    operation = problems.OPERATIONS[one.buttons[action].operation]
    assert reply.text.startswith(f"⚠️ I could not {operation}. The gateway is not ready")


@pytest.mark.parametrize("command", sorted(set(USAGES) - {"start", "help"}))
async def test_a_command_says_what_could_not_be_done(command: str) -> None:
    (reply,) = await router().text(f"/{command}", ADA, "yard")

    assert reply.text.startswith(
        f"⚠️ I could not {problems.OPERATIONS[command]}. The gateway is not ready"
    )


@pytest.mark.parametrize("command", ["start", "help"])
async def test_a_command_without_the_gateway_is_answered(command: str) -> None:
    (reply,) = await router().text(f"/{command}", ADA, "yard")

    assert "/help" in reply.text


@pytest.mark.parametrize("action", [Action.CONFIRM, Action.DISMISS, Action.FORM])
async def test_a_button_of_a_confirmation_or_form_that_is_gone_says_so(action: Action) -> None:
    (reply,) = await router().tap(f"{action}:form.review.0", ADA)

    assert reply.toast
    assert reply.text in (answers.EXPIRED, answers.FORM_EXPIRED)
