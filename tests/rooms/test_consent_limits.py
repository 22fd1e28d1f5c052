"""How far a consent goes: counted, periodic, for verifying alone, paused; its record, and those of before."""

import asyncio
import base64
import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.errors import AccessDenied, NotFound
from auth.tokens import CONSENT_RECEIPT
from store.database import Database
from store.embedded import Servers
from tests.files import pdf
from tests.vaults import PURPOSE, Reliance, World, item_of, make_safe, make_world
from vault.disclosure import disclose
from vault.errors import AccessRefused, ConsentFault, ConsentMissing, ConsentSettled, GrantSpent
from vault.opening import Disclosed
from vault.permission.consent import (
    ConsentStatus,
    ConsentView,
    consent,
    give_consent,
    pause_consent,
    withdraw_consent,
)
from vault.permission.limits import FetchType, Limits, Mode
from vault.permission.notice import notice
from vault.permission.receipt import principal
from vault.permission.views import Asked, happened

AREA = "land.area_m2@land"


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


async def limited(
    world: World, limits: Limits, *, content: bytes | None = None, whole: bool = False
) -> Reliance:
    """A paper, a dossier, and a consent between them that goes so far."""
    held, dossier = await world.paper(content=content), await world.dossier()
    decision = world.decision(dossier, item_of(held, whole=whole))
    shown = notice(decision.items, decision.words, "vi", limits).sha256
    citizen = dataclasses.replace(world.citizen, address="203.0.113.7")
    async with world.database.writing(citizen.actor) as tx:
        chosen = dataclasses.replace(
            decision, limits=limits, notice_sha256=shown, requirements=("land", "land")
        )
        given = (await give_consent(tx, citizen, chosen, world.safe, world.now))[world.mai]
    await world.rely(dossier, held, given)
    return Reliance(world, held, dossier, given)


async def read(world: World, relied: Reliance, **fields: Any) -> Disclosed:
    async with world.database.writing(world.officer.actor) as tx:
        return await disclose(tx, world.officer, relied.disclosure(AREA, **fields), world.safe)


async def seen(world: World, relied: Reliance, at: datetime | None = None) -> ConsentView:
    async with world.database.reading(world.citizen.actor) as tx:
        return await consent(tx, world.citizen, relied.consent, at or world.now)


async def history(world: World, relied: Reliance) -> list[str]:
    async with world.database.reading(world.citizen.actor) as tx:
        asked = Asked(relied.consent, None, 100)
        return [one.event for one in (await happened(tx, world.citizen, [asked]))[asked]]


async def fault(world: World, relied: Reliance, **fields: Any) -> ConsentFault:
    """Why nothing was disclosed, after making sure that nothing was written."""
    before = [await world.rows(table) for table in ("ledger", "consent_events")]
    uses = await world.rows("consent_uses", "consent_id")
    with pytest.raises(ConsentMissing) as refusal:
        await read(world, relied, **fields)
    assert [await world.rows(table) for table in ("ledger", "consent_events")] == before
    assert await world.rows("consent_uses", "consent_id") == uses
    return refusal.value.fault


async def test_as_many_uses_as_were_agreed_to_and_the_last_says_so(world: World) -> None:
    relied = await limited(world, Limits(max_uses=2))
    assert (await seen(world, relied)).uses_left == 2
    for _ in range(2):
        assert (await read(world, relied)).claims == {AREA: 84.5}
    lines = await world.rows("ledger")
    with pytest.raises(GrantSpent):
        await read(world, relied)
    assert await world.rows("ledger") == lines
    view = await seen(world, relied)
    assert (view.status, view.uses_left) == (ConsentStatus.EXHAUSTED, 0)
    assert await history(world, relied) == ["Given", "Used", "Used", "Exhausted"]
    # What was handed over is still theirs to have erased.
    async with world.database.writing(world.citizen.actor) as tx:
        ended = await withdraw_consent(tx, world.citizen, relied.consent, world.now)
    assert ended.status is ConsentStatus.WITHDRAWN


