"""The readers of single values: each says what its setting must be, by its name, and never repeats a value."""

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from connectors.malware import Address, read_address

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsRefused(Exception):
    """The platform must not start like this. The message names variables and what to do, never a secret's value."""

    code = "SETTINGS_REFUSED"


def content(name: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsRefused(f"{name} names no file that can be read") from None


def triple(given: Mapping[str, str], names: tuple[str, str, str]) -> tuple[str, str, str] | None:
    first, second, third = (given.get(name) for name in names)
    if first and second and third:
        return first, second, third
    if first or second or third:
        raise SettingsRefused(f"give all or none of {', '.join(names)}")
    return None


def addresses(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(one.strip())) for one in given.get(name, "").split(",") if one.strip())
    except ValueError:
        raise SettingsRefused(f"{name} must be addresses or networks, comma-separated") from None


def endpoint(given: Mapping[str, str], name: str) -> tuple[str, int] | None:
    value = given.get(name)
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    try:
        address, number = ip_address(host.removeprefix("[").removesuffix("]")), int(port)
    except ValueError:
        number = -1
    if not 0 < number < 2**16:
        raise SettingsRefused(f"{name} must be an address and a port, such as 127.0.0.1:9464")
    return str(address), number


def scanner(given: Mapping[str, str], name: str) -> Address | None:
    try:
        return read_address(value) if (value := given.get(name)) else None
    except ValueError:
        raise SettingsRefused(
            f"{name} must be the path of clamd's socket, or its port on this machine such as 127.0.0.1:3310"
        ) from None


def refuse_odd_address(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
        raise SettingsRefused(f"{name} must be a bare http(s) address without a path")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise SettingsRefused(f"{name}: plain HTTP is for this very machine only")


def origins(given: Mapping[str, str], name: str) -> frozenset[str]:
    """As browsers name them: lower case, no default port, nothing after it."""
    origins = frozenset(one.strip() for one in given.get(name, "").split(",") if one.strip())
    for origin in origins:
        found = _ORIGIN.fullmatch(origin)
        if found is None or found["port"] == {"https": "443", "http": "80"}[found["scheme"]]:
            raise SettingsRefused(f"{name} must be origins such as https://app.example.vn, comma-separated")
        if found["scheme"] == "http" and found["host"] not in LOOPBACK:
            raise SettingsRefused(f"{name}: plain HTTP is for this very machine only")
    return origins


_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(?P<port>[1-9][0-9]{0,4}))?"
)


def version(given: Mapping[str, str], name: str) -> str:
    value = given.get(name) or "0"
    if not all(part.isascii() and part.isdigit() for part in value.split(".")):
        raise SettingsRefused(f"{name} must be numbers between dots, like 2.10.0")
    return value


def contact(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "")
    if value and not (value.isascii() and value.isprintable() and value.startswith(("mailto:", "https://"))):
        raise SettingsRefused(f"{name} must be a mailto: or https: address")
    return value


def flag(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name, "")
    if value not in ("", "0", "1"):
        raise SettingsRefused(f"{name} must be 0 or 1")
    return value == "1"


def number(given: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(given.get(name) or default)
    except ValueError:
        raise SettingsRefused(f"{name} must be a whole number") from None
