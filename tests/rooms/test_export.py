"""An export as it is put together: flat in memory and statements, stopped with its session, whole or no ZIP."""

import hashlib
import io
import json
import random
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import BadZipFile, ZipFile

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller, CallerKind
from auth.errors import NotFound, Unauthenticated
from auth.sessions import SignedIn, caller_of, open_session
from auth.signing import SigningKey
from dossiers.case import Office
from dossiers.export import exporting
from dossiers.export.exporting import LONGEST, begin_export, stream_export
from dossiers.export.making import Export, Workshop
from store.database import Actor, Database
from store.embedded import Servers
from tests import files
from tests.filings import LAWS
from tests.proofs import point
from tests.size import sized
from tests.vaults import LAND, PARCEL, World, make_safe, make_world
from vault.deposits import Deposit
from vault.documents import Dispute, dispute_claim, remove_document
from vault.holding import Origin
from vault.issuing.attesting import WantedCredential, issue_credential
from vault.permission.tickets import issue_export_ticket
from vault.subjects import PERSON, Profile, enrol

NOBODY = Actor("anonymous")
ACR = "urn:vn:eid:tk2:xt2"


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    made = await make_world(database, owner, safe, now)
    async with database.writing(NOBODY) as tx:
        mai = await enrol(tx, Profile(PERSON, "Mai", "001199000001"), safe, now)
        lan = await enrol(tx, Profile(PERSON, "Lan", "001199000002"), safe, now)
    yield replace(made, mai=mai, lan=lan)
    await safe.keys.close()


async def signed_in(world: World, person: UUID) -> Caller:
    async with world.database.writing(NOBODY) as tx:
        secret = await open_session(tx, SignedIn(CallerKind.CITIZEN, person, ACR, world.now), world.now)
    async with world.database.writing(NOBODY) as tx:
        return await caller_of(tx, secret, "vi", world.now)


def workshop(
    world: World, faults: list[Exception] | None = None, clock: Callable[[], datetime] | None = None
) -> Workshop:
    heard = faults if faults is not None else []
    return Workshop(world.database, Office(LAWS, world.safe), clock or (lambda: world.now), heard.append)


async def begun(world: World, caller: Caller | None = None, subject: UUID | None = None) -> Export:
    caller = caller or await signed_in(world, world.mai)
    ticket = issue_export_ticket(caller, subject or caller.id, world.safe, world.now)
    async with world.database.writing(caller.actor) as tx:
        return await begin_export(tx, caller, ticket.id, ticket.text, Office(LAWS, world.safe), world.now)


async def whole(world: World, faults: list[Exception] | None = None) -> ZipFile:
    async with aclosing(stream_export(await begun(world), workshop(world, faults))) as pieces:
        return ZipFile(io.BytesIO(b"".join([piece async for piece in pieces])))


def read(file: ZipFile, name: str) -> Any:
    return json.loads(file.read(name))


async def picture(world: World, size: int, seed: int = 0) -> bytes:
    content = files.jpeg(scan=random.Random(seed).randbytes(size).replace(b"\xff", b"\0"))
    upload = await world.upload(world.citizen, content, media_type="image/jpeg")
    await world.deposit(world.citizen, Deposit(world.mai, LAND, Origin.SELF, PARCEL, upload))
    return content


async def test_proofs_are_told_by_what_they_are_over_and_not_by_what_they_said(world: World) -> None:
    own = await world.paper()
    wanted = WantedCredential(own.document, lambda type_: (), point(SigningKey.generate()))
    async with world.database.writing(world.citizen.actor) as tx:
        made = await issue_credential(tx, world.citizen, wanted, world.safe, world.now)
    file = await whole(world)
    (told,) = read(file, "proofs.json")
    assert (told["id"], told["document"], told["form"]) == (str(made.id), str(own.document), "sd-jwt")
    assert told["withdrawnAt"] is None
    assert made.text not in str(told)


