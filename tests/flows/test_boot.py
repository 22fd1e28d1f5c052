"""What a platform finds around itself before it serves: keys others could read, roles that may too much, clocks
apart. Each is refused in one line that names the setting."""

import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import make_url

import api.app
from api.__main__ import neighbours_in
from api.app import Platform, open_platform
from api.boot import CLOCKS_APART, refuse_silent_owners
from api.settings import Settings, SettingsRefused
from store.embedded import Embedded, Servers
from tests.attacks.killing import Product, run
from tests.authenticator import Maker, models_file
from tests.conftest import superuser
from tests.flows.conftest import House
from tests.flows.stage import ORIGIN
from vault.sealing.keys import Keys

pytestmark = pytest.mark.usefixtures("law_read_once")

PRODUCTION = {
    "MOTLAN_PRODUCTION": "1",
    "MOTLAN_PUBLIC_URL": "https://kho.example.gov.vn",
    "MOTLAN_PROXIES": "127.0.0.1",
    "MOTLAN_IDENTITY_ISSUER": "https://id.example.gov.vn",
    "MOTLAN_CITIZEN_CLIENT": "citizens",
    "MOTLAN_OFFICER_CLIENT": "officers",
    "MOTLAN_REGISTERS_URL": "https://bus.example.gov.vn",
    "MOTLAN_REGISTERS_ISSUER": "https://bus.example.gov.vn",
    "MOTLAN_REGISTERS_AUDIENCE": "urn:motlan",
    "MOTLAN_ALLOW_LOCAL_KEY_RING": "1",
    "MOTLAN_ALLOW_NO_SCANNER": "1",
    "MOTLAN_ALLOW_ONE_ORIGIN": "1",
}


@asynccontextmanager
async def opened(house: House, servers: Servers | None = None, **changed: Any) -> AsyncIterator[Platform]:
    settings: Settings = replace(house.settings, **changed)
    neighbours = neighbours_in(house.sandbox.addresses)
    async with open_platform(settings, servers or house.servers, neighbours) as platform:
        yield platform


async def refusal(house: House, servers: Servers | None = None, **changed: Any) -> str:
    """Why the platform does not open: one line, without any address of a database."""
    with pytest.raises(SettingsRefused) as refused:
        async with opened(house, servers, **changed):
            pass
    told = str(refused.value)
    assert "\n" not in told
    assert "postgresql" not in told
    return told


@pytest.fixture
def data(furnished: House, tmp_path: Path) -> Path:
    """A copy of the keys, to be spoiled."""
    shutil.copytree(furnished.settings.keys, tmp_path / "keys")
    return tmp_path


def _readable(path: Path) -> None:
    path.chmod(0o604)


def _by_the_group(path: Path) -> None:
    path.chmod(0o640)


def _linked(path: Path) -> None:
    path.symlink_to(path.rename(path.with_suffix(".kept")))


@pytest.mark.parametrize("name", ["root.json", "tokens.pem", "log.key", "attest.pem", "anchor.pem"])
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_readable, "can be read by others: `chmod 600` it"),
        (_by_the_group, "can be read by others: `chmod 600` it"),
        (_linked, "is no plain file: put the key itself there"),
        (Path.unlink, "is missing: bring it back from its copy"),
    ],
)
async def test_keys_that_could_have_been_read_are_refused(
    furnished: House, data: Path, name: str, spoil: Callable[[Path], None], told: str
) -> None:
    async with opened(furnished, data=data):
        pass
    path = data / "keys" / name
    spoil(path)
    assert f"MOTLAN_DATA: {path} {told}" in await refusal(furnished, data=data)
    assert path.exists() or told.startswith("is missing")


