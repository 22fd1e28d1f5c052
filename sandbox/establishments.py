"""Demo establishments: a food stall for every young mother, a company and a cooperative. All marked, none real.

Numbers open with 0009, which no tax office gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from sandbox.people import MARK, PEOPLE, PROVINCE, WARDS, Person


@dataclass(frozen=True, slots=True)
class Organisation:
    """A demo establishment. `kind`: household, enterprise or cooperative; `head` owns or represents it."""

    key: str
    number: str
    name: str
    kind: str
    head: str
    address: str
    lines: tuple[str, ...]
    capital_vnd: int
    founded: date
    members: tuple[str, ...] = ()


Holder = Person | Organisation


def find_holder(number: str) -> Holder | None:
    return _BY_NUMBER.get(number)


def _stall(row: int, owner: Person) -> Organisation:
    return Organisation(
        key=f"quan-{owner.key}",
        number=f"00090{row:05d}",
        name=f"Hộ kinh doanh quán ăn {owner.key} {MARK}",
        kind="household",
        head=owner.key,
        address=owner.residence,
        lines=("Nhà hàng và các dịch vụ ăn uống phục vụ lưu động", "Bán lẻ thực phẩm"),
        capital_vnd=80_000_000 + row * 5_000_000,
        founded=date(2024, 4, 2 + row),
    )


ORGANISATIONS: Final[tuple[Organisation, ...]] = (
    *(_stall(row, person) for row, person in enumerate(one for one in PEOPLE if one.newborn)),
    Organisation(
        key="cong-ty-thu-nghiem",
        number="0009100001",
        name=f"Công ty TNHH Thực phẩm Thử Nghiệm {MARK}",
        kind="enterprise",
        head="quoc-viet",
        address=f"Số 1, {WARDS[0]}, {PROVINCE}",
        lines=("Chế biến thực phẩm", "Bán buôn thực phẩm"),
        capital_vnd=2_000_000_000,
        founded=date(2020, 1, 6),
        members=("quoc-viet", "thanh-binh", "hop-tac-xa-thu-nghiem"),
    ),
    Organisation(
        key="hop-tac-xa-thu-nghiem",
        number="0009100002",
        name=f"Hợp tác xã Nông sản Thử Nghiệm {MARK}",
        kind="cooperative",
        head="thi-sen",
        address=f"Số 2, {WARDS[1]}, {PROVINCE}",
        lines=("Trồng rau",),
        capital_vnd=500_000_000,
        founded=date(2017, 3, 15),
        members=("thi-sen",),
    ),
)
ORGANISATIONS_BY_KEY: Final[Mapping[str, Organisation]] = {one.key: one for one in ORGANISATIONS}

_BY_NUMBER: Final[Mapping[str, Holder]] = {
    **{one.number: one for one in PEOPLE},
    **{one.number: one for one in ORGANISATIONS},
}
