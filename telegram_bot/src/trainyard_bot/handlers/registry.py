"""Answers about models, datasets and nodes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from trainyard.models import DatasetEntry, Model
from trainyard_bot.gateway.client import GatewayClient
from trainyard_bot.handlers.confirmations import Confirmation, Confirmations
from trainyard_bot.text import answers, keyboards
from trainyard_bot.text import registry as text
from trainyard_bot.text.formats import LocalTime
from trainyard_bot.text.replies import Attachment, Reply
from trainyard_bot.updates.callback_data import short_id
from trainyard_bot.updates.commands import Command
from trainyard_bot.updates.user_context import UserContext

FILE_LIMIT: Final = 50 * 2**20
"""Largest file that a bot may send, in bytes (Bot API, sendDocument)."""


class RegistryHandlers:
    """What people can ask about models, datasets and nodes. Every method raises `GatewayError`."""

    def __init__(
        self,
        gateway: GatewayClient,
        confirmations: Confirmations,
        local_time: Callable[[int], LocalTime],
    ) -> None:
        """`local_time` gives the present time in a chat, by the chat's number."""
        self._gateway = gateway
        self._confirmations = confirmations
        self._local_time = local_time

    async def models(self, command: Command, user: UserContext) -> list[Reply]:
        """/models: the list, or one of them."""
        if command.target is not None:
            return [self._model(await self._gateway.model_versions(command.target), user)]
        listed = (await self._gateway.read(lambda api: api.models())).models
        shown = text.models(listed, self._local_time(user.chat))
        return [Reply(shown, keyboards.choose_model(listed))]

    async def datasets(self, command: Command, user: UserContext) -> list[Reply]:
        """/datasets: the list, or one of them."""
        if command.target is not None:
            return [await self._dataset(command.target, user)]
        listed = await self._list_datasets()
        shown = text.datasets(listed, self._local_time(user.chat))
        return [Reply(shown, keyboards.choose_dataset(listed))]

    async def system(self, _: Command, __: UserContext) -> list[Reply]:
        """/system: GPUs by node, and the gateway's machine."""
        return [Reply(text.system(await self._gateway.read(lambda api: api.system_info())))]

    async def find_dataset(self, key: str) -> str | None:
        """The name of the dataset with the short id `key`; None if it no longer exists."""
        return next((d.name for d in await self._list_datasets() if short_id(d.name) == key), None)

    async def show_dataset(self, key: str, user: UserContext) -> list[Reply]:
        """The button of a dataset."""
        name = await self.find_dataset(key)
        return [Reply(answers.NOT_FOUND) if name is None else await self._dataset(name, user)]

    async def show_model(self, key: str, user: UserContext) -> list[Reply]:
        """The button of a model."""
        versions = await self._find_model(key)
        return [self._model(versions, user) if versions else Reply(answers.NOT_FOUND)]

    async def send_model(self, key: str, _: UserContext) -> list[Reply]:
        """The button that sends a model's file."""
        versions = await self._find_model(key)
        return [await self._file(versions[0]) if versions else Reply(answers.NOT_FOUND)]

    async def ask_to_delete(self, key: str, user: UserContext) -> list[Reply]:
        """The button that deletes a model: asks first."""
        versions = await self._find_model(key)
        if not versions:
            return [Reply(answers.NOT_FOUND)]
        name = versions[0].name
        confirmation_id = self._confirmations.ask(Confirmation("delete", name, name), user)
        question = answers.confirm_delete(name, len(versions))
        return [Reply(question, keyboards.confirm(confirmation_id, "🗑 Yes, delete"))]

    async def confirmed(self, confirmation: Confirmation) -> list[Reply]:
        """Delete a model after the yes."""
        await self._gateway.write(lambda api: api.delete_model(confirmation.target))
        return [Reply(answers.done("delete", confirmation.name), edit=True)]

    async def _list_datasets(self) -> list[DatasetEntry]:
        return (await self._gateway.read(lambda api: api.datasets())).datasets

    async def _find_model(self, key: str) -> list[Model]:
        """The versions of the model with the short id `key`, newest first; none if it is gone."""
        listed = (await self._gateway.read(lambda api: api.models())).models
        name = next((model.name for model in listed if short_id(model.name) == key), None)
        return [] if name is None else await self._gateway.model_versions(name)

    def _model(self, versions: list[Model], user: UserContext) -> Reply:
        newest = versions[0]
        shown = text.model(newest, len(versions), self._local_time(user.chat))
        return Reply(shown, keyboards.for_model(newest))

    async def _dataset(self, name: str, user: UserContext) -> Reply:
        dataset = await self._gateway.read(lambda api: api.dataset(name))
        shown = text.dataset(dataset, self._local_time(user.chat))
        return Reply(shown, keyboards.for_dataset(dataset))

    async def _file(self, newest: Model) -> Reply:
        if newest.kind != "file":
            return Reply(answers.is_folder(newest.name, newest.files))
        if newest.size_bytes > FILE_LIMIT:
            return Reply(answers.too_big(newest.name, newest.size_bytes))
        with tempfile.TemporaryDirectory(prefix="trainyard-bot-") as folder:
            path = await self._gateway.download_model(newest.name, Path(folder))
            size = path.stat().st_size
            if size > FILE_LIMIT:
                return Reply(answers.too_big(newest.name, size))
            content = path.read_bytes()
        file = Attachment(f"{newest.name}-{newest.version}.safetensors", content)
        return Reply(answers.model_file(newest.name, newest.sha256), file=file)
