"""A whole platform whose root key is in a PKCS#11 token: signed in, deposited, read; while the token is away told so,
and nothing changed."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.__main__ import neighbours_in
from api.app import create_keys, open_platform
from tests.attacks.acknowledging import OF_NO_USE
from tests.files import jpeg
from tests.flows.conftest import House
from tests.flows.stage import Person, Stage
from tests.tokens import Cupboard, needs_softhsm, open_cupboard

pytestmark = [
    needs_softhsm,
    # The library has something to say of a search that ended with its session.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HELD = "{ myDocuments(first: 10) { edges { node { id type claims { name value } } } } }"


@pytest.fixture
def cupboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cupboard:
    opened = open_cupboard(tmp_path)
    monkeypatch.setenv("SOFTHSM2_CONF", str(opened.configuration))
    return opened


@pytest.fixture
async def kept(furnished: House, stage: Stage, cupboard: Cupboard, tmp_path: Path) -> AsyncIterator[Stage]:
    """The emptied databases under a platform of its own keys."""
    place = cupboard.token()
    named = (str(place.module), place.token, place.pin)
    settings = replace(furnished.settings, data=tmp_path / "data", pkcs11=named)
    assert create_keys(settings)
    assert not create_keys(settings)
    assert not (settings.keys / "root.json").exists()
    neighbours = neighbours_in(furnished.sandbox.addresses)
    async with open_platform(settings, furnished.servers, neighbours) as platform:
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        yield made
        await made.close()


async def test_papers_are_kept_and_shown_and_an_absent_token_is_told(kept: Stage, cupboard: Cupboard) -> None:
    citizen = await kept.citizen("minh-chau")
    await _keep(citizen)
    assert len(await _held(citizen)) == 1
    cupboard.take_away()
    try:
        said = await citizen.post(HELD)
        assert {one["extensions"]["code"] for one in said["errors"]} == {"TEMPORARILY_UNAVAILABLE"}
    finally:
        cupboard.bring_back()
    assert len(await _held(citizen)) == 1
    await _keep(citizen)
    assert len(await _held(citizen)) == 2


async def _keep(citizen: Person) -> None:
    upload = await citizen.send(jpeg(scan=os.urandom(64).replace(b"\xff", b"")), "image/jpeg", OF_NO_USE)
    await citizen.act("addDocument", "document { id }", upload=upload, type=OF_NO_USE, claims={})


async def _held(citizen: Person) -> list[object]:
    edges: list[object] = (await citizen.ask(HELD))["myDocuments"]["edges"]
    return edges
