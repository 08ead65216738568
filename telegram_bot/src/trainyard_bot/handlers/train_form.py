"""The submit form as a conversation: keeps the open forms, asks, checks, submits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from trainyard.models import Session
from trainyard_bot.gateway.client import GatewayClient
from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.handlers import form as forms
from trainyard_bot.handlers.form import REVIEW, Form, Question
from trainyard_bot.text import answers, problems
from trainyard_bot.text.keyboards import caption
from trainyard_bot.text.replies import Reply
from trainyard_bot.updates.callback_data import Action, Button, CallbackData, Keyboard
from trainyard_bot.updates.fields import ParseError, Value
from trainyard_bot.updates.user_context import UserContext

OPEN_MAX: Final = 1000
_CAPTIONS: Final = {forms.START: "🚀 Start", forms.CLOSE: "✖️ Close"}
_BUTTONS_PER_ROW: Final = {"epochs": 5, "gpus": 5, REVIEW: 2}


class TrainFormHandlers:
    """The open forms, one for each person and chat. A restart loses them and starts nothing."""

    def __init__(
        self,
        gateway: GatewayClient,
        show: Callable[[Session, UserContext], Reply],
        new_id: Callable[[], str],
    ) -> None:
        """`show` makes the message of a session that was started; `new_id` makes ids of forms."""
        self._gateway = gateway
        self._show = show
        self._new_id = new_id
        self._open: dict[UserContext, Form] = {}

    async def open(self, values: Mapping[str, Value], user: UserContext) -> list[Reply]:
        """/train: a new form with these values; it replaces an open one of the same person."""
        datasets: tuple[str, ...] = ()
        if "dataset" not in values:
            listed = (await self._gateway.read(lambda api: api.datasets())).datasets
            datasets = tuple(dataset.name for dataset in listed)
        if len(self._open) >= OPEN_MAX:
            del self._open[next(iter(self._open))]
        form = Form(self._new_id(), datasets, values=values)
        return [await self._ask(form, user)]

    def close(self, user: UserContext) -> bool:
        """Close the person's form; whether there was one."""
        return self._open.pop(user, None) is not None

    async def text(self, text: str, user: UserContext) -> list[Reply] | None:
        """A written answer; None while no form is open."""
        form = self._open.get(user)
        if form is None:
            return None
        after = forms.answer_text(form, text)
        if isinstance(after, ParseError):
            return [Reply(problems.parse_error(after))]
        return [await self._ask(after, user)]

    async def button(self, argument: str, user: UserContext) -> list[Reply]:
        """A button of a form: `<form id>.<field>.<option number>`."""
        form_id, _, rest = argument.partition(".")
        key, _, number = rest.partition(".")
        form = self._open.get(user)
        if form is None or form.form_id != form_id or not _is_option(number):
            return [Reply(answers.FORM_EXPIRED, toast=True)]
        if key == REVIEW and forms.question(form).key == REVIEW:
            return await self._finish(form, int(number), user)
        after = forms.answer_option(form, key, int(number))
        if after is None:
            return [Reply(answers.FORM_EXPIRED, toast=True)]
        if isinstance(after, ParseError):
            return [Reply(problems.parse_error(after))]
        return [replace(await self._ask(after, user), edit=True)]

    async def _ask(self, form: Form, user: UserContext, check: bool = True) -> Reply:
        dataset = form.values.get("dataset")
        if dataset is not None and not form.proposal:
            form = replace(form, proposal=forms.propose_name(str(dataset), form.form_id[:4]))
        self._open[user] = form
        question = forms.question(form)
        text = answers.form(forms.shown(form), question.text)
        if question.key == REVIEW and check:
            text += "\n" + await self._check(form)
        return Reply(text, keyboard(form, question))

    async def _check(self, form: Form) -> str:
        """Whether the gateway would accept the form; nothing is started."""
        name, spec = str(form.values["name"]), forms.spec(form)
        try:
            await self._gateway.read(lambda api: api.start_training(spec, name, dry_run=True))
        except GatewayError as error:
            return problems.problem(error.problem)
        return answers.accepted()

    async def _finish(self, form: Form, number: int, user: UserContext) -> list[Reply]:
        # Taken out before the call, so that a second tap finds no form. The form's id is the
        # idempotency key as well.
        self._open.pop(user, None)
        if number != 0:
            return [Reply(answers.FORM_CLOSED, edit=True)]
        name, spec, key = str(form.values["name"]), forms.spec(form), form.form_id
        try:
            session = await self._gateway.write(
                lambda api: api.start_training(spec, name, idempotency_key=key)
            )
        except GatewayError as error:
            self._open.setdefault(user, form)
            # A problem that passes says nothing about the form: a check would meet it again.
            again = await self._ask(form, user, check=not error.passing)
            return [Reply(problems.problem(error.problem, "submit")), again]
        return [Reply(answers.submitted(session.name), edit=True), self._show(session, user)]


def _is_option(number: str) -> bool:
    return number.isascii() and number.isdecimal() and len(number) <= 2


def keyboard(form: Form, question: Question) -> Keyboard:
    """The answers that the form proposes, as buttons. Pure."""
    buttons = [
        Button(
            caption(_CAPTIONS.get(option, option)),
            CallbackData(Action.FORM, f"{form.form_id}.{question.key}.{number}"),
        )
        for number, option in enumerate(question.options)
    ]
    width = _BUTTONS_PER_ROW.get(question.key, 1)
    return tuple(tuple(buttons[start : start + width]) for start in range(0, len(buttons), width))
