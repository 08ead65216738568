"""A TCP proxy that cuts connections after so many bytes of the answer, as bad networks do."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Sequence
from typing import Self


class CuttingProxy:
    """Between a client and `port`; the n-th connection is cut after `cuts[n]` bytes of answer or `sent[n]` of requests, later ones not."""

    def __init__(self, port: int, cuts: Sequence[int], sent: Sequence[int] = ()) -> None:
        self.cuts, self.connections, self._lock = list(cuts), 0, threading.Lock()
        self.sent = list(sent)
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection(("127.0.0.1", port)) as server,
                ):
                    proxy._pass_on(self.request, server)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            left = self.cuts.pop(0) if self.cuts else None
            asked = self.sent.pop(0) if self.sent else None
        upstream = threading.Thread(target=_upstream, args=(client, server, asked), daemon=True)
        upstream.start()
        _copy(server, client, left)
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _upstream(client: socket.socket, server: socket.socket, limit: int | None) -> None:
    _copy(client, server, limit)
    if limit is not None:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, target: socket.socket, limit: int | None) -> None:
    with contextlib.suppress(OSError):
        while limit is None or limit > 0:
            chunk = source.recv(65536 if limit is None else min(65536, limit))
            if not chunk:
                return
            target.sendall(chunk)
            limit = None if limit is None else limit - len(chunk)
