"""Which demo person has which paper on record, since when, and who else stands on it.

Pure. A paper exists in a database only where the person's life in `sandbox.people` has the fact behind it, and
never before the day it happened. Values are `sandbox.register_data`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from sandbox.establishments import ORGANISATIONS, ORGANISATIONS_BY_KEY, Holder, Organisation
from sandbox.people import (
    BY_KEY,
    DIVORCE,
    MARK,
    PEOPLE,
    Land,
    Newborn,
    Person,
    children_of,
)

FACILITY: Final = f"Bệnh viện Thử Nghiệm {MARK}"
ATTENDANT: Final = f"Nữ hộ sinh Nguyễn Thị Đỡ {MARK}"

Actor = Person | Organisation | Newborn | Land | str


@dataclass(frozen=True, slots=True)
class Paper:
    """One record: who stands on it in which role, and when it was issued and lapses (None: never)."""

    document_type: str
    holder: Holder
    cast: Mapping[str, tuple[Actor, ...]]
    issued_on: date
    valid_until: date | None
    in_doubt: bool = False


def paper_of(holder: Holder, database: str, document_type: str, on: date) -> Paper | None:
    """The record a database has of this holder on that day, None when it has none."""
    rule = _RULES.get(document_type)
    if rule is None:
        return None
    holder = _establishment(holder, rule) if rule.kind else holder
    if (isinstance(holder, Organisation)) != bool(rule.kind) or not rule.held(holder, on):
        return None
    # The children's database ends where childhood does: Law on Children 102/2016, Article 1.
    if database == "csdl-tre-em" and isinstance(holder, Person) and holder.age(on) >= 16:
        return None
    issued = rule.issued(holder, on)
    if issued > on:
        return None
    lapses = issued + timedelta(days=rule.days) if rule.days else None
    in_doubt = isinstance(holder, Person) and rule.land and holder.land is not None and holder.land.in_doubt
    return Paper(document_type, holder, _cast(holder, document_type, on), issued, lapses, in_doubt)


@dataclass(frozen=True, slots=True)
class _Rule:
    """`kind`: the kinds of organisation the paper is about, empty for people. `days`: how long it is valid."""

    held: Callable[[Holder, date], bool]
    issued: Callable[[Holder, date], date]
    days: int = 0
    kind: tuple[str, ...] = ()
    land: bool = False


def _of_person(test: Callable[[Person, date], bool]) -> Callable[[Holder, date], bool]:
    return lambda holder, on: isinstance(holder, Person) and test(holder, on)


def _has(trait: str) -> Callable[[Holder, date], bool]:
    return _of_person(lambda person, on: trait in person.traits)


def _lives(person: Person, on: date) -> bool:
    return person.died is None or person.died > on


def _is_adult(person: Person, on: date) -> bool:
    return _lives(person, on) and person.age(on) >= 18


def _on_day(*day: int) -> Callable[[Holder, date], date]:
    return lambda holder, on: date(*day)


def _today(holder: Holder, on: date) -> date:
    return on


def _check_up(holder: Holder, on: date) -> date:
    """Everybody's half-yearly check-up: the latest first of March or September."""
    days = [date(year, month, 1) for year in (on.year - 1, on.year) for month in (3, 9)]
    return max(day for day in days if day <= on)


def _fact(read: Callable[[Person], date | None]) -> Callable[[Holder, date], date]:
    return lambda holder, on: (isinstance(holder, Person) and read(holder)) or date.max


_anyone = _of_person(lambda person, on: "undetermined" not in person.traits)
_living = _of_person(_lives)
_has_account = _of_person(lambda person, on: _lives(person, on) and "undetermined" not in person.traits)
_adult = _of_person(_is_adult)
_child_of_both = _of_person(lambda person, on: bool(person.mother and person.father))
_dies = _fact(lambda person: person.died)
_marries = _fact(lambda person: person.married)
_divorces = _fact(lambda person: DIVORCE[1] if "divorced" in person.traits else None)
_certified = _fact(lambda person: person.land.certified if person.land else None)
_is_born = _fact(lambda person: person.newborn.born if person.newborn else None)
_registered = _fact(lambda person: person.born + timedelta(days=14))
_owns_land = _of_person(lambda person, on: person.land is not None)
_owns_house = _of_person(lambda person, on: person.land is not None and person.land.house)
_land = _Rule(_owns_land, _certified, land=True)
_house = _Rule(_owns_house, _certified, land=True)
_birth = _Rule(_child_of_both, _registered)
_divorce = _Rule(_has("divorced"), _divorces)
_corrected = _Rule(_has("corrected"), _on_day(2024, 11, 11))
_founded = _Rule(
    lambda holder, on: isinstance(holder, Organisation),
    lambda holder, on: holder.founded if isinstance(holder, Organisation) else date.max,
)

