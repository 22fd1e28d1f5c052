"""The shipped catalogue passes its check; each planted fault is reported once, with its file and path."""

import copy
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from procedures.catalogue import CatalogueFiles, read_catalogue
from procedures.checking.check import FaultKind, check, report, turning_days

FOLDER = Path(__file__).parents[2] / "catalogue"
TODAY = date(2026, 11, 21)
Documents = dict[str, Any]
Plant = Callable[[Documents], None]


@pytest.fixture(scope="module")
def files() -> CatalogueFiles:
    return read_catalogue(FOLDER)


def position(rows: list[Any], key: str) -> int:
    return next(index for index, row in enumerate(rows) if row["id"] == key)


def procedure(documents: Documents, key: str) -> Any:
    rows = documents["procedures.json"]
    return rows[position(rows, key)]


def rule(documents: Documents, table: str, key: str) -> Any:
    rows = documents["equivalences.json"][table]
    return rows[position(rows, key)]


def paper(documents: Documents, key: str) -> Any:
    rows = documents["document_types.json"]
    return rows[position(rows, key)]


def dangling(documents: Documents) -> None:
    procedure(documents, "dang-ky-khai-sinh")["components"][1]["document_type_id"] = "giay-khong-co"


def dangling_situation(documents: Documents) -> None:
    documents["conditions.json"]["components"]["dang-ky-khai-sinh.c05"]["situation_id"] = "khong-co"


def dangling_answer(documents: Documents) -> None:
    documents["conditions.json"]["situations"][0]["answered_by"] = "register:khong-co"


def dangling_exclusion(documents: Documents) -> None:
    rows = rule(documents, "document_substitutions", "tich-hop-khai-sinh-thay-giay")
    rows["excluded_component_ids"].append("khong-co.c01")


def doubled_id(documents: Documents) -> None:
    documents["concepts.json"].append(copy.deepcopy(documents["concepts.json"][0]))


def doubled_field(documents: Documents) -> None:
    fields = documents["forms.json"]["to-khai-khai-sinh"]["fields"]
    fields.append(copy.deepcopy(fields[0]))


def doubled_code(documents: Documents) -> None:
    procedure(documents, "tach-ho")["code"] = "1.001193"


def overlapping_rules(documents: Documents) -> None:
    twin = copy.deepcopy(rule(documents, "database_substitutions", "thay-the-bang-csdl-quoc-gia-dat-dai"))
    twin.update(id="thay-the-lan-hai", effective_from="2027-02-28", effective_to=None)
    documents["equivalences.json"]["database_substitutions"].append(twin)


def backwards(documents: Documents) -> None:
    rule(documents, "register_rules", "doc-cu-tru-tu-csdl-cu-tru")["effective_to"] = "2020-01-01"


def unknown_claim(documents: Documents) -> None:
    documents["document_claims.json"]["giay-khai-sinh"]["claims"][0]["concept"] = "person.shoe_size"


def unknown_need(documents: Documents) -> None:
    documents["component_annotations.json"]["dang-ky-khai-sinh.c02"]["claims"][0]["concept"] = "no.such"


def unattested_object(documents: Documents) -> None:
    paper(documents, "gcn-dang-ky-xe")["identifying"][0]["concept"] = "vehicle.no_such"


def circular_concept(documents: Documents) -> None:
    rows = documents["concepts.json"]
    rows[position(rows, "person.residence")]["broader"] = "person.permanent_residence"


def unknown_role(documents: Documents) -> None:
    documents["component_annotations.json"]["dang-ky-khai-sinh.c02"]["subject_role"] = "neighbour"


def object_as_subject(documents: Documents) -> None:
    documents["component_annotations.json"]["dang-ky-khai-sinh.c02"]["subject_role"] = "works"


def unknown_field_concept(documents: Documents) -> None:
    documents["forms.json"]["to-khai-khai-sinh"]["fields"][0]["concept"] = "person.shoe_size"


def unclassified(documents: Documents) -> None:
    del documents["conditions.json"]["components"]["dang-ky-khai-sinh.c05"]


def misclassified(documents: Documents) -> None:
    documents["conditions.json"]["components"]["dang-ky-khai-sinh.c05"]["kind"] = "perhaps"


def undecidable(documents: Documents) -> None:
    documents["conditions.json"]["components"]["dang-ky-khai-sinh.c08"]["computed_from"]["filer_is"] = []


def unannotated(documents: Documents) -> None:
    del documents["component_annotations.json"]["dang-ky-khai-sinh.c02"]


def unknown_level(documents: Documents) -> None:
    documents["component_annotations.json"]["dang-ky-khai-sinh.c02"]["min_level"] = 4


def unranked(documents: Documents) -> None:
    documents["component_annotations.json"]["dang-ky-khai-sinh.c03"]["rank"] = None


