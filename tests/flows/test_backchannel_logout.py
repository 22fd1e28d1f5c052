"""Whoever signs out at the identity provider is signed out here, everywhere, and nobody else is."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import text

from auth.jws.kinds import LOGOUT_EVENT
from sandbox.supervisor import CITIZEN_CLIENT, OFFICER_CLIENT
from tests.flows.phone import clock_of, phone
from tests.flows.stage import ORIGIN, Stage

WHO = "{ viewer { kind } }"


def logout_token(stage: Stage, folder: Path, **changes: Any) -> str:
    key = ECKey.import_key((folder / "sandbox" / "identity" / "signing.pem").read_text("ascii"))
    now = int(clock_of(stage)().timestamp())
    claims: dict[str, Any] = {
        "iss": stage.sandbox.issuer,
        "aud": CITIZEN_CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": str(uuid4()),
        "sub": "minh-chau",
        "events": {LOGOUT_EVENT: {}},
    }
    header = {"alg": "ES256", "typ": "logout+jwt", "kid": key.thumbprint()}
    said = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(header, said, key)


async def tell(stage: Stage, token: str) -> int:
    answer = await stage.anybody().browser.post(
        f"{ORIGIN}/oauth/backchannel-logout", data={"logout_token": token}
    )
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code


async def signed_in(*people: Any) -> list[bool]:
    return [(await one.post(WHO))["data"]["viewer"] is not None for one in people]


async def test_signing_out_at_the_provider_signs_out_everywhere_here(
    stage: Stage, stage_folder: Path
) -> None:
    gone, here = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    mine = phone(stage)
    await mine.sign_in("minh-chau")
    token = logout_token(stage, stage_folder)
    assert await tell(stage, token) == 200
    assert await signed_in(gone, here) == [False, True]
    assert (await mine.send(WHO)).status_code == 401
    assert (await mine.refresh()).status_code == 400
    async with stage.owner.connect() as connection:
        query = text("SELECT entry FROM ledger WHERE kind = 'session.ended'")
        assert [row.entry["reason"] for row in await connection.execute(query)] == ["provider"] * 2
    again = await stage.citizen("minh-chau")
    assert await signed_in(again) == [True]


async def test_an_officers_account_is_another_clients(stage: Stage, stage_folder: Path) -> None:
    officer, citizen = await stage.officer("ubnd-mot.toan-quyen"), await stage.citizen("minh-chau")
    token = logout_token(stage, stage_folder, aud=OFFICER_CLIENT, sub="ubnd-mot.toan-quyen")
    assert await tell(stage, token) == 200
    assert await signed_in(officer, citizen) == [False, True]


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "n"},
        {"events": {}},
        {"events": None},
        {"sub": None},
        {"sub": None, "sid": "s"},
        {"aud": "x"},
    ],
    ids=str,
)
async def test_what_is_no_logout_token_ends_nothing(
    stage: Stage, stage_folder: Path, changes: dict[str, Any]
) -> None:
    citizen = await stage.citizen("minh-chau")
    assert await tell(stage, logout_token(stage, stage_folder, **changes)) == 400
    assert await signed_in(citizen) == [True]


async def test_somebody_nowhere_signed_in_is_signed_out_all_the_same(
    stage: Stage, stage_folder: Path
) -> None:
    assert await tell(stage, logout_token(stage, stage_folder, sub="unheard-of")) == 200
