"""The lists of an exported file, in their order: what each is called and how its next page is read.

Every page is one short transaction that sees this one person's rows alone, whoever else the asker may act for; its
statements do not grow with what it holds. Newest first, so that what is written meanwhile moves nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from auth.mandates import mandates_about
from auth.records import Mandate
from dossiers.case import Office
from dossiers.export.filings import filings
from dossiers.records import Device, Notice, NotificationPreference
from procedures.agencies import agencies_by_id
from procedures.records import Agency
from store.database import Tx
from store.usage import UsageRow, my_data_usage
from vault.export import papers, permissions
from vault.export.papers import Told
from vault.subjects import profile_of

PAGE: Final = 50

Fetch = Callable[[Tx, "Asked", Any, int], Awaitable[Sequence[Told]]]
"""The rows after the one with this `id`, at most so many."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose file it is, and with what it is read."""

    subject: UUID
    office: Office
    at: datetime


@dataclass(frozen=True, slots=True)
class Section:
    """One list of the file. `agencies`: names of fields that hold an agency's id, told by its code and name."""

    name: str
    fetch: Fetch
    agencies: tuple[str, ...] = ()


async def page(tx: Tx, section: Section, asked: Asked, after: Any) -> list[Told]:
    """The next rows; none when the list is at its end."""
    rows = await section.fetch(tx, asked, after, PAGE)
    ids = {row[name] for row in rows for name in section.agencies if row[name] is not None}
    known = await agencies_by_id(tx, sorted(ids)) if ids else {}
    return [{**row, **_named(row, section.agencies, known)} for row in rows]


async def profile(tx: Tx, asked: Asked) -> Told:
    """Who the person is, as the vault keeps it. Raises NotFound, SubjectShredded."""
    found = await profile_of(tx, asked.subject, asked.office.safe)
    return {
        "id": asked.subject,
        "kind": found.kind,
        "name": found.name,
        "number": found.number,
        "born": found.born,
    }


async def devices(tx: Tx, asked: Asked) -> Told:
    """What wakes the person's devices; none of whoever acts for them. A device's address is a means to reach it:
    all that is told is that it is there."""
    rows = await tx.scalars(
        select(Device).where(Device.subject_id == asked.subject).order_by(Device.id.desc())
    )
    wanted = await tx.get(NotificationPreference, asked.subject)
    return {
        "devices": [{"id": row.id, "registeredAt": row.registered_at} for row in rows],
        "notificationPreferences": {"push": wanted.push, "quiet": wanted.quiet}
        if wanted is not None
        else None,
    }


def _named(row: Told, fields: Sequence[str], known: Mapping[UUID, Agency]) -> dict[str, Any]:
    return {name: _agency(known.get(row[name])) for name in fields}


def _agency(row: Agency | None) -> dict[str, str | None] | None:
    return {"code": row.code, "name": row.name_vi, "nameEn": row.name_en} if row is not None else None


async def _documents(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return await papers.documents(tx, asked.subject, after, limit, asked.office.safe)


async def _versions(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return await papers.versions(tx, asked.subject, after, limit, asked.office.safe)


async def _consents(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return await permissions.consents(tx, asked.subject, after, limit, asked.at)


async def _access_requests(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return await permissions.access_requests(tx, asked.subject, after, limit)


async def _shares(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return await permissions.shares(tx, asked.subject, after, limit)


async def _proofs(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return await permissions.proofs(tx, asked.subject, after, limit)


async def _uploads(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return await permissions.uploads(tx, asked.subject, after, limit)


async def _dossiers(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return await filings(tx, asked.subject, after, limit, asked.office)


async def _mandates(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return [_mandate(row, asked.subject) for row in await mandates_about(tx, asked.subject, after, limit)]


async def _notices(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    query = select(Notice).where(Notice.subject_id == asked.subject)
    if after is not None:
        query = query.where(Notice.id < after)
    rows = await tx.scalars(query.order_by(Notice.id.desc()).limit(limit))
    return [
        {
            "id": row.id,
            "code": row.code,
            "parameters": row.params,
            "dossier": row.dossier_id,
            "at": row.at,
            "readAt": row.read_at,
        }
        for row in rows
    ]


async def _usage(tx: Tx, asked: Asked, after: Any, limit: int) -> Sequence[Told]:
    return [_line(row) for row in await my_data_usage(tx, [asked.subject], after, limit)]


def _mandate(row: Mandate, subject: UUID) -> Told:
    return {
        "id": row.id,
        "acts": row.actor_id == subject,
        "actsFor": row.subject_id if row.actor_id == subject else None,
        "basis": row.basis,
        "relation": row.relation,
        "scope": row.scope,
        "evidence": row.evidence,
        "validFrom": row.valid_from,
        "validUntil": row.valid_until,
        "revokedAt": row.revoked_at,
    }


def _line(row: UsageRow) -> Told:
    return {
        "id": row.id,
        "at": row.at,
        "kind": row.kind,
        "by": row.actor_kind,
        "agency": row.agency_id,
        "dossier": row.dossier_id,
        "purpose": row.purpose,
        "legalBasis": row.legal_basis,
        "article": row.article,
        "claims": row.claims,
        "outcome": row.outcome,
        "logIndex": row.log_index,
    }


def log_cells(told: Told) -> list[str | int | None]:
    """A row of the log as a line of a table, under `LOG_COLUMNS`."""
    agency = told["agency"] or {}
    return [
        told["at"].isoformat(),
        told["kind"],
        told["by"],
        agency.get("code"),
        agency.get("name"),
        str(told["dossier"]) if told["dossier"] else None,
        told["purpose"],
        told["legalBasis"],
        told["article"],
        "; ".join(told["claims"]),
        told["outcome"],
        told["logIndex"],
    ]


LOG_COLUMNS: Final = (
    *("at", "kind", "by", "agencyCode", "agency", "dossier", "purpose", "legalBasis", "article", "claims"),
    *("outcome", "logIndex"),
)
VERSIONS: Final = Section("versions", _versions)
LOG: Final = Section("access-log", _usage, ("agency",))
SECTIONS: Final = (
    Section("documents", _documents, ("issuer",)),
    VERSIONS,
    Section("consents", _consents, ("recipient",)),
    Section("access-requests", _access_requests, ("agency",)),
    Section("shares", _shares, ("audience",)),
    Section("proofs", _proofs),
    Section("uploads", _uploads),
    Section("dossiers", _dossiers, ("agency",)),
    Section("mandates", _mandates),
    Section("notices", _notices),
    LOG,
)
"""Of all of them the log is last: it tells of this export too."""