async def test_everything_kept_is_in_it_and_every_entry_is_what_the_manifest_says(world: World) -> None:
    content = files.pdf()
    reliance = await world.relied_on(content)
    removed = await world.paper()
    async with world.database.writing(world.citizen.actor) as tx:
        wrong = Dispute(reliance.held.document, "land.area_m2@land", "nhỏ hơn thật")
        await dispute_claim(tx, world.citizen, wrong, world.safe, world.now)
        await remove_document(tx, world.citizen, removed.document, world.now)
    file = await whole(world)
    assert file.testzip() is None
    manifest = read(file, "manifest.json")
    assert (manifest["subject"], manifest["faults"]) == (str(world.mai), [])
    assert {one["name"]: one["sha256"] for one in manifest["entries"]} == {
        name: hashlib.sha256(file.read(name)).hexdigest()
        for name in file.namelist()
        if name != "manifest.json"
    }
    assert read(file, "profile.json")["number"] == "001199000001"
    versions = {one["id"]: one for one in read(file, "versions.json")}
    kept = versions[str(reliance.held.version)]
    assert {one["name"]: one["value"] for one in kept["claims"]} == PARCEL
    assert [one["name"] for one in kept["claims"] if one["disputed"]] == ["land.area_m2@land"]
    assert kept["corrections"][0]["said"]["reason"] == "nhỏ hơn thật"
    assert (kept["level"], kept["source"]) == (3, "self")
    assert file.read(kept["file"]) == content
    assert kept["fileSha256"] == hashlib.sha256(content).hexdigest()
    gone = versions[str(removed.version)]
    assert (gone["claims"], gone["file"], gone["fileFault"]) == (None, None, None)
    statuses = {one["id"]: one["status"] for one in read(file, "documents.json")}
    assert statuses[str(removed.document)] == "removed"
    (consent,) = read(file, "consents.json")
    assert [one["state"] for one in consent["events"]] == ["Given"]
    (dossier,) = read(file, "dossiers.json")
    assert [one["version"] for one in dossier["evidence"]] == [str(reliance.held.version)]
    assert read(file, "access-log.json")[0]["kind"] == "data.exported"
    assert read(file, "notices.json")[0]["code"] == "data_exported"
    (session,) = read(file, "account.json")["sessions"]
    assert session["thisOne"]


TOLD = {
    "documents.json": """createdAt currentVersion id issuedOn issuer level onlyForDossier origin register revocation
        status statusReason statusSince supersededBy type validUntil""",
    "versions.json": """claims corrections depositedAt depositedInDossier document file fileFault fileSha256 id level
        mediaType number originalSeenAt sizeBytes source type""",
    "consents.json": """dossier erasure events givenAt givenByRepresentative id items language noticeSha256 noticeText
        purpose receipt recipient record requestedAt status uses validUntil withdrawnAt""",
    "uploads.json": "announcedAt arrivedAt claimedAt dossier expiresAt id mediaType requirement sizeBytes type",
    "access-log.json": "agency article at by claims dossier id kind legalBasis logIndex outcome purpose",
}
"""Names by which other programs read an export: more may come, none goes."""


async def test_an_export_is_told_by_names_that_stay(world: World) -> None:
    reliance = await world.relied_on(files.pdf())
    waiting = await world.upload(world.citizen, files.pdf(pages=2))
    file = await whole(world)
    for name, words in TOLD.items():
        for one in read(file, name):
            assert set(words.split()) - one.keys() == set(), name
    (consent,) = read(file, "consents.json")
    assert (consent["id"], consent["dossier"]) == (str(reliance.consent), str(reliance.dossier))
    assert (consent["status"], consent["language"], consent["givenByRepresentative"]) == (
        "GIVEN",
        "vi",
        False,
    )
    assert str(waiting) in [one["id"] for one in read(file, "uploads.json")]


async def test_names_in_it_are_ascii_and_lead_nowhere_else(world: World) -> None:
    await world.paper(content=files.pdf())
    for name in (await whole(world)).namelist():
        assert name.isascii()
        assert not name.startswith("/")
        assert ".." not in name
        assert "\\" not in name