def rank_without_fallback(documents: Documents) -> None:
    documents["conditions.json"]["components"]["dang-ky-khai-sinh.c03"]["kind"] = "note"


def objectless(documents: Documents) -> None:
    del paper(documents, "giay-phep-xay-dung")["object_kind"]


def lawless(documents: Documents) -> None:
    rule(documents, "document_substitutions", "the-can-cuoc-thay-cmnd")["article_vi"] = None


def unbounded(documents: Documents) -> None:
    del rule(documents, "document_substitutions", "the-can-cuoc-thay-cmnd")["excluded_component_ids"]


def object_not_excluded(documents: Documents) -> None:
    rows = rule(documents, "document_substitutions", "can-cuoc-dien-tu-thay-the-can-cuoc")
    rows["excluded_component_ids"].remove("cap-tai-khoan-dinh-danh-muc-do-2.c02")


def issuer_not_excluded(documents: Documents) -> None:
    rows = rule(documents, "document_substitutions", "tich-hop-khai-sinh-thay-giay")
    rows["excluded_procedure_ids"].remove("dang-ky-lai-khai-sinh")


def unattested(documents: Documents) -> None:
    rule(documents, "database_substitutions", "thay-the-bang-csdl-quoc-gia-dat-dai")[
        "document_type_ids"
    ].append("giay-phep-xay-dung")


def ruleless(documents: Documents) -> None:
    component = procedure(documents, "cap-giay-phep-xay-dung-nha-o-rieng-le")["components"][2]
    component["replaceable_by_database_ids"] = ["csdl-quoc-gia-dat-dai"]


def uncited(documents: Documents) -> None:
    component = procedure(documents, "cap-ban-sao-van-bang-tu-so-goc")["components"][1]
    component["equivalence_ids"].remove("pl1-191-3-000465-the-can-cuoc-cong-dan")


def impossible_claims(documents: Documents) -> None:
    documents["component_annotations.json"]["gia-han-giay-phep-xay-dung.c02"]["claims"].append(
        {"concept": "person.tax_code", "role": "permit_holder"}
    )


def abolished_without_successor(documents: Documents) -> None:
    documents["equivalences.json"]["abolished_papers"].append(
        {
            "id": "bo-hoc-ba",
            "document_type_id": "hoc-ba",
            "abolished_from": "2026-01-01",
            "successor_document_type_ids": [],
            "article_vi": "Thử nghiệm",
        }
    )


def age_without_date(documents: Documents) -> None:
    claims = documents["document_claims.json"]["anh-chan-dung"]["claims"]
    claims[:] = [one for one in claims if one["concept"] != "document.issue_date"]


def level_without_source(documents: Documents) -> None:
    documents["component_annotations.json"]["chuyen-truong-tiep-nhan-hoc-sinh.c02"]["min_level"] = 1


def cannot_serve(documents: Documents) -> None:
    paper(documents, "giay-to-dat-dai-hop-phap")["satisfied_by_document_type_ids"].append("gcn-dang-ky-xe")