_RULES: Final[Mapping[str, _Rule]] = {
    "the-can-cuoc": _Rule(_anyone, _on_day(2025, 3, 3), 3650),
    "the-can-cuoc-cong-dan": _Rule(_has("earlier-card"), _on_day(2021, 8, 8), 5475),
    "chung-minh-nhan-dan": _Rule(_has("old-card"), _on_day(2010, 1, 1)),
    "giay-chung-nhan-can-cuoc": _Rule(_has("undetermined"), _on_day(2025, 3, 3), 730),
    "can-cuoc-dien-tu": _Rule(_has_account, _today),
    "tai-khoan-dinh-danh-muc-do-2": _Rule(_has_account, _on_day(2025, 3, 3)),
    "ho-chieu": _Rule(_has("passport"), _on_day(2023, 2, 2), 3650),
    "xac-nhan-thong-tin-cu-tru": _Rule(_of_person(lambda person, on: True), _today, 365),
    "giay-khai-sinh": _birth,
    "ban-sao-giay-khai-sinh": _birth,
    "giay-chung-nhan-ket-hon": _Rule(_of_person(lambda person, on: bool(person.spouse)), _marries),
    "giay-xac-nhan-tinh-trang-hon-nhan": _Rule(_adult, _today, 183),
    "ban-an-quyet-dinh-ly-hon": _divorce,
    "trich-luc-ghi-chu-ly-hon": _divorce,
    "trich-luc-thay-doi-ho-tich": _corrected,
    "giay-to-thay-doi-thong-tin-chu-dat": _corrected,
    "van-ban-xac-nhan-thong-tin-ho-tich": _corrected,
    "ban-sao-trich-luc-ho-tich": _corrected,
    "trich-luc-nhan-cha-me-con": _Rule(_has("recognised"), _on_day(2005, 6, 1)),
    "trich-luc-giam-ho": _Rule(_of_person(lambda person, on: bool(person.guardian)), _on_day(2024, 1, 8)),
    "trich-luc-khai-tu": _Rule(_has("death-registered"), _dies),
    "giay-bao-tu": _Rule(_of_person(lambda person, on: True), _dies),
    "giay-chung-sinh": _Rule(_of_person(lambda person, on: True), _is_born),
    "the-bao-hiem-y-te": _Rule(_living, _on_day(2026, 1, 1), 730),
    "so-bao-hiem-xa-hoi": _Rule(_of_person(lambda person, on: person.age(on) >= 18), _on_day(2016, 1, 4)),
    "quyet-dinh-thoi-huong-tro-cap": _Rule(_has("benefit-stopped"), _dies),
    "giay-phep-lai-xe": _Rule(_has("licence"), _on_day(2022, 5, 5), 3650),
    "quyet-dinh-xu-phat-tuoc-gplx": _Rule(_has("sanctioned"), _on_day(2026, 2, 9)),
    "gcn-dang-ky-xe": _Rule(_of_person(lambda person, on: bool(person.plate)), _on_day(2023, 10, 3)),
    "gcn-quyen-su-dung-dat": _land,
    "giay-to-quyen-su-dung-dat-dieu-137": _Rule(_has("old-land-paper"), _on_day(1992, 7, 7)),
    "gcn-so-huu-nha-o": _house,
    "giay-phep-xay-dung": _Rule(_has("permit-on-file"), _on_day(2026, 5, 6), 365),
    "hop-dong-thue-muon-o-nho": _Rule(_has("tenant"), _on_day(2026, 1, 2), 730),
    "ban-sao-dien-tu-chung-thuc": _Rule(_has("certified-copy"), _on_day(2026, 4, 4)),
    "xac-nhan-cho-o-dien-tich": _house,
    "phieu-ly-lich-tu-phap-so-1": _Rule(_adult, _today, 183),
    "phieu-ly-lich-tu-phap-so-2": _Rule(_adult, _today, 183),
    "giay-kham-suc-khoe": _Rule(_living, _check_up, 365),
    "giay-kham-suc-khoe-lai-xe": _Rule(_has("driver-health"), _check_up, 365),
    "giay-xac-nhan-suc-khoe-attp": _Rule(_adult, _check_up, 365),
    "van-bang-tot-nghiep": _Rule(_has("diploma"), _on_day(2016, 7, 1)),
    "gcn-dang-ky-ho-kinh-doanh": replace(_founded, kind=("household",)),
    "gcn-dang-ky-doanh-nghiep": replace(_founded, kind=("enterprise",)),
    "gcn-dang-ky-hop-tac-xa": replace(_founded, kind=("cooperative",)),
}


