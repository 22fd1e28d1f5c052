"""A citizen, an office and a register for tests of filings: use cases called directly, each in a transaction."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller, CallerKind, Role
from auth.records import Officer
from connectors.answers import Answer, RegisterQuery
from dossiers.case import Case, Office, load_case, plan_case
from dossiers.desk.intake import Assignment, assign_dossier, receive_dossier
from dossiers.desk.opening import OpenedDossier, open_evidence
from dossiers.desk.opening import Opening as EvidenceOpening
from dossiers.desk.results import Approval, Result, approve_dossier
from dossiers.evidence.asks import Ask, Supplement, request_supplement
from dossiers.evidence.overrides import Override, override_already_held
from dossiers.evidence.papers import Paper, add_document, announce_upload, digitise_document
from dossiers.evidence.pins import notice_for
from dossiers.evidence.probes import settle_registers
from dossiers.evidence.supplements import SupplementAnswer, answer_supplement
from dossiers.filing import (
    Answering,
    Change,
    FormPatch,
    Opening,
    Submission,
    answer_situations,
    open_dossier,
    submit_dossier,
    update_dossier_form,
)
from dossiers.forms import FormState, form_state
from procedures.catalogue import read_catalogue
from procedures.imports import LawBook
from procedures.law import Form, FormField
from procedures.records import Agency
from store.database import Database, Tx
from store.identifiers import new_id
from tests import files
from tests.people import citizen
from vault.documents import my_documents
from vault.holding import Holding
from vault.intake.arrivals import Piece, receive
from vault.intake.legs import Dock
from vault.intake.uploads import Announcement, find_ticket
from vault.safe import Safe

T = TypeVar("T")
LAWS = LawBook(read_catalogue(Path(__file__).parents[1] / "catalogue"))


@dataclass
class FakeRegisters:
    """Answers by (database, document type); everything else is NOT_FOUND, whatever is in `down` is DOWN.

    The protocol itself is tested against real processes in tests/rooms/test_registers.py.
    """

    known: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    asked: list[RegisterQuery] = field(default_factory=list)

    async def ask_all(self, queries: Any) -> tuple[Answer, ...]:
        return tuple([self._answer(query) for query in queries])

    async def health(self) -> dict[str, bool]:
        return dict.fromkeys(self.down, False)

    def _answer(self, query: RegisterQuery) -> Answer:
        self.asked.append(query)
        if query.database in self.down:
            return Answer("DOWN", reason="timeout")
        claims = self.known.get((query.database, query.document_type))
        if claims is None:
            return Answer("NOT_FOUND")
        return Answer("FOUND", claims=dict(claims), issued_on=date(2025, 1, 2))


@dataclass
class World:
    """Everything is committed, as in the running product."""

    database: Database
    owner: AsyncEngine
    safe: Safe
    now: datetime
    me: Caller
    agency: UUID
    registers: FakeRegisters = field(default_factory=FakeRegisters)

    @property
    def office(self) -> Office:
        return Office(LAWS, self.safe)

    @property
    def officer(self) -> Caller:
        roles = frozenset({Role.RECEIVE, Role.APPRAISE, Role.APPROVE})
        return Caller(CallerKind.OFFICER, OFFICER, self.agency, roles)

    async def write(self, caller: Caller, do: Callable[[Tx], Awaitable[T]]) -> T:
        async with self.database.writing(caller.actor) as tx:
            return await do(tx)

    async def open(self, procedure: str, caller: Caller | None = None, **given: Any) -> UUID:
        who = caller or self.me
        opening = Opening(procedure, self.agency, **given)
        made = await self.write(who, lambda tx: open_dossier(tx, who, opening, self.office, self.now))
        await self.settle(made, who)
        return made

    async def settle(self, dossier: UUID, caller: Caller | None = None) -> None:
        registers: Any = self.registers
        await settle_registers(self.database, registers, caller or self.me, dossier, self.office, self.now)

    async def case(self, dossier: UUID, caller: Caller | None = None) -> Case:
        async with self.database.reading((caller or self.me).actor) as tx:
            return await load_case(tx, dossier, self.office, lock=False)

    async def outcomes(self, dossier: UUID) -> dict[str, str]:
        """Outcome by the last part of the requirement's id."""
        rows = (await self.case(dossier)).requirements.values()
        return {row.requirement.rpartition(".")[2]: row.outcome for row in rows}

    async def change(self, dossier: UUID) -> Change:
        return Change(dossier, (await self.case(dossier)).dossier.version)

    async def upload(self, caller: Caller, type_: str, content: bytes, **about: Any) -> UUID:
        """Announce and send a PDF, or what `media_type` says. Raises what the announcement raises."""
        announcement = Announcement(
            type_,
            about.pop("media_type", "application/pdf"),
            len(content),
            hashlib.sha256(content).digest(),
            about.pop("subject", caller.id),
            **about,
        )
        announced = await self.write(
            caller, lambda tx: announce_upload(tx, caller, announcement, self.office, self.now)
        )
        async with self.database.reading(caller.actor) as tx:
            ticket = await find_ticket(tx, caller, announced.id, announced.secret, self.now)
        dock = Dock(self.database, self.safe, lambda: self.now)
        await receive(dock, ticket, Piece(0, files.stream(content), resumable=False))
        return announced.id

    async def bring(
        self,
        dossier: UUID,
        requirement: str,
        type_: str,
        claims: Mapping[str, Any] | None = None,
        pages: int = 1,
    ) -> Holding:
        """Deposit a self-made paper for a requirement of the dossier. Other pages make it another paper."""
        content = files.pdf(pages=pages, deterministic_id=True)
        upload = await self.upload(self.me, type_, content, dossier=dossier, requirement=requirement)
        paper = Paper(upload, type_, claims or {}, dossier=dossier, requirement=requirement)
        return await self.write(self.me, lambda tx: add_document(tx, self.me, paper, self.office, self.now))

    async def digitise(self, type_: str, claims: Mapping[str, Any]) -> Holding:
        """An officer digitises a paper of the citizen's."""
        upload = await self.upload(self.officer, type_, files.pdf(), subject=self.me.id)
        paper = Paper(upload, type_, claims, subject=self.me.id)
        return await self.write(
            self.officer, lambda tx: digitise_document(tx, self.officer, paper, self.office, self.now)
        )

    async def notice_sha256(self, dossier: UUID) -> str | None:
        async with self.database.reading(self.me.actor) as tx:
            case = await load_case(tx, dossier, self.office, lock=False)
            shown = await notice_for(tx, case, self.me.subjects, "vi")
        return shown.notice.sha256 if shown is not None else None

    async def submit(self, dossier: UUID) -> UUID:
        change, notice = await self.change(dossier), await self.notice_sha256(dossier)
        return await self.write(
            self.me, lambda tx: submit_dossier(tx, self.me, Submission(change, notice), self.office, self.now)
        )

    async def process(self, dossier: UUID) -> None:
        """Received and passed to the officer."""
        change = await self.change(dossier)
        await self.write(
            self.officer, lambda tx: receive_dossier(tx, self.officer, change, self.office, self.now)
        )
        change = await self.change(dossier)
        await self.write(
            self.officer,
            lambda tx: assign_dossier(tx, self.officer, Assignment(change, OFFICER), self.office, self.now),
        )

    async def answer_questions(self, dossier: UUID, answers: Mapping[str, bool]) -> UUID:
        answering = Answering(await self.change(dossier), answers)
        return await self.write(
            self.me, lambda tx: answer_situations(tx, self.me, answering, self.office, self.now)
        )

    async def held(self, type_: str) -> Holding:
        """The newest paper of this type the citizen holds."""
        async with self.database.reading(self.me.actor) as tx:
            return (await my_documents(tx, self.me, None, 1, type_))[0]

    async def ask(self, dossier: UUID, requirement: str, kind: str) -> UUID:
        change = await self.change(dossier)
        lines = Supplement(change.dossier, change.expected_version, (Ask(requirement, kind, "lý do"),))
        return await self.write(
            self.officer, lambda tx: request_supplement(tx, self.officer, lines, self.office, self.now)
        )

    async def override(self, dossier: UUID, requirement: str, reason: str) -> UUID:
        change = await self.change(dossier)
        wanted = Override(change.dossier, change.expected_version, requirement, reason, "giải thích")
        return await self.write(
            self.officer, lambda tx: override_already_held(tx, self.officer, wanted, self.office, self.now)
        )

    async def answer(self, dossier: UUID, *, agree: bool = False) -> UUID:
        change = await self.change(dossier)
        notice = await self.notice_sha256(dossier) if agree else None
        given = SupplementAnswer(change.dossier, change.expected_version, notice_sha256=notice)
        return await self.write(
            self.me, lambda tx: answer_supplement(tx, self.me, given, self.office, self.now)
        )

    async def open_evidence(self, dossier: UUID, *requirements: str) -> OpenedDossier:
        wanted = EvidenceOpening(dossier, requirements)
        return await self.write(
            self.officer, lambda tx: open_evidence(tx, self.officer, wanted, self.office, self.now)
        )

    async def rows(self, sql: str) -> list[Any]:
        async with self.owner.begin() as connection:
            return [tuple(row) for row in await connection.execute(text(sql))]

    async def count(self, table: str) -> int:
        return int((await self.rows(f"SELECT count(*) FROM {table}"))[0][0])

    async def told(self) -> list[str]:
        """Codes of what the citizen was told, oldest first."""
        return [row[0] for row in await self.rows("SELECT code FROM notices ORDER BY id")]

    async def fill(self, dossier: UUID) -> None:
        """Declare something fitting for every required field nobody else knows."""
        while missing := (await self._form(dossier))[1].missing:
            form = (await self._form(dossier))[0]
            fields = {one.key: one for one in form.fields}
            patch = {key: _declared(fields[key]) for key in missing}
            change = await self.change(dossier)
            await self.write(
                self.me,
                lambda tx, c=change, p=patch: update_dossier_form(  # type: ignore[misc]
                    tx, self.me, FormPatch(c, p), self.office, self.now
                ),
            )

    async def _form(self, dossier: UUID) -> tuple[Form, FormState]:
        async with self.database.reading(self.me.actor) as tx:
            case = await load_case(tx, dossier, self.office, lock=False)
            await plan_case(tx, case)
            state = await form_state(tx, self.me, case, self.office)
        assert case.procedure.form is not None
        return case.procedure.form, state

    async def approve(self, dossier: UUID, type_: str, claims: Mapping[str, Any]) -> Holding:
        """Decide with one result; returns it as its holder has it."""
        change = await self.change(dossier)
        approval = Approval(change, (Result(type_, claims),))
        await self.write(
            self.officer, lambda tx: approve_dossier(tx, self.officer, approval, self.office, self.now)
        )
        async with self.database.reading(self.me.actor) as tx:
            return (await my_documents(tx, self.me, None, 1, type_))[0]


def _declared(field: FormField) -> Any:
    if field.type == "enum":
        return field.options[0][0]
    return {"boolean": False, "integer": 3, "vnd": 1, "area_m2": 50, "date": "2026-01-02"}.get(
        field.type, "x"
    )


OFFICER = UUID(int=81)


async def world(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime, agency_type: str = "ubnd-cap-xa"
) -> World:
    """One citizen and one agency with one officer of every desk role."""
    agency = new_id()
    async with owner.begin() as connection:
        await connection.execute(
            insert(Agency).values(
                id=agency,
                type_id=agency_type,
                code="H26.12.05",
                name_vi="UBND thử",
                province="ha-noi",
                active=True,
            )
        )
        await connection.execute(
            insert(Officer).values(
                id=OFFICER,
                issuer="test",
                external_id="o",
                code="CB-1",
                agency_id=agency,
                roles=[],
                active=True,
            )
        )
    somebody = await citizen(database, safe, now)
    return World(database, owner, safe, now, somebody.caller, agency)
