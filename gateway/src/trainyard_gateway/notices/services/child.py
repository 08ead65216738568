"""`python -m trainyard_gateway.notices.services.child`: asks Apprise once, and ends.

It reads a request in JSON from its input, and writes the answer in JSON to its output. The guard
holds before anything of the URL is looked at.
"""

from __future__ import annotations

import difflib
import ipaddress
import logging
import resource
import signal
import socket
import sys
from typing import Any, Final
from urllib.parse import unquote

import orjson

from trainyard_gateway.notices.services.guard import PORTS, Guard, refused_address

LONGEST_SECONDS: Final = 30
"""The process ends then by itself, also if the gateway has died."""
MOST_BYTES: Final = 192 * 1024**2
"""Of data, about three times what the library takes. A service that answers with more than fits is
not asked further. All such processes of a gateway share the memory of its container."""
MOST_OF_SPACE: Final = 1024**3
"""Of addresses, most of them of libraries that all such processes share."""
MOST_OF_WORDS: Final = 1000
"""Characters of an answer's reason: the service may have written it."""
_LOCAL: Final = frozenset(
    {
        "blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "rsyslog", "syslog",
        "windows",
    }
)  # fmt: skip
"""Schemas of what shows notices on the machine itself, or of what never answers."""
_SHORTEST_SECRET: Final = 4


def main() -> None:
    """Answer the request."""
    request = orjson.loads(sys.stdin.buffer.read())
    bound()
    answer = Answering(request).answer()
    sys.stdout.buffer.write(orjson.dumps(answer))
    sys.stdout.flush()


def bound() -> None:
    """Let the process take a bounded time, memory and number of files."""
    signal.alarm(LONGEST_SECONDS)
    bounds = (
        (resource.RLIMIT_AS, MOST_OF_SPACE), (resource.RLIMIT_DATA, MOST_BYTES),
        (resource.RLIMIT_CPU, LONGEST_SECONDS), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 128),
    )  # fmt: skip
    for kind, most in bounds:
        resource.setrlimit(kind, (most, most))


class _Warnings(logging.Handler):
    """Keeps the last warning of the library."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


class Answering:
    """One request: `url`, `internal`, and for a message `title` and `text`."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._url: str = request["url"]
        self._request = request
        self._guard = Guard(request["internal"])
        self._warnings = _Warnings()
        self._status: tuple[int, str | None] | None = None
        self._distrusted = False
        """Whether the service has a certificate that is not valid."""

    def answer(self) -> dict[str, Any]:
        """`refused` with the reason, or `shown`, or what came of the message."""
        import apprise
        import requests
        from apprise import manager_plugins

        logger = logging.getLogger("apprise")
        logger.addHandler(self._warnings)
        logger.propagate = False
        known = _untyped(manager_plugins).NotificationManager()
        known.load_modules()
        self._note_answers(requests.Session, requests.exceptions.SSLError)
        # Python may have cached the code of the library before.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        self._guard.install()
        asset = apprise.AppriseAsset(
            async_mode=False, app_id="Trainyard", app_desc="Trainyard", storage_mode="memory",
            allow_templates=False, secure_logging=True,
        )  # fmt: skip
        make = _untyped(apprise.Apprise).instantiate
        service = make(self._url, asset=asset, suppress_exceptions=True)
        why = self._refusal(service, known)
        if why is not None:
            return {"refused": why}
        if "text" not in self._request:
            return {"shown": service.url(privacy=True).partition("?")[0]}
        return self._send(service, apprise.Apprise(asset=asset), apprise.NotifyFormat.TEXT)

    def _note_answers(self, session: Any, tls_error: type[Exception]) -> None:
        """Note status and Retry-After of each answer, which the library does not give."""
        send = session.send

        def noting(this: Any, *args: Any, **named: Any) -> Any:
            try:
                answer = send(this, *args, **named)
            except tls_error:
                self._distrusted = True
                raise
            self._status = (answer.status_code, answer.headers.get("Retry-After"))
            return answer

        session.send = noting

    def _refusal(self, service: Any, known: Any) -> str | None:
        """Why the service gets no notices."""
        scheme = self._url.partition("://")[0].lower()
        if scheme in _LOCAL:
            return f"{scheme}:// is for the machine that sends; name a service of the network"
        if scheme not in known.schemas(include_disabled=True):
            near = difflib.get_close_matches(scheme, known.schemas(), n=1)
            hint = f"; did you mean {near[0]}://?" if near else ""
            return f"{scheme[:40]}:// is no service that Apprise knows{hint}"
        if service is None:
            plugin = known[scheme]
            if not plugin.enabled:
                return f"{scheme}:// needs a package that is not installed here"
            return (
                f"it has not the form that {plugin.service_name} needs; "
                f"{plugin.setup_url} describes it"
            )
        return self._refusal_of(service)

    def _refusal_of(self, service: Any) -> str | None:
        if len(service) != 1:
            return (
                f"it names {len(service)} targets; make a receiver for each, since a message that "
                "one did not take would come again to the others"
            )
        if not service.verify_certificate:
            return "verify=no is not allowed: the certificate of a service is always verified"
        host = str(getattr(service, "smtp_host", "") or service.host or "").lower()
        host = host.strip("[]").rstrip(".")
        if host in self._request["internal"]:
            return None
        if getattr(service, "smtp_host", None) and not service.secure:
            return "mail is sent with TLS only; write mailtos://"
        if service.port and int(service.port) in PORTS and not service.secure:
            scheme = self._url.partition("://")[0].lower()
            return f"{scheme}:// is sent without TLS; write the scheme with TLS, often {scheme}s://"
        return self._unsafe_host(service, host)

    def _unsafe_host(self, service: Any, host: str) -> str | None:
        """Why a host that the URL names is refused. The guard refuses it at each connection too."""
        if "host" not in service.template_tokens or not host:
            return None
        try:
            places = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return None  # It may be no host: some services have other words there.
        port = int(service.port or 443)
        for *_, place in places:
            found = ipaddress.ip_address(str(place[0]).partition("%")[0])
            if (why := refused_address(found, port, named=False)) is not None:
                return why
        return None

    def _send(self, service: Any, sender: Any, plain: Any) -> dict[str, Any]:
        service.overflow_mode = "truncate"
        service.optional = False  # or a failure would be called a success
        sender.add(service)
        title, text = self._request["title"], self._request["text"]
        if sender.notify(title=title, body=text, body_format=plain):
            return {"delivered": True}
        status, retry_after = self._status or (None, None)
        words = self._guard.why or self._without_secrets(self._warnings.last)
        if self._distrusted:
            words = "the certificate of the service is not valid"
        return {
            "delivered": False, "words": words[:MOST_OF_WORDS], "status": status, "retryAfter": retry_after,
            "refused": None,
        }  # fmt: skip

    def _without_secrets(self, words: str) -> str:
        """A warning without any part of the URL."""
        rest = self._url.partition("://")[2]
        for sign in "/?&=:@#,":
            rest = rest.replace(sign, " ")
        parts = {part for raw in rest.split() for part in (raw, unquote(raw))}
        for part in sorted(parts, key=len, reverse=True):
            if len(part) >= _SHORTEST_SECRET:
                words = words.replace(part, "…")
        return words


def _untyped(thing: Any) -> Any:
    """The library's types are those of no plugin."""
    return thing


if __name__ == "__main__":
    main()
