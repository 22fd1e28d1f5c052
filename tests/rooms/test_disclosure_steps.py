"""Each step of the disclosure transaction fails in turn: nothing is disclosed, nothing spent, no row changed, no file
left open, and nothing was even opened before its line of the log. The fault gone, the same disclosure succeeds.
"""

import ast
import inspect
import re
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import vault.disclosure
from store.database import Database
from store.embedded import Servers
from tests.conftest import NOW
from tests.rooms.disclosing import AREA, CONTENT, Fault, Scene, set_up, watched
from tests.rooms.disclosure_faults import FAULTS
from tests.vaults import make_safe, make_world
from vault.disclosure import disclose

OPENS = 6
"""The step at which keys and files are opened."""


@pytest.fixture(scope="module")
async def scene(
    application: Database,
    owner: AsyncEngine,
    keys_owner: AsyncEngine,
    servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Scene]:
    """One for all faults: each puts back what it took away, or the disclosure after it would not succeed."""
    folder = tmp_path_factory.mktemp("scene")
    safe = await make_safe(servers.keys_url, folder)
    yield await set_up(await make_world(application, owner, safe, NOW), keys_owner, folder)
    await safe.keys.close()


async def fails(scene: Scene, fault: Fault) -> None:
    opened: list[str] = []
    disclosure, caller = fault.failing(scene)
    async with fault.during(scene):
        before = await scene.tables()
        with watched(scene, opened), pytest.raises(fault.refusal) as caught:
            await scene.read(disclosure, caller)
        after = await scene.tables()
    said = {name: getattr(caught.value, name) for name in fault.says}
    assert said == fault.says, fault
    changed = {name for name in after if after[name] != before[name]}
    assert changed == ({"ledger", "consent_events"} if fault.logged else set()), fault
    assert opened == [] or fault.step >= OPENS, f"{fault}: opened before it was logged"
    assert scene.open_files() == [], fault


async def succeeds(scene: Scene, fault: Fault) -> None:
    disclosure, caller = fault.asking(scene)
    lines, spent = (
        await scene.world.rows("ledger"),
        (await scene.row("access_requests", scene.grant.request))["uses"],
    )
    opened: list[str] = []
    with watched(scene, opened):
        got = await scene.read(disclosure, caller)
    # Whoever watches the failing ones does see what is opened.
    assert ("key" in opened, "blob" in opened) == (True, not fault.granted), fault
    assert got.disclosed.claims == {AREA: 84.5}, fault
    assert got.content == (None if fault.granted else CONTENT), fault
    new = (await scene.world.rows("ledger"))[len(lines) :]
    assert [(one["id"], one["kind"], one["outcome"]) for one in new] == [
        (got.disclosed.ledger_id, "vault.read", "SUCCESS")
    ]
    assert new[0]["entry"]["legal_basis"] == "CONSENT"
    used = [one for one in await scene.world.rows("consent_events") if one["ledger_id"] == new[0]["id"]]
    assert [one["state"] for one in used] == ["Used"]
    now_spent = (await scene.row("access_requests", scene.grant.request))["uses"]
    assert now_spent - spent == int(fault.granted), fault


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_step_that_fails_discloses_nothing_and_without_the_fault_it_is_disclosed(
    scene: Scene, fault: Fault
) -> None:
    await fails(scene, fault)
    await succeeds(scene, fault)


async def test_a_line_that_may_stand_is_of_what_nobody_got(scene: Scene) -> None:
    (unknown,) = (one for one in FAULTS if one.logged)
    lines = await scene.world.rows("ledger")
    await fails(scene, unknown)
    new = (await scene.world.rows("ledger"))[len(lines) :]
    assert [(one["kind"], one["outcome"]) for one in new] == [("vault.read", "SUCCESS")]


async def test_a_disclosure_survives_the_servers_crash_whatever_the_session_was_set_to(scene: Scene) -> None:
    world = scene.world
    async with world.database.writing(world.officer.actor) as tx:
        await tx.execute(text("SET LOCAL synchronous_commit = off"))
        await tx.execute(text("SET LOCAL lock_timeout = 0"))
        await disclose(tx, world.officer, scene.relied.disclosure(AREA), world.safe)
        durable = await tx.scalar(text("SHOW synchronous_commit"))
        waits = await tx.scalar(text("SHOW lock_timeout"))
    assert (durable, waits) == ("on", "2s")


def steps() -> list[int]:
    """The numbers `disclose` gives its steps."""
    return [int(one) for one in re.findall(r"^ +# \((\d+)\) ", inspect.getsource(disclose), re.MULTILINE)]


def raised() -> set[str]:
    """Names of the refusals the disclosure transaction raises by itself."""
    tree = ast.parse(inspect.getsource(vault.disclosure))
    raising = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc is not None]
    called = [one.func if isinstance(one, ast.Call) else one for one in raising]
    return {one.id for one in called if isinstance(one, ast.Name)}


def test_every_numbered_step_and_every_refusal_has_its_fault() -> None:
    numbered = steps()
    assert numbered == list(range(1, len(numbered) + 1))
    assert {fault.step for fault in FAULTS} == set(numbered)
    assert raised() - {fault.refusal.__name__ for fault in FAULTS} == set()
    told = {fault.says["fault"] for fault in FAULTS if "fault" in fault.says}
    used = set(re.findall(r"ConsentFault\.([A-Z_]+)", inspect.getsource(vault.disclosure)))
    assert {one.name for one in told} == used
    assert len({str(fault) for fault in FAULTS}) == len(FAULTS)
