"""What a person granted a system: five minutes of a signed token (RFC 9068) that says exactly what (RFC 9396).

The token names the request or the code; whether it is still in force, and how often it may be used, is read afresh
and counted in the database when it is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from auth.caller import Caller, CallerKind, Grant, GrantKind
from auth.errors import TokenRefused
from auth.systems.registry import AgencySystem, find_system
from store.database import Actor, Tx
from store.identifiers import new_id

DETAILS_TYPE: Final = "vn_vault_document_access"
KEY_PROVEN: Final = "urn:motlan:key"
"""How sure a system's sign-in is: it holds its key. On neither axis of the people's `acr`."""
SESSION_LIFETIME: Final = timedelta(seconds=310)
"""As long as the one access token a sign-in of a system gives, and the leeway of clocks."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a grant token says is granted. `claims`: `concept@role` names, never a value."""

    grant: Grant
    subject: UUID
    claims: tuple[str, ...]
    purpose: str
    uses_left: int
    consent: UUID | None = None

    def to_details(self, location: str) -> dict[str, Any]:
        """The object of `authorization_details` (RFC 9396, section 2)."""
        return {
            "type": DETAILS_TYPE,
            "actions": [self.grant.kind.value],
            "locations": [location],
            "identifier": str(self.grant.id),
            "datatypes": list(self.claims),
            "purpose": self.purpose,
            "legal_basis": "CONSENT",
            "max_uses": self.uses_left,
            **({"consent_id": str(self.consent)} if self.consent is not None else {}),
        }


def grant_of(claims: Mapping[str, Any]) -> Grant:
    """What a verified grant token names. Raises TokenRefused: several details, an unknown type, action or member."""
    match claims["authorization_details"]:
        case [{"type": str(type_), "actions": [str(action)], "identifier": str(identifier), **rest}]:
            if type_ == DETAILS_TYPE and rest.keys() <= _OTHER_MEMBERS:
                try:
                    return Grant(GrantKind(action), UUID(identifier))
                except ValueError:
                    pass
    raise TokenRefused


def acting(system: AgencySystem) -> Actor:
    """The system as row-level security sees it: an officer of its agency."""
    return Actor(CallerKind.OFFICER.value, system.id, system.agency, ())


def caller_of(system: AgencySystem, language: str = "vi", grant: Grant | None = None) -> Caller:
    """The system as a caller, with a grant or at the desk."""
    return Caller(
        CallerKind.OFFICER,
        system.id,
        system.agency,
        system.roles,
        acr=KEY_PROVEN,
        language=language,
        scope=system.scope,
        grant=grant,
    )


async def grantee(tx: Tx, client_id: str, grant: Grant, language: str) -> Caller | None:
    """Who a grant token speaks for; None when the system is registered no longer."""
    system = await find_system(tx, client_id)
    return caller_of(system, language, grant) if system is not None else None


async def open_system_session(tx: Tx, system: AgencySystem, thumbprint: str, now: datetime) -> UUID:
    """A system signed in by its assertion: the session its access token names."""
    session = new_id()
    await tx.execute(
        text("SELECT open_system_session(:id, :system, :thumbprint, :acr, :now, :expires_at)"),
        {
            "id": session,
            "system": system.id,
            "thumbprint": thumbprint,
            "acr": KEY_PROVEN,
            "now": now,
            "expires_at": now + SESSION_LIFETIME,
        },
    )
    return session


_OTHER_MEMBERS = frozenset(
    {
        "locations",
        "datatypes",
        "purpose",
        "legal_basis",
        "max_uses",
        "consent_id",
        "dossier_id",
        "retain_until",
    }
)
