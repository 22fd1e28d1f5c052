"""Papers entering a vault and changing their standing, with a real database."""

import dataclasses
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import ANONYMOUS, LOOP
from auth.errors import AccessDenied, AuthRefusal, NotFound, Unauthenticated
from store.database import Database
from store.embedded import Servers
from store.identifiers import new_id
from tests.files import pdf
from tests.vaults import LAND, PARCEL, World, make_safe, make_world
from vault.deposits import Deposit, add_version
from vault.documents import (
    Dispute,
    claims_of,
    dispute_claim,
    documents_by_id,
    documents_issued,
    holdings,
    mark_seen,
    my_document,
    my_documents,
    remove_document,
    revoke_document,
    version_digests,
)
from vault.errors import (
    ClaimUnknown,
    DocumentInUse,
    DocumentNotUsable,
    ReplacementRefused,
    UploadRefused,
)
from vault.holding import Origin, Status
from vault.notes import read_note
from vault.objects import object_for
from vault.opening import open_own

CONTENT = pdf()
AREA, SHEET = "land.area_m2@land", "land.map_sheet@land"


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


async def held(world: World) -> dict[UUID, Status]:
    async with world.database.reading(world.citizen.actor) as tx:
        return {one.document: one.status for one in await holdings(tx, [world.mai])}


async def test_who_puts_a_paper_in_decides_its_level(world: World) -> None:
    own = await world.paper()
    issued = await world.issued()
    digitised = await world.deposit(
        world.officer,
        Deposit(world.mai, LAND, Origin.DIGITISED, PARCEL, issuer_agency=world.commune),
    )
    answer = await world.deposit(
        world.citizen, Deposit(world.mai, LAND, Origin.REGISTER, PARCEL, register="land")
    )
    assert [one.level for one in (own, digitised, issued, answer)] == [3, 2, 1, 1]
    assert [one.seen for one in (own, digitised, issued, answer)] == [False, True, False, False]
    assert {row["kind"] for row in await world.rows("ledger")} == {"vault.deposit"}
    assert len(await world.rows("ledger")) == 4


@pytest.mark.parametrize(
    ("who", "origin", "refusal"),
    [
        ("citizen", Origin.ISSUED, AccessDenied),
        ("citizen", Origin.DIGITISED, AccessDenied),
        ("officer", Origin.SELF, AccessDenied),
        ("officer", Origin.REGISTER, AccessDenied),
        ("other", Origin.SELF, NotFound),
        ("other", Origin.REGISTER, NotFound),
    ],
)
async def test_nobody_deposits_what_is_not_theirs_to_vouch_for(
    world: World, who: str, origin: Origin, refusal: type[AuthRefusal]
) -> None:
    caller = getattr(world, who)
    with pytest.raises(refusal):
        await world.deposit(caller, Deposit(world.mai, LAND, origin, PARCEL, issuer_agency=world.commune))
    assert await world.rows("documents") == await world.rows("ledger") == []


async def test_an_agency_cannot_issue_in_anothers_name(world: World) -> None:
    for origin in (Origin.ISSUED, Origin.DIGITISED):
        with pytest.raises((AccessDenied, NotFound)):
            await world.deposit(
                world.officer, Deposit(world.mai, LAND, origin, PARCEL, issuer_agency=world.bank)
            )
    assert await world.rows("documents") == []


async def test_claims_rest_sealed_and_open_for_their_owner_alone(world: World) -> None:
    paper = await world.paper()
    (row,) = await world.rows("document_versions")
    assert row["claim_names"] == sorted(PARCEL)
    assert b"84.5" not in row["claims"] + row["wrapped_key"]
    async with world.database.reading(world.citizen.actor) as tx:
        assert await claims_of(tx, world.citizen, [paper.version], world.safe) == {paper.version: PARCEL}
    for caller in (world.other, world.officer):
        async with world.database.reading(caller.actor) as tx:
            assert await claims_of(tx, caller, [paper.version], world.safe) == {}
    async with world.database.reading(ANONYMOUS.actor) as tx:
        with pytest.raises(Unauthenticated):
            await claims_of(tx, ANONYMOUS, [paper.version], world.safe)


