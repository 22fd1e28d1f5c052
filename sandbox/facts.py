"""What is true of a demo person, newborn, parcel, establishment or paper, by information concept. Pure."""

from collections.abc import Mapping
from typing import Final

from sandbox.establishments import Organisation
from sandbox.papers import Actor, Paper, head_of
from sandbox.people import (
    DIVORCE,
    MARK,
    PROVINCE,
    WARDS,
    Land,
    Newborn,
    Person,
    children_of,
)

Fact = str | int | bool
Facts = Mapping[str, Fact | None]

MADE_UP_OF: Final[Mapping[type, tuple[str, ...]]] = {
    Person: ("person.", "health.", "permit.", "payment.", "education.", "residence.", "insurance."),
    Organisation: ("organisation.",),
    Land: ("land_parcel.", "building."),
}
"""Concepts that may be filled in for an actor when nothing here says better; others are left out."""


def facts_of(actor: Actor, role: str, paper: Paper) -> Facts:
    """What the paper may say of this actor in this role. None marks a fact that does not exist."""
    match actor:
        case Person():
            return {**_person(actor, role, paper), **_life(actor, paper), **_vehicle(actor)}
        case Newborn():
            return _newborn(actor)
        case Land():
            return {**_land(actor), **_house(actor, paper)}
        case Organisation():
            return _organisation(actor)
        case str():
            return {"person.full_name": actor, "organisation.name": actor}


def document_facts(paper: Paper) -> Facts:
    """What is true of the paper itself."""
    issued, serial = paper.issued_on, paper.holder.number[-5:]
    return {
        "document.number": f"TN-{serial}/{issued.year}",
        "document.issue_date": issued.isoformat(),
        "document.expiry_date": paper.valid_until.isoformat() if paper.valid_until else "Không thời hạn",
        "document.issuing_authority": f"Cơ quan cấp {MARK}",
        "document.purpose_of_use": "Theo yêu cầu của người được cấp",
    }


def _person(one: Person, role: str, paper: Paper) -> Facts:
    origin = "Chưa xác định" if "undetermined" in one.traits else "Việt Nam"
    return {
        "person.personal_id_number": one.number,
        "person.identity_document_number": one.number,
        "person.identity_document_type": "Thẻ căn cước",
        "person.passport_number": f"TN{one.number[-7:]}",
        "person.full_name": one.name,
        "person.phone_number": f"000{one.number[-7:]}",
        "person.email": f"{one.key}@thu-nghiem.invalid",
        "person.date_of_birth": one.born.isoformat(),
        "person.year_of_birth": one.born.year,
        "person.sex": one.sex,
        "person.nationality": origin,
        "person.ethnicity": "Kinh",
        "person.religion": "Không",
        "person.residence": one.residence,
        "person.permanent_residence": one.residence,
        "person.current_residence": one.residence,
        "person.temporary_residence": "Không đăng ký tạm trú",
        "person.place_of_birth": f"Cơ sở y tế, {PROVINCE}",
        "person.place_of_origin": PROVINCE,
        "person.place_of_birth_registration": f"Ủy ban nhân dân {WARDS[one.ward]}",
        "person.parent_child_relationship": "Con đẻ" if one.mother else None,
        "person.kinship": _kinship(one, role, paper),
        "person.relationship_to_head_of_household": _in_household(one),
    }


def _life(one: Person, paper: Paper) -> Facts:
    serial, issued = one.number[-6:], paper.issued_on
    return {
        "marriage.status": _marital_status(one, paper),
        "marriage.status_period": "Từ khi đủ tuổi kết hôn đến nay",
        "marriage.registration_date": one.married.isoformat() if one.married else None,
        "marriage.registration_authority": f"Ủy ban nhân dân {WARDS[one.ward]}",
        "marriage.dissolution_date": DIVORCE[1].isoformat() if one.key in DIVORCE[0] else None,
        "birth.registration_date": issued.isoformat(),
        "death.date": one.died.isoformat() if one.died else None,
        "death.time": "04:30",
        "death.place": one.residence,
        "death.cause": "Tuổi già",
        "death.last_residence": one.residence,
        "death.registration_date": issued.isoformat(),
        "death.registration_authority": f"Ủy ban nhân dân {WARDS[one.ward]}",
        "insurance.health_insurance_number": f"TN4{serial}00",
        "insurance.social_insurance_number": f"000{serial}0",
        "insurance.initial_facility": f"Trạm y tế {WARDS[one.ward]}",
        "insurance.health_valid_from": "2026-01-01",
        "insurance.health_valid_to": "2027-12-31",
        "insurance.five_year_continuity_date": "2024-01-01",
        "insurance.contribution_periods": "2016-01 đến 2026-09",
        "permit.number": f"TN{one.number[-8:]}",
        "permit.licence_classes": "A1, B",
        "permit.remaining_points": 12,
        "person.criminal_record_status": "Không có án tích",
        "person.office_prohibition": "Không bị cấm",
        "person.cleared_convictions": "Không có",
        "health.fitness_conclusion": "Đủ sức khỏe",
        "health.food_work_fit": True,
        "health.licence_class_fit": "B",
        "education.qualification": "Cử nhân kinh tế",
        "education.graduation_year": issued.year,
        "education.classification": "Khá",
        "education.diploma_number": f"TN-VB-{serial}",
        "education.register_number": f"TN-SG-{serial}",
        "education.school_name": f"Trường Đại học Thử Nghiệm {MARK}",
    }


