"""Rows planted by hand for the recount: what was held, asked, said and logged, under the law of `recount_law`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from auth.caller import Caller, CallerKind
from auth.records import Mandate
from dossiers.figures.recount import Counts, Figure, recount, recount_dossiers
from dossiers.records import (
    Dossier,
    DossierAsk,
    DossierEvent,
    DossierEvidence,
    DossierOverride,
    DossierParty,
    DossierResult,
)
from procedures.records import CatalogueItem
from store import ledger
from store.database import Database
from store.identifiers import new_id
from tests.people import officer
from tests.recount_law import ADDRESS, LAW
from vault.records import Document, DocumentVersion, Subject

ASKED = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
"""A Monday, ten in the morning in Vietnam: when everything is asked, unless a test says otherwise."""

BEFORE, AFTER = ASKED - timedelta(hours=1), ASKED + timedelta(hours=1)
LONG_AGO = ASKED - timedelta(days=90)
TODAY = date(2026, 11, 23)
SHOP = UUID(int=501)
"""The premises every filing here is about."""

LEVELS = {"self": 3, "digitised": 2, "issued": 1, "register": 1}


@dataclass
class Planted:
    """One applicant with one submitted filing of `shop`; every row as the owner of the tables writes it."""

    database: Database
    owner: AsyncEngine
    me: UUID
    agency: UUID
    dossier: UUID
    editions: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def citizen(self) -> Caller:
        return Caller(CallerKind.CITIZEN, self.me)

    @property
    def desk(self) -> Caller:
        return officer(self.agency)

    async def add(self, record: type[DeclarativeBase], **values: Any) -> None:
        async with self.owner.begin() as connection:
            await connection.execute(insert(record).values(**values))

    async def change(self, record: Any, key: UUID, **values: Any) -> None:
        async with self.owner.begin() as connection:
            await connection.execute(update(record).where(record.id == key).values(**values))

    async def publish(self, law: Mapping[str, Mapping[str, Any]], at: datetime = LONG_AGO) -> None:
        """Import items; an item known already is replaced from that moment."""
        rows = [(kind, item, body) for kind, items in law.items() for item, body in items.items()]
        known = [one[:2] for one in rows if self.editions[one[:2]]]
        self.editions.update(one[:2] for one in rows)
        stored = [
            {"kind": kind, "item_id": item, "body": body, "edition": self.editions[kind, item], "position": 0}
            for kind, item, body in rows
        ]
        async with self.owner.begin() as connection:
            for kind, item in known:
                same = (CatalogueItem.kind == kind, CatalogueItem.item_id == item)
                old = update(CatalogueItem).where(*same, CatalogueItem.replaced_at.is_(None))
                await connection.execute(old.values(replaced_at=at))
            imported = insert(CatalogueItem).values(digest="", imported_at=at)
            await connection.execute(imported, stored)

    async def subject(self, numbered: bool = True) -> UUID:
        who = new_id()
        index = who.bytes if numbered else None
        await self.add(
            Subject, id=who, kind="person", number_index=index, profile=b"sealed", created_at=LONG_AGO
        )
        return who

    async def file(self, applicant: UUID | None = None, **fields: Any) -> UUID:
        dossier, who = new_id(), applicant or self.me
        row = {
            "procedure_id": "shop",
            "applicant_id": who,
            "filer_id": who,
            "filer_relation": "self",
            "agency_id": self.agency,
            "channel": "online",
            "status": 4,
            "version": 1,
            "law_version": "1",
            "filing_day": TODAY,
            "answers": {},
            "objects": {"premises": str(SHOP)},
            "declared_absent": [],
            "open_situations": [],
            "optimal": True,
            "opened_at": BEFORE,
            "submitted_at": BEFORE,
        }
        await self.add(Dossier, id=dossier, **{**row, **fields})
        await self.party("applicant", who, dossier)
        return dossier

    async def party(self, role: str, who: UUID, dossier: UUID | None = None) -> None:
        await self.add(DossierParty, dossier_id=dossier or self.dossier, role=role, subject_id=who)

    async def hold(self, kind: str = "licence", **fields: Any) -> UUID:
        """A paper deposited long ago, by default a licence of the shop that states all it should. Returns its
        version."""
        document, version = new_id(), new_id()
        subject = fields.pop("subject", self.me)
        default = [ADDRESS, "person.id@holder"] if kind == "licence" else ["person.id@holder"]
        sealed = {
            "claim_names": fields.pop("claims", default),
            "disputed": fields.pop("disputed", []),
            "deposited_at": fields.pop("deposited_at", LONG_AGO),
            "deposited_in": fields.pop("deposited_in", None),
            "seen_at": fields.pop("seen_at", None),
        }
        origin = fields.pop("origin", "self")
        row = {
            "type": kind,
            "origin": origin,
            "level": LEVELS[origin],
            "status": "valid",
            "object_key": SHOP if kind == "licence" else None,
            "current": 1,
            "created_at": LONG_AGO,
            "status_at": LONG_AGO,
        }
        await self.add(Document, id=document, subject_id=subject, **{**row, **fields})
        await self.add_version(document, subject, id=version, **sealed)
        return version

    async def add_version(self, document: UUID, subject: UUID, **fields: Any) -> None:
        row = {
            "id": new_id(),
            "number": 1,
            "deposited_at": LONG_AGO,
            "size_bytes": 0,
            "wrapped_key": b"key",
            "key_generation": 1,
            "claims": b"sealed",
            "claim_names": [],
            "disputed": [],
        }
        await self.add(DocumentVersion, document_id=document, subject_id=subject, **{**row, **fields})

    async def document_of(self, version: UUID) -> UUID:
        async with self.owner.begin() as connection:
            found = select(DocumentVersion.document_id).where(DocumentVersion.id == version)
            return (await connection.scalars(found)).one()

    async def ask(self, name: str = "licence", probe: str | None = None, **fields: Any) -> UUID:
        """Ask for a component; `probe` is what the population register had said of the card."""
        key = new_id()
        said = {"database": "population", "document_type": "card", "subject": str(self.me), "probe": probe}
        row = {
            "dossier_id": self.dossier,
            "requirement": f"shop.{name}",
            "kind": "COMPONENT",
            "subject_id": self.me,
            "asked_at": ASKED,
            "probes": [said] if probe else [],
            "declined": False,
        }
        await self.add(DossierAsk, id=key, **{**row, **fields})
        return key

    async def ask_field(self, field: str, **fields: Any) -> UUID:
        return await self.ask("form", field_key=field, kind="FORM_FIELD", **fields)

    async def event(self, kind: str, name: str = "licence", **fields: Any) -> None:
        row = {"dossier_id": self.dossier, "at": BEFORE, "actor_kind": "citizen", "detail": {}}
        await self.add(DossierEvent, id=new_id(), kind=kind, requirement=f"shop.{name}", **{**row, **fields})

    async def override(self, name: str = "licence", *, logged: bool = True, at: datetime = BEFORE) -> UUID:
        key = new_id()
        row = {"officer_id": new_id(), "legal_reason": "original_needed", "article": "Điều 1", "at": at}
        await self.add(DossierOverride, id=key, dossier_id=self.dossier, requirement=f"shop.{name}", **row)
        if logged:
            await self.log("dossier.override", at, requirement=f"shop.{name}")
        return key

    async def log(self, kind: str, at: datetime, outcome: str = "SUCCESS", **entry: Any) -> None:
        line = ledger.Entry(kind, self.me, outcome, "", "", dossier_id=self.dossier, **entry)
        actor = self.desk.actor
        async with self.database.writing(actor) as tx:
            await ledger.record(tx, actor, line, at)

    async def pin(self, version: UUID | None, name: str = "licence", **fields: Any) -> None:
        row = {
            "dossier_id": self.dossier,
            "subject_id": self.me,
            "document_type": name,
            "claims": [],
            "whole": False,
            "legal_basis": "OWN",
            "pinned_at": BEFORE,
        }
        await self.add(
            DossierEvidence, id=new_id(), requirement=f"shop.{name}", version_id=version, **{**row, **fields}
        )

    async def newborn_of(self, dossier: UUID) -> UUID:
        """A child born into this dossier, numbered since; bound to the applicant."""
        child = await self.subject()
        row = {"relation": "parent", "scope": ["all"], "valid_from": LONG_AGO}
        await self.add(
            Mandate,
            id=new_id(),
            actor_id=self.me,
            subject_id=child,
            basis="GUARDIAN",
            evidence=f"dossier:{dossier}",
            **row,
        )
        return child

    async def result(self, dossier: UUID, at: datetime) -> None:
        await self.add(DossierResult, dossier_id=dossier, document_id=new_id(), issued_at=at)

    async def figures(self, caller: Caller | None = None) -> dict[str, int]:
        """The figures that are not zero."""
        who = caller or self.citizen
        async with self.database.reading(who.actor) as tx:
            found = await recount(tx, who)
        return _not_zero(found)

    async def counts(self, dossier: UUID, caller: Caller | UUID | None = None) -> dict[str, int]:
        """The same of one dossier."""
        who = Caller(CallerKind.CITIZEN, caller) if isinstance(caller, UUID) else caller or self.citizen
        async with self.database.reading(who.actor) as tx:
            return _not_zero((await recount_dossiers(tx, who, [dossier]))[dossier])


def _not_zero(found: Counts) -> dict[str, int]:
    assert set(found) == set(Figure)
    return {figure.value: amount for figure, amount in found.items() if amount}


async def plant(database: Database, owner: AsyncEngine) -> Planted:
    planted = Planted(database, owner, new_id(), new_id(), new_id())
    await planted.publish(LAW)
    planted.me = await planted.subject()
    planted.dossier = await planted.file()
    return planted
