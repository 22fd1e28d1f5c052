"""Our signing key changed: what people agreed to under the earlier one stands where its public key is named."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.__main__ import neighbours_in
from api.app import open_platform
from api.settings import SettingsRefused
from auth.signing import SigningKey
from auth.tokens import key_name
from tests.flows.conftest import House
from tests.flows.journeys import LAND, consents, desk_for, open_dossier, permit_in_work, submit, unchanged
from tests.flows.stage import ORIGIN, Stage

POWER = "3.000001"
OPENING = "evidence { claims { name } }"


@asynccontextmanager
async def renewed(house: House, stage: Stage, folder: Path, retired: Any = None) -> AsyncIterator[Stage]:
    """The same platform with another signing key, over the same people, papers' claims and root key."""
    settings = replace(house.settings, data=folder)
    if not settings.keys.exists():
        shutil.copytree(house.settings.keys, settings.keys)
        (settings.keys / "tokens.pem").unlink()
        SigningKey.load_or_create(settings.keys / "tokens.pem")
    if retired is not None:
        (folder / "retired.json").write_text(json.dumps(retired))
        settings = replace(settings, retired_keys_path=folder / "retired.json")
    async with open_platform(settings, house.servers, neighbours_in(house.sandbox.addresses)) as platform:
        made = Stage(platform, stage.sandbox, stage.owner, stage.servers)
        yield made
        await made.close()


async def published(stage: Stage) -> Any:
    return (await stage.anybody().browser.get(f"{ORIGIN}/.well-known/jwks.json")).json()


async def test_consents_outlive_a_change_of_our_key_whose_predecessor_is_named(
    stage: Stage, furnished: House, tmp_path: Path
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    given = {"dossier": taken["id"], "requirements": [LAND]}
    before = await published(stage)
    async with renewed(furnished, stage, tmp_path) as forgetful, unchanged(stage):
        refused = await forgetful.carry(officer).refused("openEvidence", OPENING, **given)
        assert refused["code"] == "CONSENT_MISSING"
    async with renewed(furnished, stage, tmp_path, before) as then:
        opened = await then.carry(officer).act("openEvidence", OPENING, **given)
        assert opened["evidence"][0]["claims"]
        kids = [one["kid"] for one in (await published(then))["keys"]]
        assert kids[1:] == [one["kid"] for one in before["keys"]]
        # What is agreed to from now on is signed with the key of today.
        mine = then.carry(me)
        where, _ = await desk_for(then, mine, POWER)
        await submit(mine, await open_dossier(mine, POWER, where))
        signed = {key_name(one["receipt"]) for one in await consents(mine)}
        assert signed == set(kids)


@pytest.mark.parametrize(
    "retired", [{}, {"keys": [{"kty": "EC", "d": "x"}]}], ids=["no set", "a private key"]
)
async def test_the_start_is_refused_with_anything_but_public_keys(
    stage: Stage, furnished: House, tmp_path: Path, retired: Any
) -> None:
    with pytest.raises(SettingsRefused, match="MOTLAN_RETIRED_KEYS"):
        async with renewed(furnished, stage, tmp_path, retired):
            pass
