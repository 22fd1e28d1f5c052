"""Demo people and families: the one source of every fact the sandbox's State systems tell.

Nobody here lives. Every name ends in `(thử nghiệm)`; every number opens with 000, a province code of no
province; every address is in a ward called Thử Nghiệm. Databases and the identity provider derive what they say
from this module alone, so names, numbers and homes agree wherever they are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

MARK: Final = "(thử nghiệm)"
PROVINCE: Final = "Thành phố Hà Nội"
WARDS: Final = ("phường Thử Nghiệm Một", "phường Thử Nghiệm Hai")


@dataclass(frozen=True, slots=True)
class Newborn:
    """A birth notified by the hospital and not yet registered. `number` is what registration will give."""

    intended_name: str
    number: str
    sex: str
    born: date
    time: str
    notification_code: str


@dataclass(frozen=True, slots=True)
class Land:
    """A residential parcel with its certificate, and the house on it where there is one.

    `in_doubt`: the land register itself has the record under correction and vouches for nothing.
    """

    parcel: str
    sheet: str
    area_m2: int
    certificate: str
    certified: date
    house: bool = False
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A demo citizen. `key` is the login name; relatives are named by key.

    `traits`: papers and turns of life that not everyone has; `sandbox.papers` gives each its meaning.
    """

    key: str
    number: str
    name: str
    sex: str
    born: date
    ward: int
    house: int
    mother: str | None = None
    father: str | None = None
    spouse: str | None = None
    guardian: str | None = None
    married: date | None = None
    newborn: Newborn | None = None
    land: Land | None = None
    plate: str | None = None
    died: date | None = None
    traits: frozenset[str] = frozenset()

    @property
    def residence(self) -> str:
        return f"Số {self.house}, tổ dân phố {self.house % 9 + 1}, {WARDS[self.ward]}, {PROVINCE}"

    def age(self, on: date) -> int:
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))


def children_of(person: Person) -> tuple[Person, ...]:
    """Registered children, eldest first; a newborn is not yet one of them."""
    children = [one for one in PEOPLE if person.key in (one.mother, one.father)]
    return tuple(sorted(children, key=lambda child: child.born))


_Adult = tuple[str, str, date]
_Family = tuple[_Adult, _Adult, tuple[str, str, str, date], tuple[str, str, date]]

# Mother, father, their registered child, the newborn's intended name: one row is one household.
_FAMILIES: Final[tuple[_Family, ...]] = (
    (
        ("minh-chau", "Nguyễn Thị Minh Châu", date(1994, 3, 12)),
        ("dang-khoa", "Trần Đăng Khoa", date(1991, 7, 2)),
        ("gia-an", "Trần Gia An", "male", date(2018, 5, 20)),
        ("Trần Bảo Ngọc", "female", date(2026, 11, 2)),
    ),
    (
        ("thu-ha", "Lê Thị Thu Hà", date(1992, 9, 25)),
        ("quang-huy", "Phạm Quang Huy", date(1990, 1, 14)),
        ("khanh-linh", "Phạm Khánh Linh", "female", date(2017, 8, 9)),
        ("Phạm Minh Đức", "male", date(2026, 11, 5)),
    ),
    (
        ("hong-nhung", "Vũ Thị Hồng Nhung", date(1996, 12, 1)),
        ("van-toan", "Đỗ Văn Toàn", date(1993, 4, 30)),
        ("duc-anh", "Đỗ Đức Anh", "male", date(2020, 2, 17)),
        ("Đỗ Hà My", "female", date(2026, 10, 28)),
    ),
    (
        ("phuong-thao", "Hoàng Thị Phương Thảo", date(1995, 6, 6)),
        ("tien-dung", "Bùi Tiến Dũng", date(1989, 10, 19)),
        ("bao-chau", "Bùi Bảo Châu", "female", date(2019, 11, 3)),
        ("Bùi Tuấn Kiệt", "male", date(2026, 11, 9)),
    ),
    (
        ("ngoc-mai", "Đặng Thị Ngọc Mai", date(1991, 2, 22)),
        ("huu-phuc", "Ngô Hữu Phúc", date(1988, 8, 8)),
        ("nhat-minh", "Ngô Nhật Minh", "male", date(2016, 4, 12)),
        ("Ngô Thanh Trúc", "female", date(2026, 10, 30)),
    ),
    (
        ("kim-oanh", "Dương Thị Kim Oanh", date(1997, 5, 15)),
        ("xuan-bach", "Lý Xuân Bách", date(1994, 3, 3)),
        ("tue-lam", "Lý Tuệ Lâm", "female", date(2021, 7, 27)),
        ("Lý Gia Huy", "male", date(2026, 11, 12)),
    ),
)

# Three generations: her mother lives, her father has just died.
_HER_PARENTS: Final = {"minh-chau": ("thi-sen", "ba-loc")}