async def test_a_paper_that_does_not_open_leaves_a_gap_with_a_reason_and_the_rest_is_there(
    world: World,
) -> None:
    content, other, third = files.pdf(), files.pdf(pages=2), files.pdf(pages=3)
    altered, lost, claims, fine = [
        await world.paper(content=one) for one in (content, other, third, files.pdf(pages=4))
    ]
    blobs = {row["id"]: row["blob"] for row in await world.rows("document_versions")}
    path = {one: world.safe.blobs._root / name[:2] / name[2:4] / name for one, name in blobs.items()}
    sealed = bytearray(path[altered.version].read_bytes())
    sealed[-20] ^= 1
    path[altered.version].write_bytes(sealed)
    path[lost.version].unlink()
    await world.run(
        "UPDATE document_versions SET claims = (SELECT claims FROM document_versions WHERE id = :other)"
        " WHERE id = :id",
        id=claims.version,
        other=fine.version,
    )
    faults: list[Exception] = []
    file = await whole(world, faults)
    versions = {one["id"]: one for one in read(file, "versions.json")}
    told = {one["of"]: one["fault"] for one in read(file, "manifest.json")["faults"]}
    assert told == {
        str(altered.version): "UNREADABLE",
        str(lost.version): "MISSING",
        str(claims.version): "UNREADABLE",
    }
    assert versions[str(altered.version)]["fileFault"] == "UNREADABLE"
    assert versions[str(altered.version)]["file"] is None
    assert versions[str(lost.version)]["fileFault"] == "MISSING"
    assert versions[str(claims.version)]["claims"] == {"fault": "UNREADABLE"}
    assert file.read(versions[str(claims.version)]["file"]) == third
    assert versions[str(fine.version)]["fileFault"] is None
    assert sorted(type(one).__name__ for one in faults) == [
        "BlobMissing",
        "TamperedContent",
        "TamperedContent",
    ]


async def test_a_paper_that_comes_meanwhile_is_named_and_not_passed_over(world: World) -> None:
    await world.paper(content=files.pdf())
    content = b""
    late = None
    async with aclosing(stream_export(await begun(world), workshop(world))) as pieces:
        async for piece in pieces:
            content += piece
            if late is None and b"/v1.pdf" in content:
                late = await world.paper(content=files.pdf(pages=2))
    assert late is not None
    faults = read(ZipFile(io.BytesIO(content)), "manifest.json")["faults"]
    assert [(one["of"], one["fault"]) for one in faults] == [(str(late.version), "LATER")]


@pytest.mark.parametrize("after", [0, 1, 3, -2])
async def test_what_is_broken_off_is_no_zip(world: World, after: int) -> None:
    await picture(world, 3_000_000)
    export = await begun(world)
    async with aclosing(stream_export(export, workshop(world))) as pieces:
        everything = [piece async for piece in pieces]
    sent: list[bytes] = []
    async with aclosing(stream_export(export, workshop(world))) as pieces:
        async for piece in pieces:
            sent.append(piece)
            if len(sent) > after % len(everything):
                break
    with pytest.raises(BadZipFile):
        ZipFile(io.BytesIO(b"".join(sent)))


@pytest.mark.parametrize("ending", ["session", "time"])
async def test_it_stops_with_its_session_and_with_time(
    world: World, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(exporting, "JUDGED_EACH", timedelta(0))
    await picture(world, 3_000_000)
    moment, sent = world.now, bytearray()

    async def take() -> None:
        nonlocal moment
        async with aclosing(
            stream_export(await begun(world), workshop(world, clock=lambda: moment))
        ) as pieces:
            async for piece in pieces:
                sent.extend(piece)
                if ending == "session":
                    await world.run("UPDATE sessions SET ended_at = now()")
                else:
                    moment = world.now + LONGEST + timedelta(seconds=1)

    with pytest.raises(Unauthenticated):
        await take()
    assert sent.startswith(b"PK")
    with pytest.raises(BadZipFile):
        ZipFile(io.BytesIO(bytes(sent)))


async def test_a_download_in_use_does_not_idle(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "JUDGED_EACH", timedelta(0))
    later = world.now + timedelta(hours=2)
    async with aclosing(stream_export(await begun(world), workshop(world, clock=lambda: later))) as pieces:
        content = b"".join([piece async for piece in pieces])
    assert ZipFile(io.BytesIO(content)).testzip() is None


async def test_nothing_leaves_that_could_not_be_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*given: Any) -> int:
        raise ConnectionError

    before = [await world.rows(table) for table in ("ledger", "notices", "outbox")]
    monkeypatch.setattr("store.ledger.record", fails)
    with pytest.raises(ConnectionError):
        await begun(world)
    assert before == [await world.rows(table) for table in ("ledger", "notices", "outbox")]
    assert await world.rows("past_requests", "key") == []