def _establishment(holder: Holder, rule: _Rule) -> Holder:
    """Business registers are read by the establishment's number or by its owner's."""
    if isinstance(holder, Organisation):
        return holder if holder.kind in rule.kind else BY_KEY[holder.head]
    headed = (one for one in ORGANISATIONS if one.head == holder.key and one.kind in rule.kind)
    return next(headed, holder)


def _cast(holder: Holder, document_type: str, on: date) -> dict[str, tuple[Actor, ...]]:
    if isinstance(holder, Organisation):
        return _of_organisation(holder)
    return {**_roles(holder, on), **_particular(holder, document_type)}


def _of_organisation(one: Organisation) -> dict[str, tuple[Actor, ...]]:
    head = (BY_KEY[one.head],)
    members = tuple(BY_KEY.get(key) or ORGANISATIONS_BY_KEY[key] for key in one.members)
    return {
        **dict.fromkeys(("organisation", "establishment"), (one,)),
        **dict.fromkeys(("owner", "legal_representative", "representative"), head),
        "member": members,
    }


def _roles(person: Person, on: date) -> dict[str, tuple[Actor, ...]]:
    mother, father, spouse = (_named(key) for key in (person.mother, person.father, person.spouse))
    children = children_of(person)
    minors = tuple(child for child in children if child.age(on) < 18)
    return {
        **dict.fromkeys(_SELF, (person,)),
        "mother": mother,
        "father": father,
        "spouse": spouse,
        "co_owner": spouse,
        "recognising_person": father,
        "child": children,
        "related_person": spouse or mother or children,
        "ward": minors or tuple(one for one in PEOPLE if one.guardian == person.key),
        **dict.fromkeys(("legal_representative", "guardian"), _guardians(person, on)),
        "head_of_household": (head_of(person),),
        "household_member": tuple(
            one for one in PEOPLE if one.residence == person.residence and one is not person
        ),
        "establishment": tuple(one for one in ORGANISATIONS if one.head == person.key),
        "issuing_facility": (FACILITY,),
        **dict.fromkeys(("land_parcel", "building"), (person.land,) if person.land else ()),
    }


def _particular(person: Person, document_type: str) -> dict[str, tuple[Actor, ...]]:
    """Roles that mean someone else on this paper than they do on others."""
    spouse = _named(person.spouse)
    if document_type in ("giay-khai-sinh", "ban-sao-giay-khai-sinh"):
        return {"child": (person,), "related_person": _named(person.mother)}
    if document_type == "giay-chung-sinh" and person.newborn:
        awaited: dict[str, tuple[Actor, ...]] = {"child": (person.newborn,), "mother": (person,)}
        return {**awaited, "father": spouse, "birth_attendant": (ATTENDANT,)}
    if document_type == "giay-chung-nhan-ket-hon":
        couple = (person, *spouse) if person.sex == "male" else (*spouse, person)
        return {"husband": couple[:1], "wife": couple[1:], "marriage": (person,)}
    if document_type == "trich-luc-giam-ho":
        return {"ward": (person,), "related_person": _named(person.guardian)}
    if document_type == "hop-dong-thue-muon-o-nho":
        landlady = BY_KEY["thi-sen"]
        return {"owner": (landlady,), "building": (landlady.land,) if landlady.land else ()}
    if "divorced" in person.traits:
        other = tuple(BY_KEY[key] for key in DIVORCE[0] if key != person.key)
        return {"spouse_a": (person,), "spouse_b": other, "marriage": (person,)}
    return {}


def _guardians(person: Person, on: date) -> tuple[Person, ...]:
    return _named(person.guardian or person.mother) if person.age(on) < 18 else ()


_SELF: Final = (
    "holder", "owner", "land_user", "vehicle_owner", "vehicle", "applicant", "occupant", "worker",
    "beneficiary", "deceased", "permit_holder", "recognised_person",
)  # fmt: skip


def _named(key: str | None) -> tuple[Person, ...]:
    return (BY_KEY[key],) if key else ()


def head_of(person: Person) -> Person:
    """The head of the household: the father for children, the husband for a wife, else the person."""
    if person.father:
        return BY_KEY[person.father]
    return BY_KEY[person.spouse] if person.spouse and person.sex == "female" else person