async def test_the_owner_opens_their_paper_and_the_log_says_so(world: World) -> None:
    content = pdf(pages=3)
    paper = await world.paper(content=content)
    async with world.database.writing(world.citizen.actor) as tx:
        opened = await open_own(tx, world.citizen, paper.document, world.safe, world.now)
    assert opened.content is not None
    assert b"".join([piece async for piece in opened.content.stream()]) == content
    assert (opened.content.media_type, opened.content.size_bytes) == ("application/pdf", len(content))
    assert opened.claims == PARCEL
    (line,) = [row for row in await world.rows("ledger") if row["kind"] == "vault.read"]
    assert (line["id"], line["subject_id"], line["actor_id"]) == (opened.ledger_id, world.mai, world.mai)


async def test_others_cannot_open_it_and_leave_no_trace_of_success(world: World) -> None:
    paper = await world.paper(content=pdf())
    for caller in (world.other, world.officer, world.stranger):
        with pytest.raises(NotFound):
            async with world.database.writing(caller.actor) as tx:
                await open_own(tx, caller, paper.document, world.safe, world.now)
    assert [row["kind"] for row in await world.rows("ledger")] == ["vault.deposit"]


async def test_a_deposit_is_told_in_the_log_in_full(world: World) -> None:
    paper = await world.paper()
    (line,) = await world.rows("ledger")
    assert (line["kind"], line["outcome"], line["subject_id"]) == ("vault.deposit", "SUCCESS", world.mai)
    assert (line["actor_kind"], line["actor_id"]) == ("citizen", world.mai)
    assert line["entry"] == {
        "purpose": "deposit",
        "legal_basis": "OWN",
        "claims": sorted(PARCEL),
        "documents": [str(paper.document)],
        "requirement": None,
        "reason": None,
        "article": None,
    }


async def test_the_same_bytes_again_are_recognised(world: World) -> None:
    content = pdf()
    first = await world.paper(content=content)
    again = await world.paper(content=content)
    assert again == first
    assert len(await world.rows("documents")) == len(await world.rows("document_versions")) == 1
    lines = [row["entry"]["reason"] for row in await world.rows("ledger")]
    assert lines == [None, "same_bytes"]


async def test_the_same_bytes_of_somebody_else_are_another_paper(world: World) -> None:
    content = pdf()
    mine = await world.paper(content=content)
    upload = await world.upload(world.other, content, world.lan)
    theirs = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL, upload))
    assert theirs.document != mine.document
    first, second = (row["sha256_index"] for row in await world.rows("document_versions"))
    assert first != second


async def test_the_same_bytes_with_corrected_claims_take_the_first_ones_place(world: World) -> None:
    content = pdf()
    first = await world.paper(content=content)
    second = await world.paper({**PARCEL, AREA: 48.5}, content=content)
    assert second.document != first.document
    assert await held(world) == {first.document: Status.SUPERSEDED, second.document: Status.VALID}


async def test_certified_bytes_are_never_displaced_by_their_owners_copy(world: World) -> None:
    content = pdf()
    upload = await world.upload(world.officer, content)
    certified = await world.deposit(
        world.officer,
        Deposit(world.mai, LAND, Origin.DIGITISED, PARCEL, upload, issuer_agency=world.commune),
    )
    assert await world.paper(content=content) == certified
    await world.paper({AREA: 1}, content=content)
    assert (await held(world))[certified.document] is Status.VALID


async def test_the_same_bytes_better_attested_take_the_lesser_papers_place(world: World) -> None:
    papers = []
    for origin in (Origin.DIGITISED, Origin.ISSUED):
        upload = await world.upload(world.officer, CONTENT)
        paper = Deposit(world.mai, LAND, origin, PARCEL, upload, issuer_agency=world.commune)
        papers.append(await world.deposit(world.officer, paper))
        # The agency sees the version through a dossier, so it can tell that nothing but the level differs.
        await world.rely(await world.dossier(), papers[-1], None, "OWN")
    certified, issued = papers
    assert issued.document != certified.document
    assert await held(world) == {certified.document: Status.SUPERSEDED, issued.document: Status.VALID}


