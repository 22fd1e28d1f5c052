"""The one disclosure transaction: what it gives, and everything that stops it, with a real database."""

import dataclasses
import os
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import ANONYMOUS, Caller, Role
from auth.errors import AccessDenied, NotFound, Unauthenticated
from store import ledger
from store.database import Database
from store.embedded import Servers
from store.identifiers import new_id
from tests.files import pdf
from tests.vaults import LAND, PARCEL, PURPOSE, Reliance, World, item_of, make_safe, make_world, words_for
from vault.deposits import Deposit
from vault.disclosure import Disclosure, HandedIn, UnderConsent, UnderDuty, disclose
from vault.documents import Dispute, dispute_claim, remove_document, revoke_document
from vault.errors import (
    ClaimUnknown,
    ConsentFault,
    ConsentMissing,
    DisclosureBusy,
    DocumentNotUsable,
    TamperedContent,
)
from vault.holding import Origin
from vault.opening import Disclosed
from vault.permission.consent import Request, request_consent, withdraw_consent
from vault.permission.notice import CONSENT_LASTS, Item

AREA, SHEET, NUMBER = "land.area_m2@land", "land.map_sheet@land", "land.parcel_number@land"
ARTICLE = "Luật Đất đai 2024, Điều 166"


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


async def read(world: World, disclosure: Disclosure, caller: Caller | None = None) -> Disclosed:
    caller = caller or world.officer
    async with world.database.writing(caller.actor) as tx:
        return await disclose(tx, caller, disclosure, world.safe)


async def refused(world: World, disclosure: Disclosure, refusal: Any, caller: Caller | None = None) -> Any:
    """The refusal, after making sure that it left no log row and no use of the consent."""
    lines, events = await world.rows("ledger"), await world.rows("consent_events")
    with pytest.raises(refusal) as caught:
        await read(world, disclosure, caller)
    assert await world.rows("ledger") == lines
    assert await world.rows("consent_events") == events
    return caught.value


async def missing(world: World, disclosure: Disclosure) -> ConsentFault:
    refusal: ConsentMissing = await refused(world, disclosure, ConsentMissing)
    return refusal.fault


def blobs(world: World, folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("blobs/??/??/*") if path.is_file())


async def test_exactly_the_claims_agreed_to_are_disclosed_and_logged(world: World) -> None:
    held, dossier = await world.paper(), await world.dossier()
    consent = await world.consent(dossier, item_of(held, AREA, SHEET))
    await world.rely(dossier, held, consent)
    relied = Reliance(world, held, dossier, consent)
    disclosed = await read(world, relied.disclosure(AREA))
    assert (disclosed.claims, disclosed.content, disclosed.has_content) == ({AREA: 84.5}, None, False)
    (line,) = [row for row in await world.rows("ledger") if row["kind"] == "vault.read"]
    assert line["id"] == disclosed.ledger_id
    assert (line["subject_id"], line["actor_id"], line["agency_id"]) == (
        world.mai,
        world.officer.id,
        world.commune,
    )
    assert (line["dossier_id"], line["consent_id"], line["outcome"]) == (dossier, consent, "SUCCESS")
    assert (line["entry"]["claims"], line["entry"]["purpose"]) == ([AREA], PURPOSE)
    assert line["entry"]["legal_basis"] == "CONSENT"
    used = [row for row in await world.rows("consent_events") if row["state"] == "Used"]
    assert [row["ledger_id"] for row in used] == [line["id"]]
    assert await missing(world, relied.disclosure(NUMBER)) is ConsentFault.NOT_COVERED
    assert await missing(world, relied.disclosure(AREA, NUMBER)) is ConsentFault.NOT_COVERED


async def test_the_paper_itself_streams_after_commit_when_the_whole_was_agreed_to(world: World) -> None:
    content = pdf(pages=40)
    relied = await world.relied_on(content, whole=True)
    assert (await read(world, relied.disclosure())).has_content
    disclosed = await read(world, relied.disclosure(content=True))
    assert disclosed.content is not None
    assert b"".join([piece async for piece in disclosed.content.stream()]) == content
    assert disclosed.content.media_type == "application/pdf"


async def test_claims_agreed_to_never_open_the_paper(world: World) -> None:
    relied = await world.relied_on(pdf())
    assert not (await read(world, relied.disclosure())).has_content
    assert await missing(world, relied.disclosure(content=True)) is ConsentFault.NOT_COVERED


