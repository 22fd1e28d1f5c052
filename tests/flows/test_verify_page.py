"""`/verify`: whether a paper stands, told to anyone with a live code, in two languages, without its content."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import text

from sandbox.people import BY_KEY
from tests import files
from tests.flows.journeys import DRAWING_TYPE, PERMIT_CLAIMS, PERMIT_TYPE, held, issued_permit, unchanged
from tests.flows.stage import ORIGIN, Person, Stage


async def share(person: Person, document: str, **given: Any) -> dict[str, str]:
    made = await person.act("createShare", "share { id code url }", document=document, **given)
    found: dict[str, str] = made["share"]
    return found


async def shared_permit(stage: Stage) -> tuple[Person, dict[str, str]]:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    _, permit = await issued_permit(me, officer)
    return me, await share(me, permit, claims=["permit.number@permit_holder"])


async def told(stage: Stage, address: str, language: str = "en") -> tuple[int, dict[str, Any]]:
    headers = {"Accept": "application/json", "Accept-Language": language}
    answer = await stage.anybody().browser.get(address, headers=headers)
    said: dict[str, Any] = answer.json()
    return answer.status_code, said


async def test_a_live_code_says_that_the_paper_stands_and_nothing_of_what_it_says(stage: Stage) -> None:
    _, made = await shared_permit(stage)
    async with unchanged(stage):
        status, said = await told(stage, made["url"])
        page = await stage.anybody().browser.get(made["url"])
    assert (status, said["known"], said["valid"], said["status"]) == (200, True, True, "VALID")
    assert said["issuer"] == "People’s Committee, Test Ward One (sandbox)"
    assert said["issuedOn"] == "2026-11-23"
    assert page.status_code == 200
    secrets = [*map(str, PERMIT_CLAIMS.values()), BY_KEY["minh-chau"].name, BY_KEY["minh-chau"].number]
    assert not [one for one in secrets if one in page.text or one in str(said)]


async def test_no_use_of_the_code_is_spent(stage: Stage) -> None:
    _, made = await shared_permit(stage)
    for _ in range(3):
        assert (await told(stage, made["url"]))[0] == 200
    officer = await stage.officer("so-cong-thuong.toan-quyen")
    verdict = await officer.act("verifyDocument", "verdict { valid }", code=made["code"])
    assert verdict["verdict"]["valid"]


async def test_unknown_withdrawn_and_lapsed_codes_get_one_answer(stage: Stage) -> None:
    me, withdrawn = await shared_permit(stage)
    document = (await held(me, PERMIT_TYPE))[0]["id"]
    await me.act("revokeShare", "share { id }", share=withdrawn["id"])
    lapsed = await share(me, document)
    async with stage.owner.begin() as connection:
        late = text("UPDATE shares SET expires_at = created_at + :one WHERE revoked_at IS NULL")
        await connection.execute(late, {"one": timedelta(0)})
    unknown = f"{ORIGIN}/verify/0123456789ABCDEFGHJKMNPQRS"
    answers = [await told(stage, one) for one in (withdrawn["url"], lapsed["url"], unknown)]
    assert answers == [(404, {"known": False})] * 3
    pages = [await stage.anybody().browser.get(one) for one in (withdrawn["url"], lapsed["url"], unknown)]
    without_nonce = {re.sub(r'nonce="[^"]+"', "", page.text) for page in pages}
    assert len(without_nonce) == 1


@pytest.mark.parametrize("code", ["x" * 65, "a\x00b", "%F0%9F%92%A9", "../healthz", "' OR 1=1"])
async def test_what_is_no_code_is_an_unknown_one(stage: Stage, code: str) -> None:
    answer = await stage.anybody().browser.get(f"{ORIGIN}/verify", params={"code": code})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/verify/")
    assert (await told(stage, f"{ORIGIN}{answer.headers['location']}")) == (404, {"known": False})


async def test_a_paper_its_owner_alone_declares_is_not_called_valid(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    upload = await me.send(files.pdf(), "application/pdf", DRAWING_TYPE)
    added = await me.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
    made = await share(me, added["document"]["id"])
    _, said = await told(stage, made["url"])
    assert (said["known"], said["valid"], said["vouchedByState"]) == (True, False, False)


async def test_a_revoked_paper_no_longer_stands(stage: Stage) -> None:
    me, made = await shared_permit(stage)
    officer = await stage.officer("ubnd-mot.toan-quyen")
    document = (await held(me, PERMIT_TYPE))[0]["id"]
    why = {"reason": "x", "legalBasis": "Luật số 135/2025/QH15, Điều 54"}
    await officer.act("revokeResult", "errors { code }", document=document, **why)
    _, said = await told(stage, made["url"])
    assert (said["known"], said["valid"], said["status"]) == (True, False, "REVOKED")


class Page(HTMLParser):
    """What a screen reader needs to find."""

    def __init__(self) -> None:
        super().__init__()
        self.language, self.headings = "", 0
        self.labels: set[str] = set()
        self.inputs: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = given["lang"]
        elif tag == "label":
            self.labels.add(given["for"])
        elif tag in ("input", "textarea") and given.get("type") != "hidden":
            self.inputs.add(given["id"])
        self.headings += tag == "h1"


@pytest.mark.parametrize(("language", "heading"), [("vi", "Kiểm tra giấy tờ"), ("en", "Check a document")])
async def test_the_form_is_labelled_and_speaks_the_readers_language(
    stage: Stage, language: str, heading: str
) -> None:
    answer = await stage.anybody().browser.get(f"{ORIGIN}/verify", headers={"Accept-Language": language})
    page = Page()
    page.feed(answer.text)
    assert (page.language, page.headings) == (language, 1)
    assert page.inputs > {"shown", "paper"}
    assert page.inputs <= page.labels
    assert heading in answer.text
    assert "SANDBOX" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_the_result_is_told_in_both_languages(stage: Stage) -> None:
    _, made = await shared_permit(stage)
    browser = stage.anybody().browser
    vi = await browser.get(f"{made['url']}?lang=vi")
    en = await browser.get(f"{made['url']}?lang=en")
    assert "Giấy tờ có giá trị." in vi.text
    assert "The document stands." in en.text
    assert (await told(stage, made["url"], "vi"))[1]["documentType"] != (await told(stage, made["url"]))[1][
        "documentType"
    ]
