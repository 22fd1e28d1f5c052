"""Consent asked for, given, refused and withdrawn, with a real database."""

import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import ANONYMOUS, Caller, CallerKind
from auth.errors import AccessDenied, NotFound, Unauthenticated
from auth.tokens import CONSENT_RECEIPT
from store import ledger
from store.database import Actor, Database, Tx
from store.embedded import Servers
from store.identifiers import new_id
from tests.vaults import LAND, PARCEL, PURPOSE, World, item_of, make_safe, make_world, words_for
from vault.deposits import Deposit
from vault.errors import ConsentSettled, ConsentStale
from vault.holding import Origin
from vault.permission.consent import (
    Acceptance,
    ConsentStatus,
    ConsentView,
    Request,
    accept_consent,
    consent,
    consents_for,
    give_consent,
    my_consents,
    my_requests,
    refuse_consent,
    request_consent,
    withdraw_consent,
)
from vault.permission.notice import CONSENT_LASTS, Item, notice
from vault.permission.receipt import principal
from vault.permission.state import REQUEST_LASTS
from vault.permission.waiting import count_waiting


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


async def ask(world: World, dossier: UUID, item: Item) -> UUID:
    """The citizen asks the other person's approval for the dossier."""
    request = Request(world.lan, world.commune, PURPOSE, dossier, (item,), words_for(item))
    async with world.database.writing(world.citizen.actor) as tx:
        return await request_consent(tx, world.citizen, request, world.now)


async def answer(world: World, caller: Caller, asked: UUID, item: Item, at: datetime) -> ConsentView:
    words = words_for(item)
    shown = notice((item,), words, caller.language).sha256
    async with world.database.writing(caller.actor) as tx:
        return await accept_consent(tx, caller, Acceptance(asked, words, shown), world.safe, at)


async def asked_of_the_other(world: World) -> tuple[UUID, UUID, Item]:
    theirs = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    dossier = await world.dossier(parties=(world.mai, world.lan))
    item = item_of(theirs)
    return await ask(world, dossier, item), dossier, item


async def test_a_consent_is_signed_logged_and_says_what_was_agreed(world: World) -> None:
    paper, dossier = await world.paper(), await world.dossier()
    given = await world.consent(dossier, item_of(paper))
    async with world.database.reading(world.citizen.actor) as tx:
        seen = await consent(tx, world.citizen, given, world.now)
    assert (seen.status, seen.given_at, seen.valid_until) == (
        ConsentStatus.GIVEN,
        world.now,
        world.now + CONSENT_LASTS,
    )
    assert seen.items == (item_of(paper),)
    assert seen.receipt is not None
    claims = world.safe.receipts.verify(
        CONSENT_RECEIPT, seen.receipt, audience=str(world.commune), now=world.now
    )
    who = principal(world.mai, world.commune, world.safe)
    assert (claims["sub"], claims["jti"], claims["purpose"]) == (who, str(given), PURPOSE)
    assert str(world.mai) not in json.dumps([claims, seen.record])
    assert claims["evidence"] == {"method": "portal", "acr": world.citizen.acr, "locale": "vi"}
    (line,) = [row for row in await world.rows("ledger") if row["kind"] == "consent.given"]
    assert (line["consent_id"], line["dossier_id"], line["subject_id"]) == (given, dossier, world.mai)
    assert line["entry"]["documents"] == [str(paper.document)]
    (event,) = await world.rows("consent_events")
    assert (event["state"], event["ledger_id"], event["by"]) == ("Given", line["id"], world.mai)


async def test_a_notice_that_no_longer_says_what_would_be_disclosed_is_stale(world: World) -> None:
    paper, dossier = await world.paper(), await world.dossier()
    decision = world.decision(dossier, item_of(paper))
    current = decision.notice_sha256
    for other in (
        dataclasses.replace(decision, notice_sha256="0" * 64),
        dataclasses.replace(decision, items=(item_of(paper, whole=True),)),
        dataclasses.replace(decision, items=(dataclasses.replace(item_of(paper), version=new_id()),)),
    ):
        with pytest.raises(ConsentStale) as refusal:
            async with world.database.writing(world.citizen.actor) as tx:
                await give_consent(tx, world.citizen, other, world.safe, world.now)
        assert (refusal.value.sha256 == current) is (other.items == decision.items)
    assert await world.rows("consents") == await world.rows("consent_events") == []