async def test_an_upload_becomes_one_paper_of_the_subject_it_was_announced_for(world: World) -> None:
    upload = await world.upload(world.citizen, pdf())
    await world.deposit(world.citizen, Deposit(world.mai, LAND, Origin.SELF, PARCEL, upload))
    with pytest.raises(UploadRefused):
        await world.deposit(world.citizen, Deposit(world.mai, LAND, Origin.SELF, PARCEL, upload))
    with pytest.raises(NotFound):
        await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL, upload))
    guardian = dataclasses.replace(world.citizen, represented={world.lan: "parent"})
    mine = await world.upload(guardian, pdf(pages=2))
    with pytest.raises(NotFound):
        await world.deposit(guardian, Deposit(world.lan, LAND, Origin.SELF, PARCEL, mine))
    assert len(await world.rows("documents")) == 1


async def test_a_new_version_is_current_and_the_former_stays(world: World) -> None:
    first = await world.paper()
    better = Deposit(world.mai, LAND, Origin.SELF, {**PARCEL, AREA: 85})
    async with world.database.writing(world.citizen.actor) as tx:
        second = await add_version(tx, world.citizen, first.document, better, world.safe, world.now)
    assert (second.document, second.number) == (first.document, 2)
    async with world.database.reading(world.citizen.actor) as tx:
        assert (await my_document(tx, world.citizen, first.document)).version == second.version
        opened = await claims_of(tx, world.citizen, [first.version, second.version], world.safe)
    assert [opened[one.version][AREA] for one in (first, second)] == [84.5, 85]


@pytest.mark.parametrize("origin", [Origin.ISSUED, Origin.DIGITISED])
async def test_its_owner_adds_no_version_to_what_an_agency_vouches_for(world: World, origin: Origin) -> None:
    paper = Deposit(world.mai, LAND, origin, PARCEL, issuer_agency=world.commune)
    held = await world.deposit(world.officer, paper)
    better = dataclasses.replace(paper, claims={**PARCEL, AREA: 850})
    for caller, refusal in ((world.citizen, AccessDenied), (world.stranger, (AccessDenied, NotFound))):
        with pytest.raises(refusal):
            async with world.database.writing(caller.actor) as tx:
                await add_version(tx, caller, held.document, better, world.safe, world.now)
    assert len(await world.rows("document_versions")) == len(await world.rows("ledger")) == 1


async def test_a_version_of_something_else_is_not_added(world: World) -> None:
    paper = await world.paper()
    foreign = Deposit(world.lan, LAND, Origin.SELF, PARCEL)
    other_type = Deposit(world.mai, "another", Origin.SELF, PARCEL)
    for caller, deposited in ((world.other, foreign), (world.citizen, other_type)):
        with pytest.raises(NotFound):
            async with world.database.writing(caller.actor) as tx:
                await add_version(tx, caller, paper.document, deposited, world.safe, world.now)
    assert len(await world.rows("document_versions")) == 1


async def test_a_result_takes_the_place_of_what_it_renews(world: World) -> None:
    other_agencys = await world.deposit(
        world.stranger, Deposit(world.mai, LAND, Origin.ISSUED, PARCEL, issuer_agency=world.bank)
    )
    renewed = await world.issued(supersedes=other_agencys.document)
    assert await held(world) == {
        other_agencys.document: Status.SUPERSEDED,
        renewed.document: Status.VALID,
    }
    # What the State vouches for does not give way to what somebody says of themself.
    await world.paper(supersedes=renewed.document)
    assert (await held(world))[renewed.document] is Status.VALID


