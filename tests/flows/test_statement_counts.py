"""A list of fifty costs the statements of a list of five: each nested field is read for all of them at once.

Every connection of the schema is asked for with every nested field, over rows that share as little as the list
allows: another owner, agency, procedure and paper each. Statements are counted in both databases.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLObjectType, get_named_type
from sqlalchemy import event, insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from strawberry.dataloader import DataLoader

from auth.caller import Caller, CallerKind, Role
from auth.records import Mandate, Officer, Proxy
from dossiers.records import (
    Dossier,
    DossierAsk,
    DossierEvidence,
    DossierOverride,
    DossierParty,
    DossierRequirement,
    DossierResult,
    Notice,
)
from dossiers.state import Status
from procedures.law import Procedure
from procedures.records import Agency
from resolvers.connections import global_id
from store.database import Database
from store.identifiers import new_id
from store.records import LedgerEntry, Record
from tests.attacks.matrix.face import Face, open_face
from tests.attacks.matrix.rows import VALUE, outcome
from tests.attacks.matrix.selection import Ask, schema
from tests.attacks.row_level_world import AT, row
from tests.conftest import NOW, NewDatabase
from tests.filings import LAWS, FakeRegisters
from vault.deposits import Deposit, deposit
from vault.holding import Holding, Origin
from vault.issuing.records import Attestation
from vault.notes import Note, write_note
from vault.permission.notice import Item
from vault.records import Consent, ErasureRequest, Share
from vault.safe import Safe
from vault.subjects import PERSON, Profile, enrol

FEW, MANY = 5, 50
PAPER = "gcn-quyen-su-dung-dat"
CLAIMS = {"person.full_name@land_user": "x", "land_parcel.parcel_number@land_parcel": "1"}
COMMUNES, INSURERS = "ubnd-cap-xa", "bhxh-co-so"
BY_COMMUNES, BY_INSURERS = "1.013225", "1.001613"
STATES = (Status.DRAFT, Status.SUPPLEMENT_REQUESTED, Status.NOT_RECEIVED, Status.WITHDRAWN, Status.PROCESSED)
"""Any five neighbours hold one of each: a short page opens what a long one opens."""


@dataclass
class Crowd:
    """Fifty wards of one person, with fifty of everything; and of another, with five."""

    face: Face
    dossiers: list[UUID]
    papers: list[Holding]
    consents: list[UUID]
    requests: list[UUID]
    shares: list[UUID]
    notices: list[UUID]


@dataclass
class Counted:
    """Statements by database."""

    main: int = 0
    keys: int = 0


@pytest.fixture(scope="module")
async def crowd(new_database: NewDatabase, safe: Safe) -> AsyncIterator[Crowd]:
    servers = await new_database()
    database, owner = Database(servers.url), create_async_engine(servers.owner_url)
    async with open_face(database, safe, FakeRegisters(), NOW) as face:
        yield await gather_crowd(face, owner, safe)
    await owner.dispose()
    await database.close()


@contextmanager
def counting(face: Face) -> Iterator[Counted]:
    counted = Counted()
    house = face.house

    def main(*about: Any) -> None:
        counted.main += 1

    def keys(*about: Any) -> None:
        counted.keys += 1

    engines = (house.database.engine.sync_engine, main), (house.office.safe.keys.engine.sync_engine, keys)
    for engine, count in engines:
        event.listen(engine, "before_cursor_execute", count)
    try:
        yield counted
    finally:
        for engine, count in engines:
            event.remove(engine, "before_cursor_execute", count)


CONNECTIONS: Mapping[str, str] = {
    "myDocuments": "parent",
    "myDossiers": "parent",
    "myConsents": "parent",
    "accessRequests": "parent",
    "myDataUsage": "parent",
    "myNotices": "parent",
    "myProofs": "parent",
    "mandates": "parent",
    "desk": "officer",
    "erasures": "officer",
    "procedures": "anonymous",
}
"""Connections among the root fields, with who asks."""
NESTED: Mapping[str, frozenset[str]] = {
    "myDocuments": frozenset({"Claim.value"}),
    "myDossiers": frozenset(
        {"Ask.reason", "Override.text", "Refusal.reason", "Dossier.withdrawalReason", "Claim.value"}
        | {"ConsentNotice.text", "FormField.value", "Dossier.results", "OnceOnlyCounts.unfit"}
    ),
    "myConsents": frozenset({"Consent.recipient", "Claim.value"}),
    "accessRequests": frozenset({"ConsentNotice.text", "Claim.value"}),
    "myDataUsage": frozenset({"DataUsage.agency"}),
    "myProofs": frozenset({"Proof.title", "Proof.claims"}),
    "mandates": frozenset({"Mandate.name"}),
    "erasures": frozenset({"Erasure.purpose", "Erasure.papers"}),
    "desk": frozenset({"Dossier.agency", "Override.requirement", "PlannedEvidence.claims"}),
}
"""What must be there on a page of either length, or there is nothing to count."""


def test_every_connection_is_counted() -> None:
    query = schema().type_map["Query"]
    assert isinstance(query, GraphQLObjectType)
    paged = {
        name for name, one in query.fields.items() if get_named_type(one.type).name.endswith("Connection")
    }
    assert paged == set(CONNECTIONS)


@pytest.mark.parametrize("name", CONNECTIONS)
async def test_a_long_page_costs_what_a_short_one_costs(crowd: Crowd, name: str) -> None:
    few, many = await counts_of(crowd, name, FEW), await counts_of(crowd, name, MANY)
    print(f"\n{name}: {FEW} and {MANY} rows, main and keys statements: {few} {many}")
    assert few == many


async def counts_of(crowd: Crowd, name: str, first: int) -> tuple[int, int]:
    ask = Ask(name, f"(first: {first})")
    with counting(crowd.face) as counted:
        answer = await crowd.face.ask(CONNECTIONS[name], ask.query)
    assert answer.codes == [], answer.text[:500]
    assert len(answer.data[name]["edges"]) == first
    seen = ask.observe("Query", answer.data)
    empty = {one for one in NESTED.get(name, ()) if outcome(seen.get(one, []), []) != VALUE}
    assert not empty
    return counted.main, counted.keys


async def test_a_list_read_one_by_one_is_found(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.loaders.DataLoader", lambda load: DataLoader(load, max_batch_size=1))
    assert (await counts_of(crowd, "myDocuments", MANY))[1] == MANY


NODES: Mapping[str, str] = {
    "Document": "papers",
    "Dossier": "dossiers",
    "Consent": "consents",
    "AccessRequest": "requests",
    "Share": "shares",
    "Notice": "notices",
}


@pytest.mark.parametrize("kind", NODES)
async def test_many_nodes_cost_what_a_few_cost(crowd: Crowd, kind: str) -> None:
    keys = [one.document if isinstance(one, Holding) else one for one in getattr(crowd, NODES[kind])]
    counts = []
    for some in (FEW, MANY):
        ids = ", ".join(f'"{global_id(kind, key)}"' for key in keys[:some])
        with counting(crowd.face) as counted:
            answer = await crowd.face.ask("parent", Ask("nodes", f"(ids: [{ids}])", kind).query)
        assert answer.codes == [], answer.text[:500]
        assert sum(one is not None for one in answer.data["nodes"]) == some
        counts.append((counted.main, counted.keys))
    print(f"\nnodes {kind}: {FEW} and {MANY}, main and keys statements: {counts}")
    assert counts[0] == counts[1]


async def test_a_figures_dossiers_cost_the_same_in_any_number(crowd: Crowd) -> None:
    counts = []
    for first in (FEW, MANY):
        nested = "{ edges { cursor node { id amount } } pageInfo { hasNextPage endCursor } }"
        lists = f"dossiers(figure: UNFIT, first: {first}) {nested} mismatches(first: {first}) {nested}"
        with counting(crowd.face) as counted:
            answer = await crowd.face.ask("parent", f"{{ onceOnly {{ {lists} }} }}")
        assert answer.codes == [], answer.text[:500]
        assert len(answer.data["onceOnly"]["dossiers"]["edges"]) == first
        counts.append((counted.main, counted.keys))
    print(f"\nonceOnly: {FEW} and {MANY}, main and keys statements: {counts}")
    assert counts[0] == counts[1]


async def test_many_wards_cost_what_a_few_cost(crowd: Crowd) -> None:
    counts = []
    for caller, wards in (("elder", FEW), ("parent", MANY)):
        with counting(crowd.face) as counted:
            answer = await crowd.face.ask(caller, Ask("viewer").query)
        assert len([one for one in answer.data["viewer"]["wards"] if one["name"]]) == wards
        counts.append((counted.main, counted.keys))
    print(f"\nviewer: {FEW} and {MANY} wards, main and keys statements: {counts}")
    assert counts[0] == counts[1]


async def test_many_agencies_cost_what_a_few_cost(crowd: Crowd) -> None:
    counts = []
    for procedure, agencies in ((BY_INSURERS, FEW), (BY_COMMUNES, MANY)):
        with counting(crowd.face) as counted:
            answer = await crowd.face.ask("parent", Ask("agencies", f'(procedure: "{procedure}")').query)
        assert len(answer.data["agencies"]) == agencies
        counts.append((counted.main, counted.keys))
    print(f"\nagencies: {FEW} and {MANY}, main and keys statements: {counts}")
    assert counts[0] == counts[1]


async def gather_crowd(face: Face, owner: AsyncEngine, safe: Safe) -> Crowd:
    parent, wards = await families(face, owner, safe)
    agencies = await halls(face, owner)
    me = Caller(CallerKind.CITIZEN, parent, represented=dict.fromkeys(wards, "parent"))
    papers = []
    for ward in wards:
        async with face.house.database.writing(me.actor) as tx:
            papers.append(await deposit(tx, me, Deposit(ward, PAPER, Origin.SELF, CLAIMS), safe, NOW))
    # In the order of their ids, which is the order of the list.
    keys = sorted(new_id() for _ in range(2 * MANY))
    filed = list(enumerate(zip(keys[:MANY], PROCEDURES, papers, agencies, strict=True)))
    dossiers = [filing(key, place, one, paper, agency) for place, (key, one, paper, agency) in filed]
    queue = [
        filing(key, place, one, paper, agencies[0], filer=new_id())
        for key, (place, (_, one, paper, _)) in zip(keys[MANY:], filed, strict=True)
    ]
    consents = [
        permission(paper, agency, one, "GIVEN")
        for paper, agency, one in zip(papers, agencies, PROCEDURES, strict=True)
    ]
    # All to the officer's commune, which is asked to erase.
    ended = [
        permission(paper, agencies[0], one, "GIVEN") for paper, one in zip(papers, PROCEDURES, strict=True)
    ]
    erasures = [
        row(
            ErasureRequest,
            consent_id=given["id"],
            subject_id=given["subject_id"],
            agency_id=agencies[0],
            cause="WITHDRAWN",
        )
        for _, given in ended
    ]
    requests = [
        permission(paper, agency, one, "REQUESTED")
        for paper, agency, one in zip(papers, agencies, PROCEDURES, strict=True)
    ]
    shares = [
        row(
            Share,
            subject_id=one.subject,
            document_id=one.document,
            version_id=one.version,
            max_uses=3,
            secret_hash=one.version.bytes,
            handle=str(one.version),
            receipt="x",
        )
        for one in papers
    ]
    proofs = [
        row(
            Attestation,
            subject_id=one.subject,
            document_id=one.document,
            version_id=one.version,
            form="cwt",
            claims=list(CLAIMS),
            list=1,
            place=place,
        )
        for place, one in enumerate(papers)
    ]
    usage = [
        row(LedgerEntry, subject_id=ward, agency_id=agency, entry=USED)
        for ward, agency in zip(wards, agencies, strict=True)
    ]
    told = [
        row(Notice, id=new_id(), subject_id=ward, code="submitted", dossier_id=new_id()) for ward in wards
    ]
    rows = [
        *(one for parts in (*dossiers, *queue) for one in parts),
        *ended,
        *erasures,
        *consents,
        *requests,
        *shares,
        *proofs,
        *usage,
        *told,
        *authorised(parent, wards),
    ]
    async with owner.begin() as connection:
        for record, values in rows:
            await connection.execute(insert(record).values(**values))
    await write_words(face, me, rows)
    return Crowd(
        face,
        keys[:MANY],
        papers,
        *([one[1]["id"] for one in some] for some in (consents, requests, shares, told)),
    )


def authorised(grantor: UUID, actors: Iterable[UUID]) -> list["Row"]:
    """Everybody was named, and accepted."""
    until = AT + timedelta(days=9)
    return [
        row(
            Proxy,
            grantor_id=grantor,
            to_index=one.bytes,
            actor_id=one,
            scope=["READ"],
            granted_at=AT,
            valid_until=until,
            accepted_at=AT,
        )
        for one in actors
    ]


Row = tuple[type[Record], dict[str, Any]]

PROCEDURES: list[Procedure] = sorted(
    LAWS.on(AT.date()).procedures.values(), key=lambda one: (one.form is None, not one.situations, one.id)
)[:MANY]
"""Fifty that ask most: with a form, with questions."""
USED = {
    "purpose": f"urn:vn:tthc:{BY_COMMUNES}",
    "legal_basis": "CONSENT",
    "claims": list(CLAIMS),
    "article": None,
}


async def families(face: Face, owner: AsyncEngine, safe: Safe) -> tuple[UUID, list[UUID]]:
    """A parent with fifty wards, an elder with five of them, both signed in."""
    people = []
    async with face.house.database.writing(Caller(CallerKind.ANONYMOUS).actor) as tx:
        for place in range(MANY + 2):
            profile = Profile(PERSON, f"Người {place}", f"0011990{place:05d}")
            people.append(await enrol(tx, profile, safe, NOW))
    parent, elder, *wards = people
    async with owner.begin() as connection:
        for actor, some in ((parent, wards), (elder, wards[:FEW])):
            for ward in some:
                of = {"actor_id": actor, "subject_id": ward, "basis": "GUARDIAN", "relation": "parent"}
                whole = {"scope": ["all"], "evidence": "register:1", "valid_from": AT, "id": new_id()}
                await connection.execute(insert(Mandate).values(**of, **whole))
    await face.sign_in("parent", CallerKind.CITIZEN, parent)
    await face.sign_in("elder", CallerKind.CITIZEN, elder)
    return parent, wards


async def halls(face: Face, owner: AsyncEngine) -> list[UUID]:
    """Fifty communes, one of them with an officer signed in, and five insurers."""
    communes, officer = [new_id() for _ in range(MANY)], new_id()
    kinds = [(one, COMMUNES) for one in communes] + [(new_id(), INSURERS) for _ in range(FEW)]
    async with owner.begin() as connection:
        for place, (agency, kind) in enumerate(kinds):
            name = {"code": f"H26.99.{place:02d}", "name_vi": f"Nơi {place}", "province": "ha-noi"}
            await connection.execute(insert(Agency).values(id=agency, type_id=kind, active=True, **name))
        clerk = {
            "issuer": "test",
            "external_id": "o",
            "code": "CB",
            "roles": [Role.RECEIVE.value],
            "active": True,
        }
        await connection.execute(insert(Officer).values(id=officer, agency_id=communes[0], **clerk))
    await face.sign_in("officer", CallerKind.OFFICER, officer)
    return communes


def filing(
    dossier: UUID, place: int, procedure: Procedure, paper: Holding, agency: UUID, filer: UUID | None = None
) -> list[Row]:
    """A dossier with one of everything a list may nest. `filer`: of somebody else's, as the desk sees it."""
    status = STATES[place % len(STATES)]
    subject = paper.subject if filer is None else filer
    status = Status.NEWLY_FILED if filer is not None and status is Status.DRAFT else status
    first = procedure.requirements[0]
    about = {"dossier_id": dossier, "requirement": first.id}
    evidence = {"subject_id": subject, "document_id": paper.document, "version_id": paper.version}
    agreed = {"claims": sorted(CLAIMS), "document_type": PAPER, "legal_basis": "CONSENT", "whole": False}
    asked = {"kind": "SUPPLEMENT", "fit": "UNFIT", "asked_at": AT, "subject_id": subject, "probes": []}
    return [
        row(
            Dossier,
            id=dossier,
            code=None if status is Status.DRAFT else str(dossier),
            procedure_id=procedure.id,
            applicant_id=subject,
            filer_id=subject,
            agency_id=agency,
            channel="online",
            status=status,
            answers={one.id: True for one in procedure.situations},
            submitted_at=None if status is Status.DRAFT else AT,
        ),
        row(DossierParty, dossier_id=dossier, role="applicant", subject_id=subject),
        *(
            row(
                DossierRequirement,
                dossier_id=dossier,
                requirement=one.id,
                outcome="SUPPLY",
                reason="nothing_held",
                reason_params={"document_type": one.document_type},
                warnings=[],
            )
            for one in procedure.requirements
        ),
        row(DossierEvidence, **about, **evidence, **agreed),
        row(DossierOverride, **about, id=new_id(), legal_reason="data_wrong", article="Điều 2"),
        row(DossierAsk, **about, **asked, id=new_id()),
        row(DossierResult, dossier_id=dossier, document_id=paper.document),
    ]