def _vehicle(one: Person) -> Facts:
    serial = one.number[-6:]
    return {
        "vehicle.plate_number": one.plate,
        "vehicle.kind": "Xe mô tô hai bánh",
        "vehicle.brand": "Hãng Thử Nghiệm",
        "vehicle.engine_number": f"TNM{serial}",
        "vehicle.chassis_number": f"TNK{serial}",
        "vehicle.registration_date": "2023-10-03",
    }


def _newborn(one: Newborn) -> Facts:
    return {
        "birth.notification_code": one.notification_code,
        "birth.intended_name": one.intended_name,
        "birth.time": one.time,
        "birth.weight_grams": 3200,
        "birth.children_in_delivery": 1,
        "person.date_of_birth": one.born.isoformat(),
        "person.sex": one.sex,
        "person.place_of_birth": f"Bệnh viện Thử Nghiệm, {PROVINCE}",
    }


def _land(one: Land) -> Facts:
    return {
        "land_parcel.certificate_serial": one.certificate,
        "land_parcel.certificate_register_number": f"CS-{one.certificate[-6:]}",
        "land_parcel.parcel_number": one.parcel,
        "land_parcel.map_sheet_number": one.sheet,
        "land_parcel.area": one.area_m2,
        "land_parcel.land_use_purpose": "Đất ở tại đô thị",
        "land_parcel.land_use_term": "Lâu dài",
        "land_parcel.use_form": "sole",
        "land_parcel.attached_assets": "Nhà ở riêng lẻ" if one.house else "Không",
        "land_parcel.land_use_origin": "recognised",
        "land_parcel.boundary_plan": f"sơ đồ thửa đất {MARK}",
    }


def _house(one: Land, paper: Paper) -> Facts:
    address = paper.holder.residence if isinstance(paper.holder, Person) else None
    return {
        "land_parcel.address": address,
        "building.address": address,
        "building.kind": "house",
        "building.floor_area": one.area_m2 * 2,
        "building.number_of_storeys": 2,
        "building.lawful_dwelling": True,
        "building.average_floor_area_per_person": one.area_m2 // 2,
    }


def _organisation(one: Organisation) -> Facts:
    return {
        "organisation.name": one.name,
        "organisation.enterprise_code": one.number,
        "organisation.cooperative_code": one.number,
        "organisation.household_business_code": one.number,
        "organisation.head_office_address": one.address,
        "organisation.business_lines": "; ".join(one.lines),
        "organisation.business_capital": one.capital_vnd,
        "organisation.charter_capital": one.capital_vnd,
        "organisation.first_registration_date": one.founded.isoformat(),
        "organisation.last_change_date": one.founded.isoformat(),
    }


def _marital_status(one: Person, paper: Paper) -> str:
    if "divorced" in one.traits:
        return "Đã ly hôn"
    return "Đã kết hôn" if one.married and one.married <= paper.issued_on else "Chưa kết hôn"


def _kinship(one: Person, role: str, paper: Paper) -> str:
    ties = {"husband": "Chồng", "wife": "Vợ"}
    if role in ties:
        return ties[role]
    if role == "related_person":
        return "Vợ, chồng" if one.spouse == paper.holder.key else "Mẹ, con"
    relatives = [("cha, mẹ", one.mother), ("vợ, chồng", one.spouse), ("con", children_of(one))]
    return ", ".join(tie for tie, relative in relatives if relative) or "Không có"


def _in_household(one: Person) -> str:
    head = head_of(one)
    if head is one:
        return "head"
    return "child" if one.father == head.key else "spouse"
