"""Answers about runs: show, list, queue, metrics, logs, and what steers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.gateway.interface import Gateway
from trainyard_bot.gateway.views import WAITING, Run
from trainyard_bot.handlers.confirmations import Question, Questions
from trainyard_bot.text import common as messages
from trainyard_bot.text import keyboards
from trainyard_bot.text import sessions as run_messages
from trainyard_bot.text.chart import Artist
from trainyard_bot.text.formats import Moment
from trainyard_bot.text.replies import Asker, Attachment, Reply
from trainyard_bot.updates.callback_data import Tap
from trainyard_bot.updates.commands import LOG_LINES_DEFAULT, Command

PAGES_SENT: Final = 3
"""Logs of more messages than this go as a file."""

PRIORITY_STEP: Final = 10
PRIORITY_MAX: Final = 1000

_ACTION_OF: Final = {"status": "st", "metrics": "mt", "logs": "lg", "stop": "sp", "cancel": "cn"}


class RunDesk:
    """Everything about runs that a person can ask for."""

    def __init__(
        self,
        gateway: Gateway,
        questions: Questions,
        artist: Artist,
        moment: Callable[[int], Moment],
    ) -> None:
        self._gateway = gateway
        self._questions = questions
        self._artist = artist
        self._moment = moment

    async def sessions(self, command: Command, asker: Asker) -> list[Reply]:
        """/sessions: a list with a button for each run that is not over."""
        views, total = await self._gateway.runs(command.phase)
        text = run_messages.sessions(views, total, self._moment(asker.chat))
        return [Reply(text, keyboards.choose_run(views, "st"))]

    async def queue(self, asker: Asker) -> list[Reply]:
        """/queue: who waits."""
        views = await self._gateway.queue()
        text = run_messages.queue(views, self._moment(asker.chat))
        return [Reply(text, keyboards.choose_run(views, "st"))]

    async def command(self, command: Command, asker: Asker) -> list[Reply]:
        """/status, /metrics, /logs, /stop and /cancel: of the named run, the only one, or the one that is tapped."""
        if command.target is not None:
            view = await self._gateway.run(command.target)
            return await self._about(view, command, asker)
        views = await self._candidates(command.name)
        if len(views) == 1:
            return await self._about(views[0], command, asker)
        if not views:
            nothing = messages.NOTHING_TO_CANCEL if command.name == "cancel" else messages.NO_RUNS
            return [Reply(nothing)]
        keyboard = keyboards.choose_run(views, _ACTION_OF[command.name])
        return [Reply(messages.choose(command.name), keyboard)]

    async def _candidates(self, name: str) -> Sequence[Run]:
        views, _ = await self._gateway.runs()
        if name == "cancel":
            return [view for view in views if view.phase in WAITING]
        if views or name == "stop":
            return views
        # Nothing goes on: the newest that is over is what people mean by "the run".
        views, _ = await self._gateway.runs("all")
        return views[:1]

    async def tap(self, tap: Tap, asker: Asker) -> list[Reply]:
        """A button that belongs to a run."""
        view = await self._gateway.run(tap.argument)
        names = {action: name for name, action in _ACTION_OF.items()}
        if tap.action in names:
            return await self._about(view, Command(names[tap.action]), asker)
        return await self._steer(view, tap.action, asker)

    async def _about(self, view: Run, command: Command, asker: Asker) -> list[Reply]:
        if command.name == "metrics":
            return await self._metrics(view, command.metrics)
        if command.name == "logs":
            return await self._logs(view, command.lines)
        if command.name == "status":
            return [self.show(view, asker)]
        return [self._ask(view, command.name, asker)]

    def show(self, view: Run, asker: Asker, edit: bool = False) -> Reply:
        """The message of a run, which is then kept up to date."""
        text = run_messages.run(view, self._moment(asker.chat))
        return Reply(text, keyboards.for_run(view), live=view.uid, edit=edit)

    async def _metrics(self, view: Run, wanted: Sequence[str]) -> list[Reply]:
        values = await self._gateway.metrics(view.uid)
        if wanted:
            values = [(name, value) for name, value in values if name in wanted]
        text = run_messages.metrics(view, values)
        picture = await self.curve(view, wanted)
        return [Reply(text, picture=picture)]

    async def curve(self, view: Run, wanted: Sequence[str] = ()) -> Attachment | None:
        """The run's curve as a picture; None while there is no point."""
        series = await self._gateway.history(view.uid)
        if wanted:
            series = [one for one in series if one.name in wanted]
        try:
            return Attachment(f"{view.name}.png", await self._artist.draw(view.name, series))
        except ValueError:
            return None

    async def _logs(self, view: Run, count: int = LOG_LINES_DEFAULT) -> list[Reply]:
        lines = await self._gateway.logs(view.uid, count)
        pages = run_messages.logs(view, lines)
        if len(pages) <= PAGES_SENT:
            return [Reply(page) for page in pages]
        file = Attachment(f"{view.name}.log", "\n".join([*lines, ""]).encode())
        return [Reply(run_messages.log_caption(view, len(lines)), file=file)]

    def _ask(self, view: Run, action: str, asker: Asker) -> Reply:
        if view.over:
            return Reply(messages.already_over(view))
        waits = view.phase in WAITING
        if action == "cancel" and not waits:
            return Reply(messages.already_runs(view))
        done = "cancel" if waits else "stop"
        question_id = self._questions.ask(Question(done, view.uid, view.name), asker)
        yes = "🚫 Yes, cancel" if waits else "⏹ Yes, stop"
        return Reply(messages.confirm_stop(view), keyboards.confirm(question_id, yes))

    async def _steer(self, view: Run, action: str, asker: Asker) -> list[Reply]:
        if action == "su":
            await self._gateway.suspend(view.uid)
            text = messages.done("suspend", view.name)
        elif action == "re":
            await self._gateway.resume(view.uid)
            text = messages.done("resume", view.name)
        else:
            higher = min(PRIORITY_MAX, view.priority + PRIORITY_STEP)
            await self._gateway.set_priority(view.uid, higher)
            text = messages.done("raise", view.name)
        return [Reply(text, toast=True), await self._refreshed(view, text, asker)]

    async def _refreshed(self, view: Run, done: str, asker: Asker) -> Reply:
        try:
            view = await self._gateway.run(view.uid)
        except GatewayError as error:
            # The toast is gone in a moment; without the first line it would read as if nothing had been done.
            return Reply(f"{done}\n{messages.problem(error.problem, 'status')}")
        return self.show(view, asker, edit=True)

    async def confirmed(self, question: Question) -> list[Reply]:
        """After the yes to stopping or cancelling."""
        if question.action == "cancel":
            await self._gateway.cancel(question.target)
        else:
            await self._gateway.stop(question.target)
        return [Reply(messages.done(question.action, question.name), edit=True)]
