"""What a demo platform is seeded with, as plain data: agencies, officers' accounts, and whom to sign in as."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sandbox.agencies import AGENCIES, OFFICERS, Agency
from sandbox.people import PEOPLE


@dataclass(frozen=True, slots=True)
class OfficerAccount:
    """One row of the platform's roll of officers, bound to an account at the sandbox's identity provider."""

    id: UUID
    issuer: str
    external_id: str
    code: str
    agency: UUID
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Seed:
    """`citizens`: logins at the identity provider, who enrol themselves by signing in."""

    agencies: tuple[Agency, ...]
    officers: tuple[OfficerAccount, ...]
    citizens: tuple[str, ...]


def seed(issuer: str) -> Seed:
    """Everything to register for the identity provider at `issuer`. Same ids every time."""
    return Seed(AGENCIES, tuple(_accounts(issuer)), tuple(one.key for one in PEOPLE if one.newborn))


def _accounts(issuer: str) -> Iterator[OfficerAccount]:
    for one in OFFICERS:
        yield OfficerAccount(one.id, issuer, one.login, one.code, one.agency, one.roles)
