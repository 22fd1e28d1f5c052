"""What follows a request once it is committed: done once, in the filer's name, and again after a failure."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from api import work as loops
from api.work import OUTWARD, TOPICS, Loops, Tools, call, deliver
from auth.caller import LOOP
from dossiers.desk.results import Revocation, revoke_result
from dossiers.evidence.retries import ask_again
from dossiers.objects import ObjectChoice
from dossiers.state import Status
from procedures.law import ObjectKind
from resolvers.connections import Cursors
from resolvers.context import House
from store import outbox
from store.checkpoints import LogSigner
from store.database import Database
from store.identifiers import new_id
from tests.conftest import NOW
from tests.filings import World, world
from tests.rooms.test_filing import DRAWING, LAND, LAND_CERTIFICATE, PERMIT, issued_permit, submitted_permit
from vault.errors import BlobMissing
from vault.permission.consent import withdraw_consent
from vault.safe import Safe
from vault.sealing.blobs import new_name
from vault.sweeping import GRACE, LATE

LAND_REGISTER = "csdl-quoc-gia-dat-dai"
ROOT = Path(__file__).parents[2]


@dataclass
class Shop:
    """The loops over a world of filings, at a time the test sets."""

    place: World
    work: Database
    tools: Tools

    async def settle(self) -> None:
        await Loops(self.tools).once()

    async def later(self, wait: timedelta) -> None:
        self.place.now += wait
        await self.settle()

    async def put(self, topic: str, **payload: str) -> UUID:
        async with self.place.database.writing(self.place.me.actor) as tx:
            return await outbox.put(tx, topic, payload, self.place.now)


@pytest.fixture
async def shop(database: Database, work: Database, owner: AsyncEngine, safe: Safe) -> Shop:
    place = await world(database, owner, safe, NOW)
    registers: Any = place.registers
    house = House(database, place.office, registers, Cursors(b"0" * 32), "http://127.0.0.1:8000")
    signer = LogSigner("test/log", Ed25519PrivateKey.generate())
    return Shop(place, work, Tools(house, work, signer, lambda: place.now))


async def test_who_is_called_keeps_nobody_else_waiting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits until all are under way: one after another, none would ever return."""
    together = asyncio.Barrier(2 * len(OUTWARD))

    async def wait(*given: Any) -> None:
        async with asyncio.timeout(10):
            await together.wait()

    for topic in OUTWARD:
        monkeypatch.setitem(TOPICS, topic, wait)
        for _ in range(2):
            await shop.put(topic)
    # What is done here goes on meanwhile, by the other loop.
    assert not await deliver(shop.tools)
    assert await call(shop.tools)
    assert not await call(shop.tools)


async def test_committed_lines_are_sealed_under_a_signed_head(shop: Shop) -> None:
    await submitted_permit(shop.place)
    lines = await shop.place.count("ledger")
    assert await shop.place.count("ledger WHERE log_index IS NOT NULL") == 0
    await shop.settle()
    assert await shop.place.rows("SELECT log_index FROM ledger ORDER BY log_index") == [
        (index,) for index in range(lines)
    ]
    note = (await shop.place.rows("SELECT note FROM checkpoints ORDER BY size DESC"))[0][0]
    assert shop.tools.signer.key.opened(note).size == lines
    await shop.settle()
    assert await shop.place.count("checkpoints") == 1


async def revoke(shop: Shop, document: UUID) -> None:
    place = shop.place
    revocation = Revocation(document, "issued in error", "50/2014/QH13, Điều 101")
    await place.write(
        place.officer, lambda tx: revoke_result(tx, place.officer, revocation, place.office, place.now)
    )


async def extension(shop: Shop, permit: UUID) -> UUID:
    choices = (ObjectChoice(ObjectKind.BUILDING, permit),)
    dossier = await shop.place.open("1.013227", objects=choices)
    await shop.place.fill(dossier)
    return dossier


async def test_a_revoked_document_flags_the_live_dossiers_that_rely_on_it(shop: Shop) -> None:
    place = shop.place
    permit = await issued_permit(place)
    live, draft = await extension(shop, permit.document), await extension(shop, permit.document)
    await place.submit(live)
    before = (await place.case(draft)).dossier.version
    await revoke(shop, permit.document)
    await shop.settle()
    case = await place.case(live)
    assert case.dossier.flagged_at == place.now
    assert (case.status, [row.revoked_at for row in case.evidence]) == (Status.NEWLY_FILED, [None])
    assert (await place.told()).count("evidence_revoked") == 1
    untouched = (await place.case(draft)).dossier
    assert (untouched.flagged_at, untouched.version) == (None, before)


