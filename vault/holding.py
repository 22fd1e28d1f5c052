"""What others may know of a held document: metadata, never contents.

Pure. `Holding`s are what the vault hands to the planner and the desk; values of claims and bytes stay inside.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class Origin(StrEnum):
    SELF = "self"
    DIGITISED = "digitised"
    ISSUED = "issued"
    REGISTER = "register"


class Status(StrEnum):
    VALID = "valid"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Holding:
    """One current version of one document in one subject's vault.

    `claims` and `disputed` are `concept@role` names. `level`: 1 issued or register, 2 officer-certified,
    3 self-declared. `object_key` names the parcel, building, premises, vehicle or event the paper is about.
    `bound_to` is set on case-bound papers and register answers: they serve that dossier alone.
    """

    document: UUID
    version: UUID
    number: int
    type: str
    subject: UUID
    origin: Origin
    level: int
    status: Status
    claims: frozenset[str]
    disputed: frozenset[str]
    object_key: UUID | None
    bound_to: UUID | None
    deposited_in: UUID | None
    deposited_at: datetime
    issued_on: date | None
    valid_until: date | None
    seen: bool
    """An officer has compared the paper original with this version (SHOW is then met)."""
