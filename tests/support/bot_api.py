"""A stand-in for Telegram's Bot API: a real HTTP server in a thread, reached by the bot's
`apiBaseUrl`.

It answers the methods that the bot uses, records every call, hands out scripted updates to
`getUpdates`, and can be told to fail. Like the original it refuses texts over 4,096 characters,
callback_data over 64 bytes, broken HTML, and edits that change nothing. It is not Telegram: no
flood limits of its own, no users, no media processing.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from poll import eventually

TOKEN = "4242424242:AAcanary-Token_For-Tests_0123456789abc"
BOT_NAME = "yard_bot"
TAGS = {"b", "i", "code", "pre"}


@dataclass(frozen=True)
class Call:
    """One call of a method: its parameters (JSON values decoded), its files, and when it came
    (monotonic)."""

    method: str
    parameters: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    at: float = 0.0
    effect: bool = False
    """Whether it did what it asks for; with a lost answer the caller does not know."""
    number: int = 0
    """The message that it made or changed."""

    @property
    def text(self) -> str:
        """What a person sees of it."""
        return str(self.parameters.get("text") or self.parameters.get("caption") or "")

    @property
    def buttons(self) -> dict[str, str]:
        """Caption → callback_data."""
        markup = self.parameters.get("reply_markup") or {}
        rows = markup.get("inline_keyboard", [])
        return {b["text"]: b.get("callback_data", "") for row in rows for b in row}


@dataclass
class Fault:
    """What the next `times` calls of a method get instead of an answer."""

    method: str
    times: int
    status: int
    description: str
    retry_after: int | None = None
    drop: bool = False
    do_it: bool = False
    """The call takes effect although its answer is a fault: what a lost answer looks like."""


class _Checker(HTMLParser):
    """Telegram's HTML: few tags, all closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problem = ""
        self.plain = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  the base class's signature
        self.open.append(tag)
        if tag not in TAGS:
            self.problem = f'Unsupported start tag "{tag}"'

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problem = f'Unexpected end tag "{tag}"'

    def handle_data(self, data: str) -> None:
        self.plain += data


