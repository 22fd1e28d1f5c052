"""The second wall without the first: the policy says yes to everything, and still nothing of anybody else comes out.

`require` lets everyone do everything and `reach` reaches everybody, in every module that asks them. Every query and
every mutation is then tried by whoever is not meant; row-level security alone must keep each secret and each row.
"""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from auth import policy
from auth.policy import Reach
from tests.attacks.matrix.acts import Notices, acts
from tests.attacks.matrix.queries import reads
from tests.attacks.matrix.rows import VALUE, deeds
from tests.attacks.matrix.selection import coordinates
from tests.attacks.matrix.stage import Stage, open_stage
from tests.attacks.matrix.world import (
    NAMES,
    OF_PERMIT,
    OVERRIDING,
    REFUSING,
    WITHDRAWING,
    Planted,
    secrets_of,
)
from tests.conftest import NewDatabase
from vault.safe import Safe

ROOMS = ("auth", "vault", "procedures", "dossiers", "resolvers", "api")
STRANGERS = ("anonymous", "stranger", "spouse", "guardian", "foreign")
"""Who has no business with Lan's things: nobody, somebody, Lan's wife, a child's guardian, another agency."""
THEIRS: Mapping[str, frozenset[str]] = {
    "stranger": frozenset({"stranger"}),
    "spouse": frozenset({"spouse", "asked"}),
    "guardian": frozenset({"guardian", "child", "child_draft", "child_pending"}),
}
"""Names of the things of this world that are the caller's own."""
WRITTEN_BY_ANYBODY = frozenset({"ledger", "past_requests"})
ASKING = frozenset(
    {
        "auth.mandates.require",
        "vault.documents.require",
        "vault.documents.reach",
        "vault.disclosure.require",
        "vault.permission.consent.require",
        "dossiers.filing.require",
        "dossiers.views.reach",
        "resolvers.context.reach",
    }
)
"""Some of the modules that must no longer hear a no."""
DEEDS = deeds("mutations")
FORGED = Notices("0" * 64, "0" * 64)


@pytest.fixture(scope="module")
async def stage(new_database: NewDatabase, safe: Safe) -> AsyncIterator[Stage]:
    async with open_stage(await new_database(), safe) as opened:
        yield opened


