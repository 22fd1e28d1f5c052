"""What the recount counts besides asks, for whom, and to which dossiers each figure opens."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import ANONYMOUS, Caller, CallerKind
from auth.errors import Unauthenticated
from dossiers.figures.mismatches import find_mismatches
from dossiers.figures.recount import Counted, Figure, counted_dossiers, recount, recount_dossiers
from dossiers.records import Dossier, DossierRequirement
from store.database import Database
from store.identifiers import new_id
from tests.people import officer
from tests.recounts import AFTER, ASKED, BEFORE, LONG_AGO, Planted, plant
from vault.records import Document

NOTHING: dict[str, int] = {}


@pytest.fixture
async def shop(database: Database, owner: AsyncEngine) -> Planted:
    return await plant(database, owner)


@pytest.mark.parametrize("origin", ["self", "digitised", "issued"])
async def test_reuse_is_counted_by_where_the_paper_comes_from(shop: Planted, origin: str) -> None:
    await shop.pin(await shop.hold(origin=origin))
    assert await shop.figures() == {"reused": 1, f"reused_{origin}": 1}


@pytest.mark.parametrize(
    ("pinned", "held"),
    [
        ({"pinned_at": None}, {}),
        ({}, {"deposited_at": BEFORE}),  # the moment the dossier was opened
        ({}, {"deposited_at": AFTER}),
        ({"register": "population"}, {}),
    ],
    ids=str,
)
async def test_what_is_no_reuse(shop: Planted, pinned: dict[str, Any], held: dict[str, Any]) -> None:
    await shop.pin(await shop.hold(**held), **pinned)
    assert await shop.figures() == NOTHING


async def test_a_requirement_is_reused_once_and_by_each_origin(shop: Planted) -> None:
    for origin in ("self", "self", "issued"):
        await shop.pin(await shop.hold(origin=origin))
    await shop.pin(await shop.hold(), "card")
    assert await shop.figures() == {"reused": 2, "reused_self": 2, "reused_issued": 1}


async def test_consent_withdrawn_later_undoes_no_reuse_but_an_unfit_version_was_none(shop: Planted) -> None:
    version = await shop.hold()
    await shop.pin(version, revoked_at=AFTER)
    assert await shop.figures() == {"reused": 1, "reused_self": 1}
    unfit: Any = {"kind": "SUPPLEMENT", "fit": "UNFIT", "unfit_version": version}
    await shop.ask("photo", asked_at=AFTER, **unfit)
    assert await shop.figures() == {"reused": 1, "reused_self": 1, "unfit": 1}
    await shop.ask(asked_at=AFTER, **unfit)
    assert await shop.figures() == {"unfit": 2}


@pytest.mark.parametrize(
    "missing", [None, "log", "kind", "outcome", "database", "version", "pin", "register"]
)
async def test_a_fetched_fact_was_pinned_and_logged_as_found(shop: Planted, missing: str | None) -> None:
    answer = await shop.hold("card", origin="register", register="population", bound_to=shop.dossier)
    if missing != "log":
        outcome = "NOT_FOUND" if missing == "outcome" else "FOUND"
        reason = "land" if missing == "database" else "population"
        kind = "vault.read" if missing == "kind" else "register.asked"
        await shop.log(kind, ASKED, outcome, reason=reason)
    for _ in range(2):
        await shop.pin(
            None if missing == "version" else answer,
            "card",
            register=None if missing == "register" else "population",
            pinned_at=None if missing == "pin" else BEFORE,
        )
    found = await shop.figures()
    assert found.get("fetched", 0) == (1 if missing is None else 0)


@pytest.mark.parametrize("origin", ["self", "digitised"])
async def test_papers_handed_in_here_are_supplied_and_case_bound_ones_apart(
    shop: Planted, origin: str
) -> None:
    kept = await shop.hold(origin=origin, deposited_in=shop.dossier, deposited_at=BEFORE)
    bound = await shop.hold(origin=origin, deposited_in=shop.dossier, bound_to=shop.dossier)
    for name, version in (("photo", kept), ("statement", bound), ("deed", bound), ("shown", kept)):
        await shop.ask(name, answered_by=version, answered_at=ASKED)
    assert await shop.figures() == {"supplied": 1, "case_bound": 1}


@pytest.mark.parametrize(
    "held", [{}, {"deposited_in": "elsewhere"}, {"origin": "issued", "deposited_in": "here"}], ids=str
)
async def test_what_was_there_before_or_came_of_the_case_was_not_supplied(
    shop: Planted, held: dict[str, Any]
) -> None:
    places = {"here": shop.dossier, "elsewhere": new_id()}
    version = await shop.hold("photo", **{key: places.get(value, value) for key, value in held.items()})
    await shop.ask("photo", asked_at=LONG_AGO, answered_by=version, answered_at=ASKED)
    assert await shop.figures() == NOTHING


async def test_refusals_are_counted_as_they_were_told(shop: Planted) -> None:
    for kind in ("refused_ask", "refused_ask", "refused_upload", "opened"):
        await shop.event(kind)
    assert await shop.figures() == {"refused_asks": 2, "refused_uploads": 1}


async def test_figures_reach_as_far_as_their_reader(shop: Planted) -> None:
    await shop.hold()
    await shop.ask()
    await shop.event("refused_ask")
    stranger = await shop.subject()
    guardian = Caller(CallerKind.CITIZEN, stranger, represented={shop.me: "parent"})
    found = {"asked_again": 1, "refused_asks": 1}
    for reader in (shop.citizen, shop.desk, guardian):
        assert await shop.figures(reader) == await shop.counts(shop.dossier, reader) == found
    for other in (Caller(CallerKind.CITIZEN, stranger), officer(new_id())):
        assert await shop.figures(other) == await shop.counts(shop.dossier, other) == NOTHING
        async with shop.database.reading(other.actor) as tx:
            for figure in Figure:
                assert await counted_dossiers(tx, other, figure, None, 9) == []


async def test_nobody_in_particular_reads_no_figures(shop: Planted) -> None:
    async with shop.database.reading(ANONYMOUS.actor) as tx:
        with pytest.raises(Unauthenticated):
            await recount(tx, ANONYMOUS)
        with pytest.raises(Unauthenticated):
            await recount_dossiers(tx, ANONYMOUS, [shop.dossier])
        with pytest.raises(Unauthenticated):
            await counted_dossiers(tx, ANONYMOUS, Figure.REUSED, None, 9)
        with pytest.raises(Unauthenticated):
            await find_mismatches(tx, ANONYMOUS, None, 9)
        assert (await tx.execute(text("SELECT * FROM once_only('{}', NULL)"))).all() == []


async def test_a_draft_is_no_business_of_the_agency(shop: Planted) -> None:
    await shop.change(Dossier, shop.dossier, status=0, submitted_at=None)
    await shop.event("refused_upload")
    assert await shop.figures() == {"refused_uploads": 1}
    assert await shop.figures(shop.desk) == await shop.counts(shop.dossier, shop.desk) == NOTHING


async def test_other_peoples_papers_are_judged_though_the_reader_cannot_see_them(shop: Planted) -> None:
    seller = await shop.subject()
    await shop.party("seller", seller)
    await shop.hold("card", subject=seller)
    await shop.ask("seller")
    assert await shop.figures() == await shop.figures(shop.desk) == {"asked_again": 1}
    for reader in (shop.citizen, shop.desk):
        async with shop.database.reading(reader.actor) as tx:
            query = text("SELECT count(*) FROM documents WHERE subject_id = :seller")
            assert await tx.scalar(query, {"seller": seller}) == 0


async def test_who_filed_for_somebody_reads_that_dossiers_figures(shop: Planted) -> None:
    filer = await shop.subject()
    dossier = await shop.file(filer_id=filer)
    await shop.event("refused_upload", dossier_id=dossier)
    assert await shop.counts(dossier, filer) == {"refused_uploads": 1}
    assert await shop.figures(Caller(CallerKind.CITIZEN, filer)) == NOTHING


async def test_a_figure_opens_to_its_dossiers_newest_first(shop: Planted) -> None:
    await shop.hold()
    dossiers = [shop.dossier, await shop.file(), await shop.file()]
    for times, dossier in enumerate(dossiers, 1):
        for _ in range(times):
            await shop.ask(dossier_id=dossier)
        await shop.event("refused_ask", dossier_id=dossier)
    wanted = [Counted(dossier, times) for times, dossier in reversed(list(enumerate(dossiers, 1)))]
    async with shop.database.reading(shop.desk.actor) as tx:
        page = await counted_dossiers(tx, shop.desk, Figure.ASKED_AGAIN, None, 2)
        rest = await counted_dossiers(tx, shop.desk, Figure.ASKED_AGAIN, page[-1].dossier, 2)
        each = await recount_dossiers(tx, shop.desk, dossiers)
    assert [*page, *rest] == wanted
    assert [each[one.dossier][Figure.ASKED_AGAIN] for one in wanted] == [3, 2, 1]
    assert await shop.figures() == {"asked_again": 6, "refused_asks": 3}


async def test_the_door_opens_as_a_whole_only(shop: Planted) -> None:
    parts = ("papers_of(app_id(), now())", "recount_dossiers(NULL)", "needless_asks('{}', NULL)")
    for part in parts:
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with shop.database.reading(shop.citizen.actor) as tx:
                await tx.execute(text(f"SELECT * FROM {part}"))
    async with shop.database.reading(shop.citizen.actor) as tx:
        rows = await tx.execute(text("SELECT * FROM once_only('{}', NULL)"))
        assert list(rows.keys()) == ["dossier", "figure", "amount"]


async def planned(shop: Planted, name: str, outcome: str, **fields: Any) -> None:
    row = {"position": 0, "outcome": outcome, "satisfied": True, "reason": "held", "reason_params": {}}
    rest = {"warnings": [], "declined": False, "excluded": []}
    async with shop.owner.begin() as connection:
        made = insert(DossierRequirement).values(dossier_id=shop.dossier, requirement=f"shop.{name}")
        await connection.execute(made.values(**{**row, **rest, **fields}))


async def mismatches(shop: Planted) -> list[UUID]:
    async with shop.database.reading(shop.desk.actor) as tx:
        found = await find_mismatches(tx, shop.desk, None, 9)
        assert all(one.amount == 1 for one in found)
        assert found == [] or await find_mismatches(tx, shop.desk, found[-1].dossier, 9) == []
        return [one.dossier for one in found]


async def test_a_plan_that_tells_the_same_story_is_no_mismatch(shop: Planted) -> None:
    await planned(shop, "licence", "REUSE")
    await planned(shop, "card", "FETCH")
    await planned(shop, "health", "SUPPLY", declined=True)
    await planned(shop, "photo", "FETCH", satisfied=False)
    await planned(shop, "deed", "REUSE", satisfied=False)
    await shop.pin(await shop.hold())
    answer = await shop.hold("card", origin="register", register="population", bound_to=shop.dossier)
    await shop.pin(answer, "card", register="population")
    await shop.log("register.asked", ASKED, "FOUND", reason="population")
    await shop.event("declined_reuse", "health")
    assert await mismatches(shop) == []


@pytest.mark.parametrize("story", ["reused", "fetched", "declined", "asked"])
async def test_a_plan_that_counts_otherwise_is_named(shop: Planted, story: str) -> None:
    await planned(shop, "licence", {"reused": "REUSE", "fetched": "FETCH"}.get(story, "SUPPLY"))
    assert await mismatches(shop) == ([shop.dossier] if story in ("reused", "fetched") else [])
    if story == "declined":
        await shop.event("declined_reuse")
    if story == "asked":
        await shop.hold()
        await shop.ask()
    assert await mismatches(shop) == [shop.dossier]
    await shop.change(Dossier, shop.dossier, status=0, submitted_at=None)
    assert await mismatches(shop) == []  # a draft's plan is not its last


async def test_evidence_taken_away_since_leaves_reuse_uncompared(shop: Planted) -> None:
    await planned(shop, "licence", "SUPPLY")
    await shop.pin(await shop.hold(), revoked_at=AFTER)
    assert await mismatches(shop) == []


async def test_another_agencys_mismatch_is_not_told(shop: Planted) -> None:
    await planned(shop, "licence", "REUSE")
    other = officer(new_id())
    async with shop.database.reading(other.actor) as tx:
        assert await find_mismatches(tx, other, None, 9) == []
    await shop.change(Document, await shop.document_of(await shop.hold()), created_at=AFTER)
    async with shop.database.reading(shop.citizen.actor) as tx:
        assert await find_mismatches(tx, shop.citizen, None, 9) == [Counted(shop.dossier, 1)]


async def test_a_moment_is_one_moment_for_all_of_it(shop: Planted) -> None:
    """An ask a microsecond after the deposit is asked again; at the same microsecond it is not."""
    await shop.hold(deposited_at=ASKED - timedelta(microseconds=1))
    await shop.ask()
    await shop.ask(asked_at=ASKED - timedelta(microseconds=1))
    assert await shop.figures() == {"asked_again": 1}
