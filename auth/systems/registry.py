"""The systems agencies registered: a client id, public keys, roles, and the scope they declared.

A system acts as an officer of its agency. What it may do is read afresh with every request, so that a registration
taken back ends it at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import text

from auth.caller import Role
from auth.records import Officer, System
from auth.signing import KeyRefused, PublicKey, import_jwks
from store.database import Tx

ISSUER: Final = "urn:motlan:systems"
"""Where a system's account is: its own key. No identity provider signs people in under this name."""

DESK: Final = "desk"
VERIFY: Final = "verify"
ACCESS: Final = "access:"
"""Words of a scope: work filings, verify codes, ask people for papers of the kind that follows."""


@dataclass(frozen=True, slots=True)
class AgencySystem:
    """One registered system as it may act now."""

    id: UUID
    client_id: str
    agency: UUID
    roles: frozenset[Role]
    scope: frozenset[str]
    keys: tuple[PublicKey, ...]


@dataclass(frozen=True, slots=True)
class Registration:
    """What an operator enters: `keys` is a set of public P-256 keys (RFC 7517)."""

    client_id: str
    name: str
    agency: UUID
    roles: frozenset[Role]
    scope: frozenset[str]
    keys: Mapping[str, Any]


def read_registrations(given: object, agencies: Mapping[str, UUID]) -> tuple[Registration, ...]:
    """Registrations as an operator writes them, for agencies known by code. Raises ValueError.

    `[{"clientId", "name", "agency", "roles": [...], "scope": [...], "keys": {"keys": [...]}}]`
    """
    match given:
        case [*entries]:
            return tuple(_registration(entry, agencies) for entry in entries)
    raise ValueError("not a list of systems")


def rows_of(registration: Registration) -> tuple[Officer, System]:
    """The rows of a registration, the same every time it is entered. Raises ValueError for one that is not safe."""
    if fault := _fault(registration):
        raise ValueError(f"system {registration.client_id[:100]!r}: {fault}")
    id_ = uuid5(NAMESPACE_URL, f"{ISSUER}:{registration.client_id}")
    officer = Officer(
        id=id_,
        issuer=ISSUER,
        external_id=registration.client_id,
        code=f"PM-{registration.client_id}",  # phần mềm: shown to the person in their log, as an officer's code is
        agency_id=registration.agency,
        roles=sorted(registration.roles),
        active=True,
        scope=sorted(registration.scope),
    )
    system = System(
        id=id_,
        client_id=registration.client_id,
        name=registration.name,
        keys=dict(registration.keys),
    )
    return officer, system


async def find_system(tx: Tx, client_id: str) -> AgencySystem | None:
    """The system in force under this id; None for every other."""
    found = text("SELECT * FROM system_by_client(:client_id)")
    row = (await tx.execute(found, {"client_id": client_id})).one_or_none()
    if row is None:
        return None
    return AgencySystem(
        row.id,
        row.client_id,
        row.agency_id,
        frozenset(Role(name) for name in row.roles if name in _ROLES),
        frozenset(row.scope or ()),
        tuple(import_jwks(row.keys).values()),
    )


_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,59}")
_WORD = re.compile(r"desk|verify|access:[a-z0-9-]{1,100}")
_ROLES = frozenset(Role)


def _registration(given: object, agencies: Mapping[str, UUID]) -> Registration:
    match given:
        case {
            "clientId": str(client),
            "name": str(name),
            "agency": str(agency),
            "roles": [*roles],
            "scope": [*scope],
            "keys": dict(keys),
            **rest,
        } if not rest:
            if agency not in agencies:
                raise ValueError(f"system {client[:100]!r}: no agency has the code {agency[:100]!r}")
            return Registration(
                client, name, agencies[agency], frozenset(map(Role, roles)), frozenset(map(str, scope)), keys
            )
    raise ValueError("a system has exactly clientId, name, agency, roles, scope and keys")


def _fault(given: Registration) -> str | None:
    if not _CLIENT.fullmatch(given.client_id):
        return "needs an id of 3 to 60 letters, digits, dots and hyphens"
    if not 0 < len(given.name) <= 100 or not given.name.isprintable():
        return "needs a name"
    if not given.scope or not all(_WORD.fullmatch(word) for word in given.scope):
        return "needs a scope of desk, verify, access:<document type>"
    if Role.AUDIT in given.roles or Role.ADMINISTER in given.roles or not given.roles:
        return "needs roles of the desk, and of the desk alone"
    try:
        keys = import_jwks(given.keys)
    except KeyRefused as refused:
        return str(refused)
    return None if keys else "needs a P-256 public key"
