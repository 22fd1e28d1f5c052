"""An app signs somebody in, acts for them, steps up, and is signed out again: over HTTP, by the RFCs alone."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import text

from api.work import sweep
from tests.flows.conftest import Later
from tests.flows.phone import APP, OTHER_APP, Phone, phone, secret_and_challenge
from tests.flows.stage import ORIGIN, Stage

LOGIN, OTHER_LOGIN = "minh-chau", "thu-ha"
WHO = "{ viewer { kind name } }"
SESSIONS = "{ viewer { sessions { id app acr current } } }"
TRACKING, VAULT = "urn:vn:eid:tk2:xt1", "urn:vn:eid:tk2:xt2"


async def rows(stage: Stage, query: str) -> list[Any]:
    async with stage.owner.connect() as connection:
        return list((await connection.execute(text(query))).mappings())


@pytest.fixture
async def mine(stage: Stage) -> Phone:
    signed_in = phone(stage)
    await signed_in.sign_in(LOGIN)
    return signed_in


async def test_an_app_signs_a_person_in_and_acts_for_them(stage: Stage, mine: Phone) -> None:
    assert (await mine.ask(WHO))["viewer"]["kind"] == "citizen"
    assert mine.tokens["token_type"] == "DPoP"
    assert mine.tokens["expires_in"] == 300
    # The metadata leads to the key, and the token is what RFC 9068 and 9449 say, judged by another library.
    said = (await mine.http.get(f"{ORIGIN}/.well-known/oauth-authorization-server")).json()
    assert said == (await mine.http.get(f"{ORIGIN}/.well-known/openid-configuration")).json()
    (key,) = (await mine.http.get(said["jwks_uri"])).json()["keys"]
    judged = jwt.decode(mine.tokens["access_token"], ECKey.import_key(key), algorithms=["ES256"])
    assert judged.header == {"alg": "ES256", "typ": "at+jwt", "kid": key["kid"]}
    assert judged.claims["iss"] == said["issuer"] == ORIGIN
    assert judged.claims["cnf"] == {"jkt": mine.thumbprint}
    assert judged.claims["exp"] - judged.claims["iat"] == 300
    assert judged.claims["sub"].startswith("pw:")


async def test_two_apps_know_one_person_by_two_names(stage: Stage, mine: Phone) -> None:
    other = phone(stage, app=OTHER_APP.id, redirect=next(iter(OTHER_APP.redirect_uris)))
    await other.sign_in(LOGIN)
    names = {_claims(one.tokens["access_token"])["sub"] for one in (mine, other)}
    assert len(names) == 2
    (subject,) = {row["holder_id"] for row in await rows(stage, "SELECT holder_id FROM sessions")}
    assert str(subject) not in mine.tokens["access_token"] + str(names)


async def test_only_hashes_rest_in_the_database(stage: Stage, mine: Phone) -> None:
    await mine.refresh()
    kept = ""
    for table in ("app_requests", "refresh_tokens", "sessions", "seen_proofs", "login_states"):
        kept += str(await rows(stage, f"SELECT * FROM {table}"))
    assert mine.tokens["refresh_token"] not in kept
    assert mine.tokens["access_token"] not in kept


async def test_a_bare_bearer_token_is_refused(stage: Stage, mine: Phone) -> None:
    token = mine.tokens["access_token"]
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"DPoP {token}"},
        {"Authorization": token},
        {"DPoP": mine.proof("POST", f"{ORIGIN}/graphql", token)},
    ):
        answer = await mine.http.post(f"{ORIGIN}/graphql", json={"query": WHO}, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'DPoP error="invalid_token", algs="ES256"'
        assert "data" not in answer.json()


async def test_a_cookie_beside_a_token_is_refused(stage: Stage, mine: Phone) -> None:
    browser = await stage.citizen(LOGIN)
    url = f"{ORIGIN}/graphql"
    answer = await browser.browser.post(url, json={"query": WHO}, headers=mine.headers("POST", url))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "CREDENTIALS_CONFLICT"


async def test_a_proof_needs_our_nonce_and_every_answer_brings_the_next(stage: Stage, mine: Phone) -> None:
    url = f"{ORIGIN}/graphql"
    for nonce in ("", "made-up"):
        mine.nonce = nonce
        asked = await mine.http.post(url, json={"query": WHO}, headers=mine.headers("POST", url))
        assert asked.status_code == 401
        assert asked.headers["WWW-Authenticate"] == 'DPoP error="use_dpop_nonce", algs="ES256"'
        mine.nonce = asked.headers["DPoP-Nonce"]
        answer = await mine.http.post(url, json={"query": WHO}, headers=mine.headers("POST", url))
        assert answer.status_code == 200
        assert answer.headers["DPoP-Nonce"]


async def test_fifty_replays_of_one_proof_at_once_open_at_most_one_door(stage: Stage, mine: Phone) -> None:
    await mine.ask(WHO)  # for the nonce
    url = f"{ORIGIN}/graphql"
    headers = mine.headers("POST", url)

    async def replay() -> int:
        return (await mine.http.post(url, json={"query": WHO}, headers=headers)).status_code

    answers = await asyncio.gather(*(replay() for _ in range(50)))
    print(f"50 replays at once: {answers.count(200)} accepted, {answers.count(401)} refused")
    assert sorted(answers) == [200] + [401] * 49
    assert await replay() == 401


async def test_the_same_token_with_another_key_opens_nothing(stage: Stage, mine: Phone) -> None:
    await mine.ask(WHO)
    thief = Phone(mine.http, mine.clock, nonce=mine.nonce, tokens=mine.tokens)
    answer = await thief.send(WHO)
    assert answer.status_code == 401
    refreshed = await thief.refresh()
    assert (refreshed.status_code, refreshed.json()) == (400, {"error": "invalid_grant"})
    # The token alone is worth nothing, so nothing was lost: the person is still signed in.
    assert (await mine.refresh()).status_code == 200


async def test_documents_take_the_same_credentials(stage: Stage, mine: Phone) -> None:
    await mine.ask(WHO)
    url = f"{ORIGIN}/documents/RG9jdW1lbnQ6eA/content"
    answer = await mine.http.get(url, headers=mine.headers("GET", url))
    assert answer.status_code == 404
    again = await mine.http.get(url, headers=mine.headers("GET", f"{ORIGIN}/graphql"))
    assert again.status_code == 401
    assert "invalid_token" in again.headers["WWW-Authenticate"]


async def test_refresh_tokens_rotate_and_one_that_returns_ends_the_session(stage: Stage, mine: Phone) -> None:
    first = mine.tokens["refresh_token"]
    assert (await mine.refresh()).status_code == 200
    assert mine.tokens["refresh_token"] != first
    await mine.ask(WHO)
    reused = await mine.refresh(first)
    assert (reused.status_code, reused.json()) == (400, {"error": "invalid_grant"})
    # The whole family: the newest refresh token, and the access token still within its five minutes.
    assert (await mine.refresh()).json() == {"error": "invalid_grant"}
    assert (await mine.send(WHO)).status_code == 401
    lines = await rows(stage, "SELECT entry FROM ledger WHERE kind = 'session.ended'")
    assert [row["entry"]["reason"] for row in lines] == ["refresh-token-reused"]
    person = await stage.citizen(LOGIN)
    told = await person.ask("{ myNotices(first: 5) { edges { node { code text } } } }")
    codes = [edge["node"]["code"] for edge in told["myNotices"]["edges"]]
    assert codes == ["app_signed_out", "app_signed_in"]


async def test_of_two_refreshes_at_once_at_most_one_gets_tokens(stage: Stage, mine: Phone) -> None:
    answers = await asyncio.gather(*(mine.refresh(mine.tokens["refresh_token"]) for _ in range(8)))
    assert [answer.status_code for answer in answers].count(200) <= 1
    assert (await mine.refresh()).status_code == 400


async def test_a_code_is_good_once_and_its_return_ends_what_it_opened(stage: Stage) -> None:
    mine = phone(stage)
    verifier, challenge = secret_and_challenge()
    code = (await mine.come_back(await mine.begin(challenge), LOGIN))["code"]
    assert (await mine.redeem(code, verifier)).status_code == 200
    await mine.ask(WHO)
    again = await mine.redeem(code, verifier)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
    assert (await mine.send(WHO)).status_code == 401
    assert (await mine.refresh()).status_code == 400


async def test_a_code_needs_what_it_was_asked_for_with(stage: Stage) -> None:
    mine = phone(stage)
    for changes in (
        {"code_verifier": "x" * 64},
        {"code_verifier": ""},
        {"redirect_uri": "https://app.example.vn/signed-in"},
        {"client_id": OTHER_APP.id},
    ):
        verifier, challenge = secret_and_challenge()
        code = (await mine.come_back(await mine.begin(challenge), LOGIN))["code"]
        # The second try is right in all, and too late: the first has spent the code.
        for one in (await mine.redeem(code, verifier, **changes), await mine.redeem(code, verifier)):
            assert (one.status_code, one.json()) == (400, {"error": "invalid_grant"}), changes
    assert (await mine.redeem("guessed", "x" * 64)).json() == {"error": "invalid_grant"}
    assert await rows(stage, "SELECT id FROM sessions") == []


async def test_a_code_bound_to_a_key_is_no_use_to_another(stage: Stage) -> None:
    mine = phone(stage)
    verifier, challenge = secret_and_challenge()
    code = (await mine.come_back(await mine.begin(challenge, dpop_jkt=mine.thumbprint), LOGIN))["code"]
    thief = Phone(mine.http, mine.clock)
    assert (await thief.redeem(code, verifier)).json() == {"error": "invalid_grant"}


async def test_a_code_is_good_for_a_minute(stage: Stage, later: Later) -> None:
    mine = phone(stage)
    verifier, challenge = secret_and_challenge()
    code = (await mine.come_back(await mine.begin(challenge), LOGIN))["code"]
    async with later(timedelta(seconds=61)) as then:
        there = phone(then)
        assert (await there.redeem(code, verifier)).json() == {"error": "invalid_grant"}


OUT_OF_LINE = [
    ({"client_id": "unknown"}, "invalid_client"),
    ({"redirect_uri": "vn.example.motlan:/signed-in/x"}, "invalid_request"),
    ({"redirect_uri": "https://app.example.vn/signed-in?x=1"}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"scope": "citizen admin"}, "invalid_scope"),
    ({"acr_values": "urn:vn:eid:tk1:xt1"}, "unmet_authentication_requirements"),
    ({"max_age": "-1"}, "invalid_request"),
    ({"dpop_jkt": "not-one"}, "invalid_request"),
    ({"request_uri": "urn:x"}, "invalid_request"),
]


async def test_a_request_out_of_line_is_refused_where_it_is_pushed(stage: Stage) -> None:
    mine = phone(stage)
    for changes, error in OUT_OF_LINE:
        given = {"code_challenge": secret_and_challenge()[1], **changes}
        answer = await mine.push(given.pop("code_challenge"), **given)
        assert answer.json() == {"error": error}, changes
        assert answer.status_code == (401 if error == "invalid_client" else 400), changes
    assert await rows(stage, "SELECT id FROM app_requests") == []


async def test_a_form_that_two_programs_could_read_differently_is_refused(stage: Stage) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    twice = b"client_id=motlan-mobile&client_id=motlan-mobile"
    for body in (b"", twice, b"\xff", b"a" * 20_000, b"client_id=%00", b"&&="):
        for path in ("par", "token", "revoke", "backchannel-logout"):
            answer = await stage.anybody().browser.post(
                f"{ORIGIN}/oauth/{path}", content=body, headers=headers
            )
            assert answer.status_code in (400, 401), (path, body)
            assert answer.json()["error"] in ("invalid_request", "invalid_client"), (path, body)


async def test_only_a_pushed_request_leaves_for_the_provider_and_only_once(stage: Stage) -> None:
    mine = phone(stage)
    _, challenge = secret_and_challenge()
    address = await mine.begin(challenge)
    assert (await mine.http.get(address.replace(APP.id, OTHER_APP.id))).status_code == 400
    assert (await mine.http.get(f"{ORIGIN}/oauth/authorize?client_id={APP.id}&state=x")).status_code == 400
    assert (await mine.http.get(address)).status_code == 303
    assert (await mine.http.get(address)).status_code == 400
    # Nor by the door of the browsers.
    assert (await mine.http.get(f"{ORIGIN}/sign-in?role=app")).status_code == 400


async def test_signing_an_app_in_signs_no_browser_in(stage: Stage) -> None:
    mine = phone(stage)
    await mine.sign_in(LOGIN)
    assert "motlan" not in mine.http.cookies
    assert len(await rows(stage, "SELECT id FROM sessions")) == 1


async def test_a_sign_in_by_one_factor_tracks_filings_and_steps_up_for_the_vault(stage: Stage) -> None:
    mine = phone(stage)
    await mine.sign_in(LOGIN, acr_values=TRACKING)
    assert mine.tokens["acr"] == TRACKING
    await mine.ask("{ viewer { name } myDossiers(first: 1) { edges { node { id } } } }")
    await mine.ask("{ myNotices(first: 1) { edges { node { code } } } }")
    refused = await mine.send("{ myDocuments(first: 1) { edges { node { id } } } }")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == (
        f'DPoP error="insufficient_user_authentication", acr_values="{VAULT}", max_age="300"'
    )
    (error,) = refused.json()["errors"]
    assert error["extensions"] == {"code": "STEP_UP_REQUIRED", "acrValues": VAULT}
    # What the challenge says is what the app asks for next.
    await mine.sign_in(LOGIN, acr_values=VAULT, max_age="300")
    await mine.ask("{ myDocuments(first: 1) { edges { node { id } } } }")


async def test_half_an_answer_keeps_its_status_and_still_asks_for_more(stage: Stage) -> None:
    mine = phone(stage)
    await mine.sign_in(LOGIN, acr_values=TRACKING)
    answer = await mine.send('{ viewer { kind } document(id: "RG9jdW1lbnQ6eA") { id } }')
    said = answer.json()
    assert said["data"]["viewer"] == {"kind": "citizen"}
    assert answer.status_code == 200


async def test_people_see_where_they_are_signed_in_and_sign_out_there(stage: Stage, mine: Phone) -> None:
    browser = await stage.citizen(LOGIN)
    other = phone(stage)
    await other.sign_in(OTHER_LOGIN)
    listed = (await browser.ask(SESSIONS))["viewer"]["sessions"]
    assert [(one["app"], one["current"]) for one in listed] == [(None, True), (APP.name, False)]
    lost = listed[1]["id"]
    ended = await browser.act("endSession", "session", session=lost)
    assert ended["session"] == lost
    assert (await mine.send(WHO)).status_code == 401
    assert (await mine.refresh()).status_code == 400
    assert [one["app"] for one in (await browser.ask(SESSIONS))["viewer"]["sessions"]] == [None]
    # Somebody else's session is not found, and goes on.
    theirs = (await other.ask(SESSIONS))["viewer"]["sessions"][0]["id"]
    said = await browser.post(
        "mutation($input: EndSessionInput!) { endSession(input: $input) { session } }",
        {"input": {"idempotencyKey": str(uuid4()), "session": theirs}},
    )
    assert said["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    await other.ask(WHO)


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_an_app_gives_its_tokens_back(stage: Stage, mine: Phone, which: str) -> None:
    stranger = phone(stage, app=OTHER_APP.id)
    assert (await stranger.revoke(mine.tokens[which])).status_code == 200
    await mine.ask(WHO)
    for _ in range(2):  # and once more: the same answer
        assert (await mine.revoke(mine.tokens[which])).status_code == 200
    assert (await mine.send(WHO)).status_code == 401
    assert (await mine.refresh()).status_code == 400
    assert (await mine.revoke("unknown")).status_code == 200


async def test_an_access_token_is_good_for_five_minutes_and_then_refreshed(
    stage: Stage, mine: Phone, later: Later
) -> None:
    passed = timedelta(minutes=6)
    async with later(passed) as then:
        there = phone(then, key=mine.key, tokens=dict(mine.tokens))
        assert (await there.send(WHO)).status_code == 401
        assert (await there.refresh()).status_code == 200
        await there.ask(WHO)


async def test_a_session_lasts_eight_hours_however_often_it_is_refreshed(stage: Stage, mine: Phone) -> None:
    (row,) = await rows(stage, "SELECT expires_at - created_at AS life FROM sessions")
    assert row["life"] == timedelta(hours=8)
    await mine.refresh()
    assert await rows(stage, "SELECT expires_at - created_at AS life FROM sessions") == [row]
    async with stage.owner.begin() as connection:
        await connection.execute(text("UPDATE sessions SET expires_at = created_at"))
    assert (await mine.refresh()).status_code == 400
    assert (await mine.send(WHO)).status_code == 401


async def test_what_is_over_is_forgotten(stage: Stage, mine: Phone) -> None:
    async with stage.owner.begin() as connection:
        for table, column in (
            ("seen_proofs", "kept_until"),
            ("app_requests", "kept_until"),
            ("sessions", "expires_at"),
        ):
            await connection.execute(text(f"UPDATE {table} SET {column} = now() - interval '40 years'"))
    await sweep(stage.platform.loops._tools)  # the hourly step, which `settle` leaves out
    for table in ("seen_proofs", "app_requests", "sessions", "refresh_tokens"):
        assert await rows(stage, f"SELECT * FROM {table}") == [], table


def _claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return said
