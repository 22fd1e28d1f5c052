"""Consent in another's place: by which right, no longer than that right, and never without it."""

import base64
import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller
from auth.errors import NotFound
from auth.mandates import revoke_mandate, whole_mandate
from auth.tokens import CONSENT_RECEIPT
from store.database import Database
from store.embedded import Servers
from store.identifiers import new_id
from tests.vaults import LAND, PARCEL, PURPOSE, Reliance, World, item_of, make_safe, make_world, words_for
from vault.deposits import Deposit
from vault.disclosure import disclose
from vault.errors import ConsentFault, ConsentMissing, ConsentShared
from vault.holding import Holding, Origin
from vault.permission.consent import (
    Acceptance,
    ConsentStatus,
    Request,
    accept_consent,
    consents_for,
    give_consent,
    my_consents,
    request_consent,
    withdraw_consent,
)
from vault.permission.limits import CONSENT_LASTS
from vault.permission.notice import notice
from vault.permission.receipt import principal

PROOF = "register:0198c0de"
AREA = "land.area_m2@land"


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


async def mandate(world: World, until: datetime | None, **fields: Any) -> UUID:
    """The citizen acts for the other person, as a parent unless `fields` say otherwise."""
    row: dict[str, Any] = {
        "id": new_id(), "actor": world.mai, "subject": world.lan, "basis": "GUARDIAN", "relation": "parent",
        "scope": ["all"], "evidence": PROOF, "since": world.now - timedelta(days=1), "until": until,
    }  # fmt: skip
    row |= fields
    await world.run(
        "INSERT INTO mandates (id, actor_id, subject_id, basis, relation, scope, evidence, valid_from,"
        " valid_until) VALUES (:id, :actor, :subject, :basis, :relation, :scope, :evidence, :since, :until)",
        **row,
    )
    made: UUID = row["id"]
    return made


def guardian(world: World) -> Caller:
    """As the request was let in: whether the mandate still stands is not theirs to say."""
    return dataclasses.replace(world.citizen, represented={world.lan: "parent"})


async def theirs(world: World) -> Holding:
    return await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))


async def agreed(world: World, at: datetime | None = None) -> Reliance:
    """The guardian agrees to a paper of the ward's, which a dossier then rests on."""
    held, dossier = await theirs(world), await world.dossier(parties=(world.lan,))
    caller = guardian(world)
    async with world.database.writing(caller.actor) as tx:
        decision = world.decision(dossier, item_of(held))
        given = await give_consent(tx, caller, decision, world.safe, at or world.now)
    await world.rely(dossier, held, given[world.lan])
    return Reliance(world, held, dossier, given[world.lan])


async def row_of(world: World, consent: UUID) -> dict[str, Any]:
    (row,) = [one for one in await world.rows("consents") if one["id"] == consent]
    return row


