"""A small world around the vault: two people, two agencies, their officers, and dossiers that rely on papers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller, CallerKind, Role
from auth.signing import SigningKey
from auth.tokens import Tokens
from dossiers.records import Dossier, DossierEvidence, DossierParty
from store.database import Database
from store.identifiers import new_id
from tests import files
from vault.deposits import Deposit, deposit
from vault.disclosure import Disclosure, UnderConsent
from vault.holding import Holding, Origin
from vault.intake.arrivals import Piece, receive
from vault.intake.legs import Dock
from vault.intake.uploads import Announcement, create_upload, find_ticket
from vault.permission.consent import Decision, give_consent
from vault.permission.notice import Item, PaperWords, Words, notice
from vault.proofs.notary import Notary
from vault.records import Subject
from vault.safe import Safe
from vault.sealing import ring_files
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys

LAND = "land-use-certificate"
PARCEL = {"land.parcel_number@land": "12", "land.map_sheet@land": "7", "land.area_m2@land": 84.5}
PURPOSE = "urn:vn:tthc:1.013225"


@dataclass(frozen=True)
class World:
    """Everything is committed: rules of row-level security show only across transactions."""

    database: Database
    owner: AsyncEngine
    safe: Safe
    now: datetime
    mai: UUID
    lan: UUID
    commune: UUID
    bank: UUID

    @property
    def citizen(self) -> Caller:
        return Caller(CallerKind.CITIZEN, self.mai, acr="urn:vn:eid:tk2:xt2")

    @property
    def other(self) -> Caller:
        return Caller(CallerKind.CITIZEN, self.lan, acr="urn:vn:eid:tk2:xt2")

    @property
    def officer(self) -> Caller:
        roles = frozenset({Role.RECEIVE, Role.APPRAISE, Role.APPROVE})
        return Caller(CallerKind.OFFICER, UUID(int=71), self.commune, roles)

    @property
    def stranger(self) -> Caller:
        """An officer of another agency, with every role of a desk."""
        return Caller(CallerKind.OFFICER, UUID(int=72), self.bank, self.officer.roles)

    async def upload(
        self, caller: Caller, content: bytes, subject: UUID | None = None, media_type: str = "application/pdf"
    ) -> UUID:
        """Bytes that have arrived and wait to be claimed."""
        announcement = Announcement(
            LAND, media_type, len(content), hashlib.sha256(content).digest(), subject or self.mai
        )
        async with self.database.writing(caller.actor) as tx:
            announced = await create_upload(tx, caller, announcement, self.safe, self.now)
        async with self.database.reading(caller.actor) as tx:
            ticket = await find_ticket(tx, caller, announced.id, announced.secret, self.now)
        dock = Dock(self.database, self.safe, lambda: self.now)
        await receive(dock, ticket, Piece(0, files.stream(content), resumable=False))
        return announced.id

    async def deposit(self, caller: Caller, paper: Deposit) -> Holding:
        async with self.database.writing(caller.actor) as tx:
            return await deposit(tx, caller, paper, self.safe, self.now)

    async def paper(
        self, claims: Mapping[str, Any] = PARCEL, content: bytes | None = None, **fields: Any
    ) -> Holding:
        """The citizen's own certificate, with bytes when `content` is given."""
        upload = await self.upload(self.citizen, content) if content is not None else None
        return await self.deposit(
            self.citizen, Deposit(self.mai, LAND, Origin.SELF, claims, upload, **fields)
        )

    async def issued(self, claims: Mapping[str, Any] = PARCEL, **fields: Any) -> Holding:
        """The same paper issued by the commune."""
        paper = Deposit(self.mai, LAND, Origin.ISSUED, claims, issuer_agency=self.commune, **fields)
        return await self.deposit(self.officer, paper)

    async def dossier(self, *, agency: UUID | None = None, parties: tuple[UUID, ...] = ()) -> UUID:
        """A submitted dossier of the citizen's at the commune."""
        row = new_id()
        async with self.owner.begin() as connection:
            await connection.execute(
                insert(Dossier).values(
                    id=row,
                    procedure_id="1.013225",
                    applicant_id=self.mai,
                    filer_id=self.mai,
                    filer_relation="self",
                    agency_id=agency or self.commune,
                    channel="online",
                    status=4,
                    version=1,
                    law_version="1",
                    filing_day=self.now.date(),
                    answers={},
                    objects={},
                    declared_absent=[],
                    open_situations=[],
                    optimal=True,
                    opened_at=self.now,
                    submitted_at=self.now,
                )
            )
            for place, subject in enumerate(parties):
                await connection.execute(
                    insert(DossierParty).values(dossier_id=row, role=f"party{place}", subject_id=subject)
                )
        return row

    async def rely(
        self, dossier: UUID, held: Holding, consent: UUID | None, legal_basis: str = "CONSENT"
    ) -> None:
        """Pin a held version as evidence of the dossier."""
        async with self.owner.begin() as connection:
            await connection.execute(
                insert(DossierEvidence).values(
                    id=new_id(),
                    dossier_id=dossier,
                    requirement="land",
                    subject_id=held.subject,
                    document_id=held.document,
                    version_id=held.version,
                    document_type=held.type,
                    claims=sorted(held.claims),
                    whole=False,
                    legal_basis=legal_basis,
                    consent_id=consent,
                    pinned_at=self.now,
                )
            )

    def decision(self, dossier: UUID, *items: Item) -> Decision:
        words = words_for(*items)
        return Decision(
            self.commune, PURPOSE, dossier, items, words, notice(items, words, self.citizen.language).sha256
        )

    async def consent(self, dossier: UUID, *items: Item) -> UUID:
        """The citizen's own consent to these items, given now."""
        async with self.database.writing(self.citizen.actor) as tx:
            given = await give_consent(tx, self.citizen, self.decision(dossier, *items), self.safe, self.now)
        return given[self.mai]

    async def relied_on(self, content: bytes | None = None, *, whole: bool = False) -> "Reliance":
        """A paper, a dossier, a live consent between them, pinned."""
        held = await self.paper(content=content)
        dossier = await self.dossier()
        consent = await self.consent(dossier, item_of(held, whole=whole))
        await self.rely(dossier, held, consent)
        return Reliance(self, held, dossier, consent)

    async def rows(self, table: str, order: str = "id") -> list[dict[str, Any]]:
        async with self.owner.begin() as connection:
            found = await connection.execute(text(f"SELECT * FROM {table} ORDER BY {order}"))
            return [dict(row._mapping) for row in found]

    async def run(self, statement: str, **values: Any) -> None:
        """Something no actor could do: what an intruder in the database would."""
        async with self.owner.begin() as connection:
            await connection.execute(text(statement), values)


