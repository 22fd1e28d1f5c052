"""Who looked at my data, and who was refused it, in clear fields; with the proof that it is all."""

from typing import Any

from store.log.covering import cover
from tests.flows.journeys import (
    EXTENSION,
    issued_permit,
    keep,
    line,
    open_dossier,
    rows,
    submit,
    take_in,
)
from tests.flows.stage import ORIGIN, Person, Stage
from tests.ledgers import LOOP
from verifier import log as outside

EVIDENCE = "evidence { claims { name value } }"


async def usage(person: Person, **wanted: str) -> list[dict[str, Any]]:
    answer = await person.browser.get(f"{ORIGIN}/log/usage", params=wanted)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    told: list[dict[str, Any]] = answer.json()["usage"]
    return told


async def test_every_look_and_every_refused_one_is_told_in_the_trackers_fields(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    elsewhere = await stage.officer("ubnd-hai.toan-quyen")
    extension = await open_dossier(me, EXTENSION, "ubnd-hai")
    needed = line(extension, "c02")["requirement"]["id"]
    taken = await take_in(elsewhere, await submit(me, extension))
    given = {"dossier": taken["id"], "requirements": [needed]}
    await elsewhere.act("openEvidence", EVIDENCE, **given)
    read = next(one for one in await usage(me) if one["event"] == "vault.read")
    ((code,),) = await rows(stage, "SELECT code FROM officers WHERE external_id = 'ubnd-hai.toan-quyen'")
    assert (read["kind"], read["action"], read["outcome"]) == ("DATA_RESPONSE", "R", "SUCCESS")
    assert read["initiatorPerson"] == {"alternativeCode": code}
    assert (read["initiatorOrg"]["type"], read["legalBasis"]) == ("GOV", "CONSENT")
    assert read["queryGroupId"] == taken["id"]
    assert read["consentReference"] is not None
    assert all("#" in one for one in read["entity"])
    form = next(one for one in await usage(me) if one["event"] == "dossier.form_read")
    assert form["queryId"] == read["queryId"], "one request, one id"
    assert "Thôn Thử Nghiệm" not in str(await usage(me)), "names of claims, never a value"
    async with stage.owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE consents SET withdrawn_at = now() WHERE status = 'GIVEN'")
    refused = await elsewhere.refused("openEvidence", EVIDENCE, **given)
    assert refused["code"] in ("CONSENT_MISSING", "EVIDENCE_GONE", "NOT_FOUND")
    newest = (await usage(me))[0]
    assert (newest["event"], newest["kind"], newest["outcome"]) == (
        "access.refused",
        "DATA_REQUEST",
        "REFUSED",
    )
    assert newest["reason"] == refused["code"]
    assert newest["initiatorPerson"] == {"alternativeCode": code}
    kinds = {one["kind"] for one in await usage(me)}
    assert {"DATA_REQUEST", "DATA_RESPONSE", "INTERNAL_PROCESSING"} <= kinds
    for kind in kinds:
        assert {one["kind"] for one in await usage(me, kind=kind)} == {kind}
    late = await usage(me, **{"from": read["logTime"]})
    assert len(late) < len(await usage(me))
    assert min(one["logTime"] for one in late) == read["logTime"]
    for wrong in ({"kind": "ALL"}, {"from": "yesterday"}, {"to": "2026-11-23T03:00:00"}, {"form": "x"}):
        assert (await me.browser.get(f"{ORIGIN}/log/usage", params=wrong)).status_code == 400


async def test_nobody_else_gets_ones_lines_and_the_bundle_is_checked_without_us(stage: Stage) -> None:
    me, officer = await stage.citizen("thanh-binh"), await stage.officer("ubnd-mot.toan-quyen")
    await keep(me, "anh-chan-dung", {})
    await stage.settle()
    for address in ("/log/mine", "/log/usage"):
        assert (await stage.anybody().browser.get(f"{ORIGIN}{address}")).status_code == 401
        assert (await officer.browser.get(f"{ORIGIN}{address}")).status_code == 403
    answer = await me.browser.get(f"{ORIGIN}/log/mine")
    assert answer.status_code == 200, answer.text
    trust = outside.Trust(outside.read_key(stage.platform.log_key, outside.LOG_KEY))
    early = outside.check_bundle(answer.json(), trust)
    assert early.findings
    assert all("nothing proves" in one for one in early.findings), "not covered yet, and said so"
    async with stage.platform.loops._tools.work.writing(LOOP) as tx:
        assert await cover(tx, stage.platform.loops._tools.signer, stage.platform.loops._tools.now())
    whole = await me.browser.get(f"{ORIGIN}/log/mine")
    report = outside.check_bundle(whole.json(), trust)
    assert report.findings == []
    said = whole.json()["subjects"]
    assert [len(one["lines"]) for one in said] == [len(await usage(me))]
    for address in ("/log/checkpoint", "/log/tile/0/000.p/1", "/log/tile/entries/000.p/1"):
        piece = await stage.anybody().browser.get(f"{ORIGIN}{address}")
        assert piece.status_code == 200
        assert ("immutable" in piece.headers["cache-control"]) == ("tile" in address)
    for address in ("/log/tile/0/000", "/log/tile/00/000.p/1", "/log/tile/0/0", "/log/tile/9/000.p/1"):
        assert (await stage.anybody().browser.get(f"{ORIGIN}{address}")).status_code == 404