@pytest.fixture
async def permissive(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules whose questions to the policy are now all answered yes."""
    rows = await stage.planted.place.rows("SELECT id FROM subjects UNION ALL SELECT id FROM agencies")
    everybody = frozenset(row[0] for row in rows)
    replaced = replace(monkeypatch, "require", policy.require, lambda *asked, **within: None)
    return replaced + replace(
        monkeypatch, "reach", policy.reach, lambda *asked, **within: Reach(everybody, everybody)
    )


def replace(
    monkeypatch: pytest.MonkeyPatch, name: str, real: Callable[..., Any], permissive: Callable[..., Any]
) -> list[str]:
    users = [
        module
        for module in list(sys.modules.values())
        if module.__name__.partition(".")[0] in ROOMS and getattr(module, name, None) is real
    ]
    for module in users:
        monkeypatch.setattr(module, name, permissive)
    return [f"{module.__name__}.{name}" for module in users]


async def test_the_policy_is_out_of_the_way(stage: Stage, permissive: list[str]) -> None:
    """Row-level security knows no roles: an auditor of the right agency now receives dossiers, and would not."""
    assert set(permissive) >= ASKING
    act = acts(stage.planted, FORGED)["receiveDossier"]
    answer = await stage.face.ask("kiem_toan", act.ask.mutation, act.sent("kiem_toan"))
    assert answer.data["receiveDossier"]["dossier"]["status"] == "RECEIVED"
    await stage.restore()


@pytest.mark.parametrize("caller", STRANGERS)
async def test_no_query_reads_what_is_somebody_elses(
    stage: Stage, permissive: list[str], caller: str
) -> None:
    told = await papers_named_to_foreign(stage) if caller == "foreign" else frozenset()
    foreign = [secret for secret in foreign_secrets(stage.planted, caller) if secret not in told]
    for name, ask in reads(stage.planted).items():
        answer = await stage.face.ask(caller, ask.query)
        # Whoever was named to act for Lan reads who named them.
        named = secrets_of("owner") if (name, caller) in NAMED else ()
        assert [one for one in foreign if one in answer.text and one not in named] == [], name


@pytest.mark.parametrize("caller", STRANGERS)
async def test_no_mutation_reaches_what_is_somebody_elses(
    stage: Stage, permissive: list[str], caller: str
) -> None:
    foreign = foreign_secrets(stage.planted, caller)
    tried = 0
    for name, act in acts(stage.planted, FORGED).items():
        if DEEDS[name].expected(f"Mutation.{act.operation}", caller) == VALUE:
            continue
        tried += 1
        answer = await stage.face.ask(caller, act.ask.mutation, act.sent(caller))
        assert [secret for secret in foreign if secret in answer.text] == [], name
        after = await stage.fingerprint()
        changed = {table for table in after if stage.kept[table] != after[table]}
        assert changed <= WRITTEN_BY_ANYBODY, f"{caller} {name}"
        assert await lost_rows(stage, changed) == 0, name
    await stage.restore()
    assert tried >= 30


async def test_with_both_walls_down_it_all_comes_out(stage: Stage, permissive: list[str]) -> None:
    """What this file looks for is there to be found."""
    async with unwalled(stage):
        answers = [await stage.face.ask("stranger", ask.query) for ask in reads(stage.planted).values()]
        act = acts(stage.planted, FORGED)["withdrawDossier"]
        await stage.face.ask("stranger", act.ask.mutation, act.sent("stranger"))
        after = await stage.fingerprint()
    found = [one for one in foreign_secrets(stage.planted, "stranger") if any(one in a.text for a in answers)]
    assert len(found) > 20
    assert stage.kept["dossiers"] != after["dossiers"]
    await stage.restore()


@pytest.mark.parametrize("role", ["tiep_nhan", "tham_dinh", "phe_duyet", "kiem_toan", "quan_tri"])
async def test_a_draft_is_out_of_reach_of_its_own_agency(
    stage: Stage, permissive: list[str], role: str
) -> None:
    drafts = ("draft", "ready", "unfilled", "unanswered", "birth", "child_draft")
    hidden = [one for name in drafts for one in names_of(stage.planted, "Dossier", name)]
    for name, ask in reads(stage.planted).items():
        answer = await stage.face.ask(role, ask.query)
        assert [one for one in hidden if one in answer.text] == [], name
    for name, act in acts(stage.planted, FORGED).items():
        if name.endswith(" draft"):
            answer = await stage.face.ask(role, act.ask.mutation, act.sent(role))
            assert [one for one in hidden if one in answer.text] == [], name
    after = await stage.fingerprint()
    assert {table for table in after if stage.kept[table] != after[table]} <= WRITTEN_BY_ANYBODY
    await stage.restore()


def test_every_mutation_is_tried() -> None:
    assert {name.partition(" ")[0] for name in DEEDS} == coordinates()["Mutation"]


@asynccontextmanager
async def unwalled(stage: Stage) -> AsyncIterator[None]:
    """Row-level security off for this world's tables that have it."""
    walled = "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
    async with stage.owner.begin() as connection:
        names = (await connection.scalars(text(walled))).all()
        for name in names:
            await connection.execute(text(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"))
    try:
        yield
    finally:
        async with stage.owner.begin() as connection:
            for name in names:
                await connection.execute(text(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"))


async def lost_rows(stage: Stage, tables: set[str]) -> int:
    """Rows that were there and are not there any more, or not as they were."""
    lost = 0
    async with stage.owner.connect() as connection:
        for name in tables:
            missing = f"SELECT t::text FROM kept.{name} t EXCEPT SELECT t::text FROM {name} t"
            lost += (await connection.execute(text(f"SELECT count(*) FROM ({missing}) gone"))).scalar_one()
    return lost


NAMED = {("mandates", "stranger"), ("mandates", "spouse")}


async def papers_named_to_foreign(stage: Stage) -> frozenset[str]:
    """Ids of papers in consents given to the foreign agency: a record tells its recipient what it covers."""
    named = (
        "SELECT item->>'document' FROM consents JOIN agencies ON agencies.id = recipient_agency,"
        " jsonb_array_elements(items) AS item WHERE name_vi = 'UBND kia'"
    )
    return frozenset(row[0] for row in await stage.planted.place.rows(named))


def foreign_secrets(planted: Planted, caller: str) -> list[str]:
    own = THEIRS.get(caller, frozenset())
    kinds = ("Subject", "Dossier", "Document", "Consent", "AccessRequest", "Share", "Upload")
    ids = [
        one
        for kind in kinds
        for name in planted.things(kind)
        if name not in own
        for one in names_of(planted, kind, name)
    ]
    said = [secret for name in NAMES if name not in own for secret in secrets_of(name)]
    receipts = [view.receipt or "" for name, view in planted.consents.items() if name not in own]
    words = [OF_PERMIT, OVERRIDING, REFUSING, WITHDRAWING]
    return [*said, *words, *ids, *receipts, *planted.codes.values()]


def names_of(planted: Planted, kind: str, name: str) -> list[str]:
    """A thing's id as the API writes it and as it is."""
    key: UUID = planted.things(kind)[name]
    return [planted.id(kind, name), str(key)]
