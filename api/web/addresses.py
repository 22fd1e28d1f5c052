"""Where a request comes from, to tell callers apart whom nobody knows. Kept nowhere, written nowhere."""

from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.requests import Request

SUBSCRIBER = 64
"""Bits of an IPv6 address that are one subscriber's: the rest they choose as they like, and as often."""


def address_of(request: Request) -> str:
    """The peer's address, or its IPv6 network; behind a proxy of the settings the address it vouches for."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Network((address, SUBSCRIBER), strict=False))
    return str(address)
