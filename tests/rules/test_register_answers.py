"""What makes a register's answer believable, and that the sandbox's answers cover the catalogue."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from connectors.answers import AHEAD, STALE_AFTER, Answer, RegisterQuery, echo, read_answer
from connectors.errors import RegisterUnreliable
from sandbox.agencies import AGENCIES, OFFICERS
from sandbox.demo import seed
from sandbox.establishments import ORGANISATIONS, Holder, find_holder
from sandbox.papers import _RULES
from sandbox.people import BY_KEY, MARK, PEOPLE, Person, children_of
from sandbox.register_data import answer, answerable, attested_claims

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
REQUEST = UUID("0193c5e0-0000-7000-8000-000000000001")
QUERY = RegisterQuery("csdl-quoc-gia-dat-dai", "gcn-quyen-su-dung-dat", "000194900101", "1.013225")
CATALOGUE = Path(__file__).parents[2] / "catalogue"


def said(**changes: Any) -> dict[str, Any]:
    return {
        "sub": echo(REQUEST, QUERY.number),
        "database": QUERY.database,
        "document_type": QUERY.document_type,
        "as_of": NOW.isoformat(),
        "outcome": "FOUND",
        "claims": {"land_parcel.parcel_number@land_parcel": "210", "land_parcel.area@land_parcel": 68},
        "issued_on": "2021-03-10",
        "valid_until": None,
        "answer_id": "0193c5e0-0000-4000-8000-000000000009",
        **changes,
    }


def read(**changes: Any) -> Answer:
    return read_answer(said(**changes), QUERY, REQUEST, NOW)


def refusal(**changes: Any) -> str:
    with pytest.raises(RegisterUnreliable) as refused:
        read(**changes)
    return refused.value.reason


def catalogue(name: str) -> Any:
    return json.loads((CATALOGUE / name).read_text("utf-8"))


def test_a_bound_fresh_answer_is_found_with_its_claims() -> None:
    got = read()
    assert (got.probe, got.issued_on, got.valid_until, got.as_of) == ("FOUND", date(2021, 3, 10), None, NOW)
    assert got.claims["land_parcel.area@land_parcel"] == 68
    assert dict(got.facts) == {"land_parcel.parcel_number@land_parcel": "210"}
    assert got.answer_id == UUID("0193c5e0-0000-4000-8000-000000000009")


@pytest.mark.parametrize("outcome", ["NOT_FOUND", "MISMATCH"])
def test_an_answer_without_a_record_says_nothing(outcome: str) -> None:
    got = read(outcome=outcome, claims={}, issued_on=None)
    assert (got.probe, dict(got.claims), got.reason) == (outcome, {}, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": echo(REQUEST, "000091900102")},
        {"sub": echo(UUID(int=REQUEST.int + 1), QUERY.number)},
        {"sub": QUERY.number},
        {"database": "csdl-can-cuoc"},
        {"document_type": "gcn-so-huu-nha-o"},
        {"outcome": "DOWN"},
        {"outcome": "UP"},
        {"outcome": None},
        {"outcome": "NOT_FOUND"},
        {"claims": {}},
        {"claims": None},
        {"claims": ["person.full_name@holder"]},
        {"claims": {"person.full_name": "x"}},
        {"claims": {"person.full_name@holder": {"nested": "x"}}},
        {"claims": {"person.full_name@holder": None}},
        {"claims": {"person.full_name@holder": 1.5}},
        {"claims": {"person.full_name@holder": [["x"]]}},
        {"claims": {f"person.x{n}@holder": "x" for n in range(201)}},
        {"as_of": (NOW + AHEAD + timedelta(seconds=1)).isoformat()},
        {"as_of": NOW.replace(tzinfo=None).isoformat()},
        {"as_of": 1795300000},
        {"as_of": "yesterday"},
        {"issued_on": "2021-13-40"},
        {"valid_until": 20210310},
        {"answer_id": "not-an-id"},
        {"answer_id": 7},
    ],
)
def test_an_answer_to_another_question_or_without_sense_is_a_lie(changes: dict[str, Any]) -> None:
    assert refusal(**changes) == "lying"


@pytest.mark.parametrize("missing", sorted(said()))
def test_an_answer_lacking_a_member_is_a_lie(missing: str) -> None:
    partial = {name: value for name, value in said().items() if name != missing}
    with pytest.raises(RegisterUnreliable, match="lying"):
        read_answer(partial, QUERY, REQUEST, NOW)


def test_data_are_stale_after_ten_minutes_and_not_before() -> None:
    assert read(as_of=(NOW - STALE_AFTER).isoformat()).probe == "FOUND"
    assert refusal(as_of=(NOW - STALE_AFTER - timedelta(seconds=1)).isoformat()) == "stale"


def test_a_lie_about_somebody_else_is_a_lie_even_when_stale() -> None:
    assert refusal(sub="x", as_of=(NOW - timedelta(hours=1)).isoformat()) == "lying"


def test_the_echo_is_keyed_by_the_request() -> None:
    expected = hmac.new(str(REQUEST).encode(), QUERY.number.encode(), hashlib.sha256).digest()
    assert echo(REQUEST, QUERY.number) == base64.urlsafe_b64encode(expected).rstrip(b"=").decode()
    assert echo(UUID(int=5), QUERY.number) != echo(UUID(int=6), QUERY.number)


def test_nothing_personal_shows_in_a_representation_or_a_refusal() -> None:
    assert QUERY.number not in repr(QUERY)
    assert "210" not in repr(read())
    with pytest.raises(RegisterUnreliable) as refused:
        read(as_of=QUERY.number)  # fromisoformat would quote it
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    assert QUERY.number not in str(refused.value)


ATTESTED = [
    (one["id"], document_type)
    for one in catalogue("agencies.json")["databases"]
    for document_type in one["attested_document_type_ids"]
]
HOLDERS: tuple[Holder, ...] = (*PEOPLE, *ORGANISATIONS)


def test_every_database_of_the_catalogue_is_served() -> None:
    assert set(answerable()) == {one["id"] for one in catalogue("agencies.json")["databases"]}
    assert {database for database, _ in ATTESTED} <= set(answerable())


@pytest.mark.parametrize(("database", "document_type"), ATTESTED)
def test_every_attested_paper_is_found_for_somebody_with_every_claim(
    database: str, document_type: str
) -> None:
    records = [record for one in HOLDERS if (record := answer(one, database, document_type, TODAY))]
    found = {name for record in records if record.outcome == "FOUND" for name in record.claims}
    assert found == {f"{concept}@{role}" for concept, role, _ in attested_claims()[document_type]}


def test_no_paper_is_made_for_a_question_nobody_may_ask() -> None:
    assert set(_RULES) <= {document_type for types in answerable().values() for document_type in types}
    assert answer(BY_KEY["minh-chau"], "csdl-can-cuoc", "gcn-quyen-su-dung-dat", TODAY) is None
    assert answer(BY_KEY["minh-chau"], "csdl-khong-co", "the-can-cuoc", TODAY) is None


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.key)
def test_every_database_tells_the_same_name_number_and_home(person: Person) -> None:
    own = {
        "person.full_name": person.name,
        "person.personal_id_number": person.number,
        "person.date_of_birth": person.born.isoformat(),
        "person.residence": person.residence,
        "person.permanent_residence": person.residence,
    }
    told = 0
    for database, types in answerable().items():
        for document_type in types:
            record = answer(person, database, document_type, TODAY)
            for name, value in record.claims.items() if record else ():
                concept, _, role = name.partition("@")
                if role in ("holder", "deceased", "land_user", "vehicle_owner") and concept in own:
                    told += 1
                    assert value == own[concept], (database, document_type, name)
    assert told > 5


def test_only_those_who_have_the_fact_are_found() -> None:
    land, birth = "csdl-quoc-gia-dat-dai", "he-thong-du-lieu-gcs-gbt"
    owners = {one.key for one in PEOPLE if answer(one, land, "gcn-quyen-su-dung-dat", TODAY)}
    mothers = {one.key for one in PEOPLE if answer(one, birth, "giay-chung-sinh", TODAY)}
    assert owners == {one.key for one in PEOPLE if one.land}
    assert mothers == {one.key for one in PEOPLE if one.newborn}
    assert "dang-khoa" not in owners | mothers
    assert answer(BY_KEY["gia-an"], "csdl-tre-em", "giay-khai-sinh", TODAY) is not None
    assert answer(BY_KEY["minh-chau"], "csdl-tre-em", "giay-khai-sinh", TODAY) is None
    assert (
        answer(BY_KEY["van-hien"], "csdl-ho-tich-dien-tu", "giay-xac-nhan-tinh-trang-hon-nhan", TODAY) is None
    )


def test_nothing_is_on_record_before_it_happened() -> None:
    mother = BY_KEY["minh-chau"]
    assert mother.newborn is not None
    database, paper = "he-thong-du-lieu-gcs-gbt", "giay-chung-sinh"
    assert answer(mother, database, paper, mother.newborn.born - timedelta(days=1)) is None
    assert answer(mother, database, paper, mother.newborn.born) is not None
    for one in HOLDERS:
        for database, types in answerable().items():
            for paper in types:
                record = answer(one, database, paper, TODAY)
                if record and record.outcome == "FOUND":
                    assert record.issued_on is not None
                    assert record.issued_on <= TODAY
                    assert record.valid_until is None or record.valid_until > record.issued_on


def test_a_record_under_correction_is_a_mismatch_without_contents() -> None:
    record = answer(BY_KEY["quoc-viet"], "csdl-quoc-gia-dat-dai", "gcn-quyen-su-dung-dat", TODAY)
    assert record is not None
    assert (record.outcome, dict(record.claims), record.issued_on) == ("MISMATCH", {}, None)


def test_business_registers_are_read_by_the_establishments_number_or_its_owners() -> None:
    stall = next(one for one in ORGANISATIONS if one.kind == "household")
    database, paper = "csdl-dang-ky-ho-kinh-doanh", "gcn-dang-ky-ho-kinh-doanh"
    assert answer(stall, database, paper, TODAY) == answer(BY_KEY[stall.head], database, paper, TODAY)
    assert answer(BY_KEY["dang-khoa"], database, paper, TODAY) is None


def test_everybody_is_marked_and_unmistakably_made_up() -> None:
    assert all(one.name.endswith(MARK) and one.number.startswith("000") for one in HOLDERS)
    assert all(len(one.number) == 12 for one in PEOPLE)
    assert len({one.number for one in HOLDERS}) == len(HOLDERS)
    assert len({one.key for one in HOLDERS}) == len(HOLDERS)
    assert all("Thử Nghiệm" in one.residence for one in PEOPLE)
    assert all(find_holder(one.number) is one for one in HOLDERS)


def test_families_hold_together() -> None:
    for one in PEOPLE:
        if one.spouse:
            assert BY_KEY[one.spouse].spouse == one.key
            assert BY_KEY[one.spouse].married == one.married
        for child in children_of(one):
            assert child.born.year - one.born.year >= 16
    assert sum(1 for one in PEOPLE if one.newborn) >= 6


def test_every_agency_type_that_handles_a_procedure_has_an_agency_with_a_full_desk() -> None:
    procedures = catalogue("procedures.json")
    handling = {
        name
        for one in procedures
        for name in (*one["executing_agency_type_ids"], *one["reception_agency_type_ids"])
    }
    assert handling <= {agency.type_id for agency in AGENCIES}
    assert {agency.type_id for agency in AGENCIES} <= {
        one["id"] for one in catalogue("agencies.json")["agency_types"]
    }
    assert (
        len({agency.code for agency in AGENCIES}) == len({agency.id for agency in AGENCIES}) == len(AGENCIES)
    )
    for agency in AGENCIES:
        desks = [officer.roles for officer in OFFICERS if officer.agency == agency.id]
        assert [len(roles) for roles in desks] == [1, 1, 1, 3]
        assert desks[0] | desks[1] | desks[2] == desks[3]
        assert agency.code.split(".")[1] == "99"
        assert agency.name_vi.endswith(MARK)


def test_the_seed_names_every_officer_once_at_the_given_issuer() -> None:
    made = seed("http://127.0.0.1:9")
    assert {one.issuer for one in made.officers} == {"http://127.0.0.1:9"}
    assert len({one.external_id for one in made.officers}) == len({one.code for one in made.officers})
    assert len(made.officers) == len(OFFICERS)
    assert {one.agency for one in made.officers} == {agency.id for agency in made.agencies}
    assert set(made.citizens) <= set(BY_KEY)
