"""The address of a request's client, as the audit log shows it and as failures are counted. Pure.

The address is the connection's, or the one that a trusted proxy forwards (`trustedProxies`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

UNKNOWN = "unknown"
_IPV6_NETWORK = 64
"""One host usually has a whole network of this prefix length to choose its addresses from."""


def client_address(scope: MutableMapping[str, Any]) -> str:
    """The client's address; `unknown` for what is no address."""
    client = scope.get("client")
    return _shown(client[0] if client else "")


def counted_address(scope: MutableMapping[str, Any]) -> str:
    """What failures are counted by: an IPv4 address, or the /64 network of an IPv6 address."""
    return counted(client_address(scope))


@lru_cache(maxsize=1024)
def counted(text: str) -> str:
    """As `counted_address`, of an address as text."""
    address = _parse(text)
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))


@lru_cache(maxsize=1024)
def _shown(text: object) -> str:
    address = _parse(text)
    return UNKNOWN if address is None else str(address)


def _parse(text: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(str(text).partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
