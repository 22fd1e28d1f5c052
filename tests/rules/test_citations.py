"""What of a cited provision may stand in a log everybody's auditors read: number and article, never the words."""

import pytest

from dossiers.desk.citations import provision_of
from dossiers.errors import CitationUnclear


@pytest.mark.parametrize(
    ("cited", "provision"),
    [
        ("Luật số 135/2025/QH15, Điều 54", "135/2025/QH15, Điều 54"),
        ("Luật Xây dựng số 50/2014/QH13, Điều 101", "50/2014/QH13, Điều 101"),
        ("điểm a khoản 2 Điều 18 Nghị định số 118/2025/NĐ-CP", "118/2025/NĐ-CP, Điều 18 khoản 2 điểm a"),
        ("Nghị quyết số 66.7/2025/NQ-CP, điều 2", "66.7/2025/NQ-CP, Điều 2"),
        ("Thông tư số 03/2025/TT-VPCP, Điều 7a", "03/2025/TT-VPCP, Điều 7a"),
        ("Quyết định số 1739/2026/QĐ-TTg, Điều 1", "1739/2026/QĐ-TTg, Điều 1"),
        ("của bà Minh Châu, 001190000011: Luật số 135/2025/QH15, Điều 54", "135/2025/QH15, Điều 54"),
    ],
)  # fmt: skip
def test_of_a_citation_number_and_article_remain(cited: str, provision: str) -> None:
    assert provision_of(cited) == provision


@pytest.mark.parametrize(
    "cited",
    [
        "",
        "Luật Xây dựng",
        "Luật Xây dựng, Điều 101",
        "Luật số 135/2025/QH15",
        "001190000011/2025/QH15, Điều 54",
        "135/2025/NGUYEN, Điều 54",
        "135/2025/QH15/MINHCHAU, Điều 54",
        "135/1225/QH15, Điều 54",
        "Luật số 135/2025/QH15, Điều 001190000011",
        "Luật số 135/2025/QH15, Điều Minh",
    ],
)
def test_what_names_no_provision_is_refused(cited: str) -> None:
    with pytest.raises(CitationUnclear):
        provision_of(cited)
