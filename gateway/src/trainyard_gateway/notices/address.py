"""Where notices may be sent: no address that only this network reaches, unless it is named.

Guarantees:

- A name is resolved once; the connection is opened to the addresses that were found and checked.
- A name with one refused address is refused, also beside allowed ones.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from typing import Final

from yarl import URL

from trainyard_gateway.errors import Unprocessable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL: Final = 2048
RESOLVE_SECONDS: Final = 5.0
_EMBEDDED: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))
"""Addresses of IPv6 whose last four bytes are one of IPv4: of NAT64, and older ones."""
_INTERNET: Final = ipaddress.IPv6Network("2000::/3")
"""Where all addresses of IPv6 are that are assigned to hosts of the internet."""
_NOT_ASSIGNED: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "3fff::/20")))
"""Others that old versions of Python's tables call global."""
_CLOUDS: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    )
)
"""Addresses that are not link-local, at which clouds answer their machines."""


class RefusedAddress(Exception):
    """Notices are not sent there; the message says why."""


def parse(text: str, internal: Collection[str]) -> URL:
    """The URL of a receiver. Raises Unprocessable.

    `internal` are the hosts inside the network that the administrator allows.
    """
    try:
        url = URL(text) if len(text) <= LONGEST_URL else URL()
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise Unprocessable(
            "url is not https://HOST/… nor that of a service, such as ntfys://TOPIC; it has at most "
            f"{LONGEST_URL} characters"
        )
    if url.user is not None or url.password is not None:
        raise Unprocessable("url holds a user or a password; leave them out: messages are signed")
    if url.scheme != "https" and host_of(url) not in internal:
        raise Unprocessable("url begins with http; use https, so that no other program reads along")
    if url.port != 443 and host_of(url) not in internal:
        raise Unprocessable(f"url names the port {url.port}; only 443 is for hosts of the internet")
    return url


def host_of(url: URL) -> str:
    """The host of a URL as the administrator writes it."""
    return (url.host or "").lower().rstrip(".")


def refusal(address: Address, named: bool) -> str | None:
    """What an address is to which nothing is sent; None if something may be. Pure.

    `named`: whether the administrator allows the host by its name.
    """
    if address.is_link_local or address.is_unspecified or address.is_multicast:
        return "link-local, unspecified or of a group"
    inner = _inner(address)
    if inner is not None:
        return refusal(inner, named)
    if address in _CLOUDS:
        return "of a cloud's metadata server"
    if not named and not _is_global(address):
        return "inside of this network"
    return None


def _is_global(address: Address) -> bool:
    if any(address in network for network in _NOT_ASSIGNED):
        return False
    return address.is_global and (address.version == 4 or address in _INTERNET)


def _inner(address: Address) -> Address | None:
    """The address of IPv4 that one of IPv6 stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if any(address in network for network in _EMBEDDED):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo


async def resolve(url: URL, internal: Collection[str]) -> list[Address]:
    """The addresses of a URL's host, all of them allowed. Raises RefusedAddress and OSError."""
    host = host_of(url)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(RESOLVE_SECONDS):
        found = await loop.getaddrinfo(host, url.port or 0, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(place[0]).partition("%")[0]) for *_, place in found]
    for address in addresses:
        if (why := refusal(address, host in internal)) is not None:
            raise RefusedAddress(
                # Not which one: users are not to learn the addresses of this network.
                f"{host} is not allowed: an address of it is {why}; an administrator names hosts "
                "inside of the network in notices.internalHosts"
            )
    return addresses