def permission(paper: Holding, agency: UUID, procedure: Procedure, status: str) -> Row:
    item = Item(paper.subject, PAPER, tuple(sorted(CLAIMS)), paper.document, paper.version)
    purpose = f"urn:vn:tthc:{procedure.code or procedure.id}"
    asked = {"subject_id": paper.subject, "recipient_agency": agency, "purpose": purpose, "requested_at": NOW}
    given = (
        {"given_at": NOW, "valid_until": NOW.replace(year=2027), "receipt": "signed"}
        if status == "GIVEN"
        else {}
    )
    return row(Consent, id=new_id(), items=[item.to_json()], status=status, language="en", **asked, **given)


async def write_words(face: Face, me: Caller, rows: Iterable[Row]) -> None:
    """What people wrote, sealed as the use cases seal it."""
    kinds = {DossierAsk: ("ask.reason",), DossierOverride: ("override.text",)}
    whole: dict[type[Record], tuple[str, ...]] = {**kinds, Dossier: ("refusal", "withdrawal.reason", "form")}
    words: dict[str, Any] = {"refusal": {"reason": "x", "legal_basis": "y"}, "form": {"investor_phone": "1"}}
    applicants = {values["id"]: values["applicant_id"] for record, values in rows if record is Dossier}
    async with face.house.database.writing(me.actor) as tx:
        for record, values in rows:
            subject = applicants.get(values.get("dossier_id", values.get("id")))
            if record in whole and subject in me.subjects:
                for kind in whole[record]:
                    note = Note(subject, values["id"], kind, words.get(kind, "x"))
                    await write_note(tx, note, face.house.office.safe, NOW)
