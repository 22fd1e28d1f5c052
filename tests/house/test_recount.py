"""The recount trusts no plan: it imports neither the planner nor what the planner's work is stored by."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import ROOT, at, modules, plant

FIGURES = "dossiers/figures"
JUDGED = (
    "procedures",
    "dossiers.case",
    "dossiers.evidence",
    "dossiers.filing",
    "dossiers.preview",
    "dossiers.desk",
)
"""Rooms and modules whose judgement is recounted. What the law says it reads from the catalogue's rows itself."""


COMPARING = "dossiers/figures/mismatches.py"
"""The one module that lays a plan and its recount side by side, and counts nothing."""

COUNTING = "store/migrations/versions/0010_recount.py"


def trusting(root: Path) -> list[str]:
    """Imports of judged code, and readings of the outcomes it stored."""
    found = []
    for module in modules(root, [FIGURES]):
        if module.path == COMPARING:
            continue
        for node in module.nodes():
            match node:
                case ast.ImportFrom(module=str(name), level=0, names=names):
                    imported = [name, *(f"{name}.{one.name}" for one in names)]
                case ast.Import(names=names):
                    imported = [one.name for one in names]
                case ast.Constant(value=str(text)) if "dossier_requirements" in text:
                    found.append(at(module, node))
                    continue
                case _:
                    continue
            if any(one == judged or one.startswith(f"{judged}.") for one in imported for judged in JUDGED):
                found.append(at(module, node))
    return found


def test_the_recount_trusts_no_plan() -> None:
    assert modules(ROOT, [FIGURES]) != []
    assert trusting(ROOT) == []
    assert (ROOT / COMPARING).exists()
    assert "dossier_requirements" not in (ROOT / COUNTING).read_text("utf-8")


@pytest.mark.parametrize(
    "breach",
    [
        "from procedures.planner import plan",
        "import procedures.planning.evidence",
        "from dossiers import filing",
        "from dossiers.case import Case",
        "query = 'SELECT outcome FROM dossier_requirements'",
    ],
)
def test_a_recount_that_asks_the_judged_is_found(breach: str, tmp_path: Path) -> None:
    honest = "from store.database import Tx\nfrom dossiers.figures.editions import day\n"
    planted = plant(tmp_path, {f"{FIGURES}/recount.py": honest + breach + "\n"})
    assert trusting(planted) == [f"{FIGURES}/recount.py:3"]