async def test_bytes_checked_are_the_bytes_sent_even_if_the_file_is_replaced(
    world: World, tmp_path: Path
) -> None:
    content = pdf(pages=5)
    relied = await world.relied_on(content, whole=True)
    disclosed = await read(world, relied.disclosure(content=True))
    (path,) = blobs(world, tmp_path)
    other = tmp_path / "other"
    other.write_bytes(b"something else")
    os.replace(other, path)
    assert disclosed.content is not None
    assert b"".join([piece async for piece in disclosed.content.stream()]) == content


@pytest.mark.parametrize("damage", ["flip", "truncate", "extend", "swap"])
async def test_a_damaged_file_discloses_nothing(world: World, tmp_path: Path, damage: str) -> None:
    relied = await world.relied_on(pdf(pages=3), whole=True)
    (path,) = blobs(world, tmp_path)
    sealed = path.read_bytes()
    if damage == "swap":
        await world.paper(content=pdf(pages=4))
        (other,) = (found for found in blobs(world, tmp_path) if found != path)
        path.write_bytes(other.read_bytes())
    else:
        changed = {"flip": sealed[:-1] + bytes([sealed[-1] ^ 1]), "truncate": sealed[:-1]}
        path.write_bytes(changed.get(damage, sealed + b"\0"))
    await refused(world, relied.disclosure(content=True), TamperedContent)


async def test_bytes_other_than_those_the_row_was_written_for_are_not_disclosed(world: World) -> None:
    relied = await world.relied_on(pdf(), whole=True)
    (row,) = await world.rows("document_versions")
    async with world.safe.keys.opened(world.mai) as key:
        version = key.unwrap(row["wrapped_key"], row["document_id"], row["id"], row["number"])
    await world.run(
        "UPDATE document_versions SET sealed_sha256 = :sealed", sealed=version.seal(bytes(32), "sha256")
    )
    await refused(world, relied.disclosure(content=True), TamperedContent)


async def test_claims_whose_names_were_edited_disclose_nothing(world: World) -> None:
    relied = await world.relied_on()
    await world.run("UPDATE document_versions SET claim_names = claim_names || '{land.use@land}'::text[]")
    await refused(world, relied.disclosure(AREA), TamperedContent)


async def test_a_version_key_put_in_anothers_place_discloses_nothing(world: World) -> None:
    relied, other = await world.relied_on(), await world.paper()
    await world.run(
        "UPDATE document_versions v SET wrapped_key = o.wrapped_key, claims = o.claims"
        " FROM document_versions o WHERE v.id = :here AND o.id = :there",
        here=relied.held.version,
        there=other.version,
    )
    await refused(world, relied.disclosure(AREA), TamperedContent)


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("purpose", "urn:vn:tthc:9.999999", ConsentFault.PURPOSE),
        ("dossier", new_id(), ConsentFault.PURPOSE),
        ("subject", new_id(), ConsentFault.NONE),
        ("basis", UnderConsent(new_id()), ConsentFault.NONE),
        ("basis", HandedIn(), ConsentFault.NONE),
        ("basis", UnderDuty(" "), ConsentFault.NONE),
    ],
)
async def test_consent_for_something_else_is_no_consent(
    world: World, field: str, value: Any, fault: ConsentFault
) -> None:
    relied = await world.relied_on()
    asked = dataclasses.replace(relied.disclosure(AREA), **{field: value})
    assert await missing(world, asked) is fault


async def test_a_consent_covers_its_own_version_and_no_other(world: World) -> None:
    relied, other = await world.relied_on(), await world.paper()
    await world.rely(relied.dossier, other, relied.consent)
    asked = relied.disclosure(AREA, version=other.version)
    assert await missing(world, asked) is ConsentFault.NOT_COVERED


async def test_withdrawn_means_nothing_more(world: World) -> None:
    relied = await world.relied_on()
    await read(world, relied.disclosure(AREA))
    async with world.database.writing(world.citizen.actor) as tx:
        await withdraw_consent(tx, world.citizen, relied.consent, world.now)
    assert await missing(world, relied.disclosure(AREA)) is ConsentFault.WITHDRAWN


async def test_a_request_not_answered_is_no_consent(world: World) -> None:
    theirs = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    dossier = await world.dossier(parties=(world.mai, world.lan))
    item = item_of(theirs)
    async with world.database.writing(world.citizen.actor) as tx:
        request = Request(world.lan, world.commune, PURPOSE, dossier, (item,), words_for(item))
        asked = await request_consent(tx, world.citizen, request, world.now)
    relied = Reliance(world, theirs, dossier, asked)
    assert await missing(world, relied.disclosure(AREA)) is ConsentFault.NOT_GIVEN


