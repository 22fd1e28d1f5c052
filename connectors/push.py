"""Sends a message to a device through the push service it named (RFC 8030).

The address comes from whoever registers a device, so it is hostile until proven: https to a public address alone,
resolved once and dialled as resolved, no redirects, and nothing of the answer is read but its status.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

import httpx2

from connectors.errors import PushDelayed, PushRefused
from connectors.web_push import Subscription, check_keys, seal_message

LONGEST_ENDPOINT: Final = 1_000
TIMEOUT_SECONDS: Final = 10.0
TTL_SECONDS: Final = 24 * 3600
"""How long a service keeps a message for a device that is off."""
TOPIC: Final = "look"
"""A message waiting for a device is replaced by the next: they all say the same."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Every address a host has."""

_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""NAT64: a public-looking way to a private IPv4 address."""


class Sent(Enum):
    TAKEN = "taken"
    GONE = "gone"
    """The service knows no such device any more (404, 410): forget it."""


async def resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


@dataclass(frozen=True, slots=True)
class Pushes:
    """`sign` names us to a service, by its origin (RFC 8292), under `key`, which apps subscribe with. `loopback`:
    services on this very machine are let through, also without TLS; for tests and the sandbox."""

    client: httpx2.AsyncClient
    sign: Callable[[str], str]
    key: str = ""
    loopback: bool = False
    resolve: Resolve = resolve

    def check(self, subscription: Subscription) -> None:
        """Raises PushRefused for an address or keys nothing may be sent to, as far as they tell by themselves."""
        self._parts(subscription.endpoint)
        check_keys(subscription)

    async def send(self, subscription: Subscription, message: bytes) -> Sent:
        """Raises PushRefused when nothing may be sent there, PushDelayed when it may succeed later."""
        parts = self._parts(subscription.endpoint)
        address = await self._address(parts)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        literal = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        pinned = urlunsplit((parts.scheme, f"{literal}:{port}", parts.path, parts.query, ""))
        request = self.client.build_request(
            "POST",
            pinned,
            content=seal_message(message, subscription),
            headers={
                "Host": parts.netloc,
                "Authorization": self.sign(f"{parts.scheme}://{parts.netloc}"),
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(TTL_SECONDS),
                "Urgency": "normal",
                "Topic": TOPIC,
            },
            # The certificate must be the host's, whatever address answers for it.
            extensions={"sni_hostname": parts.hostname},
        )
        return await self._sent(request)

    async def _sent(self, request: httpx2.Request) -> Sent:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self.client.send(request, stream=True, follow_redirects=False)
                await response.aclose()
        except (TimeoutError, httpx2.HTTPError):
            raise PushDelayed("unreachable") from None
        status = response.status_code
        if 200 <= status < 300:
            return Sent.TAKEN
        if status in (404, 410):
            return Sent.GONE
        # A redirect leads where nobody has looked; other refusals are of this message, or of us for now.
        raise PushDelayed(str(status))

    async def _address(self, parts: SplitResult) -> IPv4Address | IPv6Address:
        """One address of the host. A single one that is not public refuses them all: it might be next."""
        try:
            given = await self.resolve(parts.hostname or "", parts.port or 443)
        except OSError:
            raise PushDelayed("unresolved") from None
        addresses = [ip_address(one) for one in given]
        if not addresses:
            raise PushDelayed("unresolved")
        for one in addresses:
            if not (is_public(one) or (self._is_here(parts.hostname) and one.is_loopback)):
                raise PushRefused("address")
        return addresses[0]

    def _is_here(self, host: str | None) -> bool:
        return self.loopback and host in ("127.0.0.1", "localhost", "::1")

    def _parts(self, endpoint: str) -> SplitResult:
        if len(endpoint) > LONGEST_ENDPOINT or not endpoint.isascii() or not endpoint.isprintable():
            raise PushRefused("endpoint")
        try:
            parts = urlsplit(endpoint)
            port, host = parts.port, parts.hostname
        except ValueError:
            raise PushRefused("endpoint") from None
        here = self._is_here(host)
        plain = parts.scheme == "https" and port in (None, 443)
        if not host or not (plain or (here and parts.scheme in ("http", "https"))):
            raise PushRefused("endpoint")
        if "@" in parts.netloc or parts.fragment or any(one in endpoint for one in " \\"):
            raise PushRefused("endpoint")
        return parts


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody on the Internet has it, and no way through it leads to one that is not."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None,))[0]
        if inner is not None or any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
