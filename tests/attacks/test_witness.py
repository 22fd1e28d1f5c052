"""The platform and a witness of its own process: what it signs is published so, and what it refuses shows."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.log.loops import LogTools, ask_witnesses, watch
from api.settings import SettingsRefused
from api.settings.witnesses import witnesses_in
from connectors.witnesses import Witness, Witnesses
from store.database import Database
from store.embedded import Servers
from store.errors import LogSilent
from store.log import pulse
from store.log.cosigning import WitnessKey
from tests.ledgers import ANYBODY, LAN, LOOP, Chronicle
from verifier import log as outside


@dataclass
class Running:
    """A witness as an operator starts it: `motlan witness`."""

    process: subprocess.Popen[str]
    key: WitnessKey
    url: str


def start_witness(chronicle: Chronicle, data: Path, *program: str) -> Running:
    command = [
        *(
            sys.executable,
            "-m",
            *(program or ("witness",)),
            "--data",
            str(data),
            "--name",
            "witness.example/w1",
        ),
        *("--log-key", chronicle.signer.key.text, "--port", "0"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    key, url = (process.stdout.readline().strip() for _ in range(2))
    return Running(process, WitnessKey.parse(key), url)


def end(running: Running, sign: int = signal.SIGTERM) -> None:
    running.process.send_signal(sign)
    running.process.wait(10)
    assert running.process.stdout is not None
    running.process.stdout.close()


@pytest.fixture
async def chronicle(
    database: Database, work: Database, owner: AsyncEngine, servers: Servers, now: datetime, tmp_path: Path
) -> Chronicle:
    made = Chronicle(database, work, owner, servers, now, tmp_path)
    await made.write(LAN)
    await made.seal(publish=False)
    return made


@pytest.fixture
async def running(chronicle: Chronicle, tmp_path: Path) -> AsyncIterator[Running]:
    started = await asyncio.to_thread(start_witness, chronicle, tmp_path / "witness")
    yield started
    if started.process.poll() is None:
        end(started)


@asynccontextmanager
async def tools_for(chronicle: Chronicle, running: Running) -> AsyncIterator[LogTools]:
    async with httpx2.AsyncClient(trust_env=False) as wire:
        witnesses = Witnesses(wire, [Witness(running.url, running.key)])
        yield LogTools(chronicle.work, chronicle.signer, lambda: chronicle.now, witnesses)


def demanding(chronicle: Chronicle, running: Running) -> outside.Trust:
    key = outside.read_key(running.key.text, outside.WITNESS_KEY)
    return chronicle.trust(witnesses=[key], quorum=1)


async def test_a_head_is_published_with_the_signature_of_a_witness(
    chronicle: Chronicle, running: Running
) -> None:
    async with tools_for(chronicle, running) as tools:
        with pytest.raises(outside.Unreadable):
            await chronicle.check_published()
        for _ in range(3):
            # Any number of processes may run the loops, and ask at the same moment.
            await asyncio.gather(*(ask_witnesses(tools) for _ in range(3)))
            report = await chronicle.check_published(demanding(chronicle, running))
            assert report.findings == []
            assert report.told.endswith("signed by 1 witnesses")
            for _ in range(5):
                await chronicle.write(LAN)
            await chronicle.seal(publish=False)
        assert "6 leaves" not in report.told
        assert "11 leaves" in report.told, "what is not published yet is not shown"


async def test_a_witness_killed_remembers_and_a_database_that_forgot_finds_its_way(
    chronicle: Chronicle, running: Running, tmp_path: Path
) -> None:
    async with tools_for(chronicle, running) as tools:
        await ask_witnesses(tools)
        end(running, signal.SIGKILL)
        again = await asyncio.to_thread(start_witness, chronicle, tmp_path / "witness", "api", "witness")
        try:
            words = await asyncio.to_thread(Path(f"/proc/{again.process.pid}/cmdline").read_bytes)
            assert b"from witness.__main__ import main" in words, "it became the witness's own program"
            assert again.key == running.key
            await chronicle.tamper("DELETE FROM cosignatures")
            await chronicle.write(LAN)
            await chronicle.seal(publish=False)
            async with tools_for(chronicle, again) as anew:
                await ask_witnesses(anew)
            assert (await chronicle.check_published(demanding(chronicle, again))).findings == []
        finally:
            end(again)


async def test_a_rewritten_past_and_a_second_log_get_no_signature(
    chronicle: Chronicle, running: Running
) -> None:
    for _ in range(6):
        await chronicle.write(LAN)
    await chronicle.seal(publish=False)
    async with tools_for(chronicle, running) as tools:
        await ask_witnesses(tools)
        await chronicle.rewrite("UPDATE ledger SET outcome = 'DENIED' WHERE id = 2")
        for _ in range(3):
            await chronicle.write(LAN)
        await chronicle.seal(publish=False)
        await ask_witnesses(tools)
    assert (await chronicle.check_published()).sound
    refused = await chronicle.check_published(demanding(chronicle, running))
    assert refused.findings == ["head of 11: 0 witnesses signed it, not 1"]


async def test_a_witness_that_is_down_or_lies_holds_nothing_up_and_counts_for_nothing(
    chronicle: Chronicle, running: Running
) -> None:
    answers: list[Callable[[httpx2.Request], httpx2.Response]] = [
        lambda request: httpx2.Response(500),
        lambda request: httpx2.Response(200, text="— witness.example/w1 AAAA\n"),
        lambda request: httpx2.Response(200, text="x" * 20_000),
        lambda request: httpx2.Response(409, text="a lot\n"),
        lambda request: httpx2.Response(409, text="99999\n"),
        lambda request: httpx2.Response(302, headers={"Location": "http://127.0.0.1/"}),
    ]
    end(running)
    async with tools_for(chronicle, running) as tools:
        await ask_witnesses(tools)
    for answer in answers:
        await chronicle.write(LAN)
        await chronicle.seal(publish=False)
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as wire:
            lying = Witnesses(wire, [Witness("http://w.example", running.key)])
            await ask_witnesses(LogTools(chronicle.work, chronicle.signer, lambda: chronicle.now, lying))
    report = await chronicle.check_published()
    assert (report.findings, report.told) == ([], "7 leaves, signed by 0 witnesses")
    async with chronicle.owner.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM cosignatures")) == 0


async def test_hours_of_silence_are_an_alarm_and_then_an_end(
    chronicle: Chronicle, running: Running, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    async with chronicle.work.writing(LOOP) as tx:
        await pulse.expect(tx, [running.key.name])
        await pulse.beat(tx, pulse.LOG)
    for quiet, heard in ((pulse.LOG, running.key.name), (running.key.name, pulse.LOG)):
        source = "log" if quiet == pulse.LOG else "witness"
        for minutes, alarmed, stopped in ((14, [], None), (16, [quiet], None), (239, [quiet], None),
                                          (241, [quiet], source)):  # fmt: skip
            await chronicle.tamper(
                f"UPDATE log_pulse SET at = {now_there(chronicle)} - interval '{minutes} minutes'"
                f" WHERE source = '{quiet}'",
                f"UPDATE log_pulse SET at = {now_there(chronicle)} WHERE source = '{heard}'",
            )
            caplog.clear()
            await watch(LogTools(chronicle.work, chronicle.signer, lambda: chronicle.now))
            said = [getattr(one, "said", {}).get("source") for one in caplog.records]
            assert said == alarmed
            async with chronicle.database.reading(ANYBODY) as tx:
                stands = await pulse.heard(tx)
            if stopped is None:
                stands.refuse_silence()
            else:
                with pytest.raises(LogSilent, match=stopped):
                    stands.refuse_silence()
    async with tools_for(chronicle, running) as tools:
        await ask_witnesses(tools)
    async with chronicle.database.reading(ANYBODY) as tx:
        (await pulse.heard(tx)).refuse_silence()


def now_there(chronicle: Chronicle) -> str:
    """The database's clock with the offset the tests live under."""
    offset: timedelta = chronicle.database._clock_offset
    return f"now() + interval '{offset.total_seconds()} seconds'"


