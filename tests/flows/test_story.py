"""The story holds, its controls break the promise they must, and drawn plots hold as the known one does."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dossiers.clock import local_day
from sandbox.story import state
from sandbox.story.plot import FAMILIES
from sandbox.story.whole import BROKEN, KEPT, Options, play
from tests.conftest import NOW
from tests.controls import without_enforcement
from tests.flows.conftest import House
from tests.flows.phone import clock_of
from tests.flows.stage import ORIGIN, Stage
from tests.size import seed, sized

SEEDS = sized(2, 20)


@pytest.fixture
async def options(stage: Stage, furnished: House, operator_here: None) -> AsyncIterator[Options]:
    """The platform with its loops running, as the story meets it, over HTTP without a socket."""
    loops = asyncio.create_task(stage.platform.loops.run())
    wires = {ORIGIN: httpx2.ASGITransport(stage.platform.app)}
    yield Options(ORIGIN, furnished.settings.data, today=local_day(NOW), wires=wires, clock=clock_of(stage))
    loops.cancel()
    with suppress(asyncio.CancelledError):
        await loops


async def played(options: Options, **changed: Any) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON object, everything told."""
    given = {"seed": options.seed, "control": options.control, **changed}
    lines: list[str] = []
    told = replace(options, **given)
    code, report = await play(told, lines.append)
    return code, json.loads(report.as_json()), "\n".join(lines)


def assert_all_held(report: dict[str, Any]) -> None:
    """What the report says of a story whose every promise held, whoever played and with what in their hand."""
    assert len(report["steps"]) == 10
    assert report["asked_again"] == 0
    assert report["supplied"] >= 1
    assert all(report["reused_kinds"][kind] >= 1 for kind in ("self", "digitised", "issued"))
    assert (report["with_reason"], report["already_held_refusals"]) == (1, 2)
    proven = ("token_verified", "withdrawn_read_refused", "log_verified", "tamper_detected")
    assert all(report[name] is True for name in proven)


async def test_every_promise_of_the_ten_steps_holds(options: Options) -> None:
    code, report, told = await played(options)
    assert code == KEPT, told
    assert_all_held(report)
    by_name = {step["name"]: step for step in report["steps"]}
    assert by_name["producer"]["supplied"] == 1, "the drawing, and nothing else"
    assert by_name["consumer"]["supplied"] == 0


@pytest.mark.parametrize(
    ("control", "promise"), [("no-results", "result-deposited"), ("nothing-supplied", "supplied-once")]
)
async def test_a_control_breaks_the_promise_it_must(options: Options, control: str, promise: str) -> None:
    code, report, told = await played(options, control=control)
    assert code == BROKEN, told
    assert f"PROMISE BROKEN: {promise}:" in told
    assert "asked_again" not in report, "nothing is counted of a story that broke off"


async def test_without_enforcement_the_promise_not_to_ask_again_breaks(options: Options) -> None:
    with without_enforcement():
        code, _, told = await played(options)
    assert code == BROKEN, told
    assert "PROMISE BROKEN: ask-refused:" in told


def _rounds(seeds: Sequence[int]) -> list[Sequence[int]]:
    """One round to a platform: each family is registered there once."""
    return [seeds[start : start + len(FAMILIES)] for start in range(0, len(seeds), len(FAMILIES))]


@pytest.mark.parametrize("turn", range(len(_rounds(range(SEEDS)))))
async def test_drawn_plots_hold_one_after_the_other(options: Options, turn: int) -> None:
    begun = seed() % 100_000
    seeds = _rounds(range(begun, begun + SEEDS))[turn]
    print(f"story seeds {list(seeds)} of {SEEDS}")
    for one in seeds:
        code, report, told = await played(options, seed=one)
        assert code == KEPT, f"seed {one}\n{told}"
        assert report["asked_again"] == 0


def test_the_story_speaks_http_and_imports_no_room() -> None:
    rooms = ("api", "resolvers", "dossiers", "procedures", "vault", "auth", "connectors", "store")
    for module in Path(state.__file__).parent.glob("*.py"):
        for line in module.read_text("utf-8").splitlines():
            assert not line.startswith(tuple(f"{how} {room}" for how in ("from", "import") for room in rooms))
