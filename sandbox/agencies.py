"""Demo agencies and their officers: one agency at least for every agency type that handles a procedure.

Codes have the national shape with 99 as second segment, which marks them as made up. Ids are fixed, so a database
seeded twice holds each once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from sandbox.people import MARK

RECEIVE: Final = "tiep_nhan"
APPRAISE: Final = "tham_dinh"
APPROVE: Final = "phe_duyet"


@dataclass(frozen=True, slots=True)
class Agency:
    id: UUID
    key: str
    type_id: str
    code: str
    name_vi: str
    name_en: str
    province: str = "ha-noi"


@dataclass(frozen=True, slots=True)
class Officer:
    """A demo civil servant. `login` is the account at the sandbox's identity provider and its `sub`."""

    id: UUID
    login: str
    name: str
    code: str
    agency: UUID
    roles: frozenset[str]


def _id(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"https://motlan.invalid/sandbox/{name}")


# Key, type, first segment of the code (H26 Hà Nội, G.. ministries), name in both languages.
_AGENCIES: Final = (
    ("ubnd-mot", "ubnd-cap-xa", "H26", "Ủy ban nhân dân phường Thử Nghiệm Một", "People’s Committee, Test Ward One"),
    ("ubnd-hai", "ubnd-cap-xa", "H26", "Ủy ban nhân dân phường Thử Nghiệm Hai", "People’s Committee, Test Ward Two"),
    ("chu-tich", "chu-tich-ubnd-cap-xa", "H26", "Chủ tịch UBND phường Thử Nghiệm Một", "Chair, Test Ward One"),
    ("mot-cua-xa", "trung-tam-phuc-vu-hanh-chinh-cong-cap-xa", "H26",
     "Trung tâm Phục vụ hành chính công phường Thử Nghiệm Một", "Service Centre, Test Ward One"),
    ("mot-cua-tinh", "trung-tam-phuc-vu-hanh-chinh-cong-cap-tinh", "H26",
     "Trung tâm Phục vụ hành chính công thành phố Thử Nghiệm", "City Service Centre"),
    ("cong-an-xa", "cong-an-cap-xa", "G01", "Công an phường Thử Nghiệm Một", "Police, Test Ward One"),
    ("cong-an-tinh", "cong-an-cap-tinh", "G01", "Công an thành phố Thử Nghiệm", "City Police"),
    ("csgt", "cuc-canh-sat-giao-thong", "G01", "Cục Cảnh sát giao thông", "Traffic Police Department"),
    ("c06", "cuc-c06", "G01", "Cục C06", "Department C06"),
    ("so-tu-phap", "so-tu-phap", "H26", "Sở Tư pháp", "Department of Justice"),
    ("so-tai-chinh", "so-tai-chinh", "H26", "Sở Tài chính", "Department of Finance, business registration"),
    ("dkkd-xa", "co-quan-dang-ky-kinh-doanh-cap-xa", "H26", "Phòng Kinh tế phường Thử Nghiệm Một",
     "Business registration, Test Ward One"),
    ("vp-dat-dai", "van-phong-dang-ky-dat-dai", "H26", "Văn phòng đăng ký đất đai", "Land Registration Office"),
    ("cn-dat-dai", "chi-nhanh-van-phong-dang-ky-dat-dai", "H26",
     "Chi nhánh Văn phòng đăng ký đất đai Thử Nghiệm", "Land Registration Branch"),
    ("bhxh-tinh", "bhxh-cap-tinh", "G24", "Bảo hiểm xã hội thành phố", "City Social Insurance"),
    ("bhxh-co-so", "bhxh-co-so", "G24", "Bảo hiểm xã hội cơ sở Thử Nghiệm", "Local Social Insurance"),
    ("thue-tinh", "thue-cap-tinh", "G12", "Thuế thành phố", "City Tax Office"),
    ("thue-co-so", "thue-co-so", "G12", "Thuế cơ sở Thử Nghiệm", "Local Tax Office"),
    ("so-y-te", "so-y-te", "H26", "Sở Y tế", "Department of Health"),
    ("so-cong-thuong", "so-cong-thuong", "H26", "Sở Công Thương", "Department of Industry and Trade"),
    ("so-giao-duc", "so-giao-duc-dao-tao", "H26", "Sở Giáo dục và Đào tạo", "Department of Education"),
    ("truong-hoc", "co-so-giao-duc", "H26", "Trường Trung học cơ sở Thử Nghiệm", "Test Lower Secondary School"),
    ("viec-lam", "trung-tam-dich-vu-viec-lam", "H26", "Trung tâm Dịch vụ việc làm", "Employment Service Centre"),
    ("dien-luc", "don-vi-dien-luc", "H26", "Điện lực Thử Nghiệm", "Test Power Company"),
    ("khuyet-tat", "hoi-dong-xac-dinh-muc-do-khuyet-tat", "H26",
     "Hội đồng xác định mức độ khuyết tật phường Thử Nghiệm Một", "Disability Council, Test Ward One"),
    ("cong-chung", "to-chuc-hanh-nghe-cong-chung", "H26", "Văn phòng công chứng Thử Nghiệm", "Test Notary Office"),
    ("so-goc", "co-quan-quan-ly-so-goc", "H26", "Cơ quan lưu sổ gốc Thử Nghiệm", "Keeper of Original Registers"),
    ("su-quan", "co-quan-dai-dien-vn-o-nuoc-ngoai", "G08", "Cơ quan đại diện Thử Nghiệm", "Test Mission Abroad"),
)  # fmt: skip

AGENCIES: Final[tuple[Agency, ...]] = tuple(
    Agency(_id(f"agency/{key}"), key, type_id, f"{first}.99.{place:02d}", f"{vi} {MARK}", f"{en} (sandbox)")
    for place, (key, type_id, first, vi, en) in enumerate(_AGENCIES, start=1)
)
AGENCIES_BY_KEY: Final[Mapping[str, Agency]] = {agency.key: agency for agency in AGENCIES}

_DESKS: Final = (
    ("tiep-nhan", "Cán bộ tiếp nhận", frozenset({RECEIVE})),
    ("tham-dinh", "Cán bộ thẩm định", frozenset({APPRAISE})),
    ("phe-duyet", "Lãnh đạo phê duyệt", frozenset({APPROVE})),
    ("toan-quyen", "Cán bộ kiêm nhiệm", frozenset({RECEIVE, APPRAISE, APPROVE})),
)


def _officers() -> Iterator[Officer]:
    for agency in AGENCIES:
        for place, (desk, title, roles) in enumerate(_DESKS, start=1):
            login = f"{agency.key}.{desk}"
            code = f"CB-{agency.code.replace('.', '')}-{place:02d}"
            name = f"{title}, {agency.name_vi}"
            yield Officer(_id(f"officer/{login}"), login, name, code, agency.id, roles)


OFFICERS: Final[tuple[Officer, ...]] = tuple(_officers())
"""Four at every agency: who receives, who appraises, who approves, and one who may do all three."""