@dataclass(frozen=True)
class Reliance:
    world: World
    held: Holding
    dossier: UUID
    consent: UUID

    def disclosure(self, *claims: str, content: bool = False, **fields: Any) -> Disclosure:
        asked = {
            "subject": self.held.subject,
            "dossier": self.dossier,
            "requirement": "land",
            "version": self.held.version,
            "claims": frozenset(claims or self.held.claims),
            "purpose": PURPOSE,
            "basis": UnderConsent(self.consent),
            "content": content,
        }
        return Disclosure(**{**asked, **fields})


def item_of(held: Holding, *claims: str, whole: bool = False) -> Item:
    chosen = tuple(sorted(claims or held.claims))
    return Item(held.subject, held.type, chosen, held.document, held.version, whole=whole)


def words_for(*items: Item) -> Words:
    papers = tuple(PaperWords("Giấy chứng nhận quyền sử dụng đất", one.claims, one.register) for one in items)
    return Words("Cấp giấy phép xây dựng nhà ở", "UBND phường", papers)


async def make_safe(keys_url: str, folder: Path) -> Safe:
    """Its own root key and blobs; close `safe.keys` afterwards."""
    ring_files.create(folder / "root.json")
    keys = Keys(keys_url, LocalKeyRing(folder / "root.json"))
    tokens = Tokens("https://motlan.test", SigningKey.generate())
    notary = Notary("https://motlan.test", SigningKey.generate(), SigningKey.generate())
    return Safe(keys, LocalBlobs(folder / "blobs"), tokens, "motlan.test", notary)


async def make_world(database: Database, owner: AsyncEngine, safe: Safe, now: datetime) -> World:
    people = (new_id(), new_id())
    async with owner.begin() as connection:
        for person in people:
            await safe.keys.create(person)
            await connection.execute(
                insert(Subject).values(id=person, kind="person", profile=b"sealed", created_at=now)
            )
    return World(database, owner, safe, now, *people, commune=new_id(), bank=new_id())