def _number(sex: str, born: date, serial: int) -> str:
    # As real ones are built: province, century with sex, year, six digits. The last six open with 9 here.
    century = (born.year // 100 - 19) * 2 + (sex == "female")
    return f"000{century}{born.year % 100:02d}9{serial:05d}"


def _person(key: str, name: str, sex: str, born: date, serial: int) -> Person:
    """Someone with a home of their own, in the ward and house the serial gives."""
    number = _number(sex, born, serial)
    return Person(key, number, f"{name} {MARK}", sex, born, (serial // 100 + 1) % 2, serial // 100 * 7 + 5)


def _land(row: int) -> Land:
    certificate, certified = f"TN {900100 + row:06d}", date(2021, 3, 10 + row)
    return Land(str(210 + 13 * row), str(7 + row), 68 + 4 * row, certificate, certified, house=row % 2 == 1)


def _newborn(name: str, sex: str, born: date, serial: int) -> Newborn:
    number, code = _number(sex, born, serial), f"TN-GCS-2026-{serial:06d}"
    return Newborn(f"{name} {MARK}", number, sex, born, f"0{serial % 9 + 1}:15", code)


def _household(row: int, family: _Family) -> tuple[Person, Person, Person]:
    (her_key, her_name, her_birth), (his_key, his_name, his_birth), child, awaited = family
    serial, married = 100 * (row + 1), date(2015, 10, 10 + row)
    mother = replace(
        _person(her_key, her_name, "female", her_birth, serial + 1),
        spouse=his_key,
        married=married,
        newborn=_newborn(*awaited, serial + 4),
        land=_land(row),
        traits=frozenset({"diploma", "licence", "earlier-card", "passport", "driver-health"}),
    )
    father = replace(
        _person(his_key, his_name, "male", his_birth, serial + 2),
        spouse=her_key,
        married=married,
        plate=f"29T1-9{row:02d}.{serial:03d}",
        traits=frozenset({"diploma", "licence", "driver-health"}),
    )
    if her_key in _HER_PARENTS:
        mother = replace(mother, mother=_HER_PARENTS[her_key][0], father=_HER_PARENTS[her_key][1])
    return mother, father, replace(_person(*child, serial + 3), mother=her_key, father=his_key)


_OTHERS: Final = (
    replace(
        _person("thanh-binh", "Nguyễn Thanh Bình", "male", date(2002, 8, 21), 7010),
        mother="thi-sen",
        father="ba-loc",
        traits=frozenset(
            {"diploma", "licence", "sanctioned", "passport", "recognised", "tenant", "certified-copy"}
        ),
    ),
    replace(
        _person("thi-sen", "Mai Thị Sen", "female", date(1964, 1, 30), 7012),
        spouse="ba-loc",
        married=date(1985, 2, 14),
        land=Land("77", "3", 120, "TN 900200", date(2012, 6, 1), house=True),
        traits=frozenset({"old-card", "earlier-card", "old-land-paper"}),
    ),
    replace(
        _person("ba-loc", "Nguyễn Bá Lộc", "male", date(1955, 5, 5), 7014),
        spouse="thi-sen",
        married=date(1985, 2, 14),
        died=date(2026, 11, 14),
        traits=frozenset({"old-card", "benefit-stopped"}),
    ),
    replace(
        _person("van-hien", "Phan Văn Hiển", "male", date(1949, 12, 9), 7125),
        died=date(2026, 6, 2),
        traits=frozenset({"death-registered", "old-card"}),
    ),
    replace(
        _person("quoc-viet", "Hồ Quốc Việt", "male", date(1985, 4, 18), 7234),
        land=Land("305", "15", 95, "TN 900201", date(2018, 9, 9), in_doubt=True),
        traits=frozenset({"divorced", "licence", "corrected", "diploma"}),
    ),
    replace(
        _person("lan-huong", "Cao Thị Lan Hương", "female", date(1987, 7, 7), 7345),
        land=Land("306", "15", 88, "TN 900202", date(2019, 4, 4), house=True),
        traits=frozenset({"divorced", "corrected", "permit-on-file"}),
    ),
    replace(_person("hoai-an", "Lương Hoài An", "female", date(2013, 3, 21), 7346), guardian="lan-huong"),
    replace(
        _person("a-sang", "Chu A Sáng", "male", date(1989, 9, 1), 7456),
        spouse="thi-may",
        married=date(2014, 3, 3),
        traits=frozenset({"undetermined"}),
    ),
    replace(
        _person("thi-may", "Sùng Thị Mây", "female", date(1991, 4, 4), 7457),
        spouse="a-sang",
        married=date(2014, 3, 3),
        traits=frozenset({"undetermined"}),
    ),
    replace(
        _person("a-pao", "Chu A Pao", "male", date(2017, 6, 16), 7458),
        mother="thi-may",
        father="a-sang",
        traits=frozenset({"undetermined"}),
    ),
)

DIVORCE: Final = (frozenset({"quoc-viet", "lan-huong"}), date(2023, 5, 22))
"""The one divorced couple and the day their judgment took effect."""

PEOPLE: Final[tuple[Person, ...]] = (
    *(person for row, family in enumerate(_FAMILIES) for person in _household(row, family)),
    *_OTHERS,
)
BY_KEY: Final[Mapping[str, Person]] = {person.key: person for person in PEOPLE}