async def test_a_document_revoked_twice_over_flags_once(shop: Shop) -> None:
    permit = await issued_permit(shop.place)
    live = await extension(shop, permit.document)
    await shop.place.submit(live)
    await revoke(shop, permit.document)
    await shop.settle()
    version = (await shop.place.case(live)).dossier.version
    await shop.put("document.revoked", document=str(permit.document))
    await shop.later(timedelta(minutes=1))
    assert (await shop.place.case(live)).dossier.version == version
    assert (await shop.place.told()).count("evidence_revoked") == 1


async def test_a_dossier_already_decided_is_not_flagged(shop: Shop) -> None:
    place = shop.place
    permit = await issued_permit(place)
    dossier = await extension(shop, permit.document)
    await place.submit(dossier)
    await place.process(dossier)
    await place.approve(dossier, "giay-phep-xay-dung", {"permit.number@permit_holder": "02/GPXD"})
    await revoke(shop, (await place.held("giay-phep-xay-dung")).document)
    await shop.put("document.revoked", document=str(permit.document))
    await shop.settle()
    assert (await place.case(dossier)).dossier.flagged_at is None


async def test_a_consent_withdrawn_elsewhere_stops_the_dossier_that_stood_on_it(shop: Shop) -> None:
    place = shop.place
    dossier = await submitted_permit(place)
    await place.process(dossier)
    consent = next(row.consent_id for row in (await place.case(dossier)).evidence if row.consent_id)
    # As a party withdraws who cannot see the dossier: the vault alone, and a message.
    await place.write(place.me, lambda tx: withdraw_consent(tx, place.me, consent, place.now))
    assert (await place.case(dossier)).status is Status.PROCESSING
    for _ in range(2):
        await shop.put("consent.withdrawn", dossier=str(dossier), consent=str(consent))
        await shop.settle()
        case = await place.case(dossier)
        assert case.status is Status.SUPPLEMENT_REQUESTED
        assert [row.requirement for row in case.evidence if row.revoked_at] == [LAND]
    assert (await place.told()).count("basis_lost") == 1


async def pending_permit(place: World) -> UUID:
    place.registers.down.add(LAND_REGISTER)
    dossier = await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False})
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    await place.fill(dossier)
    return await place.submit(dossier)


async def test_a_register_that_comes_back_heals_the_dossier_without_anybody(shop: Shop) -> None:
    place = shop.place
    dossier = await pending_permit(place)
    place.registers.known[LAND_REGISTER, "gcn-quyen-su-dung-dat"] = LAND_CERTIFICATE
    asked = len(place.registers.asked)
    await shop.settle()
    assert len(place.registers.asked) == asked, "not due yet"
    await shop.later(timedelta(seconds=31))
    assert len(place.registers.asked) == asked + 1, "asked once, still down"
    assert (await place.outcomes(dossier))["c02"] == "PENDING_FETCH"
    place.registers.down.clear()
    await shop.later(timedelta(seconds=31))
    assert (await place.outcomes(dossier))["c02"] == "FETCH"
    assert "register_healed" in await place.told()
    assert await place.count("register_probes WHERE retry_at IS NOT NULL") == 0


async def test_a_question_no_plan_has_any_longer_is_put_to_rest(shop: Shop) -> None:
    dossier = await pending_permit(shop.place)
    async with shop.place.owner.begin() as connection:
        gone = text("UPDATE register_probes SET document_type = 'gone-' || id WHERE dossier_id = :id")
        await connection.execute(gone, {"id": dossier})
    await shop.later(timedelta(seconds=31))
    resting = "register_probes WHERE document_type LIKE 'gone-%' AND retry_at IS"
    assert await shop.place.count(f"{resting} NOT NULL") == 0
    assert await shop.place.count(f"{resting} NULL") > 0


