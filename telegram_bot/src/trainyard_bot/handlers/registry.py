"""Answers about models, datasets and the system."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from trainyard_bot.gateway.interface import Gateway
from trainyard_bot.gateway.views import Dataset, Model
from trainyard_bot.handlers.confirmations import Question, Questions
from trainyard_bot.text import common as messages
from trainyard_bot.text import keyboards
from trainyard_bot.text import registry as stock_messages
from trainyard_bot.text.formats import Moment
from trainyard_bot.text.replies import Asker, Attachment, Reply
from trainyard_bot.updates.callback_data import Tap, short_id
from trainyard_bot.updates.commands import Command

FILE_LIMIT: Final = 50 * 2**20
"""Largest file that a bot may send, in bytes (Bot API, sendDocument)."""


class StockDesk:
    """Everything about models, datasets and the system that a person can ask for."""

    def __init__(
        self, gateway: Gateway, questions: Questions, moment: Callable[[int], Moment]
    ) -> None:
        self._gateway = gateway
        self._questions = questions
        self._moment = moment

    async def models(self, command: Command, asker: Asker) -> list[Reply]:
        """/models: the list, or one of them."""
        if command.target is not None:
            return [self._model(await self._gateway.model(command.target), asker)]
        views = await self._gateway.models()
        text = stock_messages.models(views, self._moment(asker.chat))
        return [Reply(text, keyboards.choose_model(views))]

    async def datasets(self, command: Command, asker: Asker) -> list[Reply]:
        """/datasets: the list, or one of them."""
        if command.target is not None:
            return [self._dataset(await self._gateway.dataset(command.target), asker)]
        views = await self._gateway.datasets()
        text = stock_messages.datasets(views, self._moment(asker.chat))
        return [Reply(text, keyboards.choose_dataset(views))]

    async def system(self) -> list[Reply]:
        """/system."""
        return [Reply(stock_messages.system(await self._gateway.system()))]

    async def dataset_named(self, key: str) -> Dataset | None:
        """The dataset whose short id is `key`, while it is there."""
        views = await self._gateway.datasets()
        return next((view for view in views if short_id(view.name) == key), None)

    async def tap(self, tap: Tap, asker: Asker) -> list[Reply]:
        """A button that belongs to a model or a dataset."""
        if tap.action == "ds":
            found = await self.dataset_named(tap.argument)
            if found is None:
                return [Reply(messages.GONE)]
            return [self._dataset(await self._gateway.dataset(found.name), asker)]
        models = await self._gateway.models()
        name = next((v.name for v in models if short_id(v.name) == tap.argument), None)
        if name is None:
            return [Reply(messages.GONE)]
        view = await self._gateway.model(name)
        if tap.action == "mf":
            return [await self._file(view)]
        return [self._model(view, asker) if tap.action == "md" else self._ask(view, asker)]

    def _model(self, view: Model, asker: Asker) -> Reply:
        text = stock_messages.model(view, self._moment(asker.chat))
        return Reply(text, keyboards.for_model(view))

    def _dataset(self, view: Dataset, asker: Asker) -> Reply:
        text = stock_messages.dataset(view, self._moment(asker.chat))
        return Reply(text, keyboards.for_dataset(view))

    def _ask(self, view: Model, asker: Asker) -> Reply:
        question_id = self._questions.ask(Question("delete", view.name, view.name), asker)
        text = messages.confirm_delete(view.name, view.versions)
        return Reply(text, keyboards.confirm(question_id, "🗑 Yes, delete"))

    async def _file(self, view: Model) -> Reply:
        if view.size_bytes is not None and view.size_bytes > FILE_LIMIT:
            return Reply(messages.too_big(view.name, view.size_bytes))
        with tempfile.TemporaryDirectory(prefix="trainyard-bot-") as folder:
            path = await self._gateway.download_model(view.name, Path(folder))
            size = path.stat().st_size
            if size > FILE_LIMIT:
                return Reply(messages.too_big(view.name, size))
            content = path.read_bytes()
        version = f"-{view.version}" if view.version is not None else ""
        file = Attachment(f"{view.name}{version}.safetensors", content)
        return Reply(messages.model_file(view.name, view.sha256), file=file)

    async def confirmed(self, question: Question) -> list[Reply]:
        """After the yes to deleting."""
        await self._gateway.delete_model(question.target)
        return [Reply(messages.done("delete", question.name), edit=True)]
