"""Consent by somebody authorised: by the words of their mandate as it stands then, and no longer than it."""

import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller, Delegation, Scope
from auth.errors import AccessDenied, NotFound
from store.database import Database
from store.embedded import Servers
from store.identifiers import new_id
from tests.vaults import LAND, PARCEL, PURPOSE, World, item_of, make_safe, make_world, words_for
from vault.deposits import Deposit
from vault.holding import Holding, Origin
from vault.permission.consent import (
    Acceptance,
    Request,
    accept_consent,
    give_consent,
    my_consents,
    request_consent,
)
from vault.permission.limits import CONSENT_LASTS
from vault.permission.notice import notice
from vault.permission.receipt import principal

EVERY = frozenset(Scope)
DAY = timedelta(days=1)


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


async def proxy(world: World, words: frozenset[Scope] = EVERY, **fields: Any) -> Caller:
    """The citizen as a request by the other person's mandate was let in; `fields` of its row as it stands now."""
    granted = world.now - DAY
    row: dict[str, Any] = {
        "id": new_id(), "grantor": world.lan, "actor": world.mai, "scope": sorted(words), "proof": None,
        "granted": granted, "until": world.now + 20 * DAY, "accepted": granted, "ended": None,
    } | fields  # fmt: skip
    await world.run(
        "INSERT INTO proxies (id, grantor_id, to_index, actor_id, scope, proof_id, granted_at, valid_until,"
        " accepted_at, ended_at) VALUES (:id, :grantor, '\\x00', :actor, :scope, :proof, :granted, :until,"
        " :accepted, :ended)",
        **row,
    )
    mandate = Delegation(row["id"], world.lan, words, row["until"], row["proof"])
    return dataclasses.replace(world.citizen, represented={world.lan: "proxy"}, delegation=mandate)


async def theirs(world: World) -> Holding:
    return await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))


async def row_of(world: World, consent: UUID) -> dict[str, Any]:
    (row,) = [one for one in await world.rows("consents") if one["id"] == consent]
    return row


async def test_the_record_names_the_mandate_and_ends_with_it(world: World) -> None:
    until, held = world.now + 20 * DAY, await theirs(world)
    caller, dossier = await proxy(world, proof=held.document), await world.dossier(parties=(world.lan,))
    async with world.database.writing(caller.actor) as tx:
        given = await give_consent(tx, caller, world.decision(dossier, item_of(held)), world.safe, world.now)
    row = await row_of(world, given[world.lan])
    assert (row["given_by"], row["valid_until"]) == (world.mai, until)
    async with world.database.reading(world.other.actor) as tx:
        (view,) = await my_consents(tx, world.other, None, 10, world.now)
    record = json.loads(json.dumps(view.record))
    end = until.astimezone(UTC).isoformat(timespec="microseconds")
    assert record["on_behalf"] == {
        "actor": principal(world.mai, world.commune, world.safe),
        "basis": "PROXY",
        "relation": "proxy",
        "proof_doc": f"document:{held.document}",
        "scope": sorted(EVERY),
        "until": end,
    }
    assert (record["validity"]["to"], until - world.now < CONSENT_LASTS) == (end, True)


async def test_without_a_paper_the_mandate_itself_is_named_and_a_request_is_answered_by_it(
    world: World,
) -> None:
    caller, held, dossier = await proxy(world), await theirs(world), await world.dossier(parties=(world.lan,))
    item = item_of(held)
    words = words_for(item)
    async with world.database.writing(world.citizen.actor) as tx:
        request = Request(world.lan, world.commune, PURPOSE, dossier, (item,), words)
        asked = await request_consent(tx, world.citizen, request, world.now)
    answer = Acceptance(asked, words, notice((item,), words, caller.language).sha256)
    async with world.database.writing(caller.actor) as tx:
        view = await accept_consent(tx, caller, answer, world.safe, world.now)
    assert view.record is not None
    assert caller.delegation is not None
    assert view.record["on_behalf"]["proof_doc"] == f"mandate:{caller.delegation.id}"
    assert view.valid_until == caller.delegation.until


@pytest.mark.parametrize(
    "why", ["expired", "ended", "fewer words", "of somebody else", "destroyed", "no such"]
)
async def test_a_mandate_that_no_longer_stands_in_the_very_transaction_gives_nothing(
    world: World, why: str
) -> None:
    """The request was let in a moment before."""
    held, dossier = await theirs(world), await world.dossier(parties=(world.lan,))
    fields: dict[str, dict[str, Any]] = {
        "expired": {"until": world.now},
        "ended": {"ended": world.now},
        "fewer words": {"scope": ["FILE", "READ"]},
        "of somebody else": {"grantor": new_id()},
    }
    caller = await proxy(world, **fields.get(why, {}))
    assert caller.delegation is not None
    if why == "destroyed":
        order = "INSERT INTO shreddings (subject_id, article, ordered_at) VALUES (:who, 'x', :at)"
        await world.run(order, who=world.lan, at=world.now)
    if why == "no such":
        caller = dataclasses.replace(caller, delegation=dataclasses.replace(caller.delegation, id=new_id()))
    before = [await world.rows(table) for table in ("consents", "consent_events", "ledger")]
    with pytest.raises(NotFound):
        async with world.database.writing(caller.actor) as tx:
            await give_consent(tx, caller, world.decision(dossier, item_of(held)), world.safe, world.now)
    assert before == [await world.rows(table) for table in ("consents", "consent_events", "ledger")]


async def test_in_anothers_place_nobody_agrees_for_themself_or_beyond_the_words(world: World) -> None:
    mine, held = await world.paper(), await theirs(world)
    dossier = await world.dossier(parties=(world.mai, world.lan))
    whole, narrow = await proxy(world), await proxy(world, frozenset({Scope.FILE, Scope.READ}))
    before = [await world.rows(table) for table in ("consents", "consent_events", "ledger")]
    for caller, item, refusal in (
        (whole, item_of(mine), NotFound),
        (narrow, item_of(held), AccessDenied),
    ):
        with pytest.raises(refusal):
            async with world.database.writing(caller.actor) as tx:
                await give_consent(tx, caller, world.decision(dossier, item), world.safe, world.now)
    assert before == [await world.rows(table) for table in ("consents", "consent_events", "ledger")]
