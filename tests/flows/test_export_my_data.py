"""Everything kept about a person in one file, over HTTP: once, soon, in the session that asked, and told of."""

import csv
import io
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from sqlalchemy import text

from dossiers.export import exporting
from resolvers.connections import global_id
from tests import files
from tests.flows.conftest import Later
from tests.flows.journeys import (
    DRAWING_TYPE,
    LAND_CLAIMS,
    PERMIT_CLAIMS,
    changes,
    denied,
    issued_permit,
    notices,
    number_of,
    rows,
    unchanged,
    usage,
)
from tests.flows.phone import phone
from tests.flows.stage import ORIGIN, Person, Stage

SHOWN = "export { id url expiresAt }"
BEGUN = ("notices", "outbox")
"""What an export leaves behind, besides its log line and its spent ticket."""


async def address(person: Person, **given: Any) -> str:
    return str((await person.act("exportMyData", SHOWN, **given))["export"]["url"])


async def export(person: Person, **given: Any) -> ZipFile:
    answer = await person.browser.get(await address(person, **given))
    assert answer.status_code == 200, answer.text
    return ZipFile(io.BytesIO(answer.content))


def read(file: ZipFile, name: str) -> Any:
    return json.loads(file.read(name))


def code(answer: Any) -> str:
    return str(answer.json()["errors"][0]["code"])


def everything(file: ZipFile) -> str:
    return "".join(file.read(name).decode() for name in file.namelist() if name.endswith(".json"))


async def keep(person: Person, pages: int = 1) -> bytes:
    content = files.pdf(pages=pages)
    upload = await person.send(content, "application/pdf", DRAWING_TYPE)
    await person.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
    return content


async def test_a_person_gets_all_of_a_decided_filing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    dossier, _ = await issued_permit(me, officer)
    async with stage.owner.begin() as connection:
        await connection.execute(text("UPDATE agencies SET name_vi = '=' || name_vi"))
    file = await export(me)
    assert file.testzip() is None
    assert read(file, "manifest.json")["faults"] == []
    assert read(file, "profile.json")["number"] == number_of("minh-chau")
    papers = {one["id"]: one for one in read(file, "documents.json")}
    stated = {
        papers[one["document"]]["origin"]: {claim["name"]: claim["value"] for claim in one["claims"]}
        for one in read(file, "versions.json")
    }
    assert stated["digitised"].items() >= LAND_CLAIMS.items()
    assert stated["issued"].items() >= PERMIT_CLAIMS.items()
    (filed,) = read(file, "dossiers.json")
    assert filed["code"] == dossier["code"]
    assert filed["form"]["final"]
    assert filed["agency"]["code"]
    assert next(one["kind"] for one in filed["events"]) == "opened"
    assert [one["document"] for one in filed["results"]] == [
        id_ for id_, one in papers.items() if one["origin"] == "issued"
    ]
    assert {one["legalBasis"] for one in filed["evidence"]} <= {"CONSENT", "OWN"}
    assert len(read(file, "consents.json")) == 1
    logged = read(file, "access-log.json")
    assert {one["kind"] for one in logged} == {one["kind"] for one in await usage(me)}
    assert logged[0]["kind"] == "data.exported"
    table = list(csv.DictReader(io.StringIO(file.read("access-log.csv").decode("utf-8-sig"), newline="")))
    assert [(one["kind"], one["at"][:19]) for one in table] == [
        (one["kind"], one["at"][:19]) for one in logged
    ]
    assert {one["agency"][:2] for one in table if one["agency"]} == {"'="}
    assert {one["code"] for one in read(file, "notices.json")} >= {"submitted", "processed", "data_exported"}


async def test_nobody_else_is_in_it(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    other = await stage.citizen("thu-ha")
    await keep(other, pages=3)
    await issued_permit(me, officer)
    file = await export(me)
    found = everything(file)
    strangers = await rows(
        stage,
        "SELECT id FROM officers UNION SELECT id FROM subjects s WHERE NOT EXISTS"
        " (SELECT FROM dossiers d WHERE d.applicant_id = s.id)",
    )
    assert strangers
    assert not [one for (one,) in strangers if str(one) in found]
    assert number_of("thu-ha") not in found
    assert "secret" not in found
    ours = {one["id"] for one in read(file, "documents.json")}
    assert {one.split("/")[1] for one in file.namelist() if one.startswith("documents/")} <= ours


async def test_a_parent_gets_the_childs_file_and_it_stays_out_of_their_own(stage: Stage) -> None:
    me, stranger = await stage.citizen("minh-chau"), await stage.citizen("thanh-binh")
    given = {"citizenId": number_of("gia-an")}
    child = (await me.act("recogniseGuardian", "ward { subject }", **given))["ward"]["subject"]
    await keep(me)
    upload = await me.send(files.pdf(pages=2), "application/pdf", DRAWING_TYPE, onBehalfOf=child)
    await me.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE, onBehalfOf=child)
    mine, childs = await export(me), await export(me, subject=child)
    assert read(mine, "profile.json")["number"] == number_of("minh-chau")
    assert read(childs, "profile.json")["number"] == number_of("gia-an")
    kept = [{one["id"] for one in read(file, "documents.json")} for file in (mine, childs)]
    assert [len(one) for one in kept] == [1, 1]
    assert kept[0].isdisjoint(kept[1])
    assert "account.json" not in childs.namelist()
    (mandate,) = read(childs, "mandates.json")
    assert (mandate["acts"], mandate["actsFor"]) == (False, None)
    assert number_of("minh-chau") not in everything(childs)
    async with unchanged(stage):
        assert await denied(stranger, "exportMyData", subject=child) == "NOT_FOUND"
    # Another session's end, a mandate's end: what was given stands for nothing by itself.
    late = await address(me, subject=child)
    async with stage.owner.begin() as connection:
        await connection.execute(text("UPDATE mandates SET revoked_at = now()"))
    async with unchanged(stage):
        gone = await me.browser.get(late)
    assert (gone.status_code, code(gone)) == (404, "NOT_FOUND")