def test_a_file_of_witnesses_names_each_once_with_its_key(tmp_path: Path) -> None:
    key = WitnessKey("witness.example/w1", bytes(32))
    path = tmp_path / "witnesses.json"
    good = {"name": key.name, "url": "https://w.example/", "key": key.text}
    path.write_text(json.dumps([good]), "utf-8")
    assert witnesses_in(str(path)) == (Witness("https://w.example", key),)
    assert witnesses_in(None) == ()
    for bad in (
        [good, good],
        [good | {"url": "http://w.example"}],
        [good | {"name": "log"}],
        [good | {"key": key.text.replace("w1", "w2")}],
        [{**good, "more": 1}],
        [{"name": "x"}],
        [good | {"url": 5}],
        [good | {"key": 5}],
        "x",
    ):
        path.write_text(json.dumps(bad), "utf-8")
        with pytest.raises(SettingsRefused, match="MOTLAN_WITNESSES"):
            witnesses_in(str(path))


def test_the_witness_shares_nothing_with_the_platform() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, witness.__main__; print(*sorted(sys.modules))"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2], env={**os.environ},
    ).stdout.split()  # fmt: skip
    rooms = {"api", "resolvers", "dossiers", "procedures", "vault", "auth", "connectors", "store", "sandbox"}
    assert not rooms & {name.split(".")[0] for name in loaded}
    assert not {"sqlalchemy", "starlette", "httpx2"} & set(loaded)