async def test_nobody_consents_for_somebody_they_do_not_represent(world: World) -> None:
    theirs = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    dossier = await world.dossier(parties=(world.lan,))
    decision = world.decision(dossier, item_of(theirs))
    for caller, refusal in (
        (world.citizen, NotFound),
        (world.officer, AccessDenied),
        (world.stranger, NotFound),
        (ANONYMOUS, Unauthenticated),
    ):
        with pytest.raises(refusal):
            async with world.database.writing(caller.actor) as tx:
                await give_consent(tx, caller, decision, world.safe, world.now)
    assert await world.rows("consents") == []


async def test_another_person_is_asked_and_agrees_in_words_of_their_own_language(world: World) -> None:
    asked, dossier, item = await asked_of_the_other(world)
    async with world.database.reading(world.other.actor) as tx:
        (waiting,) = await my_requests(tx, world.other, None, 10, world.now)
        assert await my_consents(tx, world.other, None, 10, world.now) == ()
    assert (waiting.id, waiting.status, waiting.items) == (asked, ConsentStatus.REQUESTED, (item,))
    english = dataclasses.replace(world.other, language="en")
    given = await answer(world, english, asked, item, world.now)
    assert given.status is ConsentStatus.GIVEN
    (row,) = await world.rows("consents")
    assert (row["language"], row["given_by"]) == ("en", world.lan)
    async with world.database.reading(world.citizen.actor) as tx:
        (state,) = await consents_for(tx, dossier, world.now)
    assert (state.id, state.subject, state.status, state.items) == (
        asked,
        world.lan,
        ConsentStatus.GIVEN,
        (item,),
    )
    assert [row["kind"] for row in await world.rows("ledger")][1:] == ["consent.requested", "consent.given"]


async def test_the_asker_sees_only_how_it_stands_and_outsiders_nothing(world: World) -> None:
    asked, dossier, _ = await asked_of_the_other(world)
    for caller, states in ((world.citizen, 1), (world.officer, 1), (world.other, 0), (world.stranger, 0)):
        async with world.database.reading(caller.actor) as tx:
            assert len(await consents_for(tx, dossier, world.now)) == states
    for caller in (world.citizen, world.stranger):
        async with world.database.reading(caller.actor) as tx:
            with pytest.raises(NotFound):
                await consent(tx, caller, asked, world.now)


async def test_only_the_person_asked_answers(world: World) -> None:
    asked, _, item = await asked_of_the_other(world)
    for caller in (world.citizen, world.stranger):
        with pytest.raises(NotFound):
            await answer(world, caller, asked, item, world.now)
        with pytest.raises(NotFound):
            async with world.database.writing(caller.actor) as tx:
                await refuse_consent(tx, caller, asked, world.now)
    with pytest.raises(AccessDenied):
        await answer(world, world.officer, asked, item, world.now)
    (row,) = await world.rows("consents")
    assert (row["status"], row["receipt"]) == ("REQUESTED", None)


async def test_a_citizen_asks_only_about_a_party_of_their_own_dossier(world: World) -> None:
    theirs = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    for dossier in (await world.dossier(), new_id()):
        with pytest.raises(DBAPIError, match="row-level security"):
            await ask(world, dossier, item_of(theirs))
    assert await world.rows("consents") == []


async def test_an_agency_asks_only_for_itself(world: World) -> None:
    theirs = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    dossier = await world.dossier(parties=(world.lan,))
    item = item_of(theirs)
    request = Request(world.lan, world.bank, PURPOSE, dossier, (item,), words_for(item))
    with pytest.raises(AccessDenied):
        async with world.database.writing(world.officer.actor) as tx:
            await request_consent(tx, world.officer, request, world.now)
    async with world.database.writing(world.officer.actor) as tx:
        own = dataclasses.replace(request, recipient_agency=world.commune)
        asked = await request_consent(tx, world.officer, own, world.now)
    assert [row["id"] for row in await world.rows("consents")] == [asked]


async def test_no_is_kept_and_final(world: World) -> None:
    asked, dossier, item = await asked_of_the_other(world)
    async with world.database.writing(world.other.actor) as tx:
        said = await refuse_consent(tx, world.other, asked, world.now)
    assert said.status is ConsentStatus.REFUSED
    with pytest.raises(ConsentSettled) as refusal:
        await answer(world, world.other, asked, item, world.now)
    assert refusal.value.status == "REFUSED"
    async with world.database.reading(world.citizen.actor) as tx:
        (state,) = await consents_for(tx, dossier, world.now)
    assert state.status is ConsentStatus.REFUSED
    assert [row["state"] for row in await world.rows("consent_events")] == ["Requested", "Refused"]