async def test_a_ticket_ends_with_the_right_it_was_made_for(world: World) -> None:
    mine = await signed_in(world, world.mai)
    parent = replace(mine, represented={world.lan: "parent"})
    ticket = issue_export_ticket(parent, world.lan, world.safe, world.now)
    office = Office(LAWS, world.safe)
    for caller in (mine, replace(parent, session=None), replace(parent, session=UUID(int=5))):
        with pytest.raises(NotFound):
            async with world.database.writing(caller.actor) as tx:
                await begin_export(tx, caller, ticket.id, ticket.text, office, world.now)
    assert await world.rows("ledger") == []
    async with world.database.writing(parent.actor) as tx:
        export = await begin_export(tx, parent, ticket.id, ticket.text, office, world.now)
    assert export.subject == world.lan
    # The mandate of this parent is nowhere in the database: the first look again ends the export.
    with pytest.raises(NotFound):
        await exporting.judge_again(parent, export, workshop(world))


async def test_memory_is_flat_in_size_and_number(world: World) -> None:
    async def peak() -> int:
        export = await begun(world)
        tracemalloc.start()
        try:
            async with aclosing(stream_export(export, workshop(world))) as pieces:
                async for _ in pieces:
                    pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    await picture(world, 4_000_000)
    one = await peak()
    count, bare = sized(4, 20), sized(120, 1_000)
    for number in range(count):
        await picture(world, 4_000_000, number + 1)
    for _ in range(bare):
        await world.paper()
    many = await peak()
    print(f"peak memory: one picture {one}, {count + 1} pictures and {bare} other papers {many}")
    assert max(one, many) < 8_000_000
    # A line a paper in directory and manifest, and the rows of one page.
    assert many - one < 600_000 + 2_000 * (count + bare)


async def test_statements_grow_with_pages_and_not_with_rows(world: World) -> None:
    async def statements() -> tuple[int, int]:
        export, counted = await begun(world), [0, 0]
        engines = (world.database.engine.sync_engine, world.safe.keys.engine.sync_engine)

        def hear(place: int) -> Callable[..., None]:
            def count(*given: Any) -> None:
                counted[place] += 1

            return count

        hearing = [(engine, hear(place)) for place, engine in enumerate(engines)]
        for engine, count in hearing:
            event.listen(engine, "before_cursor_execute", count)
        async with aclosing(stream_export(export, workshop(world))) as pieces:
            async for _ in pieces:
                pass
        for engine, count in hearing:
            event.remove(engine, "before_cursor_execute", count)
        return counted[0], counted[1]

    for number in range(2):
        await world.relied_on(files.pdf(pages=number + 1))
    few = await statements()
    for number in range(8):
        await world.relied_on(files.pdf(pages=number + 3))
    many = await statements()
    print(f"statements, main and keys: 2 and 10 papers with a filing and a consent each: {few} {many}")
    assert few == many


async def test_what_a_filing_rests_on_of_somebody_else_is_theirs(world: World) -> None:
    theirs = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    mine = await world.paper()
    dossier = await world.dossier(parties=(world.mai, world.lan))
    for held in (theirs, mine):
        await world.rely(dossier, held, None, "OWN")
    result = "INSERT INTO dossier_results (dossier_id, document_id, issued_at) VALUES (:dossier, :id, now())"
    for held in (theirs, mine):
        await world.run(result, dossier=dossier, id=held.document)
    file = await whole(world)
    (told,) = read(file, "dossiers.json")
    assert [one["self"] for one in told["parties"]] == [True, False]
    assert [one["document"] for one in told["evidence"]] == [str(mine.document)]
    assert [one["document"] for one in told["results"]] == [str(mine.document)]
    everything = "".join(file.read(name).decode() for name in file.namelist() if name.endswith(".json"))
    for foreign in (world.lan, theirs.document, theirs.version):
        assert str(foreign) not in everything


async def test_a_filing_made_for_somebody_else_is_there_with_its_standing_alone(world: World) -> None:
    dossier = await world.dossier()
    await world.run("UPDATE dossiers SET applicant_id = :lan WHERE id = :id", lan=world.lan, id=dossier)
    (told,) = read(await whole(world), "dossiers.json")
    assert (told["asApplicant"], told["asFiler"]) == (False, True)
    assert told.keys().isdisjoint({"form", "answers", "parties", "evidence", "requirements", "asks"})
    assert str(world.lan) not in json.dumps(told)