async def test_somebody_elses_key_is_refused(
    furnished: House, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    assert "root.json belongs to somebody else: `chown` it" in await refusal(furnished, data=data)


@pytest.mark.parametrize(
    ("field", "given", "setting", "role"),
    [
        ("url", "owner_url", "DATABASE_URL", "motlan_app"),
        ("url", "work_url", "DATABASE_URL", "motlan_app"),
        ("work_url", "url", "WORK_DATABASE_URL", "motlan_work"),
        ("work_url", "owner_url", "WORK_DATABASE_URL", "motlan_work"),
        ("keys_url", "keys_owner_url", "KEYS_DATABASE_URL", "motlan_keys"),
    ],
)
async def test_each_address_signs_in_as_its_own_role(
    furnished: House, field: str, given: str, setting: str, role: str
) -> None:
    servers = furnished.servers
    other = getattr(servers, given)
    told = await refusal(furnished, replace(servers, **{field: other}))
    assert told == f"{setting} must sign in as {role}, not as {make_url(other).username}"


async def test_a_superuser_is_no_role_to_serve_under(furnished: House, embedded: Embedded) -> None:
    password = json.loads((embedded.folder / "passwords").read_text("utf-8"))["postgres"]
    named = make_url(furnished.servers.url).set(username="postgres", password=password)
    address = named.render_as_string(hide_password=False)
    told = await refusal(furnished, replace(furnished.servers, url=address))
    assert told == "DATABASE_URL must sign in as motlan_app, not as postgres"


@pytest.mark.parametrize(
    ("setting", "role"),
    [
        ("DATABASE_URL", "motlan_app"),
        ("WORK_DATABASE_URL", "motlan_work"),
        ("KEYS_DATABASE_URL", "motlan_keys"),
    ],
)
@pytest.mark.parametrize(
    ("given", "taken", "found"),
    [
        ("ALTER ROLE {} BYPASSRLS", "ALTER ROLE {} NOBYPASSRLS", "the role bypasses row-level security"),
        ("ALTER ROLE {} SUPERUSER", "ALTER ROLE {} NOSUPERUSER", "the role bypasses row-level security"),
        ("GRANT motlan_owner TO {}", "REVOKE motlan_owner FROM {}", "the role is a member of motlan_owner"),
    ],
)
async def test_a_role_with_more_rights_than_its_own_is_refused(
    furnished: House, embedded: Embedded, setting: str, role: str, given: str, taken: str, found: str
) -> None:
    root = await superuser(embedded, furnished.servers)
    try:
        await root.execute(given.format(role))
        told = await refusal(furnished)
    finally:
        await root.execute(taken.format(role))
        await root.close()
    assert told.startswith(f"{setting}: ")
    assert found in told
    assert len(told) < 300
    assert told.endswith(f"take that from {role}, docs/operations.md has its rights")
    async with opened(furnished):
        pass


@pytest.mark.parametrize(
    ("field", "setting"),
    [("url", "DATABASE_URL"), ("work_url", "WORK_DATABASE_URL"), ("keys_url", "KEYS_DATABASE_URL")],
)
async def test_an_address_that_leads_nowhere_is_told_without_its_password(
    furnished: House, field: str, setting: str
) -> None:
    wrong = make_url(getattr(furnished.servers, field)).set(password="hunter2")
    address = wrong.render_as_string(hide_password=False)
    told = await refusal(furnished, replace(furnished.servers, **{field: address}))
    assert told.startswith(f"{setting}: no database answers there")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("field", "setting"),
    [("owner_url", "OWNER_DATABASE_URL"), ("keys_owner_url", "KEYS_OWNER_DATABASE_URL")],
)
async def test_nothing_is_migrated_where_an_owner_cannot_sign_in(
    furnished: House, field: str, setting: str
) -> None:
    await refuse_silent_owners(furnished.servers)
    wrong = make_url(getattr(furnished.servers, field)).set(password="hunter2")
    address = wrong.render_as_string(hide_password=False)
    with pytest.raises(SettingsRefused, match=f"^{setting}: no database answers there"):
        await refuse_silent_owners(replace(furnished.servers, **{field: address}))


@pytest.mark.parametrize("ahead", [True, False])
async def test_clocks_more_than_five_seconds_apart_are_refused(
    furnished: House, monkeypatch: pytest.MonkeyPatch, ahead: bool
) -> None:
    sign = 1 if ahead else -1

    def moved(by: timedelta) -> Callable[[Settings], Callable[[], datetime]]:
        return lambda settings: lambda: datetime.now(UTC) + settings.clock_offset + sign * by

    monkeypatch.setattr(api.app, "_clock", moved(CLOCKS_APART - timedelta(seconds=1)))
    async with opened(furnished) as platform:
        assert await _ready(platform) == (200, {"status": "ready", "scanner": "none"})
    monkeypatch.setattr(api.app, "_clock", moved(CLOCKS_APART + timedelta(seconds=2)))
    told = await refusal(furnished)
    assert re.fullmatch(
        r"DATABASE_URL: the clock there is 7 s from ours: set both hosts by the same time server \(NTP\)",
        told,
    )


async def test_the_clock_of_the_keys_counts_as_well(
    furnished: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(furnished) as platform:
        theirs = Keys.reach

        async def late(keys: Keys) -> datetime:
            return await theirs(keys) - timedelta(seconds=7)

        monkeypatch.setattr(Keys, "reach", late)
        assert await _ready(platform) == (503, {"status": "clock"})


async def test_an_operator_reads_one_line(furnished: House, tmp_path: Path) -> None:
    """The command itself, in production, over real servers."""
    shutil.copytree(furnished.settings.keys, tmp_path / "data" / "keys")
    jwks = tmp_path / "registers.json"
    jwks.write_text('{"keys": []}')
    models = tmp_path / "officer-keys.json"
    models.write_bytes(models_file(Maker()))
    servers = furnished.servers
    given = PRODUCTION | {
        "MOTLAN_REGISTERS_JWKS": str(jwks),
        "MOTLAN_OFFICER_KEYS": str(models),
        "DATABASE_URL": servers.owner_url,
        "WORK_DATABASE_URL": servers.work_url,
        "KEYS_DATABASE_URL": servers.keys_url,
        "OWNER_DATABASE_URL": servers.owner_url,
        "KEYS_OWNER_DATABASE_URL": servers.keys_owner_url,
    }
    product = Product(tmp_path, given)
    code, said = await run(product.command("serve"), product.settings)
    (line,) = [one for one in said.splitlines() if one.startswith("motlan: ")]
    assert code == 2
    assert line == "motlan: SETTINGS_REFUSED: DATABASE_URL must sign in as motlan_app, not as motlan_owner"
    assert "Traceback" not in said
    assert "postgresql" not in said


async def _ready(platform: Platform) -> tuple[int, object]:
    transport = httpx2.ASGITransport(platform.app)
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()
