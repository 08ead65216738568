"""The submit form as a conversation: keeps the open forms, asks, checks, hands in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.gateway.interface import Gateway
from trainyard_bot.gateway.views import Run
from trainyard_bot.handlers import form as forms
from trainyard_bot.handlers.form import Form
from trainyard_bot.text import common as messages
from trainyard_bot.text.formats import clip
from trainyard_bot.text.replies import Asker, Reply
from trainyard_bot.updates.callback_data import Button, Keyboard, Tap
from trainyard_bot.updates.commands import Mistake

FORMS_OPEN: Final = 1000
_CAPTIONS: Final = {forms.START: "🚀 Start", forms.LEAVE: "✖️ Close"}


class FormDesk:
    """Forms in progress, one per person and chat. They are lost with the process; nothing was started then."""

    def __init__(
        self,
        gateway: Gateway,
        show: Callable[[Run, Asker], Reply],
        new_id: Callable[[], str],
    ) -> None:
        self._gateway = gateway
        self._show = show
        self._new_id = new_id
        self._open: dict[Asker, Form] = {}

    async def open(self, values: Mapping[str, forms.Value], asker: Asker) -> list[Reply]:
        """/train: a new form, filled with what was written; an open one of the same person is replaced."""
        datasets: tuple[str, ...] = ()
        if "dataset" not in values:
            datasets = tuple(view.name for view in await self._gateway.datasets())
        if len(self._open) >= FORMS_OPEN:
            del self._open[next(iter(self._open))]
        form = Form(self._new_id(), datasets, values=values)
        return [await self._ask(form, asker)]

    def leave(self, asker: Asker) -> bool:
        """Close the person's form; whether there was one."""
        return self._open.pop(asker, None) is not None

    async def text(self, text: str, asker: Asker) -> list[Reply] | None:
        """A written answer; None while no form is open."""
        form = self._open.get(asker)
        if form is None:
            return None
        after = forms.answer_text(form, text)
        if isinstance(after, Mistake):
            return [Reply(messages.mistake(after))]
        return [await self._ask(after, asker)]

    async def tap(self, tap: Tap, asker: Asker) -> list[Reply]:
        """A button of a form: `<form id>.<field>.<option number>`."""
        form_id, _, rest = tap.argument.partition(".")
        key, _, number = rest.partition(".")
        form = self._open.get(asker)
        if form is None or form.form_id != form_id or not number.isdecimal():
            return [Reply(messages.FORM_EXPIRED, toast=True)]
        if key == "review" and forms.question(form).key == "review":
            return await self._finish(form, int(number), asker)
        after = forms.answer_option(form, key, int(number))
        if after is None:
            return [Reply(messages.FORM_EXPIRED, toast=True)]
        if isinstance(after, Mistake):
            return [Reply(messages.mistake(after))]
        return [replace(await self._ask(after, asker), edit=True)]

    async def _ask(self, form: Form, asker: Asker, check: bool = True) -> Reply:
        dataset = form.values.get("dataset")
        if dataset is not None and not form.proposal:
            form = replace(form, proposal=forms.propose_name(str(dataset), form.form_id[:4]))
        self._open[asker] = form
        question = forms.question(form)
        text = messages.form(forms.shown(form), question.text)
        if question.key == "review" and check:
            text += "\n" + await self._checked(form)
        return Reply(text, keyboard(form, question))

    async def _checked(self, form: Form) -> str:
        try:
            await self._gateway.check(str(form.values["name"]), forms.spec(form))
        except GatewayError as error:
            return messages.problem(error.problem)
        return messages.checked()

    async def _finish(self, form: Form, number: int, asker: Asker) -> list[Reply]:
        # Taken out before the call: a second tap finds no form. The form's id is the idempotency key besides.
        self._open.pop(asker, None)
        if number != 0:
            return [Reply(messages.FORM_LEFT, edit=True)]
        name = str(form.values["name"])
        try:
            run = await self._gateway.start(name, forms.spec(form), form.form_id)
        except GatewayError as error:
            self._open.setdefault(asker, form)
            # What passes by itself says nothing about the form: asking about it now would only meet it again.
            again = await self._ask(form, asker, check=not error.passing)
            return [Reply(messages.problem(error.problem, "submit")), again]
        return [Reply(messages.started(run.name), edit=True), self._show(run, asker)]


def keyboard(form: Form, question: forms.Question) -> Keyboard:
    """The answers that the form proposes. Pure."""
    buttons = [
        Button(
            clip(_CAPTIONS.get(option, option), 40),
            Tap("fm", f"{form.form_id}.{question.key}.{number}"),
        )
        for number, option in enumerate(question.options)
    ]
    per_row = 5 if question.key in ("epochs", "gpus") else 2 if question.key == "review" else 1
    return tuple(
        tuple(buttons[start : start + per_row]) for start in range(0, len(buttons), per_row)
    )