async def test_the_record_names_by_what_right_it_was_given_on_what_proof_and_until_when(world: World) -> None:
    until = world.now + timedelta(days=5000)
    await mandate(world, until)
    mine, dossier = await world.paper(), await world.dossier(parties=(world.mai, world.lan))
    caller, decision = guardian(world), world.decision(dossier, item_of(mine), item_of(await theirs(world)))
    async with world.database.writing(caller.actor) as tx:
        given = await give_consent(tx, caller, decision, world.safe, world.now)
    assert given.keys() == {world.mai, world.lan}
    own, ward = [await row_of(world, given[one]) for one in (world.mai, world.lan)]
    assert (own["given_by"], ward["given_by"]) == (world.mai, world.mai)
    assert [len(row["items"]) for row in (own, ward)] == [1, 1]
    assert own["terms"]["on_behalf"] is None
    async with world.database.reading(world.other.actor) as tx:
        (view,) = await my_consents(tx, world.other, None, 10, world.now)
    record = json.loads(json.dumps(view.record))
    assert record["on_behalf"] == {
        "actor": principal(world.mai, world.commune, world.safe),
        "basis": "GUARDIAN",
        "relation": "parent",
        "proof_doc": PROOF,
        "scope": ["all"],
        "until": until.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    assert str(world.mai) not in json.dumps(record)
    assert record["events"][0]["entity_id"] == record["on_behalf"]["actor"]
    signed = world.safe.receipts.verify(
        CONSENT_RECEIPT, ward["receipt"], audience=str(world.commune), now=world.now
    )
    assert signed["on_behalf"] == record["on_behalf"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(rfc8785.dumps(record)).digest()).rstrip(b"=").decode()
    assert signed["record_sha256"] == digest
    # A right that outlasts the consent leaves it as agreed.
    assert (view.valid_until, record["retention_period"]) == (world.now + CONSENT_LASTS, "P90D")


@pytest.mark.parametrize(
    ("basis", "relation", "until"),
    [("PROXY", "proxy", timedelta(days=3)), ("REPRESENTATIVE", "director", None)],
)
async def test_a_proxy_and_a_representative_are_named_as_such(
    world: World, basis: str, relation: str, until: timedelta | None
) -> None:
    end = world.now + until if until is not None else None
    await mandate(world, end, basis=basis, relation=relation, evidence="version:1")
    row = await row_of(world, (await agreed(world)).consent)
    said = row["terms"]["on_behalf"]
    assert (said["basis"], said["relation"], said["proof_doc"]) == (basis, relation, "version:1")
    assert (said["until"] is None) is (end is None)
    assert row["valid_until"] == (end or world.now + CONSENT_LASTS)


async def test_a_guardians_consent_ends_the_day_the_ward_is_of_age(world: World, servers: Servers) -> None:
    of_age = world.now + timedelta(days=10)
    await mandate(world, of_age)
    relied = await agreed(world)
    for early, works in ((timedelta(minutes=5), True), (timedelta(0), False)):
        offset = of_age - early - datetime.now(of_age.tzinfo)
        shifted = Database(servers.url, clock_offset=offset)
        try:
            async with shifted.writing(world.officer.actor) as tx:
                asked = disclose(tx, world.officer, relied.disclosure(AREA), world.safe)
                if works:
                    assert (await asked).claims == {AREA: 84.5}
                else:
                    with pytest.raises(ConsentMissing) as refusal:
                        await asked
                    assert refusal.value.fault is ConsentFault.EXPIRED
        finally:
            await shifted.close()
    # It stays as a record for whom it is about; the dossier's filer sees that it has ended.
    async with world.database.reading(world.other.actor) as tx:
        (kept,) = await my_consents(tx, world.other, None, 10, of_age)
    async with world.database.reading(world.citizen.actor) as tx:
        (state,) = await consents_for(tx, relied.dossier, of_age)
    assert (kept.status, kept.valid_until, state.status) == (
        ConsentStatus.EXPIRED, of_age, ConsentStatus.EXPIRED,
    )  # fmt: skip
    assert kept.record is not None
    assert (kept.record["validity"]["to"], kept.record["retention_period"]) == (
        of_age.astimezone(UTC).isoformat(timespec="microseconds"),
        "PT864000S",
    )
    assert kept.record["events"][0]["validity_duration"] == "PT864000S"
    async with world.database.writing(world.other.actor) as tx:
        withdrawn = await withdraw_consent(tx, world.other, relied.consent, of_age)
    assert withdrawn.status is ConsentStatus.WITHDRAWN


async def refused(world: World, caller: Caller, held: Holding, dossier: UUID, at: datetime) -> None:
    """Neither a decision nor an answer to a request counts, and nothing is left of either."""
    item = item_of(held)
    words = words_for(item)
    async with world.database.writing(world.citizen.actor) as tx:
        request = Request(world.lan, world.commune, PURPOSE, dossier, (item,), words)
        asked = await request_consent(tx, world.citizen, request, at)
    before = [await world.rows(table) for table in ("consents", "consent_events", "ledger")]
    shown = notice((item,), words, caller.language).sha256
    with pytest.raises(NotFound):
        async with world.database.writing(caller.actor) as tx:
            await give_consent(tx, caller, world.decision(dossier, item), world.safe, at)
    with pytest.raises(NotFound):
        async with world.database.writing(caller.actor) as tx:
            await accept_consent(tx, caller, Acceptance(asked, words, shown), world.safe, at)
    assert before == [await world.rows(table) for table in ("consents", "consent_events", "ledger")]


@pytest.mark.parametrize("why", ["of age", "revoked", "narrow", "not yet", "never"])
async def test_who_has_no_right_at_this_moment_agrees_to_nothing(world: World, why: str) -> None:
    """Also where the request was let in a moment before the right ended."""
    held, dossier = await theirs(world), await world.dossier(parties=(world.lan,))
    day = timedelta(days=1)
    match why:
        case "of age":
            await mandate(world, world.now)
        case "revoked":
            made = await mandate(world, world.now + day)
            async with world.database.writing(world.other.actor) as tx:
                await revoke_mandate(tx, world.other, made, world.now)
        case "narrow":
            await mandate(world, world.now + day, scope=["deposit"])
        case "not yet":
            await mandate(world, world.now + 2 * day, since=world.now + day)
    await refused(world, guardian(world), held, dossier, world.now)


async def test_a_guardian_answers_a_request_about_their_ward_by_their_right(world: World) -> None:
    until = world.now + timedelta(days=20)
    await mandate(world, until)
    held, dossier, caller = await theirs(world), await world.dossier(parties=(world.lan,)), guardian(world)
    item = item_of(held)
    words = words_for(item)
    async with world.database.writing(world.citizen.actor) as tx:
        request = Request(world.lan, world.commune, PURPOSE, dossier, (item,), words)
        asked = await request_consent(tx, world.citizen, request, world.now)
    answer = Acceptance(asked, words, notice((item,), words, caller.language).sha256)
    async with world.database.writing(caller.actor) as tx:
        view = await accept_consent(tx, caller, answer, world.safe, world.now)
    assert (view.status, view.valid_until) == (ConsentStatus.GIVEN, until)
    assert view.record is not None
    assert view.record["on_behalf"]["proof_doc"] == PROOF


async def test_of_several_rights_the_one_that_lasts_longest_counts(world: World) -> None:
    day = timedelta(days=1)
    await mandate(world, world.now + day, basis="PROXY", evidence="version:1")
    longest = await mandate(world, world.now + 5 * day)
    await mandate(world, world.now + 9 * day, scope=["deposit"])
    await mandate(world, world.now + 9 * day, actor=new_id())
    async with world.database.reading(world.citizen.actor) as tx:
        assert (await whole_mandate(tx, world.mai, world.lan, world.now)).id == longest
    unending = await mandate(world, None)
    async with world.database.reading(world.citizen.actor) as tx:
        assert (await whole_mandate(tx, world.mai, world.lan, world.now)).id == unending


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE consents SET valid_until = valid_until + interval '1 day'",
        "UPDATE consents SET terms = jsonb_set(terms, '{on_behalf,until}', 'null')",
        "UPDATE consents SET terms = jsonb_set(terms, '{on_behalf,basis}', '\"PROXY\"')",
        "UPDATE consents SET terms = jsonb_set(terms, '{on_behalf}', 'null'), given_by = subject_id",
    ],
)
async def test_a_right_made_longer_or_another_by_hand_opens_nothing(world: World, change: str) -> None:
    await mandate(world, world.now + timedelta(days=10))
    relied = await agreed(world)
    await world.run("ALTER TABLE consents DISABLE TRIGGER keep_consent")
    try:
        await world.run(change)
    finally:
        await world.run("ALTER TABLE consents ENABLE TRIGGER keep_consent")
    with pytest.raises(ConsentMissing) as refusal:
        async with world.database.writing(world.officer.actor) as tx:
            await disclose(tx, world.officer, relied.disclosure(AREA), world.safe)
    assert refusal.value.fault is ConsentFault.RECEIPT