async def test_a_request_left_lying_lapses(world: World) -> None:
    asked, _, item = await asked_of_the_other(world)
    late = world.now + timedelta(days=30)
    with pytest.raises(ConsentSettled) as refusal:
        await answer(world, world.other, asked, item, late)
    assert refusal.value.status == "EXPIRED"
    async with world.database.reading(world.other.actor) as tx:
        assert await my_requests(tx, world.other, None, 10, late) == ()
    assert (await answer(world, world.other, asked, item, late - timedelta(seconds=1))).receipt


async def test_what_waits_for_an_answer_is_counted_until_it_lapses(world: World) -> None:
    paper = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    for _ in range(3):
        await ask(world, await world.dossier(parties=(world.mai, world.lan)), item_of(paper))
    late = world.now + REQUEST_LASTS
    moment = timedelta(microseconds=1)
    for caller, at, most, expected in (
        (world.other, world.now, 10, 3),
        (world.other, world.now, 2, 2),
        (world.other, late - moment, 10, 3),
        (world.other, late, 10, 0),
        (world.citizen, world.now, 10, 0),
    ):
        async with world.database.reading(caller.actor) as tx:
            assert await count_waiting(tx, caller, most, at) == expected


async def test_withdrawing_ends_it_once_and_names_the_purpose_it_served(world: World) -> None:
    paper, dossier = await world.paper(), await world.dossier()
    given = await world.consent(dossier, item_of(paper))
    async with world.database.writing(world.citizen.actor) as tx:
        ended = await withdraw_consent(tx, world.citizen, given, world.now)
    assert (ended.status, ended.purpose_ref) == (ConsentStatus.WITHDRAWN, dossier)
    with pytest.raises(ConsentSettled):
        async with world.database.writing(world.citizen.actor) as tx:
            await withdraw_consent(tx, world.citizen, given, world.now)
    lines = await world.rows("ledger")
    assert [row["kind"] for row in lines].count("consent.withdrawn") == 1
    events = await world.rows("consent_events", "ledger_id")
    assert [(row["state"], row["ledger_id"]) for row in events][-1] == ("Withdrawn", lines[-1]["id"])


async def test_a_withdrawal_stands_in_its_row_before_its_line_is_numbered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disclosure whose line comes after that of the withdrawal must have found the row changed."""
    reliance = await world.relied_on()
    record, found = ledger.record, []

    async def looked(tx: Tx, actor: Actor, entry: ledger.Entry, now: datetime) -> int:
        with tx.no_autoflush:
            found.append(await tx.scalar(text("SELECT status FROM consents")))
        return await record(tx, actor, entry, now)

    monkeypatch.setattr(ledger, "record", looked)
    async with world.database.writing(world.citizen.actor) as tx:
        await withdraw_consent(tx, world.citizen, reliance.consent, world.now)
    assert found == [ConsentStatus.WITHDRAWN]


async def test_nobody_else_withdraws(world: World) -> None:
    given = await world.consent(await world.dossier(), item_of(await world.paper()))
    for caller, refusal in (
        (world.other, NotFound),
        (world.stranger, NotFound),
        (world.officer, AccessDenied),
    ):
        with pytest.raises(refusal):
            async with world.database.writing(caller.actor) as tx:
                await withdraw_consent(tx, caller, given, world.now)
    (row,) = await world.rows("consents")
    assert row["status"] == "GIVEN"


async def test_a_consent_reads_as_expired_when_its_time_is_over(world: World) -> None:
    given = await world.consent(await world.dossier(), item_of(await world.paper()))
    end = world.now + CONSENT_LASTS
    for at, status in ((end - timedelta(seconds=1), ConsentStatus.GIVEN), (end, ConsentStatus.EXPIRED)):
        async with world.database.reading(world.citizen.actor) as tx:
            assert (await consent(tx, world.citizen, given, at)).status is status


async def test_lists_hold_ones_own_and_page_without_overlap(world: World) -> None:
    paper = await world.paper()
    given = [await world.consent(await world.dossier(), item_of(paper)) for _ in range(3)]
    async with world.database.reading(world.citizen.actor) as tx:
        first = await my_consents(tx, world.citizen, None, 2, world.now)
        rest = await my_consents(tx, world.citizen, first[-1].id, 2, world.now)
    assert [one.id for one in (*first, *rest)] == list(reversed(given))
    for caller in (world.other, world.officer, Caller(CallerKind.CITIZEN, new_id())):
        async with world.database.reading(caller.actor) as tx:
            assert await my_consents(tx, caller, None, 10, world.now) == ()
