"""The commands as an operator types them, each a process of its own."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from api.process.commands import check_catalogue
from api.process.keys import init_keys
from api.settings import Settings
from store.embedded import Servers
from store.identifiers import new_id
from tests.attacks.killing import free_port
from vault.errors import SubjectShredded
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys

ROOT = Path(__file__).parents[2]
PORT = str(free_port())


@pytest.fixture(scope="module")
def installation() -> Iterator[Path]:
    """A data folder the unprivileged database account can walk to."""
    folder = Path(tempfile.mkdtemp(prefix="motlan-cli-"))
    folder.chmod(0o711)
    yield folder / "data"
    shutil.rmtree(folder)


async def motlan(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """Exit code, results, progress."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", *arguments, cwd=ROOT, env={**os.environ, **settings},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def served(*arguments: str) -> AsyncIterator[tuple[str, float]]:
    """A running platform: its address, and the seconds it says it needed to start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", "serve", *arguments, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        while b"serving on" not in (said := await process.stderr.readline()):
            assert said, "it ended before it served"
        words = said.decode().split()
        yield words[words.index("on") + 1], float(words[words.index("after") + 1])
    finally:
        process.send_signal(signal.SIGTERM)
        rest = await process.stderr.read()
    assert await process.wait() == 0, rest.decode()


@pytest.fixture(scope="module")
async def running(installation: Path) -> AsyncIterator[str]:
    """The address of a platform started a second time over its data folder."""
    seconds = []
    async with served("--data", str(installation), "--port", PORT) as (_, needed):
        seconds.append(needed)
    async with served("--data", str(installation), "--port", PORT) as (url, needed):
        seconds.append(needed)
        print(f"first start {seconds[0]:.1f} s, second {seconds[1]:.1f} s")
        yield url
    assert not (installation / "servers.json").exists()


async def test_a_platform_started_again_serves_what_it_had(running: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as browser:
        assert (await browser.get(f"{running}/readyz")).json() == {"status": "ready", "scanner": "none"}
        query = {"query": "{ procedures(first: 1) { edges { node { code } } } }"}
        answer = await browser.post(f"{running}/graphql", json=query)
        assert answer.json()["data"]["procedures"]["edges"]
        assert "server" not in answer.headers


async def test_the_log_is_checked_beside_a_running_platform_and_a_deleted_line_is_named(
    running: str, installation: Path, tmp_path: Path
) -> None:
    data = ("--data", str(installation), "--port", PORT)
    await _write_line(installation)
    async with httpx2.AsyncClient(trust_env=False) as browser:
        for _ in range(600):  # the loop of another process seals when it will
            if (await browser.get(f"{running}/log/checkpoint")).status_code == 200:
                break
            await asyncio.sleep(0.05)
    export = tmp_path / "export"
    code, said, _ = await motlan("log", "verify", *data, "--export", str(export))
    # The log's own lines may have come meanwhile: it beats when nobody writes.
    assert code == 0, said
    assert re.fullmatch(r"\d+ leaves, \d+ signed heads, \d+ not sealed yet: sound", said.splitlines()[-1])
    (export / "lines.jsonl").write_text("")
    code, said, _ = await motlan("log", "verify", str(export), *data)
    assert code == 1
    assert said.startswith("deleted: line 1, log index 0")


async def _write_line(installation: Path) -> None:
    """A line of the log, by the owner's hand."""
    servers = json.loads((installation / "servers.json").read_text("utf-8"))
    owner = create_async_engine(servers["owner_url"])
    async with owner.begin() as connection:
        line = """INSERT INTO ledger (at, kind, actor_kind, outcome, entry, salt)
            VALUES (now(), 'access.denied', 'anonymous', 'DENIED', '{}', decode(repeat('00', 32), 'hex'))"""
        await connection.execute(text(line))
    await owner.dispose()


async def test_the_demo_says_where_its_journal_is_and_still_shows_what_went_wrong(
    installation: Path,
) -> None:
    data = installation.with_name("demo")
    data.mkdir(mode=0o711)
    (data / "story-told").touch()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", "run", "--data", str(data), "--port", "18433", cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        started = (await process.stdout.readline()).decode()
        address = started.split()[3].rstrip(",")
        async with httpx2.AsyncClient(trust_env=False) as browser:
            # A callback nobody began.
            await browser.get(f"{address}/sign-in/callback", params={"code": "x", "state": "y"})
    finally:
        process.send_signal(signal.SIGTERM)
        _, shown = await process.communicate()
    told, journal = shown.decode(), data / "journal.log"
    assert str(journal) in told
    lines = [line for line in journal.read_text("utf-8").splitlines() if "sign-in failed" in line]
    assert lines
    assert all(line in told for line in lines)
    assert journal.stat().st_mode & 0o777 == 0o600


async def test_two_platforms_never_share_a_data_folder(running: str, installation: Path) -> None:
    code, _, err = await motlan("serve", "--data", str(installation), "--port", "18432")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "another process serves" in err


async def test_a_taken_port_is_said_in_one_line(running: str, installation: Path) -> None:
    code, _, err = await motlan("serve", "--data", f"{installation}-2", "--port", PORT)
    assert (code, len(err.splitlines())) == (2, 1)
    assert PORT in err


def test_the_catalogue_is_checked_and_what_lapses_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_catalogue(None, date(2026, 12, 15)) == 0
    said = capsys.readouterr().out
    assert said.startswith("no fault found")
    assert "lapse within 90 days" in said