async def of_eight(world: World) -> tuple[Caller, Caller]:
    """A guardian and their child of eight, each as their session lets them in."""
    await mandate(world, world.now + timedelta(days=3653))
    shared = frozenset({world.lan})
    return (
        dataclasses.replace(guardian(world), shared=shared),
        dataclasses.replace(world.other, shared=shared),
    )


async def asked_of_eight(world: World, caller: Caller) -> Acceptance:
    held, dossier = await theirs(world), await world.dossier(parties=(world.lan,))
    items = (item_of(held),)
    words = words_for(*items)
    request = Request(world.lan, world.commune, PURPOSE, dossier, items, words)
    async with world.database.writing(caller.actor) as tx:
        made = await request_consent(tx, caller, request, world.now)
    return Acceptance(made, words, notice(items, words, caller.language).sha256)


async def test_a_guardian_alone_gives_nothing_of_a_child_of_eight_nor_does_the_child(world: World) -> None:
    parent, child = await of_eight(world)
    held, dossier = await theirs(world), await world.dossier(parties=(world.lan,))
    before = await world.rows("consents"), await world.rows("ledger")
    # Whatever the session said: the mandate is read again.
    for caller in (parent, guardian(world), child):
        with pytest.raises(ConsentShared):
            async with world.database.writing(caller.actor) as tx:
                await give_consent(tx, caller, world.decision(dossier, item_of(held)), world.safe, world.now)
    assert (await world.rows("consents"), await world.rows("ledger")) == before