async def test_one_dossier_that_cannot_go_on_is_put_off_and_the_others_heal(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, real = shop.place, ask_again
    place.registers.down.add(LAND_REGISTER)
    broken, sound = await place.open(PERMIT), await place.open(PERMIT)

    async def ask_or_fail(database: Any, registers: Any, caller: Any, waiting: Any, *rest: Any) -> None:
        if waiting.dossier == broken:
            raise RuntimeError("somebody's name")
        await real(database, registers, caller, waiting, *rest)

    monkeypatch.setattr(loops, "ask_again", ask_or_fail)
    place.registers.down.clear()
    place.registers.known[LAND_REGISTER, "gcn-quyen-su-dung-dat"] = LAND_CERTIFICATE
    await shop.later(timedelta(seconds=31))
    assert (await place.outcomes(sound))["c02"] == "FETCH"
    due = await place.rows(f"SELECT DISTINCT retry_at FROM register_probes WHERE dossier_id = '{broken}'")
    assert due == [(place.now + loops.PUT_OFF,)]


async def test_a_message_that_fails_comes_again_later_each_time_and_its_words_are_not_logged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[datetime] = []

    async def fail(tools: Tools, payload: Any) -> None:
        tries.append(tools.now())
        if len(tries) < 3:
            raise RuntimeError("001099000001")

    monkeypatch.setattr(loops, "TOPICS", {**TOPICS, "notice": fail})
    await shop.put("notice", notice=str(new_id()))
    await shop.settle()
    for wait in (1, 1, 2, 2, 60):
        await shop.later(timedelta(seconds=wait))
    assert [round((at - tries[0]).total_seconds()) for at in tries] == [0, 2, 6]
    assert await shop.place.count("outbox WHERE done_at IS NULL") == 0
    assert {record.said["type"] for record in caplog.records if record.message == "fault"} == {"RuntimeError"}  # type: ignore[attr-defined]
    assert "001099000001" not in caplog.text


async def test_what_is_over_is_swept_and_what_is_not_stays(shop: Shop) -> None:
    place, blobs = shop.place, shop.tools.house.office.safe.blobs
    dossier = await submitted_permit(place)
    for age in (timedelta(days=8), timedelta(hours=1)):
        async with place.owner.begin() as connection:
            for statement in SPENT:
                values = {"id": new_id(), "at": place.now - age, "hash": new_id().bytes}
                await connection.execute(text(statement), values)
    orphan = new_name()
    async with blobs.writing(orphan) as sink:
        await sink.write(b"sealed")
    kept = {row[0] for row in await place.rows("SELECT blob FROM document_versions WHERE blob IS NOT NULL")}
    await loops.sweep(shop.tools)
    assert not await loops.expire_uploads(shop.tools)
    assert await place.count("sessions") == await place.count("login_states") == 0
    assert [await place.count(name) for name in ("past_requests", "outbox WHERE topic = 'old'")] == [1, 1]
    assert await place.count("uploads") == 2, "the day of what this dossier sent is not over"
    (await blobs.open(orphan)).close()
    place.now += GRACE + LATE
    await loops.sweep(shop.tools)
    assert await loops.expire_uploads(shop.tools)
    assert not await loops.expire_uploads(shop.tools)
    assert await place.count("uploads") == 0
    with pytest.raises(BlobMissing):
        await blobs.open(orphan)
    for name in kept:
        (await blobs.open(name)).close()
    assert (await place.case(dossier)).status is Status.NEWLY_FILED


SPENT = (
    "INSERT INTO past_requests (caller, operation, key, request_hash, at) VALUES ('c', 'o', :id, '', :at)",
    """INSERT INTO outbox (id, topic, payload, created_at, due_at, attempts, done_at)
    VALUES (:id, 'old', '{}', :at, :at, 1, :at)""",
    """INSERT INTO sessions (id, secret_hash, kind, holder_id, acr, authenticated_at, created_at, seen_at,
    expires_at) VALUES (:id, :hash, 'citizen', :id, 'x', :at, :at, :at, :at)""",
    """INSERT INTO login_states (state_hash, issuer, nonce, verifier, next_path, expires_at)
    VALUES (:hash, '', '', '', '', :at)""",
)


@pytest.mark.parametrize("table", ["documents", "document_versions", "subjects", "sealed_notes", "consents"])
async def test_the_loops_have_no_way_into_the_vault(shop: Shop, table: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with shop.work.reading(LOOP.actor) as tx:
            await tx.execute(text(f"SELECT id FROM {table}"))


async def test_loops_run_until_they_are_stopped_and_say_when_one_fails(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, rounds = Loops(shop.tools), asyncio.Event()

    async def fail(tools: Tools) -> bool:
        rounds.set()
        raise RuntimeError

    monkeypatch.setattr(running, "_steps", (("seal", 60.0, fail),))
    task = asyncio.create_task(running.run())
    await rounds.wait()
    await asyncio.sleep(0)
    assert running.failing == {"seal"}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