def test_a_faulty_catalogue_is_refused_with_file_and_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "catalogue"
    shutil.copytree(ROOT / "catalogue", broken)
    procedures = json.loads((broken / "procedures.json").read_text("utf-8"))
    procedures[0]["field_id"] = "nowhere"
    (broken / "procedures.json").write_text(json.dumps(procedures, ensure_ascii=False), "utf-8")
    assert check_catalogue(broken, None) == 1
    said = capsys.readouterr().out
    assert "procedures.json" in said
    assert "nowhere" in said


def test_keys_are_made_once_and_never_overwritten(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, public_url="http://127.0.0.1:8000")
    assert init_keys(settings) == 0
    ring = tmp_path / "keys" / "root.json"
    made = ring.read_bytes()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert init_keys(settings) == 1
    assert ring.read_bytes() == made


async def test_keys_are_rotated_and_retired_beside_a_running_platform(
    running: str, installation: Path
) -> None:
    data, ring = ("--data", str(installation)), installation / "keys" / "root.json"
    servers = Servers(**json.loads((installation / "servers.json").read_text("utf-8")))
    keys, subject = Keys(servers.keys_url, LocalKeyRing(ring)), new_id()
    await keys.create(subject)
    _, listed, _ = await motlan("keys", "list", *data)
    ((first, state, references),) = [line.split("  ") for line in listed.splitlines()]
    assert (state, int(references) > 0) == ("wraps", True)
    code, _, err = await motlan("keys", "retire", first, *data)
    assert (code, err.splitlines()[-1].startswith("refused: this key wraps")) == (1, True)

    code, said, err = await motlan("keys", "rotate", "root", *data)
    assert (code, said.split()[1:]) == (0, ["wraps,", references, "moved,", "0", "do", "not", "open"])
    assert f"{references} of {references} keys" in err
    code, said, err = await motlan("keys", "rotate", "subjects", *data)
    assert (code, said.split()[:2]) == (0, [references, "people,"])
    async with keys.opened(subject) as key:
        assert key.generation == 2

    code, _, err = await motlan("keys", "retire", first, *data)
    assert (code, "35 days" in err) == (1, True)
    assert first in ring.read_text("ascii")
    code, said, _ = await motlan("keys", "retire", first, "--backups-gone", *data)
    assert (code, said.strip()) == (0, f"{first} retired")
    assert first not in ring.read_text("ascii")
    assert ring.stat().st_mode & 0o777 == 0o600
    code, said, _ = await motlan("keys", "retire", "subjects", *data)
    assert (code, said.strip()) == (0, "0 destroyed")
    async with keys.opened(subject) as key:
        assert key.generation == 2
    await keys.close()
    async with httpx2.AsyncClient(trust_env=False) as browser:
        assert (await browser.get(f"{running}/readyz")).json() == {"status": "ready", "scanner": "none"}


async def test_a_person_is_shredded_on_demand_and_stays_so_after_a_restore(
    running: str, installation: Path, tmp_path: Path
) -> None:
    data, ring = ("--data", str(installation)), installation / "keys" / "root.json"
    servers = Servers(**json.loads((installation / "servers.json").read_text("utf-8")))
    keys, subject = Keys(servers.keys_url, LocalKeyRing(ring)), new_id()
    await keys.create(subject)
    owner = create_async_engine(servers.owner_url)
    async with owner.begin() as connection:
        entered = "INSERT INTO subjects (id, kind, profile, created_at) VALUES (:id, 'person', 'x', now())"
        await connection.execute(text(entered), {"id": subject})
    await owner.dispose()
    asked = ("keys", "shred", str(subject), "--article", "Điều 14")
    code, _, err = await motlan(*asked, *data)  # nobody answers
    assert (code, err.splitlines()[-1]) == (1, "nothing was done")
    async with keys.opened(subject):
        pass
    assert (await motlan("keys", "shred", str(new_id()), "--article", "x", "--yes", *data))[0] == 1

    code, said, _ = await motlan(*asked, "--yes", *data)
    assert (code, said.strip()) == (0, "destroyed")
    with pytest.raises(SubjectShredded):
        async with keys.opened(subject):
            pytest.fail("opened")
    code, listed, _ = await motlan("keys", "shredded", *data)
    assert (code, f"{subject} Điều 14" in listed.splitlines()) == (0, True)
    (tmp_path / "list").write_text(listed, "utf-8")

    keys_owner = create_async_engine(servers.keys_owner_url)
    async with keys_owner.begin() as connection:  # the dump of yesterday
        await connection.execute(text("DELETE FROM subject_keys WHERE subject_id = :id"), {"id": subject})
    await keys_owner.dispose()
    await keys.create(subject)
    code, said, _ = await motlan("keys", "replay", str(tmp_path / "list"), *data)
    assert (code, said.strip()) == (0, "1 destroyed again")
    with pytest.raises(SubjectShredded):
        async with keys.opened(subject):
            pytest.fail("opened")
    await keys.close()
    code, _, err = await motlan("keys", "replay", str(ring), *data)
    assert (code, err.startswith("nothing done")) == (1, True)
    assert (await motlan("keys", "replay", *data))[1].strip() == "0 destroyed again"


async def test_nothing_starts_in_production_with_a_demos_settings(tmp_path: Path) -> None:
    code, _, err = await motlan("serve", "--data", str(tmp_path), MOTLAN_PRODUCTION="1")
    assert (code, len(err.splitlines())) == (2, 1)
    assert os.listdir(tmp_path) == []
