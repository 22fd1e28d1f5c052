"""A director acts for their own company, on the business register's word, for a time, and for nobody else's."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sandbox.establishments import ORGANISATIONS, ORGANISATIONS_BY_KEY
from tests.flows.conftest import Later
from tests.flows.journeys import (
    agency,
    consents,
    denied,
    desk_for,
    digitise,
    held,
    line,
    notices,
    number_of,
    open_dossier,
    outcomes,
    rows,
    scan,
    submit,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage

COMPANY = ORGANISATIONS_BY_KEY["cong-ty-thu-nghiem"]
COOPERATIVE = ORGANISATIONS_BY_KEY["hop-tac-xa-thu-nghiem"]
STALL = next(one for one in ORGANISATIONS if one.kind == "household")
REGISTER = "csdl-quoc-gia-dang-ky-doanh-nghiep"
FOOD = "1.013855"
FIT_TYPE, TRAINED_TYPE, ROOMS_TYPE = (
    "giay-xac-nhan-suc-khoe-attp",
    "xac-nhan-tap-huan-attp",
    "thuyet-minh-co-so-vat-chat-attp",
)
WORKER = {
    "person.full_name@worker": "Hồ Quốc Việt (thử nghiệm)",
    "document.issue_date@document": "2026-11-02",
}
FIT = WORKER | {"health.food_work_fit@worker": True}
TRAINED = WORKER | {"education.training_course@worker": "ATTP"}
WARD = "ward { subject relation name } until"
WARDS = "{ viewer { wards { subject relation name } } }"


async def test_a_director_acts_for_the_company_the_register_names_them_for(stage: Stage) -> None:
    me = await stage.citizen("quoc-viet")
    given = {"organisationId": COMPANY.number, "idempotencyKey": str(uuid4())}
    made = await me.act("recogniseRepresentative", WARD, **given)
    ward = made["ward"]
    assert (ward["relation"], ward["name"]) == ("representative", COMPANY.name)
    assert await me.act("recogniseRepresentative", WARD, **given) == made
    assert (await me.ask(WARDS))["viewer"]["wards"] == [ward]
    told = """SELECT m.basis, m.scope, m.evidence LIKE 'register:%', m.valid_until - m.valid_from, s.kind
        FROM mandates m JOIN subjects s ON s.id = m.subject_id"""
    assert await rows(stage, told) == [("REPRESENTATIVE", ["all"], True, timedelta(days=30), "organisation")]
    logged = {(one["kind"], one["purpose"]) for one in await usage(me)}
    assert ("mandate.recorded", "mandate:representative") in logged
    assert [one["code"] for one in await notices(me)] == ["representative_recognised"]


async def test_a_company_files_with_what_its_register_holds_and_agrees_by_its_director(stage: Stage) -> None:
    me = await stage.citizen("quoc-viet")
    company = await recognised(me)
    where, officer = await desk_for(stage, me, FOOD)
    await digitise(officer, COMPANY.key, FIT_TYPE, FIT)
    draft = await open_dossier(me, FOOD, where, onBehalfOf=company)
    assert outcomes(draft) == {
        "c01": "FORM",
        "c02": "FETCH",
        "c03": "SUPPLY",
        "c04": "REUSE",
        "c05": "SUPPLY",
    }
    # Its register fills in the company's fields; its number is no person's.
    form = {one["key"]: (one["value"], one["source"]) for one in draft["form"]}
    assert form["establishment_name"] == (COMPANY.name, "register:gcn-dang-ky-doanh-nghiep")
    assert form["owner_personal_id_number"] == (None, None)
    for part, paper, claims in (("c03", ROOMS_TYPE, {}), ("c05", TRAINED_TYPE, TRAINED)):
        about = {"dossier": draft["id"], "requirement": line(draft, part)["requirement"]["id"]}
        upload = await me.send(scan(), "application/pdf", paper, onBehalfOf=company, **about)
        await me.act("addDocument", "document { id }", upload=upload, type=paper, claims=claims, **about)
    assert (await submit(me, draft))["status"] == "NEWLY_FILED"
    query = "query($id: ID!) { node(id: $id) { ... on Consent { record validUntil } } }"
    (one,) = [(await me.ask(query, id=one["id"]))["node"] for one in await consents(me)]
    said = one["record"]["on_behalf"]
    assert (said["basis"], said["relation"], said["scope"]) == ("REPRESENTATIVE", "representative", ["all"])
    ((proof, until),) = await rows(stage, "SELECT evidence, valid_until FROM mandates")
    assert (said["proof_doc"], datetime.fromisoformat(said["until"])) == (proof, until.astimezone(UTC))
    # A director's word lasts as long as the register's word on the director.
    assert datetime.fromisoformat(one["validUntil"]) == until


async def test_nobody_represents_a_company_that_does_not_name_them(stage: Stage) -> None:
    me, officer = await stage.citizen("thanh-binh"), await stage.officer("ubnd-mot.toan-quyen")
    head = await stage.citizen("thi-sen")
    owner = await stage.citizen(STALL.head)
    # A member of the company; a cooperative, of which the register gives a name alone; a household business, which is
    # its owner; a person's number; nobody's; none.
    for somebody, number in (
        (me, COMPANY.number),
        (head, COOPERATIVE.number),
        (owner, STALL.number),
        (me, number_of("thanh-binh")),
        (me, "0009999999"),
        (me, "x"),
    ):
        async with unchanged(stage):
            refused = await somebody.refused("recogniseRepresentative", WARD, organisationId=number)
        assert (refused["code"], refused["message"]) == (
            "REPRESENTATIVE_NOT_PROVEN",
            "The business register does not show that you are this organisation's legal representative.",
        )
        assert (await somebody.ask(WARDS))["viewer"]["wards"] == []
    async with unchanged(stage):
        given = {"organisationId": COMPANY.number}
        assert await denied(officer, "recogniseRepresentative", **given) == "ACCESS_DENIED"
        assert await denied(stage.anybody(), "recogniseRepresentative", **given) == "UNAUTHENTICATED"
    # Nothing the register said of it is kept: it is no subject of the vault.
    assert await rows(stage, "SELECT count(*) FROM subjects WHERE kind = 'organisation'") == [(0,)]


async def test_companies_are_not_found_by_trying(stage: Stage) -> None:
    me = await stage.citizen("quoc-viet")
    for made_up in range(5):
        refused = await me.refused("recogniseRepresentative", WARD, organisationId=f"000999999{made_up}")
        assert refused["code"] == "REPRESENTATIVE_NOT_PROVEN"
    before = await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'register.asked'")
    spent = await me.refused("recogniseRepresentative", WARD, organisationId=COMPANY.number)
    assert (spent["code"], spent["retryable"]) == ("TRIES_SPENT", True)
    assert await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'register.asked'") == before == [(5,)]
    # Children are counted for themselves.
    refused = await me.refused("recogniseGuardian", "ward { name }", citizenId="001199999990")
    assert refused["code"] == "GUARDIAN_NOT_PROVEN"


async def test_a_silent_register_proves_nothing_and_denies_nothing(stage: Stage) -> None:
    me = await stage.citizen("quoc-viet")
    await stage.sandbox.set_mode(REGISTER, "down")
    async with unchanged(stage):
        refused = await me.refused("recogniseRepresentative", WARD, organisationId=COMPANY.number)
    assert (refused["code"], refused["retryable"]) == ("REGISTER_SILENT", True)
    await stage.sandbox.restore()
    assert await recognised(me)


async def test_the_registers_word_counts_thirty_days_and_from_each_asking(stage: Stage, later: Later) -> None:
    me = await stage.citizen("quoc-viet")
    company, where = await recognised(me), await agency(me, FOOD)
    assert await recognised(me) == company
    state = "SELECT revoked_at IS NULL FROM mandates ORDER BY valid_from"
    assert await rows(stage, state) == [(False,), (True,)]
    # Their own earlier mandate is nobody's loss.
    assert {one["code"] for one in await notices(me)} == {"representative_recognised"}
    async with later(timedelta(days=29, hours=23)) as then:
        assert len((await then.carry(me).ask(WARDS))["viewer"]["wards"]) == 1
    async with later(timedelta(days=30, minutes=1)) as then:
        over = then.carry(me)
        assert (await over.ask(WARDS))["viewer"]["wards"] == []
        given = {"procedure": FOOD, "agency": where, "onBehalfOf": company}
        assert await denied(over, "openDossier", **given) == "NOT_FOUND"
        assert await held(over) == []


async def test_whom_the_register_names_no_longer_acts_for_the_company_no_more(stage: Stage) -> None:
    former, me = await stage.citizen("thanh-binh"), await stage.citizen("quoc-viet")
    company = await recognised(me)
    # As if the register had named another a week ago: the mandate is theirs, and live.
    theirs = "(SELECT holder_id FROM sessions ORDER BY created_at LIMIT 1)"
    assert await rows(stage, f"UPDATE mandates SET actor_id = {theirs} RETURNING 1") == [(1,)]
    assert [one["subject"] for one in (await former.ask(WARDS))["viewer"]["wards"]] == [company]
    assert (await me.ask(WARDS))["viewer"]["wards"] == []
    assert await recognised(me) == company
    assert (await former.ask(WARDS))["viewer"]["wards"] == []
    assert [one["subject"] for one in (await me.ask(WARDS))["viewer"]["wards"]] == [company]
    assert [one["code"] for one in await notices(former)] == ["representative_replaced"]
    assert "mandate.ended" in {one["kind"] for one in await usage(me)}


async def recognised(person: Person) -> str:
    made = await person.act("recogniseRepresentative", "ward { subject }", organisationId=COMPANY.number)
    return str(made["ward"]["subject"])
