"""The second wall alone, writing: nothing is put into, or changed in, what belongs to somebody else."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from dossiers.records import Dossier, DossierEvent, Notice
from store.database import Actor, Database
from store.identifiers import new_id
from tests.attacks.row_level_world import (
    ANONYMOUS,
    AT,
    HOA,
    ID,
    LAN,
    MINH,
    NOBODY,
    OFFICER_A,
    OFFICER_B,
    Row,
    attested,
    consent,
    document,
    dossier,
    evidence,
    mandate,
    note,
    party,
    past_request,
    plant,
    row,
    share,
    sheet,
    upload,
    version,
)
from vault.records import Consent, ConsentEvent, Document


@pytest.fixture
async def planted(database: Database, owner: AsyncEngine) -> Database:
    async with owner.begin() as connection:
        await plant(connection)
    return database


AGENCY_A, AGENCY_B = ID["agency_a"], ID["agency_b"]
ISSUED_BY_A = {"origin": "issued", "level": 1, "issuer_agency": AGENCY_A}
FETCHED_FOR_LAN = {"origin": "register", "level": 1, "bound_to": ID["lan_filing"]}

OTHER_CODE = b"z" * 32

FORBIDDEN: dict[str, tuple[Actor, Row]] = {
    "a document in another's vault": (MINH, document("lan")),
    "a version of another's document": (MINH, version("lan", "lan_used", number=2)),
    "a version of another's document as one's own": (MINH, version("minh", "lan_used", number=2)),
    "a paper that claims to be issued": (LAN, document("lan", **ISSUED_BY_A)),
    "a paper that claims to be digitised": (LAN, document("lan", origin="digitised", level=2)),
    "a paper issued in another agency's name": (OFFICER_B, document("lan", **ISSUED_BY_A)),
    "a self-declared paper put in by an officer": (OFFICER_A, document("lan")),
    "a register answer for a filing elsewhere": (OFFICER_B, document("lan", **FETCHED_FOR_LAN)),
    "another's upload": (MINH, upload("lan")),
    "an upload for another": (MINH, upload("minh")),
    "another's share": (MINH, share(secret_hash=b"z" * 32)),
    "a proof of another's paper": (MINH, attested(place=8)),
    "a proof of another's paper as one's own": (MINH, attested(place=8, subject_id=ID["minh"])),
    "another's note": (MINH, note("lan", "lan_filing", kind="reason")),
    "an officer's note on a draft": (OFFICER_A, note("lan", "lan_draft", kind="reason")),
    "an officer's note on a filing elsewhere": (OFFICER_B, note("lan", "lan_filing", kind="reason")),
    "a reason for revoking another agency's paper": (OFFICER_B, note("lan", "lan_issued", kind="revocation")),
    "a reason for revoking what stands": (OFFICER_A, note("lan", "lan_issued", kind="revocation")),
    "another note on an issued paper": (OFFICER_A, note("lan", "lan_issued", kind="reason")),
    "a consent given for another": (LAN, consent("hoa", "GIVEN")),
    "a consent given by an officer": (OFFICER_A, consent("lan", "GIVEN")),
    "a request to somebody outside the filing": (LAN, consent("minh", "REQUESTED")),
    "a request by an agency for another": (OFFICER_A, consent("hoa", "REQUESTED", recipient_agency=AGENCY_B)),
    "a sheet in another officer's name": (OFFICER_A, sheet(code_index=OTHER_CODE, typed_by=ID["officer_b"])),
    "a sheet for what another agency asks": (
        OFFICER_B,
        sheet(code_index=OTHER_CODE, agency_id=AGENCY_B, typed_by=ID["officer_b"]),
    ),
    "a sheet for what is given already": (OFFICER_A, sheet(code_index=OTHER_CODE, consent_id=ID["given"])),
    "a sheet by a citizen": (HOA, sheet(code_index=OTHER_CODE, typed_by=ID["hoa"])),
    "an event of another's consent": (MINH, row(ConsentEvent, consent_id=ID["given"])),
    "a filing in another's name": (MINH, dossier("lan")),
    "a filing for another": (MINH, dossier("minh", applicant_id=ID["lan"])),
    "a filing by an officer": (OFFICER_A, dossier("lan", agency_id=AGENCY_A, status=4, submitted_at=AT)),
    "oneself as party of another's filing": (MINH, party("lan_filing", "minh")),
    "evidence in a filing elsewhere": (
        OFFICER_B,
        evidence("lan_filing", "lan", "lan_kept", legal_basis="OWN"),
    ),
    "an event in a draft by its future agency": (OFFICER_A, row(DossierEvent, dossier_id=ID["lan_draft"])),
    "a notice by nobody signed in": (ANONYMOUS, row(Notice, subject_id=ID["lan"])),
    "another's past request": (MINH, past_request("citizen", "lan")),
}


@pytest.mark.parametrize("wish", FORBIDDEN)
async def test_nothing_is_written_for_somebody_else(planted: Database, owner: AsyncEngine, wish: str) -> None:
    actor, (record, values) = FORBIDDEN[wish]
    count = text(f"SELECT count(*) FROM {record.__tablename__}")
    async with owner.connect() as connection:
        before = await connection.scalar(count)
    with pytest.raises(DBAPIError, match="row-level security"):
        async with planted.writing(actor) as tx:
            await tx.execute(insert(record).values(**values))
    async with owner.connect() as connection:
        assert await connection.scalar(count) == before


@pytest.mark.parametrize("actor", [MINH, LAN, OFFICER_A, Actor("loop")], ids=lambda actor: actor.kind)
async def test_nobody_writes_a_mandate_past_its_door(
    planted: Database, owner: AsyncEngine, actor: Actor
) -> None:
    """A citizen over anybody, as themself or in another's name; an officer for whomever they please."""
    for acting, subject in (("minh", "hoa"), ("lan", "hoa"), ("lan", "child")):
        record, values = mandate(acting, subject)
        with pytest.raises(DBAPIError, match="permission denied"):
            async with planted.writing(actor) as tx:
                await tx.execute(insert(record).values(**values))
    door = text("SELECT record_guardian(:id, :child, :evidence, :at, :until)")
    for child, ground, until in (
        ("hoa", "register:1", AT),
        ("child", "register:1", AT),
        ("hoa", "dossier:1", None),
    ):
        given = {"id": new_id(), "child": ID[child], "evidence": ground, "at": AT, "until": until}
        with pytest.raises(DBAPIError, match="no ground"):
            async with planted.writing(actor) as tx:
                await tx.execute(door, given)
    door = text("SELECT record_representative(:id, :company, :named, 'register:1', :at, :until)")
    for company in ("hoa", "child"):
        given = {"id": new_id(), "company": ID[company], "at": AT, "until": AT + timedelta(days=1)}
        with pytest.raises(DBAPIError, match="no ground"):
            async with planted.writing(actor) as tx:
                await tx.execute(door, given | {"named": [ID["minh"], ID["lan"], ID["officer_a"]]})
    async with owner.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM mandates")) == 1


