"""The real sandbox processes, asked through the real connector, judged by the real token rules."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from auth.signing import import_jwks
from auth.tokens import REGISTER_ANSWER, Verifier
from connectors.registers import HEALTH_SECONDS, Clocks, RegisterQuery, Registers, open_client
from sandbox.lifeline import PRODUCTION, SandboxRefused, refuse_production
from sandbox.people import BY_KEY
from sandbox.register_data import answer, answerable
from sandbox.registers import LIES
from sandbox.supervisor import Sandbox

ROOT = Path(__file__).parents[2]
LAND = "csdl-quoc-gia-dat-dai"
PEOPLE_BASE = "csdl-quoc-gia-dan-cu"
CHAU = BY_KEY["minh-chau"]


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    async with Sandbox(tmp_path_factory.mktemp("sandbox"), slow_seconds=60) as sandbox:
        yield sandbox


@pytest.fixture
async def sandbox(running: Sandbox) -> AsyncIterator[Sandbox]:
    """The shared sandbox, every database up before and after."""
    await running.restore()
    yield running
    await running.restore()


@dataclass
class Watch:
    """A monotonic clock the test winds by hand."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def registers(sandbox: Sandbox, watch: Watch) -> AsyncIterator[Registers]:
    async with open_client() as client:
        yield connected(sandbox, client, watch)


def connected(
    sandbox: Sandbox, client: httpx2.AsyncClient, watch: Watch, timeout_seconds: float = 10.0
) -> Registers:
    addresses = sandbox.addresses
    verifier = Verifier(addresses.registers_issuer, import_jwks(addresses.jwks).values())

    def verify(token: str) -> dict[str, Any]:
        return verifier.verify(REGISTER_ANSWER, token, audience=addresses.audience, now=datetime.now(UTC))

    return Registers(addresses.registers_url, client, verify, Clocks(monotonic=watch), timeout_seconds)


def land_of(key: str = "minh-chau") -> RegisterQuery:
    return RegisterQuery(LAND, "gcn-quyen-su-dung-dat", BY_KEY[key].number, "1.013225")


def card_of(key: str = "minh-chau") -> RegisterQuery:
    return RegisterQuery(PEOPLE_BASE, "the-can-cuoc", BY_KEY[key].number, "1.001193")


async def test_a_register_that_is_up_answers_with_the_person_s_record(registers: Registers) -> None:
    got = await registers.ask(land_of())
    expected = answer(CHAU, LAND, "gcn-quyen-su-dung-dat", datetime.now(UTC).date())
    assert expected is not None
    assert (got.probe, got.reason, got.issued_on) == ("FOUND", None, expected.issued_on)
    assert dict(got.claims) == dict(expected.claims)
    assert got.answer_id is not None
    assert got.as_of is not None
    assert datetime.now(UTC) - got.as_of < timedelta(minutes=1)


async def test_absence_and_doubt_are_told_apart(registers: Registers) -> None:
    assert (await registers.ask(land_of("dang-khoa"))).probe == "NOT_FOUND"
    assert (await registers.ask(land_of("quoc-viet"))).probe == "MISMATCH"
    nobody = RegisterQuery(LAND, "gcn-quyen-su-dung-dat", "000000000000", "1.013225")
    assert (await registers.ask(nobody)).probe == "NOT_FOUND"
    assert registers.lies.total() == 0


async def test_every_paper_of_every_database_is_found_through_the_wire(registers: Registers) -> None:
    today = datetime.now(UTC).date()
    questions = [
        RegisterQuery(database, document_type, person.number, "1.013225")
        for database, types in answerable().items()
        for document_type in sorted(types)
        for person in BY_KEY.values()
        if (record := answer(person, database, document_type, today)) and record.outcome == "FOUND"
    ]
    answers = await registers.ask_all(questions)
    assert len(questions) > 400
    # Tokens above 6 KiB would be refused, so a card with every relative on it is part of this.
    assert {(got.probe, got.reason) for got in answers} == {("FOUND", None)}


@pytest.mark.parametrize("mode", ["down", "stale", "lying", "slow"])
async def test_a_register_in_trouble_is_down_and_never_missing(
    sandbox: Sandbox, watch: Watch, mode: str
) -> None:
    await sandbox.set_mode(LAND, mode)
    async with open_client() as client:
        registers = connected(sandbox, client, watch, timeout_seconds=0.5)
        has, has_not, other = await registers.ask_all([land_of(), land_of("dang-khoa"), card_of()])
    reasons = {"down": "unreachable", "stale": "stale", "lying": "lying", "slow": "timeout"}
    assert [(got.probe, got.reason) for got in (has, has_not)] == [("DOWN", reasons[mode])] * 2
    assert (dict(has.claims), has.answer_id, has.issued_on) == ({}, None, None)
    assert other.probe == "FOUND"
    assert registers.lies == ({LAND: 2} if mode == "lying" else {})


