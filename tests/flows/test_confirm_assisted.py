"""Agreeing without a phone: one officer prints what is asked, the person signs, another officer confirms it."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from tests.flows.conftest import Later
from tests.flows.journeys import (
    Facts,
    consents,
    denied,
    digitise,
    fill,
    notices,
    number_of,
    outcomes,
    requests,
    rows,
    submit,
    take_in,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage
from tests.flows.test_give_consent import DWELLING, HOUSE, HOUSE_CLAIMS, HUSBAND, WIFE, moving_in

SHEET = "sheet { code text sha256 expiresAt }"
SIGNED = sha256(b"the scan of a signed sheet").hexdigest()
RECORD = "query($id: ID!) { node(id: $id) { ... on Consent { status record text } } }"


class Counter:
    """A husband's filing waits for his wife, who stands at the counter of the police without a phone."""

    def __init__(self, stage: Stage, husband: Person, typist: Person, witness: Person, draft: Facts) -> None:
        self.stage, self.husband, self.typist, self.witness = stage, husband, typist, witness
        self.draft = draft

    async def identify(self, officer: Person, key: str = WIFE) -> str:
        met = await officer.act("identifySubject", "subject", citizenId=number_of(key))
        return str(met["subject"])

    async def sheet(self) -> Facts:
        made = await self.typist.act("prepareAssisted", SHEET, subject=await self.identify(self.typist))
        found: Facts = made["sheet"]
        return found

    async def confirm(self, code: str, **given: Any) -> str:
        done = await self.witness.act(
            "confirmAssisted", "confirmation { status }", code=code, signedSha256=SIGNED, **given
        )
        return str(done["confirmation"]["status"])

    async def refused(self, officer: Person, code: str, signed: str = SIGNED) -> str:
        async with unchanged(self.stage):
            said = await officer.refused(
                "confirmAssisted", "confirmation { status }", code=code, signedSha256=signed
            )
        return str(said["code"])


@pytest.fixture
async def counter(stage: Stage) -> Counter:
    husband = await stage.citizen(HUSBAND)
    await stage.citizen(WIFE)
    typist, witness = (
        await stage.officer("cong-an-xa.tiep-nhan"),
        await stage.officer("cong-an-xa.toan-quyen"),
    )
    draft = await fill(husband, await moving_in(husband, "cong-an-xa"))
    return Counter(stage, husband, typist, witness, draft)


async def test_a_signed_sheet_confirmed_by_another_officer_is_the_persons_own_consent(
    counter: Counter,
) -> None:
    sheet = await counter.sheet()
    assert "Purpose:" in sheet["text"]
    assert sha256(sheet["text"].encode()).hexdigest() == sheet["sha256"]
    # In whatever spacing and case it is typed from the paper.
    typed = f" {sheet['code'][:4].lower()}-{sheet['code'][4:]} "
    key = str(uuid4())
    for _ in range(2):
        assert await counter.confirm(typed, idempotencyKey=key) == "GIVEN"
    wife = await counter.stage.citizen(WIFE)
    assert (await notices(wife))[0]["code"] == "agreed_at_counter"
    (consent,) = await consents(wife)
    told = (await wife.ask(RECORD, id=consent["id"]))["node"]
    record = told["record"]
    assert (told["text"], record["on_behalf"]["basis"]) == (sheet["text"], "ASSISTED")
    assert record["evidence"]["method"] == "signed-sheet"
    assert record["evidence"]["counter"]["signed_sha256"] == SIGNED
    assert record["on_behalf"]["proof_doc"] == f"sheet:{SIGNED}"
    # The person gave it; whoever typed is told of, and gave nothing.
    assert record["events"][0]["entity_id"] == record["pii_principal_id"] != record["on_behalf"]["actor"]
    kinds = [one["kind"] for one in await usage(wife)]
    assert {"subject.identified", "consent.sheet", "consent.given"} <= set(kinds)
    # The register is asked now, and the filing goes on.
    await counter.stage.settle()
    filed = await submit(counter.husband, counter.draft)
    assert outcomes(filed)["c02"] == "FETCH"
    taken = await take_in(counter.witness, filed)
    opened = await counter.witness.act(
        "openEvidence", "evidence { claims { name } }", dossier=taken["id"], requirements=[DWELLING]
    )
    assert opened["evidence"][0]["claims"]
    # And it is taken back as any other.
    assert (await wife.act("withdrawConsent", "consent { status }", consent=consent["id"]))["consent"][
        "status"
    ] == "WITHDRAWN"


async def test_whoever_typed_confirms_nothing_and_a_sheet_serves_once(counter: Counter) -> None:
    sheet = await counter.sheet()
    assert await counter.refused(counter.typist, sheet["code"]) == "SHEET_REFUSED"
    unknown = {"code": "AAAABBBBCCCCDDDD", "signedSha256": SIGNED}
    assert await denied(counter.witness, "confirmAssisted", **unknown) == "NOT_FOUND"
    for digest in ("", "x" * 64, SIGNED.upper()):
        assert await counter.refused(counter.witness, sheet["code"], digest) == "SHEET_REFUSED"
    elsewhere = await counter.stage.officer("ubnd-mot.toan-quyen")
    given = {"code": sheet["code"], "signedSha256": SIGNED}
    assert await denied(elsewhere, "confirmAssisted", **given) == "NOT_FOUND"
    answers = await asyncio.gather(
        *(
            counter.witness.attempt(
                "confirmAssisted", "confirmation { status }", code=sheet["code"], signedSha256=SIGNED
            )
            for _ in range(4)
        )
    )
    done = [one for one in answers if one["confirmation"] is not None]
    assert len(done) == 1
    assert await rows(counter.stage, "SELECT count(*) FROM consents WHERE status = 'GIVEN'") == [(1,)]
    assert await counter.refused(counter.witness, sheet["code"]) == "SHEET_REFUSED"
    # Nothing waits any more.
    subject = await counter.identify(counter.typist)
    assert await denied(counter.typist, "prepareAssisted", subject=subject) == "NOT_FOUND"


async def test_what_changed_since_it_was_printed_or_lapsed_is_not_signed(
    counter: Counter, later: Later
) -> None:
    sheet = await counter.sheet()
    # She holds a paper now: another thing would be shown, under another request.
    await digitise(counter.witness, WIFE, HOUSE, HOUSE_CLAIMS)
    await rows(counter.stage, "UPDATE assisted_sheets SET notice_sha256 = repeat('0', 64) RETURNING id")
    assert await counter.refused(counter.witness, sheet["code"]) == "CONSENT_STALE"
    async with later(timedelta(hours=9)) as then:
        witness = then.carry(counter.witness)
        said = await witness.refused(
            "confirmAssisted", "confirmation { status }", code=sheet["code"], signedSha256=SIGNED
        )
        assert said["code"] == "SHEET_REFUSED"


async def test_only_the_counter_of_the_agency_that_asks_prints(counter: Counter) -> None:
    elsewhere = await counter.stage.officer("ubnd-mot.toan-quyen")
    subject = await counter.identify(elsewhere)
    async with unchanged(counter.stage):
        assert await denied(elsewhere, "prepareAssisted", subject=subject) == "NOT_FOUND"
        assert await denied(counter.husband, "prepareAssisted", subject=subject) == "ACCESS_DENIED"
    wife = await counter.stage.citizen(WIFE)
    assert len(await requests(wife)) == 1