async def test_a_mandate_is_ended_and_neither_lengthened_nor_revived(planted: Database) -> None:
    for change, refusal in (
        ("valid_until = NULL", "permission denied"),
        ("subject_id = actor_id", "permission denied"),
        ("scope = '{all}'", "permission denied"),
        ("revoked_at = NULL", "row-level security"),
    ):
        with pytest.raises(DBAPIError, match=refusal):
            async with planted.writing(LAN) as tx:
                await tx.execute(text(f"UPDATE mandates SET {change}"))
    async with planted.writing(LAN) as tx:
        await tx.execute(text("UPDATE mandates SET revoked_at = now()"))
    with pytest.raises(DBAPIError, match="row-level security"):
        async with planted.writing(LAN) as tx:
            await tx.execute(text("UPDATE mandates SET revoked_at = NULL"))


async def test_what_people_and_desks_do_write_is_let_through(planted: Database) -> None:
    digitised = document("minh", origin="digitised", level=2, issuer_agency=AGENCY_A)
    paper = digitised[1]["id"]
    by_officer = (
        digitised,
        version("minh", document_id=paper),
        document("lan", **FETCHED_FOR_LAN),
        note("lan", "override", kind="reason"),
        row(DossierEvent, dossier_id=ID["lan_filing"]),
        consent("hoa", "REQUESTED"),
    )
    by_lan = (
        document("lan"),
        version("lan", "lan_used", number=2),
        dossier("lan"),
        consent("hoa", "REQUESTED"),
        row(ConsentEvent, consent_id=ID["requested"], state="Given"),
        row(Notice, subject_id=ID["hoa"]),
    )
    for actor, rows in ((OFFICER_A, by_officer), (LAN, by_lan)):
        async with planted.writing(actor) as tx:
            for record, values in rows:
                await tx.execute(insert(record).values(**values))
    async with planted.reading(MINH) as tx:
        assert paper in set(await tx.scalars(select(Document.id)))


