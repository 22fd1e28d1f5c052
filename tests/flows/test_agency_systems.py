"""An agency's own software: it signs in by key, works the desk, and does no more than it declared."""

from datetime import timedelta

from joserfc.jwk import ECKey
from sqlalchemy import text

from tests.flows.conftest import Later
from tests.flows.journeys import (
    DRAWING,
    EXTENSION,
    LAND,
    PERMIT_RESULT,
    PERMIT_TYPE,
    denied,
    look,
    move,
    open_dossier,
    permit_in_work,
    rows,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage
from tests.flows.systems import ASSERTION, started, system

OPEN = "applicant { name value } evidence { requirement { id } claims { name value } contentUrl logIndex }"


async def queue(officer: Person) -> list[str]:
    """Codes of the dossiers on the desk."""
    found = await officer.ask("{ desk(first: 5) { edges { node { code } } } }")
    return [one["node"]["code"] for one in found["desk"]["edges"]]


async def test_a_system_decides_a_whole_dossier_with_its_own_token(stage: Stage) -> None:
    """Received, read, approved and returned: no officer types anything twice (mission row 31)."""
    me, software = await stage.citizen("minh-chau"), await started(stage, "ubnd-mot")
    taken = await permit_in_work(me, software)
    assert await queue(software) == [taken["code"]]
    opened = await software.act("openEvidence", OPEN, dossier=taken["id"], requirements=[DRAWING, LAND])
    assert any(one["claims"] or one["contentUrl"] for one in opened["evidence"])
    done = await move(software, "approveDossier", taken, results=[PERMIT_RESULT])
    await move(software, "returnResult", done)
    (result,) = (await look(me, done))["results"]
    assert (result["type"], result["origin"]) == (PERMIT_TYPE, "ISSUED")
    read = next(one for one in await usage(me) if one["kind"] == "vault.read")
    assert read["agency"] == "People’s Committee, Test Ward One (sandbox)"
    # The permit serves the next filing, as any officer's does.
    extension = await open_dossier(me, EXTENSION, "ubnd-hai")
    assert {one["outcome"] for one in extension["requirements"]} == {"FORM", "REUSE"}


async def test_a_system_sees_and_moves_nothing_of_another_agencys(stage: Stage) -> None:
    me, stranger = await stage.citizen("minh-chau"), await started(stage, "ubnd-hai")
    taken = await permit_in_work(me, await stage.officer("ubnd-mot.toan-quyen"))
    async with unchanged(stage):
        asks = [{"requirement": DRAWING, "kind": "UNFIT", "reason": "x"}]
        given = {"dossier": taken["id"], "expectedVersion": taken["version"], "asks": asks}
        assert await denied(stranger, "requestSupplement", **given) == "NOT_FOUND"
    assert await queue(stranger) == []
    for query in ("{ viewer { id } }", "{ myDocuments(first: 1) { edges { cursor } } }"):
        assert "errors" not in await stranger.post(query)


async def test_a_system_does_what_it_declared_and_nothing_else(stage: Stage) -> None:
    async with stage.owner.begin() as connection:
        await connection.execute(
            text("UPDATE officers SET scope = '{verify}' WHERE external_id = 'sandbox.ubnd-mot'")
        )
    try:
        me, narrow = await stage.citizen("minh-chau"), await started(stage, "ubnd-mot")
        taken = await permit_in_work(me, await stage.officer("ubnd-mot.toan-quyen"))
        async with unchanged(stage):
            given = {"dossier": taken["id"], "requirements": [DRAWING]}
            assert await denied(narrow, "openEvidence", **given) == "ACCESS_DENIED"
            desk = await narrow.post("{ desk(first: 5) { edges { cursor } } }")
            assert desk["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
        assert await rows(stage, "SELECT outcome FROM ledger WHERE kind = 'access.denied'") == [("DENIED",)]
    finally:
        async with stage.owner.begin() as connection:
            await connection.execute(
                text(
                    "UPDATE officers s SET scope = o.scope FROM officers o"
                    " WHERE s.external_id = 'sandbox.ubnd-mot' AND o.external_id = 'sandbox.ubnd-hai'"
                )
            )


async def test_a_system_struck_off_is_nobody_from_that_moment(stage: Stage) -> None:
    software = await started(stage, "ubnd-mot")
    assert (await software.speak("{ viewer { id } }")).status_code == 200
    striking = "UPDATE officers SET active = {} WHERE external_id = 'sandbox.ubnd-mot'"
    async with stage.owner.begin() as connection:
        await connection.execute(text(striking.format("false")))
    try:
        desk = await software.post("{ desk(first: 1) { edges { cursor } } }")
        assert desk["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        refused = await software.start()
        assert (refused.status_code, refused.json()) == (401, {"error": "invalid_client"})
    finally:
        async with stage.owner.begin() as connection:
            await connection.execute(text(striking.format("true")))


async def test_an_assertion_counts_once_and_for_us_alone(stage: Stage) -> None:
    software = system(stage, "ubnd-mot")
    await software.start()
    good = software.assertion()
    given = {"grant_type": "client_credentials", "client_assertion": good}
    assert (await software.form("/oauth/token", given)).status_code == 200
    async with unchanged(stage):
        now = int(software.clock().timestamp())
        for spoiled in (
            good,
            software.assertion(aud="https://elsewhere.example"),
            software.assertion(sub="sandbox.ubnd-hai"),
            software.assertion(exp=now + 3_600),
            software.assertion(iat=now - 600, exp=now - 560),
            software.assertion(jti=None),
            software.assertion(iss="sandbox.nobody", sub="sandbox.nobody"),
            "nonsense",
            "",
        ):
            answer = await software.form("/oauth/token", {**given, "client_assertion": spoiled})
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), spoiled
        other = {**given, "client_assertion": software.assertion(), "client_id": "sandbox.ubnd-hai"}
        assert (await software.form("/oauth/token", other)).status_code == 401
        untyped = {**given, "client_assertion": software.assertion(), "client_assertion_type": "urn:x"}
        assert (await software.form("/oauth/token", untyped)).status_code == 401
        assert ASSERTION.startswith("urn:ietf")
    forger = system(stage, "ubnd-mot")
    forger.registered = ECKey.generate_key("P-256")
    async with unchanged(stage):
        assert (await forger.start()).status_code == 401


async def test_a_token_is_worth_nothing_without_its_key_or_after_its_time(stage: Stage, later: Later) -> None:
    software = await started(stage, "ubnd-mot")
    thief = system(stage, "ubnd-mot")
    thief.token = software.token
    for _ in range(2):  # once for the nonce
        stolen = await thief.speak("{ viewer { id } }")
    assert stolen.status_code == 401
    bare = await software.browser.post(
        f"{software.origin}/graphql",
        json={"query": "{ viewer { id } }"},
        headers={"Authorization": f"Bearer {software.token}"},
    )
    assert bare.status_code == 401
    async with later(timedelta(minutes=6)) as then:
        aged = system(then, "ubnd-mot")
        aged.key, aged.token = software.key, software.token
        for _ in range(2):
            answer = await aged.speak("{ viewer { id } }")
        assert answer.status_code == 401


async def test_introspection_tells_a_system_of_its_own_tokens_alone(stage: Stage) -> None:
    software, other = await started(stage, "ubnd-mot"), await started(stage, "ubnd-hai")
    said = await software.introspect(software.token)
    assert (said["active"], said["client_id"], said["token_type"]) == (True, "sandbox.ubnd-mot", "DPoP")
    assert said["cnf"] == {"jkt": software.key.thumbprint()}
    assert set(said["roles"]) == {"tiep_nhan", "tham_dinh", "phe_duyet"}
    for asker, token in ((other, software.token), (software, software.token[:-4] + "AAAA"), (software, "x")):
        assert await asker.introspect(token) == {"active": False}
    stranger = system(stage, "ubnd-mot")
    stranger.client = "sandbox.nobody"
    refused = await stranger.form("/oauth/introspect", {"token": software.token})
    assert (refused.status_code, refused.json()) == (401, {"error": "invalid_client"})
