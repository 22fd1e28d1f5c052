"""The catalogue read as the law of a day: what may serve, what may be read, and on which days."""

from datetime import date
from pathlib import Path

import pytest

from procedures.catalogue import CatalogueFiles, items, law_on, read_catalogue
from procedures.law import ConditionKind, Duty, Law, ObjectKind, OutcomeClass, Requirement

FOLDER = Path(__file__).parents[2] / "catalogue"
LAST_DAY, DAY_AFTER = date(2027, 2, 28), date(2027, 3, 1)


@pytest.fixture(scope="module")
def files() -> CatalogueFiles:
    return read_catalogue(FOLDER)


@pytest.fixture(scope="module")
def law(files: CatalogueFiles) -> Law:
    return law_on(files, date(2026, 11, 21))


def requirement(law: Law, component: str) -> Requirement:
    found = law.procedures[component.rsplit(".", 1)[0]].requirements
    return next(one for one in found if one.id == component)


def accepted(law: Law, component: str) -> set[str]:
    return {one.document_type for one in requirement(law, component).accepts}


def read_from(law: Law, component: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for source in requirement(law, component).registers:
        found.setdefault(source.database, set()).add(source.rule.id)
    return found


def test_a_procedure_is_found_by_name_and_by_national_code(law: Law) -> None:
    assert law.procedure("1.013225") is law.procedure("cap-giay-phep-xay-dung-nha-o-rieng-le")
    assert law.procedure("9.999999") is None


def test_the_same_law_comes_from_the_files_and_from_imported_rows(files: CatalogueFiles) -> None:
    assert law_on(items(files), LAST_DAY) == law_on(files, LAST_DAY)


def test_any_member_of_a_group_is_the_paper_itself(law: Law) -> None:
    members = {one.document_type: one.rule for one in requirement(law, "cap-dien-moi-ha-ap.c02").accepts}
    assert members["ho-chieu"] is None
    assert members["the-can-cuoc"] is None


def test_an_abolished_paper_serves_no_longer(law: Law) -> None:
    everything = {
        one.document_type for p in law.procedures.values() for r in p.requirements for one in r.accepts
    }
    assert everything.isdisjoint({"chung-minh-nhan-dan", "so-ho-khau", "so-tam-tru"})


def test_resolution_66_7_lapses_after_its_last_day_and_other_laws_stay(files: CatalogueFiles) -> None:
    permit, identity = "cap-giay-phep-xay-dung-nha-o-rieng-le.c02", "dang-ky-khai-sinh.c09"
    before, after = law_on(files, LAST_DAY), law_on(files, DAY_AFTER)
    assert "pl1-584-1-013225-gcn-quyen-su-dung-dat" in read_from(before, permit)["csdl-quoc-gia-dat-dai"]
    assert read_from(after, permit) == {}
    assert set(read_from(before, identity)) == {"csdl-quoc-gia-dan-cu", "he-thong-dinh-danh-vneid"}
    assert set(read_from(after, identity)) == {"he-thong-dinh-danh-vneid"}


def test_nothing_was_read_under_the_resolution_before_it_began(files: CatalogueFiles) -> None:
    assert read_from(law_on(files, date(2025, 12, 31)), "cap-giay-phep-xay-dung-nha-o-rieng-le.c02") == {}


def test_a_database_whose_rule_lapsed_counts_as_unreadable(files: CatalogueFiles) -> None:
    condition = requirement(law_on(files, DAY_AFTER), "dang-ky-khai-sinh.c09").condition
    assert condition is not None
    assert condition.kind is ConditionKind.UNREADABLE
    assert condition.databases == ("he-thong-dinh-danh-vneid",)


def test_the_birth_notification_is_readable_and_its_lower_ranks_never_stand_in(law: Law) -> None:
    assert read_from(law, "dang-ky-khai-sinh.c02") == {
        "he-thong-du-lieu-gcs-gbt": {"du-lieu-giay-chung-sinh-thay-ban-giay"}
    }
    assert accepted(law, "dang-ky-khai-sinh.c02") == {"giay-chung-sinh"}
    ranks = [requirement(law, f"dang-ky-khai-sinh.c0{n}").rank for n in (2, 3, 4)]
    assert ranks == [1, 2, 3]


@pytest.mark.parametrize(
    "component",
    [
        "chung-thuc-ban-sao-tu-ban-chinh.c01",
        "cap-tai-khoan-dinh-danh-muc-do-2.c02",
        "cap-doi-gcn-qsdd.c02",
        "dieu-chinh-giay-phep-xay-dung.c03",
        "dang-ky-nuoi-con-nuoi-trong-nuoc.c10",
    ],
)
def test_nothing_stands_in_for_the_object_itself_nor_for_what_is_made_now(law: Law, component: str) -> None:
    asked = requirement(law, component)
    assert asked.self_object or asked.fresh
    assert asked.registers == ()
    assert [one for one in asked.accepts if one.rule] == []


def test_an_issued_permit_still_serves_where_it_is_the_object(law: Law) -> None:
    assert accepted(law, "gia-han-giay-phep-xay-dung.c02") == {"giay-phep-xay-dung"}


def test_the_new_card_and_the_previous_one_stand_for_each_other_but_not_as_proof_of_kinship(law: Law) -> None:
    assert "the-can-cuoc-cong-dan" in accepted(law, "dang-ky-ho-kinh-doanh.c03")
    assert "the-can-cuoc-cong-dan" not in accepted(law, "dang-ky-thuong-tru.c03")


def test_forms_generated_and_dropped_components_are_never_evidence(law: Law) -> None:
    evidence = {OutcomeClass.EVIDENCE, OutcomeClass.SHOW, OutcomeClass.SURRENDER}
    for procedure in law.procedures.values():
        for one in procedure.requirements:
            if one.outcome_class not in evidence:
                assert (one.accepts, one.registers) == ((), ())


def test_every_register_read_has_an_article_and_a_legal_basis(law: Law) -> None:
    read = [one for p in law.procedures.values() for one in p.requirements if one.registers]
    assert read
    for one in read:
        assert one.legal_basis
        assert all(source.rule.article and source.document_types for source in one.registers)


def test_registers_answer_only_with_accepted_papers(law: Law) -> None:
    for procedure in law.procedures.values():
        for one in procedure.requirements:
            papers = {kind.document_type for kind in one.accepts}
            assert all(papers.issuperset(source.document_types) for source in one.registers)


def test_the_exemption_of_relatives_reaches_the_condition(law: Law) -> None:
    condition = requirement(law, "dang-ky-khai-sinh-co-yeu-to-nuoc-ngoai.c06").condition
    assert condition is not None
    assert "sibling" in condition.no_certification_relations


def test_an_unpublished_fee_is_none_and_never_nothing(law: Law) -> None:
    fees = [fee for p in law.procedures.values() for fee in p.fees]
    assert any(fee.amount_vnd is None for fee in fees)
    assert any(fee.amount_vnd == 0 for fee in fees)


def test_papers_name_their_object(law: Law) -> None:
    types = law.document_types
    assert types["gcn-quyen-su-dung-dat"].object_kind is ObjectKind.LAND_PARCEL
    assert {str(one) for one in types["gcn-quyen-su-dung-dat"].identifying} == {
        "land_parcel.parcel_number@land_parcel",
        "land_parcel.map_sheet_number@land_parcel",
    }
    assert types["ho-so-thiet-ke-nha-o-rieng-le"].object_kind is ObjectKind.BUILDING
    assert types["gcn-dang-ky-xe"].object_kind is ObjectKind.VEHICLE
    assert types["van-ban-uy-quyen"].case_bound
    assert not types["xac-nhan-tap-huan-attp"].case_bound


def test_two_forms_of_one_filing_ask_no_field_twice(law: Law) -> None:
    procedure = law.procedures["dang-ky-khai-sinh-ket-hop-nhan-cha-me-con"]
    assert procedure.form is not None
    keys = [field.key for field in procedure.form.fields]
    assert len(keys) == len(set(keys))
    parts = {one.document_type for one in procedure.requirements if one.outcome_class is OutcomeClass.FORM}
    assert set(keys) == {field.key for name in parts for field in law.forms[name].fields}


def test_situations_of_a_procedure_are_those_its_conditions_test(law: Law) -> None:
    procedure = law.procedures["dang-ky-khai-sinh"]
    tested = {t.situation for r in procedure.requirements if r.condition for t in r.condition.tests}
    assert {one.id for one in procedure.situations} == tested
    by_id = {one.id: one for one in procedure.situations}
    assert by_id["co-giay-chung-sinh"].answered_by_register == "he-thong-du-lieu-gcs-gbt"
    assert by_id["tre-bi-bo-roi"].answered_by_holding == "bien-ban-tre-bi-bo-roi"


def test_only_the_marriage_dates_and_dropped_papers_are_not_required(law: Law) -> None:
    dropped = {
        one.id for p in law.procedures.values() for one in p.requirements if one.duty is Duty.NOT_REQUIRED
    }
    assert dropped == {
        "dang-ky-ket-hon.c02",
        "doi-giay-phep-lai-xe.c03",
        "cham-dut-ho-kinh-doanh.c02",
        "dang-ky-nuoi-con-nuoi-trong-nuoc.c03",
    }