async def test_a_sheet_is_confirmed_by_another_officer_who_alone_writes_its_consent_and_then_alone(
    planted: Database,
) -> None:
    confirming = text(
        "UPDATE assisted_sheets SET confirmed_by = :me, confirmed_at = :at, signed_sha256 = repeat('a', 64)"
        " RETURNING 1"
    )
    giving = text("UPDATE consents SET version = version + 1 WHERE status = 'REQUESTED' RETURNING 1")
    another = Actor("officer", new_id(), AGENCY_A)

    async def confirm(actor: Actor, *, give: bool = False, **changed: Any) -> int:
        async with planted.writing(actor) as tx:
            given = {"me": actor.id, "at": AT + timedelta(hours=1), **changed}
            confirmed = (await tx.execute(confirming, given)).all()
            return len(confirmed) + (len((await tx.execute(giving)).all()) if give else 0)

    async def write(actor: Actor) -> None:
        async with planted.writing(actor) as tx:
            await tx.execute(giving)

    for actor in (OFFICER_A, OFFICER_B, HOA, ANONYMOUS):
        assert await confirm(actor) == 0
    for changed in ({"me": new_id()}, {"me": ID["officer_a"]}, {"at": AT + timedelta(hours=8)}):
        with pytest.raises(DBAPIError, match=r"row-level security|check constraint"):
            await confirm(another, **changed)
    # Not before it is confirmed, nor in any transaction but that one.
    for actor in (another, OFFICER_A):
        with pytest.raises(DBAPIError, match="row-level security"):
            await write(actor)
    assert await confirm(another, give=True) == 2
    with pytest.raises(DBAPIError, match="row-level security"):
        await write(another)
    assert await confirm(Actor("officer", new_id(), AGENCY_A)) == 0


CHANGES = (
    "UPDATE documents SET status = 'revoked' WHERE subject_id = :lan",
    "UPDATE document_versions SET disputed = '{x}' WHERE subject_id = :lan",
    "UPDATE consents SET status = 'WITHDRAWN' WHERE subject_id = :lan",
    "UPDATE shares SET revoked_at = now() WHERE subject_id = :lan",
    "UPDATE attestations SET withdrawn_at = now() WHERE subject_id = :lan",
    "UPDATE access_requests SET status = 'REFUSED' WHERE subject_id = :lan",
    "UPDATE dossiers SET flagged_at = now() WHERE applicant_id = :lan",
    "UPDATE dossier_asks SET retracted_at = now()",
    "UPDATE sealed_notes SET sealed = '' WHERE subject_id = :lan",
    "UPDATE notices SET read_at = now() WHERE subject_id = :lan",
    "UPDATE mandates SET revoked_at = now() WHERE actor_id = :lan",
    "UPDATE subjects SET profile = '' WHERE id = :lan",
    "DELETE FROM sealed_notes WHERE subject_id = :lan",
    "DELETE FROM uploads WHERE created_by = :lan",
    "DELETE FROM dossier_evidence WHERE subject_id = :lan",
)


