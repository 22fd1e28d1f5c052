"""The golden table: 96 procedures × four worlds × every turn of a condition, agreed by three sources that share no
code: rows written by hand from the law's text, a naive oracle over the catalogue's files, and the planner."""

import ast
import json
import sys
from functools import cache

import pytest

from tests.golden.by_hand import differences, read_by_hand
from tests.golden.cases import WORLDS
from tests.golden.figures import figures, read_scene, report
from tests.golden.oracle import CATALOGUE, TABLE, Oracle, across, read_json, table
from tests.golden.world import Scene, planned

STORY = {
    "cap-giay-phep-xay-dung-nha-o-rieng-le", "dieu-chinh-giay-phep-xay-dung", "gia-han-giay-phep-xay-dung",
    "dang-ky-khai-sinh", "cap-dien-moi-ha-ap", "cap-gcn-attp-bo-y-te", "cap-gcn-attp-cong-thuong",
}  # fmt: skip


@cache
def scene() -> Scene:
    return read_scene()


@cache
def oracle() -> Oracle:
    return Oracle(read_json())


@cache
def committed() -> dict[str, dict[str, dict[str, str]]]:
    return dict(json.loads(TABLE.read_text("utf-8")))


def test_the_oracle_gives_every_committed_row() -> None:
    found = differences(committed(), table(oracle()), "the oracle")
    assert not found, "\n".join(["review, then run python -m tests.golden.oracle --write", *found])
    assert committed().keys() == oracle().procedures.keys()
    assert len(committed()) == 96


def test_the_planner_gives_every_committed_row() -> None:
    found: dict[str, dict[str, dict[str, str]]] = {}
    for procedure in committed():
        for case in oracle().cases(procedure):
            worlds = [planned(scene(), procedure, case, world) for world in WORLDS]
            row = across([{number: outcome for number, (outcome, _) in world.items()} for world in worlds])
            found.setdefault(procedure, {})[case.label] = row
    wrong = differences(committed(), found, "the planner")
    assert not wrong, "\n".join(wrong)


def test_the_rows_by_hand_are_the_committed_ones() -> None:
    by_hand = read_by_hand()
    wrong = differences(by_hand, committed(), "the table")
    assert not wrong, "\n".join(wrong)
    assert len(by_hand) >= 24
    bundles = json.loads((CATALOGUE / "bundles.json").read_text("utf-8"))
    members = {stage["procedure_id"] for bundle in bundles for stage in bundle["stages"]}
    optional = {name for bundle in bundles for name in bundle["optional_procedure_ids"]}
    assert STORY | members | optional <= by_hand.keys()


def test_the_oracle_shares_no_code_with_the_product() -> None:
    for name in ("oracle.py", "stand_ins.py", "cases.py"):
        tree = ast.parse(TABLE.with_name(name).read_text("utf-8"))
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {
            one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
        }
        ours = {
            module
            for module in imported
            if module and module.partition(".")[0] not in sys.stdlib_module_names
        }
        assert ours <= {"tests.golden.cases", "tests.golden.stand_ins"}


def test_planner_and_oracle_mean_the_same_by_everything_held() -> None:
    assert scene().everything == oracle().everything


def test_figures_beside_the_goals(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("\n" + report(scene()))
    unread, registers, results, kept, down, _lapsed = figures(scene())
    together = [figure.mean() + figure.mean(apart=True) for figure in (unread, registers, results, kept)]
    assert together == sorted(together, reverse=True), "holding more never leaves more"
    assert kept.mean() <= 0.20
    assert kept.at_zero >= 80
    assert down.mean() <= 0.60