@pytest.mark.parametrize("lie", LIES)
async def test_every_kind_of_lie_is_down_and_reported(
    sandbox: Sandbox, registers: Registers, lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    await sandbox.set_mode(LAND, "lying", lie)
    got = await registers.ask(land_of())
    assert (got.probe, got.reason, dict(got.claims)) == ("DOWN", "lying", {})
    assert registers.lies == {LAND: 1}
    assert f"register {LAND} gave an answer that cannot be trusted" in caplog.text
    assert CHAU.number not in caplog.text


async def test_a_register_heals(sandbox: Sandbox, registers: Registers) -> None:
    await sandbox.set_mode("all", "down")
    assert {got.probe for got in await registers.ask_all([land_of(), card_of()])} == {"DOWN"}
    await sandbox.restore()
    assert {got.probe for got in await registers.ask_all([land_of(), card_of()])} == {"FOUND"}


async def test_health_is_kept_for_five_seconds(sandbox: Sandbox, registers: Registers, watch: Watch) -> None:
    assert await registers.health() == dict.fromkeys(answerable(), True)
    await sandbox.set_mode(LAND, "down")
    await sandbox.set_mode(PEOPLE_BASE, "slow")
    watch.seconds = HEALTH_SECONDS - 0.01
    assert all((await registers.health()).values())
    watch.seconds = HEALTH_SECONDS
    down = {name for name, up in (await registers.health()).items() if not up}
    assert down == {LAND, PEOPLE_BASE}


async def test_a_database_that_failed_a_question_counts_as_down_until_it_answers_or_time_passes(
    sandbox: Sandbox, registers: Registers, watch: Watch
) -> None:
    await sandbox.set_mode(LAND, "lying")
    assert (await registers.health())[LAND]
    await registers.ask(land_of())
    assert not (await registers.health())[LAND]
    watch.seconds = HEALTH_SECONDS
    assert (await registers.health())[LAND]
    await registers.ask(land_of())
    await sandbox.restore()
    await registers.ask(land_of())
    assert (await registers.health())[LAND]


async def test_questions_of_no_database_go_nowhere(registers: Registers) -> None:
    for database in ("csdl-khong-co", "../control/all", "csdl/../x", ""):
        got = await registers.ask(RegisterQuery(database, "the-can-cuoc", CHAU.number, "p"))
        assert (got.probe, got.reason) == ("DOWN", "refused")


async def test_only_the_holder_of_the_control_token_switches_databases(
    sandbox: Sandbox, registers: Registers
) -> None:
    async with open_client() as client:
        for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic eDp5"}):
            response = await client.post(
                f"{sandbox.registers_url}/control/{LAND}", json={"mode": "down"}, headers=headers
            )
            assert response.status_code == 403
    assert (await registers.ask(land_of())).probe == "FOUND"


async def test_an_unknown_mode_or_database_changes_nothing(sandbox: Sandbox, registers: Registers) -> None:
    for database, mode, lie in (
        (LAND, "asleep", None),
        ("csdl-khong-co", "down", None),
        (LAND, "lying", "white"),
    ):
        with pytest.raises(httpx2.HTTPStatusError):
            await sandbox.set_mode(database, mode, lie)
    assert all((await registers.health()).values())


async def test_a_crashed_process_is_replaced_at_the_same_address(
    sandbox: Sandbox, registers: Registers
) -> None:
    before = sandbox.pid("registers")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    # The kept-alive connection may die with the process; a new one queues at the socket the supervisor holds.
    answers = [await registers.ask(land_of()) for _ in range(2)]
    assert answers[-1].probe == "FOUND"
    assert sandbox.pid("registers") != before


async def test_the_identity_provider_runs_beside_the_registers(sandbox: Sandbox) -> None:
    async with open_client() as client:
        metadata = (await client.get(f"{sandbox.issuer}/.well-known/openid-configuration")).json()
    assert metadata["issuer"] == sandbox.issuer


async def test_addresses_and_keys_survive_a_restart_of_the_sandbox(tmp_path: Path) -> None:
    async with Sandbox(tmp_path) as first:
        before = first.addresses
    async with Sandbox(tmp_path) as second:
        assert second.addresses == before


async def test_the_clock_of_the_sandbox_can_be_moved(tmp_path: Path, watch: Watch) -> None:
    async with Sandbox(tmp_path, clock_offset=timedelta(days=1)) as ahead, open_client() as client:
        got = await connected(ahead, client, watch).ask(land_of())
        assert (got.probe, got.reason) == ("DOWN", "lying")


async def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.supervisor", "--folder", str(tmp_path),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert supervisor.stdout is not None
    told = json.loads(await supervisor.stdout.readline())
    assert set(told) >= {"issuer", "registers_url", "jwks"}
    urls = (told["issuer"], told["registers_url"])
    idle = [await asyncio.open_connection("127.0.0.1", port_of(url)) for url in urls]
    assert [await answers(url) for url in urls] == [True, True]
    supervisor.kill()
    await supervisor.wait()
    for reader, writer in idle:
        # Nobody has asked anything on it: such a connection closes only because its process is gone.
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        await writer.wait_closed()
    assert [await answers(url) for url in urls] == [False, False]


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


async def answers(url: str) -> bool:
    """Whether a process is behind the address. A socket without one refuses, resets or says nothing and ends."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
    except ConnectionError:
        return False
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"200" in await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return False
    finally:
        writer.close()


async def test_the_sandbox_refuses_production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRODUCTION, "1")
    with pytest.raises(SandboxRefused):
        async with Sandbox(tmp_path / "sandbox"):
            pass
    assert not (tmp_path / "sandbox").exists()
    monkeypatch.setenv(PRODUCTION, "0")
    refuse_production()


async def test_private_files_are_private(running: Sandbox, tmp_path: Path) -> None:
    async with Sandbox(tmp_path):
        for role in ("identity", "registers"):
            assert (tmp_path / role).stat().st_mode & 0o077 == 0
            for name in ("settings.json", "signing.pem"):
                assert (tmp_path / role / name).stat().st_mode & 0o077 == 0
