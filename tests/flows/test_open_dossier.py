"""Opening a filing: what the draft says of each requirement, what registers are asked, and what is refused."""

from typing import Any
from uuid import uuid4

import pytest

from tests.flows.journeys import (
    DRAWING_TYPE,
    LAND_CLAIMS,
    LAND_REGISTER,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    SHOWN,
    agency,
    bring,
    denied,
    digitise,
    figures,
    held,
    keep,
    line,
    look,
    number_of,
    open_dossier,
    outcomes,
    permit_draft,
    requests,
    rows,
    seen,
    submitted_permit,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage

LISTED = "{ myDossiers(first: 5) { edges { node { id status } } } }"
QUEUE = "{ desk(first: 5) { edges { node { id } } } }"


async def refusal_of_opening(person: Person, stage: Stage, procedure: str, **given: Any) -> str:
    """The code an opening is refused with, having changed nothing."""
    where = given.pop("agency", None) or await agency(person, procedure)
    async with unchanged(stage):
        refused = await person.refused(
            "openDossier", "dossier { id }", procedure=procedure, agency=where, **given
        )
    return str(refused["code"])


async def test_a_draft_gives_each_requirement_one_outcome_and_is_seen_by_no_agency(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    assert outcomes(draft) == {"c01": "FORM", "c02": "REUSE", "c03": "SUPPLY", "c04": "NOT_APPLICABLE"}
    assert (draft["status"], draft["code"], draft["submittedAt"]) == ("DRAFT", None, None)
    assert draft["availableMoves"] == ["submit"]
    (used,) = line(draft, "c02")["evidence"]
    assert (used["document"]["type"], used["document"]["origin"]) == (LAND_TYPE, "DIGITISED")
    assert used["recipient"] == "People’s Committee, Test Ward One (sandbox)"
    listed = (await me.ask(LISTED))["myDossiers"]["edges"]
    assert [edge["node"] for edge in listed] == [{"id": draft["id"], "status": "DRAFT"}]
    assert (await officer.ask(QUEUE))["desk"]["edges"] == []
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert (await officer.ask(node, id=draft["id"]))["node"] is None


async def test_a_register_is_asked_for_the_person_signed_in_and_the_asking_is_in_their_log(
    stage: Stage,
) -> None:
    me = await stage.citizen("minh-chau")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    c02 = line(draft, "c02")
    assert c02["outcome"] == "FETCH"
    (used,) = c02["evidence"]
    assert used["register"] == "National land database"
    assert "66.7" in c02["legalBasis"]
    asked = [one for one in await usage(me) if one["kind"] == "register.asked"]
    assert [(one["outcome"], one["legalBasis"]) for one in asked] == [("FOUND", "OWN_REQUEST")]
    # Sealed for this draft alone: it answers its question and is no paper to reuse elsewhere.
    assert await rows(stage, "SELECT origin, bound_to IS NOT NULL FROM documents") == [("register", True)]


async def test_a_register_without_the_fact_lets_the_paper_be_asked_for(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    c02 = line(draft, "c02")
    assert (c02["outcome"], c02["satisfied"]) == ("SUPPLY", False)
    (asked,) = await rows(stage, "SELECT probes FROM dossier_asks WHERE requirement LIKE '%.c02'")
    assert {one["probe"] for one in asked[0]} == {"NOT_FOUND"}


async def test_a_record_in_doubt_lets_the_paper_be_asked_and_its_source_must_be_corrected(
    stage: Stage,
) -> None:
    me = await stage.citizen("quoc-viet")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    c02 = line(draft, "c02")
    assert c02["outcome"] == "SUPPLY"
    assert any("correct" in warning for warning in c02["warnings"]), c02


@pytest.mark.parametrize(
    "mode",
    [("down", None), ("slow", None), ("stale", None), ("lying", "subject"), ("lying", "signature")],
    ids=lambda mode: mode[1] or mode[0],
)
async def test_a_register_that_cannot_be_believed_is_down_and_down_is_not_missing(
    stage: Stage, mode: tuple[str, str | None]
) -> None:
    me = await stage.citizen("minh-chau")
    await stage.sandbox.set_mode(LAND_REGISTER, *mode)
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    assert (line(draft, "c02")["outcome"], line(draft, "c02")["satisfied"]) == ("PENDING_FETCH", True)
    assert await rows(stage, "SELECT count(*) FROM dossier_asks WHERE requirement LIKE '%.c02'") == [(0,)]


async def test_a_drawing_of_one_house_never_serves_another(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await submitted_permit(me, officer)
    land = (await held(me, LAND_TYPE))[0]["id"]
    same_parcel = {"kind": "LAND_PARCEL", "document": land}
    second = await open_dossier(
        me, PERMIT, "ubnd-mot",
        situations=NO_NEIGHBOURS, objects=[same_parcel, {"kind": "BUILDING", "document": None}],
    )  # fmt: skip
    assert outcomes(second)["c02"] == "REUSE"
    assert (line(second, "c03")["outcome"], line(second, "c03")["satisfied"]) == ("SUPPLY", False)
    drawing = (await held(me, DRAWING_TYPE))[0]["id"]
    third = await open_dossier(
        me, PERMIT, "ubnd-mot",
        situations=NO_NEIGHBOURS, objects=[same_parcel, {"kind": "BUILDING", "document": drawing}],
    )  # fmt: skip
    assert outcomes(third)["c03"] == "REUSE"


async def test_an_object_nobody_named_is_asked_for_and_nothing_is_opened(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await digitise(officer, "minh-chau", LAND_TYPE, LAND_CLAIMS)
    where = await agency(me, PERMIT, "ubnd-mot")
    async with unchanged(stage):
        refused = await me.refused("openDossier", "dossier { id }", procedure=PERMIT, agency=where)
    assert (refused["code"], refused["kinds"]) == ("OBJECT_UNDECLARED", ["land_parcel"])


async def test_case_bound_papers_never_cross_dossiers(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    await stage.sandbox.set_mode("he-thong-du-lieu-gcs-gbt", "down")
    given = {
        "parties": [{"role": "child"}, {"role": "mother", "citizenId": number_of("minh-chau")}],
        "situations": [
            {"id": "tre-bi-bo-roi", "value": False},
            {"id": "co-giay-chung-sinh", "value": False},
            {"id": "co-nguoi-lam-chung-viec-sinh", "value": False},
            {"id": "sinh-con-nho-mang-thai-ho", "value": False},
        ],
    }
    first = await open_dossier(me, "1.001193", "ubnd-mot", **given)
    sworn = "dang-ky-khai-sinh.c04"
    assert line(first, sworn)["outcome"] == "SUPPLY", outcomes(first)
    claims = {
        "person.full_name@declarant": "x",
        "person.full_name@mother": "x",
        "person.date_of_birth@child": "2026-11-02",
        "person.place_of_birth@child": "x",
        "birth.statement_content@child": "x",
    }
    after = await bring(me, first, sworn, "giay-cam-doan-viec-sinh", claims)
    assert (line(after, sworn)["outcome"], line(after, sworn)["satisfied"]) == ("SUPPLY", True)
    second = await open_dossier(me, "1.001193", "ubnd-mot", **given)
    assert (line(second, sworn)["outcome"], line(second, sworn)["satisfied"]) == ("SUPPLY", False)
    # Counted apart: no once-only rule could have spared it.
    assert (await figures(me, first), await figures(me, second)) == ({"caseBound": 1}, {})


async def test_a_paper_kept_before_is_reused_and_one_first_brought_here_stays_supplied(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    training = {"person.full_name@worker": "x", "education.training_course@worker": "y"}
    await keep(me, "xac-nhan-tap-huan-attp", training)
    draft = await open_dossier(me, "1.013855")
    assert line(draft, "c05")["outcome"] == "REUSE"
    assert line(draft, "c03")["outcome"] == "SUPPLY"
    await bring(me, draft, line(draft, "c03")["requirement"]["id"], "thuyet-minh-co-so-vat-chat-attp")
    after = await look(me, draft)
    assert (line(after, "c03")["outcome"], line(after, "c03")["satisfied"]) == ("SUPPLY", True)
    assert line(after, "c05")["outcome"] == "REUSE"


async def test_a_filer_for_themself_needs_no_mandate(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    draft = await open_dossier(me, "3.000333")
    c03 = line(draft, "c03")
    assert (c03["outcome"], c03["requirement"]["documentType"]) == ("NOT_APPLICABLE", "van-ban-uy-quyen")


async def test_a_filing_nobody_can_open_is_refused_and_leaves_nothing(stage: Stage) -> None:
    me, other = await stage.citizen("thanh-binh"), await stage.citizen("minh-chau")
    foreign = await keep(other, "anh-chan-dung", {})
    stranger = (await other.ask("{ viewer { id } }"))["viewer"]["id"]
    police = await agency(me, "1.001456")
    assert await refusal_of_opening(me, stage, "9.999999", agency=police) == "PROCEDURE_UNKNOWN"
    assert await refusal_of_opening(me, stage, PERMIT, agency=police) == "AGENCY_NOT_COMPETENT"
    assert await refusal_of_opening(me, stage, PERMIT, agency=stranger) == "BAD_INPUT"
    somebody = [{"role": "spouse", "citizenId": "000000000000"}]
    assert await refusal_of_opening(me, stage, "2.000806", parties=somebody) == "PARTY_REFUSED"
    by_id = [{"role": "spouse", "subject": stranger}]
    assert await refusal_of_opening(me, stage, "2.000806", parties=by_id) == "PARTY_REFUSED"
    as_filer = [{"role": "applicant", "citizenId": number_of("minh-chau")}]
    assert await refusal_of_opening(me, stage, "2.000806", parties=as_filer) == "PARTY_REFUSED"
    unasked = {"form": {"no_such_field": "x"}}
    assert (
        await refusal_of_opening(me, stage, PERMIT, situations=NO_NEIGHBOURS, **unasked) == "FORM_INCOMPLETE"
    )
    where = await agency(me, PERMIT)
    async with unchanged(stage):
        objects = [{"kind": "BUILDING", "document": foreign}]
        assert await denied(me, "openDossier", procedure=PERMIT, agency=where, objects=objects) == "NOT_FOUND"
        assert (
            await denied(me, "openDossier", procedure=PERMIT, agency=where, onBehalfOf=stranger)
            == "NOT_FOUND"
        )
        assert (
            await denied(stage.anybody(), "openDossier", procedure=PERMIT, agency=where) == "UNAUTHENTICATED"
        )


async def test_the_same_key_opens_one_dossier_and_another_body_conflicts(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    key, where = str(uuid4()), await agency(me, PERMIT)
    given = {"idempotencyKey": key, "procedure": PERMIT, "agency": where}
    first = await me.act("openDossier", SHOWN, **given, situations=NO_NEIGHBOURS)
    async with unchanged(stage):
        again = await me.act("openDossier", SHOWN, **given, situations=NO_NEIGHBOURS)
        refused = await me.refused("openDossier", "dossier { id }", **given)
    assert again["dossier"]["id"] == first["dossier"]["id"]
    assert refused["code"] == "IDEMPOTENCY_CONFLICT"
    # A key is its caller's own: somebody else's same key is another request.
    other = await stage.citizen("lan-huong")
    theirs = await other.act("openDossier", "dossier { id }", **given, situations=NO_NEIGHBOURS)
    assert theirs["dossier"]["id"] != first["dossier"]["id"]
    # And of its operation alone.
    answered = await me.act(
        "answerSituations", "dossier { version }",
        **seen(first["dossier"]), idempotencyKey=key, situations=NO_NEIGHBOURS,
    )  # fmt: skip
    assert answered["dossier"]["version"] == first["dossier"]["version"] + 1


async def test_ones_own_paper_never_stands_for_somebody_elses(stage: Stage) -> None:
    bride, groom = await stage.citizen("minh-chau"), await stage.citizen("dang-khoa")
    officer = await stage.officer("ubnd-mot.toan-quyen")
    fit = {
        "person.full_name@holder": "x",
        "health.mental_capacity_conclusion@holder": "y",
        "document.issue_date@document": "2026-11-01",
    }
    await digitise(officer, "minh-chau", "giay-xac-nhan-suc-khoe-tam-than", fit)
    parties = [{"role": "spouse", "citizenId": number_of("dang-khoa")}]
    draft = await open_dossier(bride, "2.000806", "ubnd-mot", parties=parties)
    of_each = {
        line(draft, part)["requirement"]["subjectRole"]: outcomes(draft)[part] for part in ("c04", "c10")
    }
    assert of_each == {"applicant": "REUSE", "spouse": "SUPPLY"}
    # Nobody is asked for the approval of what serves nothing.
    assert await requests(groom) == []