@pytest.mark.parametrize(
    "forged",
    [
        """jsonb_set(terms, '{agreement,side}', '"CHILD"')""",
        """jsonb_set(terms, '{agreement,by}', to_jsonb(subject_id::text))""",
        """jsonb_set(terms, '{agreement,notice_sha256}', '"x"')""",
        """jsonb_set(terms, '{agreement,signed}', '"x.y.z"')""",
        """jsonb_set(terms, '{agreement}', '"yes"')""",
        """terms #- '{agreement,signed}'""",
    ],
)
async def test_a_word_nobody_gave_is_none(world: World, forged: str) -> None:
    parent, child = await of_eight(world)
    acceptance = await asked_of_eight(world, parent)
    async with world.database.writing(parent.actor) as tx:
        await accept_consent(tx, parent, acceptance, world.safe, world.now)
    await world.run(f"UPDATE consents SET terms = {forged}")
    async with world.database.writing(child.actor) as tx:
        view = await accept_consent(tx, child, acceptance, world.safe, world.now)
    # The child's word is the first there is.
    assert (view.status, view.agreed_by) == (ConsentStatus.REQUESTED, "CHILD")


async def test_two_true_words_give_and_what_was_asked_cannot_change_under_them(world: World) -> None:
    parent, child = await of_eight(world)
    acceptance = await asked_of_eight(world, parent)
    async with world.database.writing(parent.actor) as tx:
        await accept_consent(tx, parent, acceptance, world.safe, world.now)
    for column in ("items", "purpose", "purpose_ref", "subject_id", "recipient_agency"):
        changed = {"items": "'[]'", "purpose": "'other'"}.get(column, "gen_random_uuid()")
        with pytest.raises(DBAPIError, match="what a consent is about cannot be changed"):
            await world.run(f"UPDATE consents SET {column} = {changed}")
    async with world.database.writing(child.actor) as tx:
        view = await accept_consent(tx, child, acceptance, world.safe, world.now)
    assert (view.status, view.agreed_by) == (ConsentStatus.GIVEN, None)
    row = await row_of(world, acceptance.request)
    assert (row["given_by"], row["terms"]["on_behalf"]["basis"]) == (world.mai, "GUARDIAN")