class BotApi:
    """The server. `calls` grows; `say` and `tap` queue updates; `fail` scripts faults."""

    def __init__(self, token: str = TOKEN, address: str = "127.0.0.1") -> None:
        self.token = token
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.messages: dict[tuple[int, int], dict[str, Any]] = {}
        self._updates: deque[dict[str, Any]] = deque()
        self._update_id = 1000
        self._message_id = 0
        self._changed = threading.Condition()
        self._closed = False
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                api._serve(self, body)

            do_GET = do_POST  # noqa: N815  the name that http.server looks for

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{address}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def say(self, text: str, chat: int = 7, user: int | None = None, edited: bool = False) -> int:
        """Somebody writes `text`; the update's id."""
        message = self._message(chat, text, user if user is not None else abs(chat))
        if text.startswith("/"):
            size = len(text.split()[0].encode("utf-16-le")) // 2
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": size}]
        return self.push({"edited_message" if edited else "message": message})

    def tap(self, data: str, message: int, chat: int = 7, user: int | None = None) -> int:
        """Somebody taps a button below message `message`; the update's id."""
        person = user if user is not None else abs(chat)
        shown = {"message_id": message, "date": int(time.time()), "chat": _chat(chat), "text": "…"}
        return self.push(
            {
                "callback_query": {
                    "id": f"q{self._update_id}",
                    "from": _person(person),
                    "chat_instance": "1",
                    "message": shown,
                    "data": data,
                }
            }
        )

    def push(self, update: dict[str, Any], update_id: int | None = None) -> int:
        """Queue a raw update; with `update_id` again, as Telegram does when an answer was lost."""
        with self._changed:
            if update_id is None:
                self._update_id += 1
                update_id = self._update_id
            self._updates.append({"update_id": update_id, **update})
            self._changed.notify_all()
            return update_id

    def fail(self, method: str, **fault: Any) -> None:
        """Script a fault: `times` (1), `status` (500), `description`, `retry_after`, `drop`,
        `do_it`."""
        values = {"times": 1, "status": 500, "description": "Internal Server Error", **fault}
        with self._changed:
            self.faults.append(Fault(method, **values))

    def of(self, *methods: str, chat: int | None = None) -> list[Call]:
        """The calls of these methods that took effect, in order."""
        with self._changed:
            return [
                c
                for c in self.calls
                if c.method in methods
                and c.effect
                and (chat is None or c.parameters.get("chat_id") == chat)
            ]

    def sent(self, chat: int | None = None) -> list[Call]:
        """Everything that went to chats, in order."""
        return self.of("sendMessage", "editMessageText", "sendPhoto", "sendDocument", chat=chat)

    def wait_for(
        self, what: str, chat: int | None = None, after: int = 0, within: float = 15
    ) -> Call:
        """The first thing sent from position `after` on whose text contains `what`."""

        def found() -> Call | None:
            return next((c for c in self.sent(chat)[after:] if what in c.text), None)

        try:
            return eventually(found, within=within, every=0.02, what=f"a message with {what!r}")
        except AssertionError as error:
            said = [f"{c.method}: {c.text}" for c in self.sent(chat)[after:]]
            raise AssertionError(f"no {what!r} in {said}") from error

    def _message(self, chat: int, text: str, user: int) -> dict[str, Any]:
        with self._changed:
            self._message_id += 1
            number = self._message_id
        return {
            "message_id": number,
            "date": int(time.time()),
            "chat": _chat(chat),
            "from": _person(user),
            "text": text,
        }

    def _serve(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        match = re.fullmatch(r"/bot([^/]+)/(\w+)", request.path.partition("?")[0])
        if not match or match[1] != self.token:
            _send(request, 401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
            return
        method = match[2]
        parameters, files = _read(request.headers.get("Content-Type", ""), body)
        fault = self._fault(method)
        effect = False
        if fault is None or fault.do_it:
            status, answer = self._answer(method, parameters, files)
            effect = status == 200
        if fault is not None:
            status, answer = _faulty(fault)
        result = answer.get("result")
        number = result.get("message_id", 0) if isinstance(result, dict) else 0
        call = Call(method, parameters, files, time.monotonic(), effect, number)
        with self._changed:
            self.calls.append(call)
        if fault is not None and fault.drop:
            request.close_connection = True
            return
        _send(request, status, answer)

    def _fault(self, method: str) -> Fault | None:
        with self._changed:
            for fault in self.faults:
                if fault.method == method and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def _answer(
        self, method: str, parameters: dict[str, Any], files: dict[str, bytes]
    ) -> tuple[int, dict[str, Any]]:
        known: dict[str, Callable[[dict[str, Any], dict[str, bytes]], Any]] = {
            "getMe": lambda *_: {
                "id": 4242424242, "is_bot": True, "first_name": "Yard", "username": BOT_NAME,
            },
            "getUpdates": self._get_updates,
            "sendMessage": self._send_message,
            "sendPhoto": self._send_file,
            "sendDocument": self._send_file,
            "editMessageText": self._edit,
        }  # fmt: skip
        handle = known.get(method)
        try:
            return 200, {"ok": True, "result": handle(parameters, files) if handle else True}
        except ValueError as error:
            return 400, {"ok": False, "error_code": 400, "description": f"Bad Request: {error}"}

    def _get_updates(self, parameters: dict[str, Any], _: dict[str, bytes]) -> list[dict[str, Any]]:
        offset, wait = int(parameters.get("offset", 0)), float(parameters.get("timeout", 0))
        deadline = time.monotonic() + wait
        with self._changed:
            while self._updates and self._updates[0]["update_id"] < offset:
                self._updates.popleft()
            while not self._updates and not self._closed and time.monotonic() < deadline:
                self._changed.wait(min(0.2, max(0.0, deadline - time.monotonic())))
            return list(self._updates)[:100]

    def _send_message(self, parameters: dict[str, Any], _: dict[str, bytes]) -> dict[str, Any]:
        _check_text(parameters, "text", 4096)
        return self._put(parameters)

    def _send_file(self, parameters: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
        _check_text(parameters, "caption", 1024)
        if not files:
            raise ValueError("there is no file in the request")
        return self._put(parameters)

    def _put(self, parameters: dict[str, Any]) -> dict[str, Any]:
        chat = int(parameters["chat_id"])
        message = self._message(chat, str(parameters.get("text", "")), 4242424242)
        with self._changed:
            self.messages[chat, message["message_id"]] = dict(parameters)
        return message

    def _edit(self, parameters: dict[str, Any], _: dict[str, bytes]) -> dict[str, Any]:
        _check_text(parameters, "text", 4096)
        chat, number = int(parameters["chat_id"]), int(parameters["message_id"])
        with self._changed:
            before = self.messages.get((chat, number))
            if before is None:
                raise ValueError("message to edit not found")
            if all(before.get(k) == parameters.get(k) for k in ("text", "reply_markup")):
                raise ValueError("message is not modified: the new content is exactly the same")
            self.messages[chat, number] = dict(parameters)
        message = self._message(chat, str(parameters["text"]), 4242424242)
        return {**message, "message_id": number}


def _chat(chat: int) -> dict[str, Any]:
    return {"id": chat, "type": "private" if chat > 0 else "group", "title": "a chat"}


def _person(user: int) -> dict[str, Any]:
    return {"id": user, "is_bot": False, "first_name": "Ada", "language_code": "en"}


def _check_text(parameters: dict[str, Any], key: str, limit: int) -> None:
    text = str(parameters.get(key, ""))
    if key == "text" and not text:
        raise ValueError("message text is empty")
    plain = text
    if parameters.get("parse_mode") == "HTML":
        checker = _Checker()
        checker.feed(text)
        checker.close()
        if checker.problem or checker.open:
            raise ValueError(f"can't parse entities: {checker.problem or 'unclosed tag'}")
        plain = checker.plain
    if len(plain.encode("utf-16-le")) // 2 > limit:
        raise ValueError("message is too long" if key == "text" else "message caption is too long")
    for row in (parameters.get("reply_markup") or {}).get("inline_keyboard", []):
        if any(not 1 <= len(button.get("callback_data", "").encode()) <= 64 for button in row):
            raise ValueError("BUTTON_DATA_INVALID")


def _faulty(fault: Fault) -> tuple[int, dict[str, Any]]:
    answer: dict[str, Any] = {
        "ok": False, "error_code": fault.status, "description": fault.description,
    }  # fmt: skip
    if fault.retry_after is not None:
        answer["parameters"] = {"retry_after": fault.retry_after}
    return fault.status, answer


def _read(content_type: str, body: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    if content_type.startswith("multipart/"):
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        parsed = BytesParser(policy=HTTP).parsebytes(head + body)
        values: dict[str, Any] = {}
        files: dict[str, bytes] = {}
        for part in parsed.iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            if part.get_filename():
                files[str(part.get_filename())] = payload
            else:
                values[name] = _value(payload.decode())
        return values, files
    if content_type.startswith("application/json"):
        return dict(json.loads(body or b"{}")), {}
    return {k: _value(v[0]) for k, v in parse_qs(body.decode(), True).items()}, {}


_TEXTS = re.compile(r"-?[0-9]+|true|false|[\[{].*", re.DOTALL)


def _value(text: str) -> Any:
    """Numbers, booleans and JSON objects arrive as text in forms."""
    if not _TEXTS.fullmatch(text):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _send(request: BaseHTTPRequestHandler, status: int, answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()
    try:
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
    except (BrokenPipeError, ConnectionResetError):
        request.close_connection = True
