"""Every reason the planner can give has words in both languages."""

import ast
from datetime import date
from pathlib import Path
from string import Formatter

import pytest

from procedures.law import Concept, DocumentType, Law, ObjectKind, Text
from procedures.plan import Reason
from procedures.reasons import ROLES, SENTENCES, Code, words

ROOT = Path(__file__).parents[2]
EMITTING = (
    "procedures/planning/fitness",
    "procedures/planning/evidence",
    "procedures/planning/conditions",
    "procedures/planner",
    "dossiers/evidence/discretion",
    "dossiers/evidence/asks",
    "dossiers/evidence/probes",
    "dossiers/evidence/supplements",
    "dossiers/evidence/withdrawals",
)
PARAMS = {
    "document_type": "card",
    "database": "population",
    "article": "Decree 1/2026, Article 2",
    "date": "2026-12-01",
    "role": "child",
}
LAW = Law(
    on=date(2026, 12, 1),
    version="v",
    procedures={},
    document_types={
        "card": DocumentType("card", Text("Thẻ", "Card"), "identity", "citizen", (), ObjectKind.PERSON)
    },
    concepts={"c": Concept("c", Text("c"), "string", 1)},
    databases={"population": Text("Cơ sở dữ liệu dân cư", "Population database")},
    agency_types={},
    fields={},
)


def emitted() -> set[str]:
    """The names after `Code.` in the modules that give reasons; `Code(status.value)` names the statuses."""
    names = {"SUPERSEDED", "REVOKED", "REMOVED"}
    for module in EMITTING:
        for node in ast.walk(ast.parse((ROOT / f"{module}.py").read_text("utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "Code"
            ):
                names.add(node.attr)
    return names


def test_every_code_is_emitted_and_every_emitted_code_exists() -> None:
    assert emitted() == set(Code.__members__)


def test_reasons_are_given_by_code_and_never_by_bare_text() -> None:
    for module in EMITTING:
        for node in ast.walk(ast.parse((ROOT / f"{module}.py").read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason":
                assert not isinstance(node.args[0], ast.Constant), ast.unparse(node)


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_words_in_both_languages(code: Code, language: str) -> None:
    text = SENTENCES[code]
    assert text.en is not None
    said = words(Reason(code, PARAMS), language, LAW)
    assert said.endswith((".", ")"))
    assert "{" not in said
    assert _fields(text.vi) == _fields(text.en)


def test_names_and_days_are_put_into_the_words() -> None:
    reason = Reason(Code.EXPIRED, {"document_type": "card", "date": "2026-03-02"})
    assert words(reason, "vi", LAW) == "Thẻ hết hạn ngày 02/03/2026."
    assert words(reason, "en", LAW) == "Card expired on 2 March 2026."
    assert "trẻ em" in words(Reason(Code.PARTY_UNKNOWN, {"role": "child"}), "vi", LAW)


def test_a_name_the_law_no_longer_knows_appears_as_its_id() -> None:
    assert "gone" in words(Reason(Code.HELD, {"document_type": "gone"}), "en", LAW)


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        words(Reason("nonsense"), "en", LAW)


def test_every_role_has_words_in_both_languages() -> None:
    assert all(text.vi and text.en for text in ROLES.values())


def _fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}
