"""Rules about to lapse are listed with what follows them."""

from datetime import date
from pathlib import Path

import pytest

from procedures.catalogue import CatalogueFiles, read_catalogue
from procedures.checking.lapses import Follows, lapse_report, lapsing

LAST_DAY = date(2027, 2, 28)


@pytest.fixture(scope="module")
def files() -> CatalogueFiles:
    return read_catalogue(Path(__file__).parents[2] / "catalogue")


@pytest.mark.parametrize(
    ("on", "listed"),
    [
        (date(2026, 11, 30), False),
        (date(2026, 12, 1), True),
        (LAST_DAY, True),
        (date(2027, 3, 1), False),
    ],
)
def test_the_resolution_is_listed_from_89_days_before_its_last_day(
    files: CatalogueFiles, on: date, listed: bool
) -> None:
    rules = {lapse.rule for lapse in lapsing(files, on)}
    assert ("thay-the-bang-csdl-quoc-gia-dat-dai" in rules) is listed
    assert "can-cuoc-dien-tu-thay-the-can-cuoc" not in rules


def test_each_component_says_what_follows(files: CatalogueFiles) -> None:
    follows = {one.component: one.follows for lapse in lapsing(files, LAST_DAY) for one in lapse.successors}
    assert follows["dang-ky-khai-sinh.c09"] is Follows.RULE
    assert follows["cap-giay-phep-xay-dung-nha-o-rieng-le.c02"] is Follows.VAULT
    assert follows["doi-giay-phep-lai-xe.c02"] is Follows.ASK


def test_the_report_names_rule_day_article_and_components(files: CatalogueFiles) -> None:
    text = lapse_report(lapsing(files, LAST_DAY), LAST_DAY)
    assert "2027-02-28 pl1-584-1-013225-gcn-quyen-su-dung-dat (Nghị quyết số 66.7/2025/NQ-CP" in text
    assert "  cap-giay-phep-xay-dung-nha-o-rieng-le.c02: vault: gcn-quyen-su-dung-dat" in text
