"""`/verify` judges what people are shown: each verdict with its reason, in both languages, and nothing is kept."""

import logging
import random
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from api.proofs.telling import told
from auth.allowances import GUESSABLE
from auth.signing import SigningKey
from tests.flows.conftest import Later
from tests.flows.journeys import PERMIT_TYPE, keep, unchanged
from tests.flows.stage import ORIGIN, Stage, agency_code
from tests.flows.strangers import (
    ADDRESS,
    CREDENTIAL,
    NUMBER,
    Clock,
    attested,
    certified,
    permit,
    revoke,
    shelf,
)
from tests.flows.test_verify_page import Page
from tests.proofs import MEETING, Wallet, by_name, point
from tests.size import seed, sized
from vault.proofs import attestation, base45
from vault.proofs.attestation import PREFIX, Statement
from vault.proofs.judging import Shown, When, judge
from vault.proofs.status_list import StatusRef

VERIFY = f"{ORIGIN}/verify"


@pytest.fixture
def clock(offset: timedelta) -> Clock:
    return Clock(offset)


async def shown(stage: Stage, text: str, **beside: str) -> dict[str, Any]:
    """What a program is told of a proof."""
    form = {"shown": text, **beside}
    answer = await stage.anybody().browser.post(VERIFY, data=form, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def verdict(stage: Stage, text: str, **beside: str) -> tuple[str, bool, list[str]]:
    said = await shown(stage, text, **beside)
    return said["verdict"], said["valid"], said["reasons"]


def signed(stage: Stage, clock: Clock, key: SigningKey | None = None, **changes: Any) -> str:
    """An attestation as our own key would sign it if it could be made to: of no paper in any vault."""
    notary = stage.platform.house.office.safe.notary
    made = Statement(
        issuer=notary.issuer,
        issued_at=clock(-60),
        expires_at=clock(3600),
        id=uuid4(),
        status=StatusRef(5, f"{notary.lists}/1"),
        document_type=PERMIT_TYPE,
        agency=agency_code("ubnd-mot"),
        level=1,
    )
    return attestation.text_of(attestation.sign(replace(made, **changes), key or notary.key))


def altered(text: str) -> str:
    """The last byte of its signature another one."""
    octets = bytearray(zlib.decompress(base45.decode(text.removeprefix(PREFIX))))
    octets[-1] ^= 1
    return PREFIX + base45.encode(zlib.compress(octets))


async def test_a_good_proof_is_called_good_until_its_paper_is_revoked(stage: Stage, clock: Clock) -> None:
    _, officer, document = await permit(stage)
    me = await stage.citizen("minh-chau")
    text = (await attested(me, document, claims=[NUMBER]))["text"]
    async with unchanged(stage):
        said = await shown(stage, f"  {text}\n")
        pages = [
            (await stage.anybody().browser.post(f"{VERIFY}?lang={one}", data={"shown": text})).text
            for one in ("vi", "en")
        ]
    # Exactly what a verifier finds who never asks us.
    alone = judge(Shown(text), await shelf(stage), When(clock()))
    assert said == told(alone)
    assert (said["verdict"], said["valid"], said["claims"][NUMBER]) == ("GOOD", True, "01/GPXD")
    assert ADDRESS not in said["claims"]
    assert "Bản chứng thực hợp lệ; giấy tờ đang có hiệu lực." in pages[0]
    assert "The proof is good, and the document is in force." in pages[1]
    for page in pages:
        assert "01/GPXD" in page
    assert "Construction permit" in pages[1]
    assert "Issued by the agency itself" in pages[1]
    await revoke(officer, document)
    assert await verdict(stage, text) == ("REVOKED", False, ["revoked"])
    page = (await stage.anybody().browser.post(f"{VERIFY}?lang=en", data={"shown": text})).text
    assert "The document was revoked, or its owner took this proof back." in page
    assert "The proof is good" not in page


def halved(text: str) -> str:
    """Half a proof, cut between two groups of three letters: as letters it is whole (RFC 9285)."""
    letters = text.removeprefix(PREFIX)
    return PREFIX + letters[: len(letters) // 6 * 3]


async def test_each_way_of_being_no_good_has_its_own_verdict(stage: Stage, clock: Clock) -> None:
    lists = stage.platform.house.office.safe.notary.lists
    made: Mapping[str, tuple[str, str, list[str]]] = {
        "as it should be": (signed(stage, clock), "GOOD", []),
        "altered": (altered(signed(stage, clock)), "FORGED", ["signature"]),
        "a stranger's key": (signed(stage, clock, SigningKey.generate()), "UNKNOWN", ["key_unknown"]),
        "of another vault": (
            signed(stage, clock, issuer="https://elsewhere.example"), "NOT_ENTITLED", ["issuer"],
        ),
        "by nobody": (signed(stage, clock, agency="H00.00.00"), "NOT_ENTITLED", ["agency_unknown"]),
        "not its papers": (signed(stage, clock, document_type="x"), "NOT_ENTITLED", ["not_entitled"]),
        "late": (signed(stage, clock, expires_at=clock(-1)), "EXPIRED", ["expired"]),
        "early": (
            signed(stage, clock, issued_at=clock(900), expires_at=clock(999)), "NOT_YET", ["not_yet_valid"],
        ),
        "no list yet": (signed(stage, clock, status=StatusRef(5, f"{lists}/9")), "UNKNOWN", ["list_missing"]),
        "list none": (signed(stage, clock, status=StatusRef(5, f"{lists}/0")), "UNKNOWN", ["list_missing"]),
        "list elsewhere": (
            signed(stage, clock, status=StatusRef(5, "https://elsewhere.example/1")), "UNKNOWN", ["list_missing"],
        ),
        "beyond the list": (
            signed(stage, clock, status=StatusRef(2**40, f"{lists}/1")), "UNKNOWN", ["index_out_of_bounds"],
        ),
        "half": (halved(signed(stage, clock)), "NO_PROOF", ["compression"]),
        "letters": (f"{PREFIX}abc", "NO_PROOF", ["base45"]),
        "a token": ("eyJhbGciOiJub25lIn0.e30.", "NO_PROOF", ["encoding"]),
    }  # fmt: skip
    async with unchanged(stage):
        found = {name: await verdict(stage, text) for name, (text, _, _) in made.items()}
    assert found == {name: (word, word == "GOOD", why) for name, (_, word, why) in made.items()}


async def test_a_list_out_of_date_says_unknown_where_the_page_says_what_is(
    stage: Stage, later: Later, clock: Clock
) -> None:
    me, officer, document = await certified(stage)
    text = (await attested(me, document))["text"]
    kept, day = await shelf(stage), 25 * 3600
    async with later(timedelta(hours=25)) as then:
        stale = told(judge(Shown(text), kept, When(clock(day))))
        assert (stale["verdict"], stale["valid"], stale["reasons"]) == ("UNKNOWN", False, ["list_stale"])
        assert await verdict(then, text) == ("GOOD", True, [])
        await revoke(then.carry(officer), document)
        assert await verdict(then, text) == ("REVOKED", False, ["revoked"])


async def test_the_file_beside_a_proof_is_known_by_its_digest_alone(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    made = await attested(me, await keep(me, PERMIT_TYPE, {NUMBER: "tự khai"}))
    file = (await me.browser.get(made["fileUrl"])).content
    right, wrong = sha256(file).hexdigest(), sha256(file + b" ").hexdigest()
    # Nobody but its owner vouches for the paper: that much is sure, and it is not called good.
    declared = ("SELF_DECLARED", False, ["self_declared"])
    assert await verdict(stage, made["text"]) == declared
    assert await verdict(stage, made["text"], file_sha256=right) == declared
    other = await verdict(stage, made["text"], file_sha256=wrong)
    assert other == ("OTHER_FILE", False, ["file_altered", "self_declared"])
    page = await stage.anybody().browser.post(VERIFY, data={"shown": made["text"], "file_sha256": wrong})
    assert "tự khai" not in page.text


async def test_a_credential_is_judged_for_the_meeting_it_was_shown_at(stage: Stage, clock: Clock) -> None:
    me, _, document = await permit(stage)
    app = SigningKey.generate()
    given = {"document": document, "holderKey": point(app)}
    made = (await me.act("issueCredential", CREDENTIAL, **given))["credential"]
    token, *disclosures, _ = made["text"].split("~")
    text = Wallet(token, by_name(disclosures), app).present(NUMBER, iat=clock())
    said = await shown(stage, text)
    assert (said["verdict"], said["holder"], said["claims"][NUMBER]) == ("GOOD", "UNCHECKED", "01/GPXD")
    assert ADDRESS not in said["claims"]
    page = await stage.anybody().browser.post(f"{VERIFY}?lang=en", data={"shown": text})
    assert "It was not checked that whoever shows this credential is its holder." in page.text
    asked = {"audience": MEETING.audience, "nonce": MEETING.nonce}
    assert (await shown(stage, text, **asked))["holder"] == "PROVEN"
    assert await verdict(stage, text, **asked | {"nonce": "x"}) == (
        "NOT_ITS_HOLDER", False, ["key_binding_nonce"],
    )  # fmt: skip
    bare = text.rpartition("~")[0] + "~"
    assert (await verdict(stage, bare, **asked))[2] == ["key_binding_missing"]
    # No credential speaks of a file, and none laid beside it passes for proven.
    assert await verdict(stage, text, file_sha256="0" * 64) == ("OTHER_FILE", False, ["no_file_attested"])


async def test_a_code_is_checked_by_the_same_form_and_its_address_not_needed(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    document = await keep(me, PERMIT_TYPE, {NUMBER: "tự khai"})
    share = (await me.act("createShare", "share { code url }", document=document))["share"]
    for text in (share["code"], share["url"], f" {share['code'].lower()} "):
        said = await shown(stage, text)
        assert (said["known"], said["vouchedByState"]) == (True, False)
    for text in ("x" * 65, "0" * 26, f"{ORIGIN}/verify/none", "%F0%9F%92%A9", "' OR 1=1"):
        answer = await stage.anybody().browser.post(
            VERIFY, data={"shown": text}, headers={"Accept": "application/json"}
        )
        assert (answer.status_code, answer.json()) == (404, {"known": False}), text


async def test_a_proof_is_sent_on_in_no_address_and_written_nowhere(
    stage: Stage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    text, browser = signed(stage, clock, claims={NUMBER: "bimatcuatoi"}), stage.anybody().browser
    typed = await browser.get(VERIFY, params={"code": text[:64]})
    assert (typed.status_code, "location" in typed.headers) == (200, False)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("control").info(text)
        assert text in caplog.text
        caplog.clear()
        answer = await browser.post(f"{VERIFY}?lang=en", data={"shown": text})
    assert "bimatcuatoi" in answer.text
    assert text not in answer.text
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert not {"set-cookie", "location"} & set(answer.headers)
    assert not [one for one in ("bimatcuatoi", text, text[10:40]) if one in caplog.text]


@contextmanager
def statements(stage: Stage) -> Iterator[list[str]]:
    """What the database is asked within the block."""
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *about: Any) -> None:
        asked.append(statement)

    engine = stage.platform.house.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_what_is_no_proof_of_ours_reads_nothing_of_how_proofs_stand(stage: Stage, clock: Clock) -> None:
    good, foreign = signed(stage, clock), signed(stage, clock, SigningKey.generate())
    with statements(stage) as asked:
        await shown(stage, f"{PREFIX}abc")
    assert asked == []
    for text, reads in ((foreign, False), (altered(good), False), (good, True)):
        with statements(stage) as asked:
            await shown(stage, text)
        assert any("standings_of" in one for one in asked) == reads
        # Nobody's papers, whatever is shown.
        assert not [one for one in asked if "documents" in one or "FROM attestations" in one]


HOSTILE: Mapping[str, tuple[bytes, dict[str, str], int]] = {
    "nothing": (b"", {}, 400),
    "no field": (b"other=1", {}, 400),
    "blank": (b"shown=%20%20", {}, 400),
    "twice": (b"shown=a&shown=b", {}, 400),
    "no form": (b"VNA1:ABC", {}, 400),
    "NUL": (b"shown=VNA1%3A%00", {}, 400),
    "no UTF-8": (b"shown=%ff%fe", {}, 400),
    "bytes": (b"shown=\xff", {}, 400),
    "many fields": (b"&".join(b"f%d=1" % one for one in range(40)), {}, 400),
    "no digest": (b"shown=VNA1%3AAA&file_sha256=xyz", {}, 400),
    "a long digest": (b"shown=VNA1%3AAA&file_sha256=" + b"a" * 65, {}, 400),
    "too long": (b"shown=" + b"A" * 64 * 1024, {}, 413),
    "JSON": (b'{"shown": "x"}', {"Content-Type": "application/json"}, 415),
    "in parts": (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
    "compressed": (b"shown=x", {"Content-Encoding": "gzip"}, 415),
}


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
async def test_what_is_no_form_of_ours_is_refused_as_such(stage: Stage, accept: str) -> None:
    browser, form = stage.anybody().browser, {"Content-Type": "application/x-www-form-urlencoded"}
    async with unchanged(stage):
        for name, (body, headers, status) in HOSTILE.items():
            answer = await browser.post(VERIFY, content=body, headers={"Accept": accept} | form | headers)
            assert answer.status_code == status, name
            if accept == "application/json":
                assert answer.json()["errors"][0]["code"] == "BAD_INPUT"
            else:
                assert 'role="alert"' in answer.text


async def test_a_proof_damaged_anywhere_is_never_called_good(stage: Stage, clock: Clock) -> None:
    given, rounds = random.Random(at := seed()), sized(40, 2_000)
    good = signed(stage, clock, claims={NUMBER: "01/GPXD"})
    house = stage.platform.house
    words: dict[str, int] = {}
    for number in range(rounds):
        hurt = bytearray(zlib.decompress(base45.decode(good.removeprefix(PREFIX))))
        hurt[given.randrange(len(hurt))] ^= 1 << given.randrange(8)
        # A page that judged so many would say "later".
        house.allowances._buckets.clear()
        said = await shown(stage, PREFIX + base45.encode(zlib.compress(hurt)))
        assert not said["valid"], number
        words[said["verdict"]] = words.get(said["verdict"], 0) + 1
    assert (await shown(stage, good))["valid"]
    print(f"seed {at}: {rounds} damaged proofs, none good: {words}")


async def test_whoever_tries_too_often_is_told_when_to_come_back(stage: Stage) -> None:
    browser, allowed = stage.anybody().browser, GUESSABLE["/verify"].at_once
    statuses = []
    for _ in range(allowed + 20):
        answer = await browser.post(VERIFY, data={"shown": f"{PREFIX}abc"})
        statuses.append(answer.status_code)
        assert (answer.status_code == 429) == ("retry-after" in answer.headers)
    assert set(statuses) == {200, 429}
    # Codes and proofs share one allowance: neither is a way around the other.
    assert (await browser.get(f"{VERIFY}/0000000000")).status_code == 429


@pytest.mark.parametrize(("language", "heading"), [("vi", "Kết quả kiểm tra"), ("en", "Result of the check")])
async def test_a_verdict_is_a_page_anybody_can_read(
    stage: Stage, clock: Clock, language: str, heading: str
) -> None:
    browser, hidden = stage.anybody().browser, "<script>alert(1)</script>"
    for text in (signed(stage, clock, claims={NUMBER: hidden}), f"{PREFIX}abc", ""):
        answer = await browser.post(f"{VERIFY}?lang={language}", data={"shown": text})
        page = Page()
        page.feed(answer.text)
        assert (page.language, page.headings) == (language, 1)
        assert page.inputs <= page.labels
        assert hidden not in answer.text
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert (heading in answer.text) == bool(text)
