"""Requests to addresses somebody else named: hostile until proven (security.md, SSRF).

https to a public address alone; a name is resolved once, and what was resolved is dialled, so that no second answer
of a name server leads elsewhere. TLS checks the name all the same. No redirects, no proxies, a bounded time, and
nothing of the answer is read but its status.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

import httpx2

from connectors.errors import OutwardDelayed, OutwardRefused

LONGEST_ADDRESS: Final = 1_000
TIMEOUT_SECONDS: Final = 10.0

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Every address a host has."""

_NOT_PUBLIC: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("::/96"),
    IPv6Network("fec0::/10"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
)
"""NAT64, RFC 4291's addresses compatible with IPv4, what was site-local, protocol assignments (some clouds' metadata)
and 6to4's relays: public-looking ways to what is not."""


async def resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


@dataclass(frozen=True, slots=True)
class Outward:
    """`client` takes nothing from the environment. `loopback`: this very machine is let through, also without TLS;
    for tests and the sandbox."""

    client: httpx2.AsyncClient
    loopback: bool = False
    resolve: Resolve = resolve

    def check(self, address: str) -> SplitResult:
        """The parts of an address something may be sent to, as far as it tells by itself. Raises OutwardRefused."""
        if len(address) > LONGEST_ADDRESS or not address.isascii() or not address.isprintable():
            raise OutwardRefused("endpoint")
        try:
            parts = urlsplit(address)
            port, host = parts.port, parts.hostname
        except ValueError:
            raise OutwardRefused("endpoint") from None
        here = self._is_here(host)
        plain = parts.scheme == "https" and port in (None, 443)
        if not host or not (plain or (here and parts.scheme in ("http", "https"))):
            raise OutwardRefused("endpoint")
        # A zone (%eth0) names an interface of ours.
        if (
            "@" in parts.netloc
            or "%" in parts.netloc
            or parts.fragment
            or any(one in address for one in " \\")
        ):
            raise OutwardRefused("endpoint")
        return parts

    async def post(self, address: str, content: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer. Raises OutwardRefused when nothing may be sent there, OutwardDelayed when there
        was no answer."""
        parts = self.check(address)
        found = await self._address(parts)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        literal = f"[{found}]" if isinstance(found, IPv6Address) else str(found)
        pinned = urlunsplit((parts.scheme, f"{literal}:{port}", parts.path, parts.query, ""))
        request = self.client.build_request(
            "POST",
            pinned,
            content=content,
            # A line kept open belongs to an address; whose certificate was checked on it is forgotten.
            headers={**headers, "Host": parts.netloc, "Connection": "close"},
            # The certificate must be the host's, whatever address answers for it.
            extensions={"sni_hostname": parts.hostname},
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                # Unread: how much somebody answers costs us nothing. A redirect leads where nobody has looked.
                response = await self.client.send(request, stream=True, follow_redirects=False)
                await response.aclose()
        except (TimeoutError, httpx2.HTTPError):
            raise OutwardDelayed("unreachable") from None
        return response.status_code

    async def _address(self, parts: SplitResult) -> IPv4Address | IPv6Address:
        """One address of the host. A single one that is not public refuses them all: it might be next."""
        try:
            given = await self.resolve(parts.hostname or "", parts.port or 443)
        except UnicodeError:  # a label too long, or none
            raise OutwardRefused("endpoint") from None
        except OSError:
            raise OutwardDelayed("unresolved") from None
        try:
            addresses = [ip_address(one) for one in given]
        except ValueError:
            raise OutwardRefused("address") from None
        if not addresses:
            raise OutwardDelayed("unresolved")
        for one in addresses:
            if not (is_public(one) or (self._is_here(parts.hostname) and one.is_loopback)):
                raise OutwardRefused("address")
        return addresses[0]

    def _is_here(self, host: str | None) -> bool:
        return self.loopback and host in ("127.0.0.1", "localhost", "::1")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody on the Internet has it, and no way through it leads to one that is not."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None,))[0]
        if inner is not None or address.scope_id:
            return False
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
