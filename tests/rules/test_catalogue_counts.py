"""The product's catalogue still holds everything it was given; what the project added is listed here, by hand."""

from pathlib import Path
from typing import Any

import pytest

from procedures.catalogue import diff, files_from, items, read_catalogue
from procedures.editions import FILES, Body, CatalogueFiles

FOLDER = Path(__file__).parents[2] / "catalogue"

GIVEN = {
    "procedures": 96,
    "document_types": 213,
    "concepts": 213,
    "document_claims": 149,
    "situations": 92,
    "conditions": 229,
    "component_annotations": 351,
    "forms": 50,
    "principles": 14,
    "database_substitutions": 9,
    "procedure_substitutions": 42,
    "document_substitutions": 29,
    "abolished_papers": 3,
    "fallback_rules": 5,
    "bundles": 4,
    "databases": 18,
    "provinces": 34,
    "agency_types": 42,
    "ministry_identifier_codes": 23,
    "fields": 25,
    "administrative_levels": 8,
    "statuses": 10,
    "transitions": 20,
    "deadline_rules": 10,
}

ADDED: dict[str, set[str]] = {
    "document_types": {
        "giay-to-ca-nhan-co-thong-tin-khai-sinh",
        "giay-to-chung-minh-nguoi-dai-dien-hop-phap",
        "van-ban-dong-y-cua-co-quan-giam-sat",
        "van-ban-cu-nguoi-dai-dien",
        "quyet-dinh-toa-an-ve-nang-luc",
        "anh-toan-than",
    },
    "deadline_rules": {"bo-sung-ho-so"},
    "situations": {"xoa-thuong-tru-do-nguoi-chet", "mien-le-phi-truoc-ba-do-quan-he-gia-dinh"},
    "document_substitutions": {"giay-chung-sinh-thay-giay-khai-sinh-thai-san"},
    "forms": {
        "phieu-cc01",
        "phieu-dc01",
        "don-hoa-giai-dat-dai",
        "thong-bao-thay-doi-dkdn",
        "van-ban-de-nghi-cap-lai-dkdn",
        "to-khai-thue-ho-kinh-doanh",
        "don-xin-nhan-con-nuoi",
        "giay-de-nghi-ra-soat-ho-ngheo",
        "giay-de-nghi-thanh-toan-bhyt",
        "ho-so-de-nghi-thai-san",
        "to-khai-tro-cap-xa-hoi",
        "don-tiep-nhan-co-so-tro-giup",
        "don-de-nghi-giay-phep-hanh-nghe",
        "thong-bao-dien-mat-troi",
        "van-ban-cam-doan",
        "cam-ket-an-toan-cong-trinh-lien-ke",
        "danh-sach-thanh-vien",
        "danh-sach-chu-so-huu-huong-loi",
    },
}
ADDED_COMPONENTS = {
    "dang-ky-ket-hon.c05",
    "dang-ky-ket-hon-co-yeu-to-nuoc-ngoai.c10",
    "dang-ky-ket-hon-co-yeu-to-nuoc-ngoai.c11",
    "dang-ky-lai-ket-hon.c06",
    "xoa-dang-ky-thuong-tru.c03",
    "thay-doi-dang-ky-ho-kinh-doanh.c06",
    "dang-ky-cong-ty-tnhh-mot-thanh-vien.c09",
    "dang-ky-cong-ty-tnhh-hai-thanh-vien.c10",
    "khai-le-phi-truoc-ba-nha-dat.c05",
}
ADDED["document_claims"] = ADDED["document_types"]
ADDED["conditions"] = ADDED["component_annotations"] = ADDED_COMPONENTS


@pytest.fixture(scope="module")
def files() -> CatalogueFiles:
    return read_catalogue(FOLDER)


@pytest.mark.parametrize(("kind", "count"), GIVEN.items())
def test_what_was_given_is_all_there_and_additions_are_listed(
    files: CatalogueFiles, kind: str, count: int
) -> None:
    table = files.table(kind)
    added = {key for key, body in table.items() if body.get("added")}
    assert added == ADDED.get(kind, set())
    assert len(table) - len(added) == count


def test_components_are_the_351_given_and_those_listed(files: CatalogueFiles) -> None:
    components = [c for p in files.table("procedures").values() for c in p["components"]]
    assert {c["id"] for c in components if c.get("added")} == ADDED_COMPONENTS
    assert sum(1 for c in components if not c.get("added")) == 351


def test_claims_are_the_1083_given_less_the_one_moved_to_its_own_paper(files: CatalogueFiles) -> None:
    tables = files.table("document_claims")
    given = [
        c for body in tables.values() if not body.get("added") for c in body["claims"] if not c.get("added")
    ]
    assert len(given) == 1083 - 1
    moved = ("person.full_body_photo", "holder")
    assert moved in {(c["concept"], c["role"]) for c in tables["anh-toan-than"]["claims"]}
    assert moved not in {(c["concept"], c["role"]) for c in tables["anh-chan-dung"]["claims"]}


def test_every_application_form_type_has_a_form_and_the_stand_ins_say_so(files: CatalogueFiles) -> None:
    types = files.table("document_types").values()
    assert {t["id"] for t in types if t["category"] == "application_form"} <= set(files.table("forms"))
    generic = {key for key, body in files.table("forms").items() if body.get("generic")}
    assert generic == ADDED["forms"]


def test_every_addition_says_why(files: CatalogueFiles) -> None:
    for kind in ("document_types", "situations", "document_substitutions", "forms"):
        for body in files.table(kind).values():
            assert not body.get("added") or body["correction"]


def test_items_rebuild_the_files_in_their_order(files: CatalogueFiles) -> None:
    shuffled = sorted(items(files), key=lambda item: item.digest)
    rebuilt = files_from(shuffled)
    assert rebuilt.documents == files.documents
    assert [list(rebuilt.documents[name]) for name in FILES] == [
        list(files.documents[name]) for name in FILES
    ]
    assert rebuilt.version == files.version


def test_importing_the_same_catalogue_again_changes_nothing(files: CatalogueFiles) -> None:
    assert not diff(items(files), items(read_catalogue(FOLDER)))


def test_diff_names_what_was_added_changed_and_removed(files: CatalogueFiles) -> None:
    stored = list(items(files))
    edited = dict(files.documents)
    concepts: list[Body] = [dict(body) for body in files.documents["concepts.json"]]
    concepts[0]["sensitivity"] = 3
    dropped = concepts.pop()
    concepts.append({**dropped, "id": "document.invented_for_this_test"})
    edited["concepts.json"] = concepts
    changes = diff(stored, items(CatalogueFiles(edited)))
    assert [item.id for item in changes.changed] == [concepts[0]["id"]]
    assert [item.id for item in changes.added] == ["document.invented_for_this_test"]
    assert changes.removed == (("concepts", dropped["id"]),)


def test_a_digest_ignores_spacing_and_key_order_and_nothing_else() -> None:
    def digest(body: dict[str, Any]) -> str:
        lists = ("procedures.json", "document_types.json", "bundles.json", "roles.json")
        documents: dict[str, Any] = {name: [] if name in lists else {} for name in FILES}
        documents["concepts.json"] = [body]
        return next(item.digest for item in items(CatalogueFiles(documents)) if item.kind == "concepts")

    assert digest({"id": "a", "sensitivity": 1}) == digest({"sensitivity": 1, "id": "a"})
    assert digest({"id": "a", "sensitivity": 1}) != digest({"id": "a", "sensitivity": 2})