async def test_of_twenty_readers_at_once_as_many_read_as_there_are_uses(world: World) -> None:
    relied = await limited(world, Limits(max_uses=3))
    answers = await asyncio.gather(*(read(world, relied) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(one, Disclosed) for one in answers) == 3
    assert (await history(world, relied)).count("Used") == 3
    assert [row["uses"] for row in await world.rows("consent_uses", "consent_id")] == [3]


async def test_a_periodic_consent_is_read_once_in_each_period(world: World, servers: Servers) -> None:
    relied = await limited(world, Limits(FetchType.PERIODIC, lasts_days=30, every_days=7))
    await read(world, relied)
    assert await fault(world, relied) is ConsentFault.TOO_SOON
    base = world.now - datetime.now(world.now.tzinfo)
    for later, works in ((timedelta(days=6, hours=20), False), (timedelta(days=7, hours=2), True)):
        shifted = Database(servers.url, clock_offset=base + later)
        try:
            there = dataclasses.replace(world, database=shifted)
            if works:
                await read(there, relied)
            else:
                assert await fault(there, relied) is ConsentFault.TOO_SOON
        finally:
            await shifted.close()
    assert (await history(world, relied)).count("Used") == 2


async def test_who_may_only_verify_gets_no_value_and_no_paper(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    relied = await limited(world, Limits(mode=Mode.VERIFY), content=pdf(), whole=True)

    def opened(*_: object) -> None:
        raise AssertionError("a key was unwrapped to verify")

    monkeypatch.setattr("vault.disclosure.open_claims", opened)
    monkeypatch.setattr("vault.disclosure.open_content", opened)
    disclosed = await read(world, relied)
    assert (disclosed.claims, disclosed.content, disclosed.has_content) == ({AREA: None}, None, False)
    assert await fault(world, relied, content=True) is ConsentFault.NOT_COVERED
    assert await history(world, relied) == ["Given", "Used"]


async def test_limits_beyond_the_law_are_not_agreed_to(world: World) -> None:
    for limits in (Limits(lasts_days=366), Limits(FetchType.PERIODIC)):
        with pytest.raises(AccessRefused):
            await limited(world, limits)
    assert await world.rows("consents") == []


async def test_paused_nothing_is_read_and_resumed_it_goes_on(world: World) -> None:
    relied = await limited(world, Limits())
    for paused, status in ((True, ConsentStatus.PAUSED), (True, ConsentStatus.PAUSED)):
        async with world.database.writing(world.citizen.actor) as tx:
            view = await pause_consent(tx, world.citizen, relied.consent, paused, world.now)
        assert view.status is status
    assert await fault(world, relied) is ConsentFault.PAUSED
    for caller, refusal in ((world.other, NotFound), (world.officer, AccessDenied)):
        with pytest.raises(refusal):
            async with world.database.writing(caller.actor) as tx:
                await pause_consent(tx, caller, relied.consent, False, world.now)
    assert await fault(world, relied) is ConsentFault.PAUSED
    async with world.database.writing(world.citizen.actor) as tx:
        await pause_consent(tx, world.citizen, relied.consent, False, world.now)
    assert (await read(world, relied)).claims == {AREA: 84.5}
    assert await history(world, relied) == ["Given", "Paused", "Resumed", "Used"]
    async with world.database.writing(world.citizen.actor) as tx:
        await withdraw_consent(tx, world.citizen, relied.consent, world.now)
    with pytest.raises(ConsentSettled):
        async with world.database.writing(world.citizen.actor) as tx:
            await pause_consent(tx, world.citizen, relied.consent, True, world.now)


async def test_the_database_holds_rows_to_the_table_and_keeps_the_history(world: World) -> None:
    relied = await limited(world, Limits())
    async with world.database.writing(world.citizen.actor) as tx:
        await withdraw_consent(tx, world.citizen, relied.consent, world.now)
    for change in (
        "UPDATE consents SET status = 'GIVEN'",
        "UPDATE consents SET terms = '{}'",
        "UPDATE consents SET notice_text = 'x'",
        "UPDATE consents SET status = 'PAUSED'",
    ):
        with pytest.raises(DBAPIError, match=r"consent|check"):
            await world.run(change)
    for caller in (world.citizen, world.officer, world.other):
        for change in (
            "UPDATE consent_events SET state = 'Given'",
            "DELETE FROM consent_events",
            "DELETE FROM consents",
            "UPDATE consent_uses SET uses = 1",
            "INSERT INTO consent_uses SELECT id, 1, now() FROM consents",
        ):
            with pytest.raises(DBAPIError, match="permission denied"):
                async with world.database.writing(caller.actor) as tx:
                    await tx.execute(text(change))


async def test_the_record_has_every_field_and_the_receipt_is_over_it(world: World) -> None:
    limits = Limits(FetchType.PERIODIC, Mode.STORE, 365, 30, 7, 12)
    relied = await limited(world, limits)
    view = await seen(world, relied)
    assert view.limits == limits
    record = json.loads(json.dumps(view.record))
    assert view.receipt is not None
    assert view.text is not None
    claims = world.safe.receipts.verify(
        CONSENT_RECEIPT, view.receipt, audience=str(world.commune), now=world.now
    )
    digest = base64.urlsafe_b64encode(hashlib.sha256(rfc8785.dumps(record)).digest()).rstrip(b"=").decode()
    assert claims["record_sha256"] == digest
    who = principal(world.mai, world.commune, world.safe)
    assert who != principal(world.mai, world.bank, world.safe)
    begin, end = world.now.astimezone(UTC), (world.now + timedelta(days=365)).astimezone(UTC)
    assert {
        name: record[name] for name in record if name not in ("pii_information", "evidence", "events")
    } == {
        "schema_version": "vn-27560/2",
        "record_id": str(relied.consent),
        "pii_principal_id": who,
        "privacy_notice": {
            "url": f"urn:motlan:consent:{relied.consent}:notice",
            "template": "notice/2",
            "sha256": hashlib.sha256(view.text.encode()).hexdigest(),
        },
        "language": "vi",
        "purposes": [
            {
                "id": PURPOSE,
                "dpv": "dpv:RequestedServiceProvision",
                "text": "Cấp giấy phép xây dựng nhà ở",
                "necessity": "REQUIRED",
            }
        ],
        "pii_controllers": [
            {"party_id": str(world.commune), "name": "UBND phường", "contact": "", "type": "GOV"}
        ],
        "recipient_third_parties": [],
        "jurisdiction": "VN",
        "storage_locations": ["VN"],
        "retention_period": "P30D",
        "withdrawal_method": f"urn:motlan:consent:{relied.consent}:withdrawConsent",
        "limits": {
            "fetch_type": "PERIODIC",
            "mode": "STORE",
            "frequency": "P7D",
            "data_life": "P30D",
            "data_life_from": "reading",
            "max_uses": 12,
            "lasts": "P365D",
        },
        "validity": {
            "from": begin.isoformat(timespec="microseconds"),
            "to": end.isoformat(timespec="microseconds"),
        },
        "dossier_id": str(relied.dossier),
        "requirement_ids": ["land"],
        "on_behalf": None,
        "supersedes": None,
    }
    (information,) = record["pii_information"]
    assert {name: information[name] for name in information if name != "claims"} == {
        "pii_type": relied.held.type,
        "doc": str(relied.held.document),
        "version": str(relied.held.version),
        "register": None,
        "whole": False,
        "sensitive": False,
    }
    assert {one["pii_type"] for one in information["claims"]} == relied.held.claims
    evidence = record["evidence"]
    assert (evidence["method"], evidence["acr"], evidence["locale"]) == ("portal", world.citizen.acr, "vi")
    assert "203.0.113.7" not in json.dumps(record)
    assert len(evidence["ip_hash"]) == 64
    (event,) = record["events"]
    assert (event["event_state"], event["entity_id"]) == ("dpv:ConsentGiven", who)


async def test_words_that_are_not_those_of_the_hash_are_not_shown(world: World) -> None:
    relied = await limited(world, Limits())
    assert "90 ngày" in str((await seen(world, relied)).text)
    await world.run("ALTER TABLE consents DISABLE TRIGGER keep_consent")
    try:
        await world.run("UPDATE consents SET notice_text = notice_text || ' '")
        assert (await seen(world, relied)).text is None
    finally:
        await world.run("ALTER TABLE consents ENABLE TRIGGER keep_consent")


async def as_before(world: World, relied: Reliance) -> None:
    """The consent as it would stand there had it been given before there were terms: written by hand."""
    (row,) = [one for one in await world.rows("consents") if one["id"] == relied.consent]
    begin, end = (row[name].astimezone(UTC).isoformat(timespec="microseconds") for name in _ENDS)
    record = {
        "schema_version": "vn-27560/1",
        "record_id": str(row["id"]),
        "pii_principal_id": str(world.mai),
        "privacy_notice": {"template": "notice/1", "sha256": row["notice_sha256"]},
        "language": "vi",
        "purposes": [
            {"id": PURPOSE, "dpv": "dpv:RequestedServiceProvision", "ref": str(relied.dossier)},
        ],
        "pii_information": row["items"],
        "pii_controllers": [str(world.commune)],
        "recipient_third_parties": [],
        "jurisdiction": "VN",
        "storage_locations": ["VN"],
        "retention_period": "P90D",
        "withdrawal_method": "withdrawConsent",
        "limits": {"fetch_type": "ONETIME", "mode": "VIEW", "data_life": "P90D"},
        "validity": {"from": begin, "to": end},
        "on_behalf": None,
    }
    digest = base64.urlsafe_b64encode(hashlib.sha256(rfc8785.dumps(record)).digest()).rstrip(b"=").decode()
    claims = {
        "sub": str(world.mai),
        "aud": str(world.commune),
        "jti": str(row["id"]),
        "purpose": PURPOSE,
        "record_sha256": digest,
        "notice_sha256": row["notice_sha256"],
        "evidence": {"method": "portal", "acr": world.citizen.acr, "locale": "vi"},
    }
    receipt = world.safe.receipts.sign(
        CONSENT_RECEIPT, claims, lifetime=row["valid_until"] - row["given_at"], now=row["given_at"]
    )
    await world.run("ALTER TABLE consents DISABLE TRIGGER keep_consent")
    await world.run(
        "UPDATE consents SET schema_version = 'vn-27560/1', terms = '{}', notice_text = NULL, receipt = :receipt"
        " WHERE id = :id",
        receipt=receipt,
        id=relied.consent,
    )
    await world.run("ALTER TABLE consents ENABLE TRIGGER keep_consent")


_ENDS = ("given_at", "valid_until")


async def test_receipts_of_before_are_honoured_as_they_were_signed(world: World) -> None:
    relied = await limited(world, Limits())
    await as_before(world, relied)
    assert (await read(world, relied)).claims == {AREA: 84.5}
    view = await seen(world, relied)
    assert view.record is not None
    assert (view.record["schema_version"], view.text, view.limits) == ("vn-27560/1", None, Limits())


async def test_terms_planted_in_a_row_of_before_count_for_nothing(world: World) -> None:
    relied = await limited(world, Limits())
    await as_before(world, relied)
    await world.run("ALTER TABLE consents DISABLE TRIGGER keep_consent")
    try:
        await world.run("""UPDATE consents SET terms = '{"limits": {"max_uses": 1}}'""")
    finally:
        await world.run("ALTER TABLE consents ENABLE TRIGGER keep_consent")
    for _ in range(2):
        await read(world, relied)


async def test_a_consent_of_somebody_elses_row_is_not_honoured(world: World) -> None:
    relied = await limited(world, Limits())
    await world.run("ALTER TABLE consents DISABLE TRIGGER USER")
    try:
        await world.run("UPDATE consents SET subject_id = :other", other=world.lan)
        assert await fault(world, relied, subject=world.lan) is ConsentFault.RECEIPT
    finally:
        await world.run("ALTER TABLE consents ENABLE TRIGGER USER")


async def test_a_history_is_its_persons_alone_and_pages_without_overlap(world: World) -> None:
    other = await limited(world, Limits())
    relied = await limited(world, Limits())
    await read(world, relied)
    whole, first = Asked(relied.consent, None, 10), Asked(relied.consent, None, 1)
    for caller in (world.other, world.stranger, world.officer):
        async with world.database.reading(caller.actor) as tx:
            assert await happened(tx, caller, [whole]) == {}
    async with world.database.reading(world.citizen.actor) as tx:
        found = await happened(tx, world.citizen, [whole, first])
        assert found[first] == found[whole][:1]
        each = [Asked(one.consent, None, 1) for one in (other, relied)]
        assert {
            one.consent: len(lines) for one, lines in (await happened(tx, world.citizen, each)).items()
        } == {
            other.consent: 1,
            relied.consent: 1,
        }
        rest = Asked(relied.consent, found[first][0].id, 10)
        assert (await happened(tx, world.citizen, [rest]))[rest] == found[whole][1:]