@pytest.mark.parametrize("statement", CHANGES)
async def test_nothing_of_somebody_else_is_changed(planted: Database, statement: str) -> None:
    for actor in (MINH, HOA, OFFICER_B, ANONYMOUS, NOBODY, Actor("loop")):
        async with planted.writing(actor) as tx:
            values = {"lan": ID["lan"]} if ":lan" in statement else {}
            assert (await tx.execute(text(f"{statement} RETURNING 1"), values)).all() == []
    async with planted.writing(LAN) as tx:
        values = {"lan": ID["lan"]} if ":lan" in statement else {}
        assert (await tx.execute(text(f"{statement} RETURNING 1"), values)).all() != []


async def test_an_officer_can_lock_a_consent_and_not_change_it(planted: Database) -> None:
    given = Consent.id == ID["given"]
    async with planted.writing(OFFICER_A) as tx:
        assert await tx.scalar(select(Consent.id).where(given).with_for_update(read=True)) == ID["given"]
    for change in ({"status": "WITHDRAWN"}, {"items": [{"claims": ["more"]}]}, {"withdrawn_at": AT}):
        with pytest.raises(DBAPIError, match=r"row-level security|cannot be changed"):
            async with planted.writing(OFFICER_A) as tx:
                await tx.execute(update(Consent).where(given).values(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"items": [{"claims": ["more"]}]},
        {"purpose": "another"},
        {"recipient_agency": AGENCY_B},
        {"valid_until": None},
        {"notice_sha256": "y"},
        {"receipt": "forged"},
        {"given_at": None},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_given_consent_never_changes_what_it_says(planted: Database, change: dict[str, Any]) -> None:
    with pytest.raises(DBAPIError, match="cannot be changed"):
        async with planted.writing(LAN) as tx:
            await tx.execute(update(Consent).where(Consent.id == ID["given"]).values(**change))


async def test_a_withdrawal_cannot_be_undone(planted: Database) -> None:
    given = Consent.id == ID["given"]
    async with planted.writing(LAN) as tx:
        await tx.execute(update(Consent).where(given).values(withdrawn_at=AT))
    with pytest.raises(DBAPIError, match="cannot be undone"):
        async with planted.writing(LAN) as tx:
            await tx.execute(update(Consent).where(given).values(withdrawn_at=None))


async def test_a_proof_is_taken_back_once_and_says_nothing_else_afterwards(planted: Database) -> None:
    for change in (
        "withdrawn_at = NULL",
        "place = 8",
        "expires_at = now()",
        "claims = '{}'",
        "subject_id = id",
    ):
        with pytest.raises(DBAPIError, match=r"row-level security|permission denied"):
            async with planted.writing(LAN) as tx:
                await tx.execute(text(f"UPDATE attestations SET {change}"))
    back = text("UPDATE attestations SET withdrawn_at = now() RETURNING 1")
    async with planted.writing(LAN) as tx:
        assert len((await tx.execute(back)).all()) == 1
    for change in ("withdrawn_at = NULL", "withdrawn_at = now()"):
        async with planted.writing(LAN) as tx:
            again = await tx.execute(text(f"UPDATE attestations SET {change} RETURNING 1"))
            assert again.all() == []
    for door in ("note_standing(1, 7, 0::smallint)", "standing_of('valid', true, false)"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with planted.writing(LAN) as tx:
                await tx.execute(text(f"SELECT {door}"))


@pytest.mark.parametrize("change", ["origin = 'issued'", "level = 1", "type = 'x'", "issuer_agency = id"])
async def test_where_a_paper_comes_from_is_fixed(planted: Database, change: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with planted.writing(LAN) as tx:
            await tx.execute(text(f"UPDATE documents SET {change}"))


async def test_a_submitted_filing_cannot_be_hidden_again_by_the_agency(planted: Database) -> None:
    for change in ({"status": 0, "submitted_at": None}, {"agency_id": AGENCY_B}):
        with pytest.raises(DBAPIError, match="row-level security"):
            async with planted.writing(OFFICER_A) as tx:
                await tx.execute(update(Dossier).where(Dossier.id == ID["lan_filing"]).values(**change))