async def test_a_consent_ends_by_the_databases_clock(world: World, servers: Servers) -> None:
    relied = await world.relied_on()
    for early, works in ((timedelta(minutes=5), True), (timedelta(0), False)):
        offset = world.now + CONSENT_LASTS - early - datetime.now(world.now.tzinfo)
        shifted = Database(servers.url, clock_offset=offset)
        later = dataclasses.replace(world, database=shifted)
        try:
            if works:
                assert (await read(later, relied.disclosure(AREA))).claims == {AREA: 84.5}
            else:
                assert await missing(later, relied.disclosure(AREA)) is ConsentFault.EXPIRED
        finally:
            await shifted.close()


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE consents SET receipt = NULL",
        "UPDATE consents SET receipt = 'x.y.z'",
        "UPDATE consents SET items = jsonb_set(items, '{0,whole}', 'true')",
        "UPDATE consents SET items = jsonb_set(items, '{0,claims}', '[]')",
        "UPDATE consents SET valid_until = valid_until + interval '1 day'",
        "UPDATE consents SET given_by = gen_random_uuid()",
        "UPDATE consents SET notice_sha256 = repeat('0', 64)",
        "UPDATE consents SET subject_id = subject_id, terms = '{}'",
        "UPDATE consents SET terms = jsonb_set(terms, '{limits,max_uses}', '100')",
        "UPDATE consents SET terms = jsonb_set(terms, '{limits,mode}', '\"STORE\"')",
        "UPDATE consents SET schema_version = 'vn-27560/1'",
        "UPDATE consents SET supersedes = id",
        "UPDATE consents SET receipt = (SELECT receipt FROM consents WHERE id <> :consent) WHERE id = :consent",
    ],
)
async def test_a_consent_row_that_is_not_what_was_signed_is_not_honoured(world: World, forgery: str) -> None:
    relied = await world.relied_on()
    await world.relied_on()
    await world.run("ALTER TABLE consents DISABLE TRIGGER USER")
    try:
        await world.run(forgery, **({"consent": relied.consent} if ":consent" in forgery else {}))
        assert await missing(world, relied.disclosure(AREA)) is ConsentFault.RECEIPT
    finally:
        await world.run("ALTER TABLE consents ENABLE TRIGGER USER")


async def test_a_consent_inserted_straight_into_the_database_is_not_honoured(world: World) -> None:
    relied, forged = await world.relied_on(), new_id()
    await world.run(
        "INSERT INTO consents SELECT (json_populate_record(c, json_build_object('id', CAST(:forged AS text)))).*"
        " FROM consents c",
        forged=str(forged),
    )
    await world.rely(relied.dossier, relied.held, forged)
    asked = relied.disclosure(AREA, basis=UnderConsent(forged))
    assert await missing(world, asked) is ConsentFault.RECEIPT


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("citizen", AccessDenied),
        ("other", ConsentMissing),
        ("stranger", ConsentMissing),
        ("clerk", AccessDenied),
        ("nobody", ConsentMissing),
    ],
)
async def test_only_an_appraiser_of_the_recipient_reads(
    world: World, who: str, refusal: type[Exception]
) -> None:
    relied = await world.relied_on()
    clerk = dataclasses.replace(world.officer, roles=frozenset({Role.RECEIVE}))
    caller = {"clerk": clerk, "nobody": ANONYMOUS}.get(who) or getattr(world, who)
    await refused(world, relied.disclosure(AREA), refusal, caller)


async def test_a_duty_opens_what_an_evidence_row_names_and_cites_its_article(world: World) -> None:
    held, dossier = await world.paper(), await world.dossier()
    relied = Reliance(world, held, dossier, new_id())
    asked = relied.disclosure(AREA, basis=UnderDuty(ARTICLE))
    await refused(world, asked, NotFound)
    await world.rely(dossier, held, None, "LEGAL_DUTY")
    assert (await read(world, asked)).claims == {AREA: 84.5}
    line = (await world.rows("ledger"))[-1]
    assert (line["entry"]["legal_basis"], line["entry"]["article"]) == ("LEGAL_DUTY", ARTICLE)
    assert line["consent_id"] is None
    await refused(world, asked, NotFound, world.stranger)
    await refused(world, asked, Unauthenticated, dataclasses.replace(ANONYMOUS, agency=world.commune))


async def test_what_was_handed_in_for_a_dossier_is_read_for_that_dossier(world: World) -> None:
    dossier, elsewhere = await world.dossier(), await world.dossier()
    held = await world.paper(deposited_in=dossier, content=pdf())
    for one in (dossier, elsewhere):
        await world.rely(one, held, None, "OWN")
    relied = Reliance(world, held, dossier, new_id())
    disclosed = await read(world, relied.disclosure(AREA, basis=HandedIn(), content=True))
    assert disclosed.content is not None
    disclosed.content.close()
    asked = relied.disclosure(AREA, basis=HandedIn(), dossier=elsewhere)
    assert await missing(world, asked) is ConsentFault.NONE


