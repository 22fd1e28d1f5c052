"""Demo agencies' own software: one system at each agency, all with one key of the sandbox's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from joserfc.jwk import ECKey

from sandbox.agencies import AGENCIES, APPRAISE, APPROVE, RECEIVE
from sandbox.keys import load_or_create, public_jwks
from sandbox.people import MARK

ROLES: Final = (RECEIVE, APPRAISE, APPROVE)
SCOPE: Final = ("desk", "verify", "access:giay-khai-sinh", "access:giay-phep-xay-dung")


@dataclass(frozen=True, slots=True)
class SystemAccount:
    """One row of the platform's roll of systems. `keys` is public."""

    client_id: str
    name: str
    agency: UUID
    roles: tuple[str, ...]
    scope: tuple[str, ...]
    keys: Mapping[str, Any]


def client_of(agency_key: str) -> str:
    """The client id of a demo agency's system."""
    return f"sandbox.{agency_key}"


def system_key(folder: Path) -> ECKey:
    """The key all demo systems sign with, made in the sandbox's folder when it is not there."""
    return load_or_create(folder / "systems" / "key.pem")


def system_accounts(folder: Path) -> tuple[SystemAccount, ...]:
    """What to register for the systems whose key lies in `folder`. The same every time."""
    keys = public_jwks(system_key(folder))
    return tuple(
        SystemAccount(
            client_of(one.key), f"Phần mềm của {one.name_vi} {MARK}"[:100], one.id, ROLES, SCOPE, keys
        )
        for one in AGENCIES
    )
