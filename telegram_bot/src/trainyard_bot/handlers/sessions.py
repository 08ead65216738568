"""Answers about sessions: show, list, queue, metrics, logs, and the operations on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from trainyard.models import Session
from trainyard_api.phase import CANCELLABLE
from trainyard_bot.gateway.client import GatewayClient
from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.handlers.confirmations import Confirmation, Confirmations
from trainyard_bot.text import answers, keyboards, problems
from trainyard_bot.text import sessions as text
from trainyard_bot.text.chart import POINTS, ChartRenderer
from trainyard_bot.text.formats import LIST_LIMIT, LocalTime, shown_whole
from trainyard_bot.text.replies import Attachment, Reply
from trainyard_bot.updates.callback_data import Action
from trainyard_bot.updates.commands import ALL_PHASES, LOG_LINES_DEFAULT, Command
from trainyard_bot.updates.fields import PRIORITY_MAX
from trainyard_bot.updates.user_context import UserContext

PAGES_SENT: Final = 3
"""Logs that fill more messages are sent as a file."""

PRIORITY_STEP: Final = 10


def is_open(session: Session) -> bool:
    """Whether the session has not ended."""
    return not session.finished


class SessionHandlers:
    """What people can ask about sessions. Every method raises `GatewayError`."""

    def __init__(
        self,
        gateway: GatewayClient,
        confirmations: Confirmations,
        charts: ChartRenderer,
        local_time: Callable[[int], LocalTime],
    ) -> None:
        """`local_time` gives the present time in a chat, by the chat's number."""
        self._gateway = gateway
        self._confirmations = confirmations
        self._charts = charts
        self._local_time = local_time

    async def list_sessions(self, command: Command, user: UserContext) -> list[Reply]:
        """/sessions: a list with a button for each session."""
        if command.phase:
            phase = None if command.phase == ALL_PHASES else command.phase
            page = await self._gateway.read(lambda api: api.sessions(phase, limit=LIST_LIMIT))
            listed, total = page.sessions, page.total
        else:
            listed = await self._gateway.sessions(is_open)
            total = len(listed)
        shown = text.sessions(listed, total, self._local_time(user.chat))
        return [Reply(shown, keyboards.choose_session(listed, Action.STATUS))]

    async def queue(self, _: Command, user: UserContext) -> list[Reply]:
        """/queue: the waiting sessions in order."""
        waiting = (await self._gateway.read(lambda api: api.queue())).waiting
        shown = text.queue(waiting, self._local_time(user.chat))
        return [Reply(shown, keyboards.choose_session(waiting, Action.STATUS))]

    async def command(self, command: Command, user: UserContext) -> list[Reply]:
        """/status, /metrics, /logs, /stop and /cancel, of the named or the only session."""
        name = command.target
        if name is not None:
            session = await self._gateway.read(lambda api: api.status(name))
            return await self._answer(session, command, user)
        candidates = await self._candidates(command.name)
        if len(candidates) == 1:
            return await self._answer(candidates[0], command, user)
        if not candidates:
            nothing = answers.NOTHING_TO_CANCEL if command.name == "cancel" else answers.NO_SESSIONS
            return [Reply(nothing)]
        keyboard = keyboards.choose_session(candidates, Action[command.name.upper()])
        return [Reply(answers.choose(command.name), keyboard)]

    async def _candidates(self, command_name: str) -> Sequence[Session]:
        """The sessions that a command without a name can mean."""
        if command_name == "cancel":
            return await self._gateway.sessions(lambda one: one.phase in CANCELLABLE)
        found = await self._gateway.sessions(is_open)
        if found or command_name == "stop":
            return found
        return (await self._gateway.read(lambda api: api.sessions(limit=1))).sessions

    async def button(self, command_name: str, uid: str, user: UserContext) -> list[Reply]:
        """A button that does what a command does."""
        session = await self._gateway.read(lambda api: api.status(uid))
        return await self._answer(session, Command(command_name), user)

    async def _answer(self, session: Session, command: Command, user: UserContext) -> list[Reply]:
        if command.name == "metrics":
            return await self._metrics(session, command.metrics)
        if command.name == "logs":
            return await self._logs(session, command.lines)
        if command.name == "status":
            return [self.show(session, user)]
        return [self._ask_to_end(session, command.name, user)]

    def show(self, session: Session, user: UserContext, edit: bool = False) -> Reply:
        """The message of a session, which the poller then keeps up to date."""
        shown = text.session(session, self._local_time(user.chat))
        return Reply(shown, keyboards.for_session(session), live=session.uid, edit=edit)

    async def _metrics(self, session: Session, wanted: Sequence[str]) -> list[Reply]:
        latest = await self._gateway.read(lambda api: api.metrics(session.uid))
        values = [
            (one.name, str(one.value)) for one in latest.metrics if not wanted or one.name in wanted
        ]
        picture = await self.chart(session.uid, session.name, wanted)
        return [Reply(text.metrics(session, values), picture=picture)]

    async def chart(self, uid: str, name: str, wanted: Sequence[str] = ()) -> Attachment | None:
        """The curves of a session as a picture, of all or the `wanted` metrics; None if empty."""
        history = await self._gateway.read(lambda api: api.history(uid, max_points=POINTS))
        series = [one for one in history.series if not wanted or one.name in wanted]
        try:
            return Attachment(f"{name}.png", await self._charts.draw(name, series))
        except ValueError:
            return None

    async def _logs(self, session: Session, count: int = LOG_LINES_DEFAULT) -> list[Reply]:
        found = await self._gateway.read(lambda api: api.logs(session.uid, limit=count, tail=True))
        lines = [line.message for line in found.lines]
        pages = list(islice(text.logs(session, lines), PAGES_SENT + 1))
        if len(pages) <= PAGES_SENT:
            return [Reply(page) for page in pages]
        whole = "\n".join([*map(shown_whole, lines), ""])
        file = Attachment(f"{session.name}.log", whole.encode())
        return [Reply(text.log_caption(session, len(lines)), file=file)]

    def _ask_to_end(self, session: Session, wanted: str, user: UserContext) -> Reply:
        """The question before stop or cancel; a session that holds no GPUs is always cancelled."""
        if session.finished:
            return Reply(answers.already_ended(session))
        cancellable = session.phase in CANCELLABLE
        if wanted == "cancel" and not cancellable:
            return Reply(answers.not_cancellable(session))
        operation = "cancel" if cancellable else "stop"
        confirmation = Confirmation(operation, session.uid, session.name)
        confirmation_id = self._confirmations.ask(confirmation, user)
        yes = "🚫 Yes, cancel" if cancellable else "⏹ Yes, stop"
        return Reply(
            answers.confirm_end(session, operation), keyboards.confirm(confirmation_id, yes)
        )

    async def confirmed(self, confirmation: Confirmation) -> list[Reply]:
        """Stop or cancel after the yes."""
        uid = confirmation.target
        if confirmation.operation == "cancel":
            await self._gateway.write(lambda api: api.cancel(uid))
        else:
            await self._gateway.write(lambda api: api.stop(uid))
        return [Reply(answers.done(confirmation.operation, confirmation.name), edit=True)]

    async def suspend(self, uid: str, user: UserContext) -> list[Reply]:
        """The button that suspends."""
        session = await self._gateway.read(lambda api: api.status(uid))
        await self._gateway.write(lambda api: api.suspend(uid))
        return await self._after("suspend", session, user)

    async def resume(self, uid: str, user: UserContext) -> list[Reply]:
        """The button that resumes."""
        session = await self._gateway.read(lambda api: api.status(uid))
        await self._gateway.write(lambda api: api.resume(uid))
        return await self._after("resume", session, user)

    async def raise_priority(self, uid: str, user: UserContext) -> list[Reply]:
        """The button that raises the priority by `PRIORITY_STEP`."""
        session = await self._gateway.read(lambda api: api.status(uid))
        higher = min(PRIORITY_MAX, session.spec.priority + PRIORITY_STEP)
        await self._gateway.write(lambda api: api.set_priority(uid, higher))
        return await self._after("raise", session, user)

    async def _after(self, operation: str, session: Session, user: UserContext) -> list[Reply]:
        """What was done as a toast, and the session as it is now in the place of its message."""
        done = answers.done(operation, session.name)
        try:
            session = await self._gateway.read(lambda api: api.status(session.uid))
        except GatewayError as error:
            # The toast is gone in a moment: without the first line, the problem would read as if
            # nothing was done.
            return [
                Reply(done, toast=True),
                Reply(f"{done}\n{problems.problem(error.problem, 'status')}"),
            ]
        return [Reply(done, toast=True), self.show(session, user, edit=True)]