async def test_a_registers_answer_is_read_under_the_consent_that_named_the_register(world: World) -> None:
    dossier, elsewhere = await world.dossier(), await world.dossier()
    item = Item(world.mai, LAND, (AREA,), register="land")
    consent = await world.consent(dossier, item)
    answers = [
        await world.deposit(
            world.citizen,
            Deposit(
                world.mai, LAND, Origin.REGISTER, PARCEL, bound_to=one, deposited_in=one, register="land"
            ),
        )
        for one in (dossier, elsewhere)
    ]
    for held in answers:
        await world.rely(dossier, held, consent)
    here, foreign = (Reliance(world, held, dossier, consent) for held in answers)
    assert (await read(world, here.disclosure(AREA))).claims == {AREA: 84.5}
    assert await missing(world, foreign.disclosure(AREA)) is ConsentFault.NOT_COVERED
    # A register's answer rests in the dossier it was fetched for; that alone hands nothing in.
    assert await missing(world, here.disclosure(AREA, basis=HandedIn())) is ConsentFault.NONE


async def test_a_disputed_claim_is_disclosed_as_disputed(world: World) -> None:
    relied = await world.relied_on()
    async with world.database.writing(world.citizen.actor) as tx:
        dispute = Dispute(relied.held.document, AREA, "wrong")
        await dispute_claim(tx, world.citizen, dispute, world.safe, world.now)
    assert (await read(world, relied.disclosure(AREA, SHEET))).disputed == {AREA}


async def test_what_is_not_there_is_not_disclosed(world: World) -> None:
    relied = await world.relied_on(whole=True)
    await refused(world, relied.disclosure("person.name@owner"), ClaimUnknown)
    await refused(world, relied.disclosure(content=True), DocumentNotUsable)
    async with world.database.writing(world.citizen.actor) as tx:
        await remove_document(tx, world.citizen, relied.held.document, world.now)
    await refused(world, relied.disclosure(AREA), DocumentNotUsable)


async def test_a_revoked_paper_is_disclosed_on_no_basis_and_a_superseded_one_as_pinned(world: World) -> None:
    held, dossier = await world.issued(deposited_in=await world.dossier()), await world.dossier()
    consent = await world.consent(dossier, item_of(held))
    await world.rely(dossier, held, consent)
    relied = Reliance(world, held, dossier, consent)
    await world.run("UPDATE documents SET status = 'superseded'")
    assert (await read(world, relied.disclosure(AREA))).claims == {AREA: 84.5}
    async with world.database.writing(world.officer.actor) as tx:
        await revoke_document(tx, world.officer, held.document, "wrong", world.now)
    for basis in (UnderConsent(consent), UnderDuty(ARTICLE)):
        refusal = await refused(world, relied.disclosure(AREA, basis=basis), DocumentNotUsable)
        assert refusal.status == "revoked"


async def test_no_log_row_no_disclosure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    relied = await world.relied_on(pdf(), whole=True)
    opened: list[object] = []

    async def full(*_: object) -> int:
        raise OSError("disk full")

    def spy(*arguments: object) -> None:
        opened.append(arguments)

    monkeypatch.setattr(ledger, "record", full)
    monkeypatch.setattr("vault.disclosure.open_claims", spy)
    monkeypatch.setattr("vault.disclosure.open_content", spy)
    with pytest.raises(OSError, match="disk full"):
        await read(world, relied.disclosure(content=True))
    assert opened == []


async def test_a_use_that_cannot_be_recorded_discloses_nothing(world: World) -> None:
    relied = await world.relied_on()
    await world.run("REVOKE INSERT ON consent_events FROM motlan_app")
    try:
        await refused(world, relied.disclosure(AREA), DBAPIError)
    finally:
        await world.run("GRANT INSERT ON consent_events TO motlan_app")


async def test_a_reader_does_not_wait_long_behind_a_withdrawal(world: World) -> None:
    relied = await world.relied_on()
    async with world.database.writing(world.citizen.actor) as tx:
        await withdraw_consent(tx, world.citizen, relied.consent, world.now)
        with pytest.raises(DisclosureBusy):
            await read(world, relied.disclosure(AREA))
    assert await missing(world, relied.disclosure(AREA)) is ConsentFault.WITHDRAWN