PLANTED: list[tuple[Plant, FaultKind, str, str]] = [
    (dangling, FaultKind.DANGLING_REFERENCE, "procedures.json", "$[0].components[1].document_type_id"),
    (
        dangling_situation,
        FaultKind.DANGLING_REFERENCE,
        "conditions.json",
        '$.components["dang-ky-khai-sinh.c05"].situation_id',
    ),
    (dangling_answer, FaultKind.DANGLING_REFERENCE, "conditions.json", "$.situations[0].answered_by"),
    (dangling_exclusion, FaultKind.DANGLING_REFERENCE, "equivalences.json", "].excluded_component_ids["),
    (doubled_id, FaultKind.DUPLICATE, "concepts.json", "$[213].id"),
    (doubled_field, FaultKind.DUPLICATE, "forms.json", '$["to-khai-khai-sinh"].fields[38].key'),
    (doubled_code, FaultKind.OVERLAPPING_DATES, "procedures.json", "].effective_from"),
    (overlapping_rules, FaultKind.OVERLAPPING_DATES, "equivalences.json", "$.database_substitutions[9]"),
    (backwards, FaultKind.OVERLAPPING_DATES, "equivalences.json", "$.register_rules[1].effective_to"),
    (unknown_claim, FaultKind.UNKNOWN_CLAIM, "document_claims.json", '$["giay-khai-sinh"].claims[0].concept'),
    (
        unknown_need,
        FaultKind.UNKNOWN_CLAIM,
        "component_annotations.json",
        '$["dang-ky-khai-sinh.c02"].claims[0].concept',
    ),
    (unattested_object, FaultKind.UNKNOWN_CLAIM, "document_types.json", "].identifying[0]"),
    (circular_concept, FaultKind.UNKNOWN_CLAIM, "concepts.json", "].broader"),
    (
        unknown_role,
        FaultKind.UNKNOWN_ROLE,
        "component_annotations.json",
        '$["dang-ky-khai-sinh.c02"].subject_role',
    ),
    (
        object_as_subject,
        FaultKind.UNKNOWN_ROLE,
        "component_annotations.json",
        '$["dang-ky-khai-sinh.c02"].subject_role',
    ),
    (
        unknown_field_concept,
        FaultKind.UNKNOWN_FIELD_CONCEPT,
        "forms.json",
        '$["to-khai-khai-sinh"].fields[0].concept',
    ),
    (unclassified, FaultKind.UNCLASSIFIED_CONDITION, "procedures.json", "$[0].components[4].condition_en"),
    (
        misclassified,
        FaultKind.UNCLASSIFIED_CONDITION,
        "conditions.json",
        '$.components["dang-ky-khai-sinh.c05"].kind',
    ),
    (
        undecidable,
        FaultKind.UNCLASSIFIED_CONDITION,
        "conditions.json",
        '$.components["dang-ky-khai-sinh.c08"].computed_from.filer_is',
    ),
    (unannotated, FaultKind.COMPONENT_WITHOUT_ANNOTATION, "procedures.json", "$[0].components[1]"),
    (
        unknown_level,
        FaultKind.UNKNOWN_VALUE,
        "component_annotations.json",
        '$["dang-ky-khai-sinh.c02"].min_level',
    ),
    (unranked, FaultKind.ALTERNATIVE_WITHOUT_RANK, "procedures.json", "$[0].components[2].alternative_group"),
    (rank_without_fallback, FaultKind.ALTERNATIVE_WITHOUT_RANK, "procedures.json", "$[0].components[2]"),
    (objectless, FaultKind.TYPE_WITHOUT_OBJECT, "document_types.json", "].object_kind"),
    (lawless, FaultKind.RULE_WITHOUT_ARTICLE, "equivalences.json", "].article_vi"),
    (unbounded, FaultKind.RULE_WITHOUT_EXCLUSIONS, "equivalences.json", "].excluded_component_ids"),
    (object_not_excluded, FaultKind.RULE_WITHOUT_EXCLUSIONS, "equivalences.json", "].excluded_component_ids"),
    (issuer_not_excluded, FaultKind.RULE_WITHOUT_EXCLUSIONS, "equivalences.json", "].excluded_procedure_ids"),
    (unattested, FaultKind.UNATTESTED_PAPER, "equivalences.json", "$.database_substitutions[6]"),
    (
        ruleless,
        FaultKind.DATABASE_WITHOUT_RULE,
        "procedures.json",
        ".components[2].replaceable_by_database_ids[0]",
    ),
    (uncited, FaultKind.ROW_NOT_CITED, "equivalences.json", "].procedure_id"),
    (impossible_claims, FaultKind.IMPOSSIBLE_REQUIREMENT, "procedures.json", "].components[1]"),
    (abolished_without_successor, FaultKind.IMPOSSIBLE_REQUIREMENT, "procedures.json", ".document_type_id"),
    (age_without_date, FaultKind.IMPOSSIBLE_REQUIREMENT, "procedures.json", ".document_type_id"),
    (level_without_source, FaultKind.IMPOSSIBLE_REQUIREMENT, "procedures.json", ".document_type_id"),
    (cannot_serve, FaultKind.ACCEPTANCE_THAT_CANNOT, "procedures.json", ".components[1].document_type_id"),
]


def test_the_shipped_catalogue_has_no_fault_on_any_day_on_which_the_law_changes(
    files: CatalogueFiles,
) -> None:
    days = turning_days(files)
    assert {date(2026, 1, 1), date(2027, 3, 1)} <= set(days)
    assert check(files) == []


@pytest.mark.parametrize(
    ("plant", "kind", "file", "path"), PLANTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_planted_fault_is_reported_with_its_file_and_path(
    files: CatalogueFiles, plant: Plant, kind: FaultKind, file: str, path: str
) -> None:
    documents = copy.deepcopy(dict(files.documents))
    plant(documents)
    faults = check(CatalogueFiles(documents), TODAY)
    assert any((fault.kind, fault.file) == (kind, file) and path in fault.path for fault in faults), report(
        faults
    )
    assert {fault.kind for fault in faults} == {kind}


def test_every_class_of_refusal_has_a_planted_fault() -> None:
    assert {kind for _, kind, _, _ in PLANTED} == set(FaultKind)


def test_the_report_gives_a_line_to_each_fault_and_their_number(files: CatalogueFiles) -> None:
    documents = copy.deepcopy(dict(files.documents))
    dangling(documents)
    lines = report(check(CatalogueFiles(documents), TODAY)).splitlines()
    assert lines[0].startswith("procedures.json $[0].components[1].document_type_id: dangling_reference:")
    assert lines[-1] == f"{len(lines) - 1} fault(s)"
    assert report([]) == "no fault found"