async def test_planning_sees_holdings_of_ones_own_and_of_the_dossiers_parties(world: World) -> None:
    mine = await world.paper()
    theirs = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    dossier = await world.dossier(parties=(world.mai, world.lan))
    both = {mine.document, theirs.document}
    for caller, asked, seen in (
        (world.citizen, None, {mine.document}),
        (world.citizen, dossier, both),
        (world.other, dossier, {theirs.document}),
        (world.officer, dossier, both),
        (world.officer, None, set()),
        (world.stranger, dossier, set()),
        (LOOP, dossier, set()),
    ):
        async with world.database.reading(caller.actor) as tx:
            found = await holdings(tx, [world.mai, world.lan], asked)
        assert {one.document for one in found} == seen


async def test_pages_run_newest_first_without_gap_or_overlap(world: World) -> None:
    papers = [await world.paper({AREA: number}) for number in range(5)]
    pages, after = [], None
    async with world.database.reading(world.citizen.actor) as tx:
        while page := await my_documents(tx, world.citizen, after, 2):
            pages.append(page)
            after = page[-1].document
        assert await my_documents(tx, world.citizen, None, 9, "another") == ()
        by_id = await documents_by_id(tx, world.citizen, [papers[0].document, new_id()])
    assert [one for page in pages for one in page] == list(reversed(papers))
    assert by_id == {papers[0].document: papers[0]}


async def test_a_disputed_claim_leaves_planning_and_keeps_its_reason_sealed(world: World) -> None:
    paper = await world.paper()
    async with world.database.writing(world.citizen.actor) as tx:
        dispute = Dispute(paper.document, AREA, "measured again")
        marked = await dispute_claim(tx, world.citizen, dispute, world.safe, world.now)
    assert (set(marked.disputed), marked.status) == ({AREA}, Status.VALID)
    async with world.database.reading(world.citizen.actor) as tx:
        note = await read_note(tx, paper.version, f"dispute:{AREA}", world.safe)
    assert note == {"claim": AREA, "reason": "measured again"}
    (sealed,) = await world.rows("sealed_notes")
    assert b"measured" not in sealed["sealed"]


async def test_one_replacement_is_taken_and_only_for_ones_own_statement(world: World) -> None:
    own, better, third = [await world.paper({AREA: number}) for number in range(3)]
    issued = await world.issued()
    async with world.database.writing(world.citizen.actor) as tx:
        for wrong in (own, issued):
            dispute = Dispute(wrong.document, AREA, "wrong", better.document)
            await dispute_claim(tx, world.citizen, dispute, world.safe, world.now)
    standing = await held(world)
    assert standing[own.document] is Status.SUPERSEDED
    assert standing[issued.document] is Status.VALID
    dispute = Dispute(issued.document, SHEET, "wrong", third.document)
    with pytest.raises(ReplacementRefused):
        async with world.database.writing(world.citizen.actor) as tx:
            await dispute_claim(tx, world.citizen, dispute, world.safe, world.now)
    assert await held(world) == standing


@pytest.mark.parametrize("which", ["unknown claim", "another's paper", "revoked"])
async def test_a_dispute_is_refused_and_changes_nothing(world: World, which: str) -> None:
    paper = await world.issued()
    if which == "revoked":
        async with world.database.writing(world.officer.actor) as tx:
            await revoke_document(tx, world.officer, paper.document, "wrong", world.now)
    caller = world.other if which == "another's paper" else world.citizen
    claim = "person.name@owner" if which == "unknown claim" else AREA
    dispute = Dispute(paper.document, claim, "wrong")
    with pytest.raises((ClaimUnknown, NotFound, DocumentNotUsable)):
        async with world.database.writing(caller.actor) as tx:
            await dispute_claim(tx, caller, dispute, world.safe, world.now)
    (row,) = await world.rows("document_versions")
    assert row["disputed"] == []


async def test_the_issuer_revokes_and_plans_say_so(world: World) -> None:
    paper = await world.issued()
    async with world.database.writing(world.officer.actor) as tx:
        revoked = await revoke_document(tx, world.officer, paper.document, "wrong", world.now)
    assert (revoked.document, revoked.subject, revoked.type) == (paper.document, world.mai, LAND)
    assert await held(world) == {paper.document: Status.REVOKED}
    with pytest.raises(DocumentNotUsable):
        async with world.database.writing(world.officer.actor) as tx:
            await revoke_document(tx, world.officer, paper.document, "again", world.now)
    (row,) = await world.rows("documents")
    assert row["status_reason"] == "wrong"


