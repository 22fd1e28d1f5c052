"""Share codes: made, redeemed, spent, taken back, with a real database."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import ANONYMOUS, Caller, Grant, GrantKind, Role
from auth.errors import AccessDenied, NotFound, Unauthenticated
from store.database import Database
from store.embedded import Servers
from store.identifiers import new_id
from tests.vaults import LAND, PARCEL, World, make_safe, make_world
from vault.deposits import Deposit, add_version
from vault.documents import Dispute, dispute_claim, revoke_document
from vault.errors import ClaimUnknown, DocumentNotUsable, ShareRefused
from vault.holding import Holding, Origin
from vault.sharing.shares import (
    CODE_CHARACTERS,
    HANDLE_CHARACTERS,
    NewCode,
    NewShare,
    ShareView,
    create_share,
    handle_of,
    my_shares,
    new_code,
    revoke_share,
    shares_of,
)
from vault.sharing.verification import (
    Fault,
    PublicStatus,
    Verdict,
    is_open,
    open_code,
    public_status,
    redeem,
)

AREA, SHEET = "land.area_m2@land", "land.map_sheet@land"


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


async def make(world: World, held: Holding, *claims: str, **fields: Any) -> NewCode:
    wanted = NewShare(**{"document": held.document, "claims": claims or (AREA,), **fields})
    async with world.database.writing(world.citizen.actor) as tx:
        return await create_share(tx, world.citizen, wanted, world.safe, world.now)


async def verify(
    world: World, code: str | None, caller: Caller | None = None, at: datetime | None = None, **fields: bool
) -> Verdict:
    caller = caller or world.stranger
    async with world.database.writing(caller.actor) as tx:
        return await redeem(tx, caller, code, world.safe, at or world.now, **fields)


async def take_back(world: World, share_id: UUID) -> ShareView:
    async with world.database.writing(world.citizen.actor) as tx:
        return await revoke_share(tx, world.citizen, share_id, world.now)


async def stands(world: World, code: str, at: datetime | None = None) -> PublicStatus | None:
    async with world.database.reading(ANONYMOUS.actor) as tx:
        return await public_status(tx, code, at or world.now)


async def lines(world: World, kind: str = "share.redeemed") -> list[tuple[str, str | None]]:
    found = [row for row in await world.rows("ledger") if row["kind"] == kind]
    return [(row["outcome"], row["entry"]["reason"]) for row in found]


async def test_an_agency_gets_the_chosen_claims_and_nothing_else(world: World) -> None:
    held = await world.issued(valid_until=date(2027, 1, 1))
    made = await make(world, held)
    verdict = await verify(world, made.code)
    assert verdict == Verdict(
        valid=True,
        signature="VALID",
        issuer_authority="ISSUER",
        status="VALID",
        freshness="CURRENT",
        claims={AREA: 84.5},
        document_type=LAND,
        issuer=world.commune,
        ledger_id=verdict.ledger_id,
    )
    (line,) = [row for row in await world.rows("ledger") if row["kind"] == "share.redeemed"]
    assert line["id"] == verdict.ledger_id
    assert (line["subject_id"], line["agency_id"]) == (world.mai, world.bank)
    assert line["entry"]["claims"] == [AREA]


async def test_a_grant_stands_for_the_code_its_system_has_shown_and_for_no_other(world: World) -> None:
    made, other = [await make(world, await world.issued(), max_uses=2) for _ in range(2)]
    async with world.database.writing(world.stranger.actor) as tx:
        terms = await open_code(tx, world.stranger, made.code, world.now)
    assert terms is not None
    granted = dataclasses.replace(world.stranger, grant=Grant(GrantKind.SHARE, terms.share))
    verdict = await verify(world, None, granted)
    assert (verdict.valid, verdict.claims) == (True, {AREA: 84.5})
    unshown = Grant(GrantKind.SHARE, other.share.id)
    for caller in (world.stranger, dataclasses.replace(world.stranger, grant=unshown)):
        assert (await verify(world, None, caller)).fault is Fault.UNKNOWN
    async with world.database.writing(granted.actor) as tx:
        assert await is_open(tx, granted, world.now)
        assert not await is_open(tx, world.stranger, world.now)


async def test_the_code_rests_only_as_a_hash_and_is_told_once(world: World) -> None:
    made = await make(world, await world.issued())
    (row,) = await world.rows("shares")
    assert made.code not in str(row)
    assert made.code not in repr(made)
    async with world.database.reading(world.citizen.actor) as tx:
        assert await my_shares(tx, world.citizen, [made.share.id]) == {made.share.id: made.share}
        assert await shares_of(tx, world.citizen, made.share.document) == (made.share,)


async def test_a_code_works_however_it_is_typed(world: World) -> None:
    made = await make(world, await world.issued())
    typed = (
        "-".join(made.code[i : i + 4] for i in range(0, 26, 4)).lower().replace("0", "o").replace("1", "l")
    )
    assert (await verify(world, f" {typed} ")).valid


async def test_a_use_is_spent_once_even_by_two_at_the_same_moment(world: World) -> None:
    made = await make(world, await world.issued(), max_uses=3)
    verdicts = await asyncio.gather(*(verify(world, made.code) for _ in range(8)))
    assert sum(one.valid for one in verdicts) == 3
    assert {one.fault for one in verdicts} == {None, Fault.SPENT}
    (row,) = await world.rows("shares")
    assert row["uses"] == 3
    assert sorted(await lines(world)) == [("REFUSED", "spent")] * 5 + [("SUCCESS", None)] * 3


async def test_a_replay_is_judged_again_without_a_second_use(world: World) -> None:
    made = await make(world, await world.issued())
    assert (await verify(world, made.code, replayed=True)).fault is Fault.SPENT
    first = await verify(world, made.code)
    again = await verify(world, made.code, replayed=True)
    assert dataclasses.replace(again, ledger_id=first.ledger_id) == first
    await take_back(world, made.share.id)
    assert (await verify(world, made.code, replayed=True)).fault is Fault.WITHDRAWN


async def test_a_code_taken_back_verifies_nothing_more(world: World) -> None:
    made = await make(world, await world.issued(), max_uses=9)
    assert (await verify(world, made.code)).valid
    for _ in range(2):
        assert (await take_back(world, made.share.id)).revoked_at == world.now
    verdict = await verify(world, made.code)
    assert (verdict.fault, verdict.claims, verdict.document_type) == (Fault.WITHDRAWN, None, None)
    assert await stands(world, made.code) is None
    assert len(await lines(world, "share.revoked")) == 1


async def test_a_code_lapses(world: World) -> None:
    made = await make(world, await world.issued(), expires_in_seconds=600)
    end = world.now + timedelta(seconds=600)
    assert (await verify(world, made.code, at=end)).fault is Fault.LAPSED
    assert await stands(world, made.code, end) is None
    assert (await verify(world, made.code, at=end - timedelta(seconds=1))).valid


async def test_unknown_and_foreign_codes_look_the_same(world: World) -> None:
    foreign = await make(world, await world.issued(), audience=world.commune)
    unknown = await verify(world, new_code())
    verdicts = [unknown, *[await verify(world, code) for code in (foreign.code, "", "O" * 9_000, "\ud800")]]
    assert {dataclasses.replace(one, ledger_id=0) for one in map(_hashable, verdicts)} == {
        dataclasses.replace(_hashable(unknown), ledger_id=0)
    }
    assert (unknown.fault, unknown.signature, unknown.status) == (Fault.UNKNOWN, "UNKNOWN", "UNKNOWN")
    assert await lines(world) == [("REFUSED", "unknown")] * 5
    assert (await verify(world, foreign.code, world.officer)).valid


def _hashable(verdict: Verdict) -> Verdict:
    assert verdict.claims is None
    return verdict


async def test_five_tries_by_a_foreign_agency_lose_the_code_to_none_but_itself(world: World) -> None:
    made = await make(world, await world.issued(), audience=world.commune, max_uses=9)
    for _ in range(6):
        assert (await verify(world, made.code, world.officer)).valid
        assert (await verify(world, made.code)).fault is Fault.UNKNOWN


async def test_five_wrong_secrets_lose_the_code_to_who_tried_them(world: World) -> None:
    made = await make(world, await world.issued(), max_uses=9)
    wrong = handle_of(made.code) + "0" * (CODE_CHARACTERS - HANDLE_CHARACTERS)
    for _ in range(4):
        assert (await verify(world, wrong, world.officer)).fault is Fault.UNKNOWN
    assert (await verify(world, made.code, world.officer)).valid
    assert (await verify(world, wrong, world.officer)).fault is Fault.UNKNOWN
    assert (await verify(world, made.code, world.officer)).fault is Fault.LOCKED
    assert (await verify(world, made.code)).valid


async def test_codes_that_share_a_handle_are_told_apart_and_guessed_at_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [f"{'7' * HANDLE_CHARACTERS}{letter * 20}" for letter in "ABC"]
    monkeypatch.setattr("vault.sharing.shares.new_code", iter(codes[:2]).__next__)
    paper = await world.issued()
    for _ in range(2):
        await make(world, paper, max_uses=9)
    for _ in range(5):
        assert (await verify(world, codes[2])).fault is Fault.UNKNOWN
    for code in codes[:2]:
        assert (await verify(world, code)).fault is Fault.LOCKED
        assert (await verify(world, code, world.officer)).valid


async def test_only_officers_of_a_desk_verify(world: World) -> None:
    made = await make(world, await world.issued())
    auditor = dataclasses.replace(world.officer, roles=frozenset({Role.AUDIT, Role.ADMINISTER}))
    for caller, refusal in (
        (world.citizen, AccessDenied),
        (auditor, AccessDenied),
        (ANONYMOUS, Unauthenticated),
    ):
        with pytest.raises(refusal):
            await verify(world, made.code, caller)
    assert await lines(world) == []
    assert (await verify(world, made.code)).valid


async def test_a_revoked_paper_says_so_and_gives_no_claims(world: World) -> None:
    held = await world.issued()
    made = await make(world, held)
    async with world.database.writing(world.officer.actor) as tx:
        await revoke_document(tx, world.officer, held.document, "wrong", world.now)
    assert (found := await stands(world, made.code)) is not None
    assert found.status == "revoked"
    verdict = await verify(world, made.code)
    assert (verdict.valid, verdict.fault, verdict.status) == (False, Fault.NOT_IN_FORCE, "REVOKED")
    assert (verdict.signature, verdict.claims) == ("VALID", None)
    (row,) = await world.rows("shares")
    assert row["uses"] == 1


async def test_a_paper_out_of_date_or_replaced_says_so(world: World) -> None:
    expired = await world.issued(valid_until=date(2026, 11, 22))
    verdict = await verify(world, (await make(world, expired)).code)
    assert (verdict.fault, verdict.freshness, verdict.claims) == (Fault.EXPIRED, "EXPIRED", None)
    own = await world.paper()
    made = await make(world, own)
    newer = Deposit(world.mai, LAND, Origin.SELF, PARCEL)
    async with world.database.writing(world.citizen.actor) as tx:
        await add_version(tx, world.citizen, own.document, newer, world.safe, world.now)
    assert (await verify(world, made.code)).status == "SUPERSEDED"


async def test_what_only_its_owner_vouches_for_is_never_called_valid(world: World) -> None:
    held = await world.paper()
    async with world.database.writing(world.citizen.actor) as tx:
        await dispute_claim(tx, world.citizen, Dispute(held.document, AREA, "?"), world.safe, world.now)
    verdict = await verify(world, (await make(world, held, AREA, SHEET)).code)
    assert (verdict.valid, verdict.fault) == (False, Fault.SELF_DECLARED)
    assert verdict.claims == {AREA: 84.5, SHEET: "7"}
    assert verdict.disputed == {AREA}


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE shares SET claims = claims || '{land.map_sheet@land}'::text[]",
        "UPDATE shares SET max_uses = 50",
        "UPDATE shares SET audience = NULL",
        "UPDATE shares SET receipt = 'x.y.z'",
        "UPDATE document_versions SET claims = claims || '\\x00'::bytea",
        "UPDATE shares SET version_id = :other, document_id = :paper",
    ],
)
async def test_a_share_that_is_not_what_was_signed_discloses_nothing(world: World, forgery: str) -> None:
    made = await make(world, await world.issued(), audience=world.commune)
    other = await world.issued({AREA: 1})
    values = {"other": other.version, "paper": other.document} if ":other" in forgery else {}
    await world.run(forgery, **values)
    verdict = await verify(world, made.code, world.officer)
    assert (verdict.fault, verdict.signature, verdict.claims) == (Fault.ALTERED, "INVALID", None)
    assert await lines(world) == [("REFUSED", "altered")]


async def test_the_public_sees_that_a_paper_stands_without_content_or_a_use(world: World) -> None:
    held = await world.issued(issued_on=date(2026, 1, 2), valid_until=date(2027, 1, 1))
    made = await make(world, held, audience=world.commune)
    expected = PublicStatus(LAND, "valid", 1, world.commune, date(2026, 1, 2), date(2027, 1, 1))
    for _ in range(3):
        assert await stands(world, made.code) == expected
    assert await stands(world, new_code()) is None
    assert (await verify(world, made.code, world.officer)).valid


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"claims": ("person.name@owner",)}, ClaimUnknown),
        ({"claims": (AREA,) * 51}, ShareRefused),
        ({"max_uses": 0}, ShareRefused),
        ({"max_uses": 101}, ShareRefused),
        ({"expires_in_seconds": 0}, ShareRefused),
        ({"expires_in_seconds": 7 * 24 * 3600 + 1}, ShareRefused),
        ({"document": new_id()}, NotFound),
    ],
)
async def test_a_code_beyond_its_limits_is_not_made(
    world: World, fields: dict[str, Any], refusal: type[Exception]
) -> None:
    held = await world.issued()
    with pytest.raises(refusal):
        await make(world, held, **fields)
    assert await world.rows("shares") == []


async def test_a_code_is_made_only_by_the_owner_of_a_valid_paper(world: World) -> None:
    held = await world.issued()
    for caller, refusal in ((world.other, NotFound), (world.stranger, NotFound)):
        with pytest.raises(refusal):
            async with world.database.writing(caller.actor) as tx:
                await create_share(tx, caller, NewShare(held.document), world.safe, world.now)
    async with world.database.writing(world.officer.actor) as tx:
        await revoke_document(tx, world.officer, held.document, "wrong", world.now)
    with pytest.raises(DocumentNotUsable):
        await make(world, held)
    assert await world.rows("shares") == []


async def test_nobody_else_sees_or_takes_back_a_code(world: World) -> None:
    made = await make(world, await world.issued())
    for caller in (world.other, world.officer, world.stranger):
        async with world.database.reading(caller.actor) as tx:
            assert await shares_of(tx, caller, made.share.document) == ()
            assert await my_shares(tx, caller, [made.share.id]) == {}
        with pytest.raises(NotFound):
            async with world.database.writing(caller.actor) as tx:
                await revoke_share(tx, caller, made.share.id, world.now)
    assert (await verify(world, made.code)).valid