async def test_an_address_works_once_in_its_session_for_its_person_within_a_minute(
    stage: Stage, later: Later
) -> None:
    me, elsewhere = await stage.citizen("minh-chau"), await stage.citizen("minh-chau")
    other, officer = await stage.citizen("thu-ha"), await stage.officer("ubnd-mot.toan-quyen")
    url, second = await address(me), await address(me)
    for somebody in (elsewhere, other, officer):
        async with unchanged(stage):
            answer = await somebody.browser.get(url)
        assert (answer.status_code, code(answer)) == (404, "NOT_FOUND")
    async with unchanged(stage):
        answer = await stage.anybody().browser.get(url)
        assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")
        assert (await me.browser.head(url)).status_code == 405
        # A ticket belongs to the export it was made for, and opens nothing else.
        swapped = url.partition("?")[0] + second[second.index("?") :]
        assert (await me.browser.get(swapped)).status_code == 404
        assert (await me.browser.get(f"{ORIGIN}/exports/x?ticket=x")).status_code == 404
        assert (await me.browser.get(url.partition("?")[0])).status_code == 404
    async with changes(stage, *BEGUN):
        assert (await me.browser.get(url)).status_code == 200
    async with unchanged(stage):
        again = await me.browser.get(url)
        assert (again.status_code, code(again)) == (404, "NOT_FOUND")
        ranged = await me.browser.get(url, headers={"Range": "bytes=0-9"})
        assert ranged.status_code == 404
    assert [one["code"] for one in await notices(me)].count("data_exported") == 1
    assert [one["kind"] for one in await usage(me)].count("data.exported") == 1
    async with later(timedelta(seconds=75)) as then, unchanged(then):
        gone = await then.carry(me).browser.get(second)
    assert gone.status_code == 404


async def test_a_ticket_for_a_paper_and_one_for_everything_are_not_each_other(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    await keep(me)
    ((document, version),) = await rows(stage, "SELECT document_id, id FROM document_versions")
    paper = str(global_id("Document", document))
    url, opened = await address(me), (await me.act("openDocument", "url", document=paper))["url"]
    whole, one = (address.partition("ticket=")[2] for address in (url, opened))
    async with unchanged(stage):
        for wrong in (
            f"{opened.partition('?')[0]}?ticket={whole}",
            f"{url.partition('?')[0]}?ticket={one}",
            f"{ORIGIN}/exports/{paper}?ticket={one}",
            f"{ORIGIN}/exports/{global_id('Export', version)}?ticket={one}",
        ):
            assert (await me.browser.get(wrong)).status_code == 404, wrong
    assert (await me.browser.get(url)).status_code == (await me.browser.get(opened)).status_code == 200


async def test_what_is_sent_is_an_attachment_nobody_keeps(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    answer = await me.browser.get(await address(me))
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="motlan-export.zip"'
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers


async def test_asking_is_refused_to_whoever_has_no_vault_or_is_not_sure_enough(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    other = await stage.citizen("thu-ha")
    mine = (await me.ask("{ viewer { id } }"))["viewer"]["id"]
    one_factor = phone(stage)
    await one_factor.sign_in("minh-chau", acr_values="urn:vn:eid:tk2:xt1")
    query = "mutation($input: ExportMyDataInput!) { exportMyData(input: $input) { export { url } } }"
    async with unchanged(stage):
        assert await denied(stage.anybody(), "exportMyData") == "UNAUTHENTICATED"
        assert await denied(officer, "exportMyData") == "NOT_FOUND"
        assert await denied(officer, "exportMyData", subject=mine) == "NOT_FOUND"
        assert await denied(other, "exportMyData", subject=mine) == "NOT_FOUND"
        assert (await me.refused("exportMyData", SHOWN, subject="x"))["code"] == "BAD_INPUT"
        weak = await one_factor.send(query, {"input": {"idempotencyKey": str(uuid4())}})
    assert weak.status_code == 401
    assert weak.json()["errors"][0]["extensions"]["code"] == "STEP_UP_REQUIRED"


async def test_a_replay_has_no_address_and_a_fourth_export_waits(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    given = {"idempotencyKey": str(uuid4())}
    await me.act("exportMyData", SHOWN, **given)
    again = await me.refused("exportMyData", SHOWN, **given)
    assert (again["code"], again["path"]) == ("BAD_INPUT", ["idempotencyKey"])
    await address(me)
    refused = await me.refused("exportMyData", SHOWN)
    assert (refused["code"], refused["retryable"]) == ("RATE_LIMITED", True)
    await address(other)


async def test_ending_the_session_breaks_the_file_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    me = await stage.citizen("minh-chau")
    await keep(me)
    url = await address(me)
    monkeypatch.setattr(exporting, "JUDGED_EACH", timedelta(0))
    judge = exporting.judge_again

    async def ended_meanwhile(*given: Any) -> None:
        async with stage.owner.begin() as connection:
            await connection.execute(text("UPDATE sessions SET ended_at = now()"))
        await judge(*given)

    monkeypatch.setattr(exporting, "judge_again", ended_meanwhile)
    with pytest.raises(ConnectionAbortedError):
        await me.browser.get(url)
