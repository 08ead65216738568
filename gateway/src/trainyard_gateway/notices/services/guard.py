"""What a process that runs Apprise may do: connect to allowed addresses, and read its own code.

The library resolves names and connects by itself, and a URL decides where. So the process that
runs it refuses what it must not do by an audit hook (PEP 578), which sees each connection with the
address that it goes to, also after a redirect, and which nothing takes away again.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Collection
from typing import Any, Final

from trainyard_gateway.notices.address import Address, refusal

PORTS: Final = frozenset({443, 465, 587})
"""Of hosts of the internet: HTTPS, and mail with TLS."""
_REFUSED: Final = (
    "ctypes.dlopen", "os.chmod", "os.exec", "os.fork", "os.forkpty", "os.kill", "os.link",
    "os.mkdir", "os.posix_spawn", "os.remove", "os.rename", "os.rmdir", "os.spawn", "os.symlink",
    "os.system", "os.truncate", "pty.spawn", "socket.bind", "subprocess.Popen", "syslog.openlog",
    "syslog.syslog",
)  # fmt: skip
_SENDS: Final = ("socket.connect", "socket.sendto", "socket.sendmsg")
_SYSTEM_FILES: Final = (
    "/dev/null", "/dev/urandom", "/etc/mime.types", "/etc/pki", "/etc/ssl", "/usr/lib/ssl",
    "/usr/share/ca-certificates", "/usr/share/zoneinfo",
)  # fmt: skip
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Refused(PermissionError):
    """The process may not do that; the message says why, for users."""


def refused_address(address: Address, port: int, named: bool) -> str | None:
    """Why nothing is sent to an address and port; None if something may be. Pure.

    `named`: whether the administrator allows the host by its name.
    """
    why = refusal(address, named)
    if why is not None:
        # Not which one: users are not to learn the addresses of this network.
        return (
            f"its host is not allowed: an address of it is {why}; an administrator names hosts "
            "inside of the network in notices.internalHosts"
        )
    if port not in PORTS and not named:
        ports = ", ".join(map(str, sorted(PORTS)))
        return f"the port {port} is not allowed: hosts of the internet get notices on {ports}"
    return None


def may_open(path: str, flags: int, folders: Collection[str]) -> bool:
    """Whether the process may open a file: only to read, and only below these folders. Pure."""
    if flags & _WRITES and path != "/dev/null":
        return False
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


class Guard:
    """The hook of a process. After `install` it holds as long as the process runs."""

    def __init__(self, internal: Collection[str]) -> None:
        """`internal` are the hosts inside the network that may be named."""
        self._internal = frozenset(internal)
        self._named: set[Address] = set()
        prefixes = (sys.prefix, sys.base_prefix, *filter(None, sys.path))
        self._folders = (*_SYSTEM_FILES, *{os.path.realpath(p) for p in prefixes} - {"/"})
        self.why: str | None = None
        """Why the last thing was refused."""

    def install(self) -> None:
        """Refuse from now on."""
        resolve = socket.getaddrinfo

        def noting(host: Any, *rest: Any, **named: Any) -> Any:
            found = resolve(host, *rest, **named)
            if str(host).lower().rstrip(".") in self._internal:
                self._named |= {_address(place[4][0]) for place in found}
            return found

        # The hook sees addresses without their names.
        socket.getaddrinfo = noting
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """What Python calls before it does something. Raises Refused."""
        if event in _SENDS:
            self._send(*args)
        elif event == "open":
            self._open(*args)
        elif event in _REFUSED:
            self._refuse("it would use this machine, not a service of the network")

    def _send(self, used: socket.socket, address: Any) -> None:
        if used.family not in (socket.AF_INET, socket.AF_INET6) or used.type != socket.SOCK_STREAM:
            self._refuse("it is not reached by TCP, so that nothing says whether notices arrive")
        found = _address(address[0])
        why = refused_address(found, int(address[1]), found in self._named)
        if why is not None:
            self._refuse(why)

    def _open(self, path: Any, _: Any, flags: int) -> None:
        if isinstance(path, int):
            return
        place = os.path.realpath(os.fsdecode(path))
        if not may_open(place, flags or 0, self._folders):
            self._refuse("it would read or write a file of this machine")

    def _refuse(self, why: str) -> None:
        self.why = why
        raise Refused(why)


def _address(text: object) -> Address:
    """The address that a socket is given. Raises Refused for a name."""
    try:
        return ipaddress.ip_address(str(text).partition("%")[0])
    except ValueError:
        raise Refused("a connection by name, not by address") from None
