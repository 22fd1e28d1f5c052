"""Which answers are declarations that a paper does not exist: a person must be told before they give one."""

from datetime import date
from pathlib import Path

import pytest

from procedures.catalogue import law_on, read_catalogue
from procedures.law import Law
from procedures.planning.conditions import declared_absent_by


@pytest.fixture(scope="module")
def law() -> Law:
    return law_on(read_catalogue(Path(__file__).parents[2] / "catalogue"), date(2026, 12, 1))


def declared(law: Law, code: str, situation: str) -> list[str]:
    procedure = law.procedure(code)
    assert procedure is not None
    assert situation in {one.id for one in procedure.situations}
    return [one.rpartition(".")[2] for one in declared_absent_by(situation, procedure.requirements)]


@pytest.mark.parametrize(
    ("code", "situation", "absent"),
    [
        ("1.001193", "co-giay-chung-sinh", ["c02"]),
        ("1.001193", "co-nguoi-lam-chung-viec-sinh", ["c02", "c03"]),
        ("1.000656", "co-giay-bao-tu", ["c02"]),
        ("1.004746", "co-ban-sao-giay-chung-nhan-ket-hon-cu", ["c02"]),
    ],
)
def test_no_to_whether_a_paper_exists_declares_it_absent(
    law: Law, code: str, situation: str, absent: list[str]
) -> None:
    assert declared(law, code, situation) == absent


@pytest.mark.parametrize(
    ("code", "situation"),
    [
        ("1.001193", "tre-bi-bo-roi"),  # settles whether a birth notification is wanted at all
        ("1.000656", "chet-da-lau"),  # it is the yes that leads to the lower rank
        ("1.013225", "co-cong-trinh-lien-ke"),
    ],
)
def test_no_to_anything_else_declares_nothing(law: Law, code: str, situation: str) -> None:
    assert declared(law, code, situation) == []