async def test_an_agency_may_name_what_it_issued_and_nothing_else(world: World) -> None:
    issued, own = await world.issued(), await world.paper()
    for caller, named in (
        (world.officer, {issued.document: issued}),
        (world.stranger, {}),
        (world.citizen, {}),
    ):
        async with world.database.reading(caller.actor) as tx:
            assert await documents_issued(tx, caller, [issued.document, own.document]) == named


async def test_nobody_else_revokes(world: World) -> None:
    paper = await world.issued()
    for caller in (world.stranger, world.citizen, world.other):
        with pytest.raises((AccessDenied, NotFound)):
            async with world.database.writing(caller.actor) as tx:
                await revoke_document(tx, caller, paper.document, "wrong", world.now)
    assert await held(world) == {paper.document: Status.VALID}


async def test_what_its_owner_removes_cannot_be_opened_again(world: World) -> None:
    paper = await world.paper(content=pdf())
    async with world.database.writing(world.citizen.actor) as tx:
        await remove_document(tx, world.citizen, paper.document, world.now)
    assert await held(world) == {}
    (row,) = await world.rows("document_versions")
    assert (row["wrapped_key"], row["blob"]) == (b"", None)
    with pytest.raises(DocumentNotUsable):
        async with world.database.writing(world.citizen.actor) as tx:
            await open_own(tx, world.citizen, paper.document, world.safe, world.now)


async def test_what_the_state_issued_is_not_its_owners_to_remove(world: World) -> None:
    paper = await world.issued()
    with pytest.raises(DocumentInUse):
        async with world.database.writing(world.citizen.actor) as tx:
            await remove_document(tx, world.citizen, paper.document, world.now)
    assert await held(world) == {paper.document: Status.VALID}


async def test_an_original_seen_once_stays_seen(world: World) -> None:
    paper = await world.paper()
    dossier = await world.dossier()
    for later in (world.now, world.now + timedelta(days=1)):
        async with world.database.writing(world.officer.actor) as tx:
            assert await mark_seen(tx, world.officer, dossier, paper.version, later) == world.mai
    (row,) = await world.rows("document_versions")
    assert (row["seen_at"], row["seen_by"]) == (world.now, world.officer.id)


async def test_an_original_is_seen_only_by_the_agency_at_work_and_of_its_parties(world: World) -> None:
    paper, dossier = await world.paper(), await world.dossier()
    foreign = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    for caller, version in (
        (world.stranger, paper.version),
        (world.citizen, paper.version),
        (world.officer, foreign.version),
        (world.officer, new_id()),
    ):
        with pytest.raises(NotFound):
            async with world.database.writing(caller.actor) as tx:
                await mark_seen(tx, caller, dossier, version, world.now)
    assert [row["seen_at"] for row in await world.rows("document_versions")] == [None, None]


async def test_a_digest_names_the_sealed_version_and_nothing_of_its_content(world: World) -> None:
    first, second = await world.paper(), await world.paper()
    async with world.database.reading(world.citizen.actor) as tx:
        digests = await version_digests(tx, [first.version, second.version, new_id()])
    assert digests.keys() == {first.version, second.version}
    assert len(set(digests.values())) == 2


async def test_one_parcel_is_one_object_however_it_is_spelt(world: World) -> None:
    async with world.database.writing(world.citizen.actor) as tx:
        spelt = [
            await object_for(tx, kind, facts, world.safe, world.now)
            for kind, facts in (
                ("land_parcel", {"parcel": "12", "place": "Phường  Long Bình"}),
                ("land_parcel", {"place": "phường long bình ", "parcel": "12"}),
                ("building", {"parcel": "12", "place": "Phường Long Bình"}),
                ("land_parcel", {}),
                ("land_parcel", {}),
            )
        ]
    assert spelt[0] == spelt[1]
    assert len(set(spelt)) == 4
    assert all(b"12" not in (row["facts_index"] or b"") for row in await world.rows("objects"))
