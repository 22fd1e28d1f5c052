"""A parent acts for their own child, on the population database's word, and for nobody else's."""

from datetime import UTC, timedelta
from uuid import uuid4

from tests import files
from tests.flows.conftest import Later
from tests.flows.journeys import (
    consents,
    denied,
    desk_for,
    digitise,
    held,
    line,
    number_of,
    open_dossier,
    outcomes,
    rows,
    submit,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

WARD = "ward { subject relation name }"
SCHOOL = "2.002854"
WARDS = "{ viewer { wards { subject relation name } } }"


async def test_a_parent_files_for_a_child_below_seven_out_of_the_childs_vault(stage: Stage) -> None:
    me = await stage.citizen("hong-nhung")
    key = str(uuid4())
    given = {"citizenId": number_of("duc-anh"), "idempotencyKey": key}
    ward = (await me.act("recogniseGuardian", WARD, **given))["ward"]
    assert (ward["relation"], ward["name"]) == ("parent", "Đỗ Đức Anh (thử nghiệm)")
    assert (await me.act("recogniseGuardian", WARD, **given))["ward"] == ward
    assert (await me.act("recogniseGuardian", WARD, citizenId=number_of("duc-anh")))["ward"] == ward
    assert (await me.ask(WARDS))["viewer"]["wards"] == [ward]
    assert await rows(stage, "SELECT count(*) FROM mandates") == [(1,)]
    assert {"mandate.recorded", "register.asked"} <= {one["kind"] for one in await usage(me)}
    where, officer = await desk_for(stage, me, SCHOOL)
    await digitise(officer, "duc-anh", "hoc-ba", {"person.full_name@student": "x"})
    draft = await open_dossier(me, SCHOOL, where, parties=[{"role": "child", "subject": ward["subject"]}])
    assert outcomes(draft) == {"c01": "FORM", "c02": "REUSE", "c03": "FETCH"}
    (report,) = line(draft, "c02")["evidence"]
    assert report["document"]["type"] == "hoc-ba"
    filed = await submit(me, draft)
    assert filed["status"] == "NEWLY_FILED"
    # The parent agreed in the child's place: the consent is of the child's papers, given by the parent.
    consented = """SELECT count(*) FROM consents c JOIN mandates m
        ON c.subject_id = m.subject_id AND c.given_by = m.actor_id"""
    assert await rows(stage, consented) == [(1,)]
    query = "query($id: ID!) { node(id: $id) { ... on Consent { record receipt } } }"
    records = [(await me.ask(query, id=one["id"]))["node"]["record"] for one in await consents(me)]
    (said,) = [one["on_behalf"] for one in records if one["on_behalf"]]
    ((proof, until),) = await rows(stage, "SELECT evidence, valid_until FROM mandates")
    assert proof.startswith("register:")
    assert {**said, "actor": said["actor"][:3]} == {
        "actor": "pw:",
        "basis": "GUARDIAN",
        "relation": "parent",
        "proof_doc": proof,
        "scope": ["all"],
        "until": until.astimezone(UTC).isoformat(timespec="microseconds"),
    }


async def test_a_parent_deposits_into_the_childs_vault_and_files_in_its_name(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    child = (await me.act("recogniseGuardian", WARD, citizenId=number_of("gia-an")))["ward"]["subject"]
    upload = await me.send(files.pdf(), "application/pdf", "anh-chan-dung", onBehalfOf=child)
    await me.act("addDocument", "document { id }", upload=upload, type="anh-chan-dung", onBehalfOf=child)
    assert [one["type"] for one in await held(me)] == ["anh-chan-dung"]
    owner = await rows(stage, "SELECT DISTINCT d.subject_id = m.subject_id FROM documents d, mandates m")
    assert owner == [(True,)]
    named = [{"role": "child", "subject": child}]
    draft = await open_dossier(me, "1.001456", onBehalfOf=child, parties=named)
    assert outcomes(draft)["c04"] == "FETCH"
    asked = "SELECT probe, subject_id = (SELECT subject_id FROM mandates) FROM register_probes"
    assert set(await rows(stage, asked)) == {("FOUND", True)}


async def test_nobody_becomes_the_guardian_of_anybody_elses_child(stage: Stage) -> None:
    me, officer = await stage.citizen("thu-ha"), await stage.officer("ubnd-mot.toan-quyen")
    for number in (number_of("gia-an"), number_of("minh-chau"), number_of("thu-ha"), "000000000000", "x"):
        async with unchanged(stage):
            refused = await me.refused("recogniseGuardian", WARD, citizenId=number)
        assert (refused["code"], refused["message"]) == (
            "GUARDIAN_NOT_PROVEN", "The data do not show that you are this child's parent.",
        )  # fmt: skip
    async with unchanged(stage):
        assert await denied(officer, "recogniseGuardian", citizenId=number_of("gia-an")) == "ACCESS_DENIED"
        assert (
            await denied(stage.anybody(), "recogniseGuardian", citizenId=number_of("gia-an"))
            == "UNAUTHENTICATED"
        )
    assert (await me.ask(WARDS))["viewer"]["wards"] == []


async def test_numbers_are_not_found_by_trying(stage: Stage, later: Later) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    asked = "SELECT count(*) FROM ledger WHERE kind = 'register.asked'"
    for made_up in range(5):
        refused = await me.refused("recogniseGuardian", WARD, citizenId=f"00119999999{made_up}")
        assert refused["code"] == "GUARDIAN_NOT_PROVEN"
    # The same number again, however it is spaced, and what is no number at all are no further try.
    for again in ("001 199 999 990", "001", "x" * 12):
        refused = await me.refused("recogniseGuardian", WARD, citizenId=again)
        assert refused["code"] == "GUARDIAN_NOT_PROVEN"
    before = await rows(stage, asked)
    for right_or_wrong in (number_of("gia-an"), "001199999995"):
        spent = await me.refused("recogniseGuardian", WARD, citizenId=right_or_wrong)
        assert (spent["code"], spent["retryable"]) == ("TRIES_SPENT", True)
    # Nothing was asked or written down about a number beyond the limit; tries are kept as keyed hashes alone.
    assert await rows(stage, asked) == before
    assert await rows(stage, "SELECT count(*) FROM number_tries WHERE length(number_index) = 32") == [(5,)]
    for table in ("number_tries", "ledger"):
        found = f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%00119999999%'"
        assert await rows(stage, found) == [(0,)]
    assert (await me.ask(WARDS))["viewer"]["wards"] == []
    refused = await other.refused("recogniseGuardian", WARD, citizenId="001199999995")
    assert refused["code"] == "GUARDIAN_NOT_PROVEN"
    async with later(timedelta(days=1)) as then:
        silent = await then.carry(me).refused("recogniseGuardian", WARD, citizenId="001199999996")
        assert silent["code"] == "REGISTER_SILENT"


async def test_a_grown_child_is_nobodys_ward(stage: Stage) -> None:
    me = await stage.citizen("thi-sen")
    async with unchanged(stage):
        refused = await me.refused("recogniseGuardian", WARD, citizenId=number_of("thanh-binh"))
    assert refused["code"] == "GUARDIAN_NOT_PROVEN"


async def test_a_silent_register_proves_nothing_and_denies_nothing(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    await stage.sandbox.set_mode("csdl-quoc-gia-dan-cu", "down")
    async with unchanged(stage):
        refused = await me.refused("recogniseGuardian", WARD, citizenId=number_of("gia-an"))
    assert (refused["code"], refused["retryable"]) == ("REGISTER_SILENT", True)
    await stage.sandbox.restore()
    assert await me.act("recogniseGuardian", WARD, citizenId=number_of("gia-an"))


async def test_a_child_named_by_its_number_in_somebodys_filing_is_not_opened_by_that(stage: Stage) -> None:
    parent, stranger = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    child = (await parent.act("recogniseGuardian", WARD, citizenId=number_of("gia-an")))["ward"]["subject"]
    draft = await open_dossier(
        stranger, SCHOOL, parties=[{"role": "child", "citizenId": number_of("gia-an")}]
    )
    asked = await rows(stage, "SELECT count(*) FROM register_probes")
    assert asked == [(0,)]
    assert all(one["document"] is None for each in draft["requirements"] for one in each["evidence"])
    where = "query($p: String!) { agencies(procedure: $p) { id } }"
    agency = (await stranger.ask(where, p=SCHOOL))["agencies"][0]["id"]
    async with unchanged(stage):
        refused = await stranger.refused(
            "openDossier", "dossier { id }",
            procedure=SCHOOL, agency=agency, parties=[{"role": "child", "subject": child}],
        )  # fmt: skip
    assert refused["code"] == "PARTY_REFUSED"
