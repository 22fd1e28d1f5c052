"""Questions of a filing: open ones count as yes, ranks fall only by declaration, and data outweigh a declaration."""

from typing import Any

from tests.flows.journeys import (
    Facts,
    denied,
    line,
    move,
    number_of,
    open_dossier,
    outcomes,
    permit_draft,
    rows,
    seen,
    submitted_permit,
    unchanged,
)
from tests.flows.stage import Person, Stage

BIRTH = "1.001193"
QUESTIONS = "dossier { id version status questions { id answer } requirements { outcome satisfied reason warnings requirement { id } } }"  # noqa: E501 - one selection


async def birth_of(person: Person, mother: str) -> Facts:
    """A draft for registering a birth, every question open but the one about foundlings."""
    parties = [{"role": "child"}, {"role": "mother", "citizenId": number_of(mother)}]
    none_found = [{"id": "tre-bi-bo-roi", "value": False}]
    return await open_dossier(person, BIRTH, "ubnd-mot", parties=parties, situations=none_found)


async def answer(person: Person, dossier: Facts, **situations: bool) -> Facts:
    given: list[Any] = [{"id": key.replace("_", "-"), "value": value} for key, value in situations.items()]
    done = await person.act("answerSituations", QUESTIONS, **seen(dossier), situations=given)
    found: Facts = done["dossier"]
    return found


async def test_an_open_question_counts_as_yes_until_it_is_answered(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    draft = await open_dossier(me, "1.003677")
    assert draft["questions"] == [{"id": "dang-duoc-giam-sat-quan-ly-giao-duc", "answer": None}]
    assert outcomes(draft)["c02"] == "SUPPLY"
    answered = await answer(me, draft, dang_duoc_giam_sat_quan_ly_giao_duc=False)
    assert outcomes(answered)["c02"] == "NOT_APPLICABLE"
    assert answered["questions"] == [{"id": "dang-duoc-giam-sat-quan-ly-giao-duc", "answer": False}]
    again = await answer(me, answered, dang_duoc_giam_sat_quan_ly_giao_duc=True)
    assert outcomes(again)["c02"] == "SUPPLY"


async def test_a_lower_rank_is_admitted_only_by_declaring_that_the_higher_does_not_exist(
    stage: Stage,
) -> None:
    me = await stage.citizen("lan-huong")
    draft = await birth_of(me, "lan-huong")
    ranks = ("c02", "c03", "c04")
    assert [outcomes(draft)[one] for one in ranks] == ["SUPPLY", "NOT_APPLICABLE", "NOT_APPLICABLE"]
    without = await answer(me, draft, co_giay_chung_sinh=False)
    assert [outcomes(without)[one] for one in ranks] == ["NOT_APPLICABLE", "SUPPLY", "NOT_APPLICABLE"]
    alone = await answer(me, without, co_nguoi_lam_chung_viec_sinh=False)
    assert [outcomes(alone)[one] for one in ranks] == ["NOT_APPLICABLE", "NOT_APPLICABLE", "SUPPLY"]
    taken_back = await answer(me, alone, co_giay_chung_sinh=True)
    assert [outcomes(taken_back)[one] for one in ranks] == ["SUPPLY", "NOT_APPLICABLE", "NOT_APPLICABLE"]


async def test_data_contradict_a_declaration(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    draft = await birth_of(me, "minh-chau")
    assert outcomes(draft)["c02"] == "FETCH"
    denies = await answer(me, draft, co_giay_chung_sinh=False, co_nguoi_lam_chung_viec_sinh=False)
    assert [outcomes(denies)[one] for one in ("c02", "c03", "c04")] == [
        "FETCH", "NOT_APPLICABLE", "NOT_APPLICABLE",
    ]  # fmt: skip
    assert line(denies, "c02")["warnings"]


async def test_answers_out_of_place_change_nothing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    yes = [{"id": "co-cong-trinh-lien-ke", "value": True}]
    stale = {"dossier": draft["id"], "expectedVersion": draft["version"] - 1}
    other = await stage.citizen("thanh-binh")
    async with unchanged(stage):
        refused = await me.refused("answerSituations", QUESTIONS, **stale, situations=yes)
        assert await denied(other, "answerSituations", **seen(draft), situations=yes) == "NOT_FOUND"
        assert await denied(officer, "answerSituations", **seen(draft), situations=yes) == "NOT_FOUND"
    assert (refused["code"], refused["current"], refused["retryable"]) == (
        "STALE_VERSION",
        draft["version"],
        True,
    )


async def test_a_submitted_filing_is_answered_no_more(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, officer)
    yes = [{"id": "co-cong-trinh-lien-ke", "value": True}]
    empty: dict[str, Any] = {}
    async with unchanged(stage):
        for operation, given in (
            ("answerSituations", {"situations": yes}),
            ("updateDossierForm", {"patch": empty}),
            ("declineReuse", {"requirement": line(filed, "c02")["requirement"]["id"]}),
            ("submitDossier", empty),
            ("answerSupplement", empty),
        ):
            refused = await me.refused(operation, "dossier { id }", **seen(filed), **given)
            assert refused["code"] == "MOVE_NOT_ALLOWED", operation
    assert await move(officer, "receiveDossier", filed)


async def test_what_would_be_cheaper_in_a_lower_rank_waits_for_the_declaration_which_is_kept(
    stage: Stage,
) -> None:
    me = await stage.citizen("minh-chau")
    draft = await open_dossier(me, "1.004884")
    # Registers could answer the lower rank at once; still the higher is asked for.
    assert [outcomes(draft)[one] for one in ("c02", "c03")] == ["SUPPLY", "NOT_APPLICABLE"]
    kept = "SELECT declared_absent FROM dossiers"
    assert await rows(stage, kept) == [([],)]
    without = await answer(me, draft, co_ban_sao_giay_khai_sinh_cu=False)
    assert [outcomes(without)[one] for one in ("c02", "c03")] == ["NOT_APPLICABLE", "FETCH"]
    assert await rows(stage, kept) == [(["dang-ky-lai-khai-sinh.c02"],)]
