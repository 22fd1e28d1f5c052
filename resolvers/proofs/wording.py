"""What is found of a proof, in words for whoever it was shown to, in Vietnamese and English."""

from collections.abc import Mapping
from typing import Final

from vault.errors import ProofFault as F
from vault.proofs.verdicts import Verdict

Words = tuple[str, str]

VERDICTS: Final[Mapping[Verdict, Words]] = {
    Verdict.GOOD: (
        "Bản chứng thực hợp lệ; giấy tờ đang có hiệu lực.",
        "The proof is good, and the document is in force.",
    ),
    Verdict.NO_PROOF: (
        "Đây không phải là bản chứng thực, hoặc đã bị hỏng.",
        "This is no proof, or it was damaged on the way.",
    ),
    Verdict.FORGED: (
        "Bản chứng thực bị sửa hoặc giả mạo. Không chấp nhận.",
        "The proof was altered or forged. Do not accept it.",
    ),
    Verdict.OTHER_FILE: (
        "Bản chứng thực không nói về tệp này.",
        "The proof does not speak of this file.",
    ),
    Verdict.NOT_ITS_HOLDER: (
        "Chưa chứng minh được người xuất trình là người giữ chứng nhận này.",
        "Whoever showed this credential did not prove to be its holder.",
    ),
    Verdict.REVOKED: (
        "Giấy tờ đã bị thu hồi, hoặc chủ giấy tờ đã rút bản chứng thực này.",
        "The document was revoked, or its owner took this proof back.",
    ),
    Verdict.SUPERSEDED: (
        "Giấy tờ đã được thay thế bằng bản mới hơn. Hãy xin bản chứng thực mới.",
        "A newer document has replaced this one. Ask for a new proof.",
    ),
    Verdict.SUSPENDED: ("Giấy tờ đang tạm ngừng hiệu lực.", "The document is suspended for now."),
    Verdict.NOT_ENTITLED: (
        "Nơi ký không có thẩm quyền với loại giấy tờ này.",
        "Whoever signed this may not vouch for such a document.",
    ),
    Verdict.EXPIRED: (
        "Bản chứng thực đã hết hạn. Hãy xin bản mới.",
        "The proof has expired. Ask for a new one.",
    ),
    Verdict.NOT_YET: ("Bản chứng thực chưa đến ngày có hiệu lực.", "The proof does not hold yet."),
    Verdict.UNKNOWN: (
        "Hiện không thể biết. Đừng coi là hợp lệ.",
        "It cannot be told at this moment. Do not take it for good.",
    ),
    Verdict.SELF_DECLARED: (
        "Giấy tờ do chủ sở hữu tự khai; Nhà nước chưa xác nhận.",
        "The owner declares this document; the State does not vouch for it.",
    ),
}

_UNREADABLE: Final = ("Nội dung không đúng khuôn dạng.", "It is not in the form a proof has.")
_DISCLOSED: Final = (
    "Phần thông tin xuất trình không khớp với phần đã ký.",
    "What is shown does not fit what was signed.",
)
_BOUND: Final = (
    "Chữ ký của người giữ không dành cho lần xuất trình này.",
    "The holder's signature is not for this showing.",
)
_LIST: Final = (
    "Danh sách tình trạng không đọc được hoặc không xác thực được.",
    "The list of standings cannot be read or trusted.",
)

REASONS: Final[Mapping[F, Words]] = {
    **dict.fromkeys(
        (F.PREFIX, F.BASE45, F.COMPRESSION, F.TRAILING, F.DUPLICATE_KEY, F.INDEFINITE_LENGTH, F.ENCODING, F.HEADER,
         F.ALGORITHM, F.TYPE, F.CLAIMS), _UNREADABLE,
    ),
    F.TOO_LARGE: ("Nội dung dài hơn một bản chứng thực.", "It is longer than any proof."),
    F.KEY_UNKNOWN: (
        "Được ký bằng khóa mà danh sách tin cậy không có.",
        "It is signed with a key the trust list does not have.",
    ),
    F.SIGNATURE: ("Chữ ký số không đúng.", "The signature does not hold."),
    F.KEY_REVOKED: ("Khóa ký đã bị thu hồi trước đó.", "The signing key had been revoked by then."),
    F.ISSUER: ("Do một kho khác phát hành.", "Another vault issued it."),
    F.AGENCY_UNKNOWN: ("Không rõ cơ quan này.", "The agency is not known."),
    F.NOT_ENTITLED: (
        "Cơ quan không được chứng thực loại giấy tờ này vào ngày ký.",
        "The agency could not attest such documents on that day.",
    ),
    F.SELF_DECLARED: (
        "Chỉ có lời khai của chủ giấy tờ.",
        "There is its owner's word alone.",
    ),
    F.TRUST_MISSING: ("Không có danh sách tin cậy.", "There is no trust list."),
    F.TRUST_STALE: ("Danh sách tin cậy đã quá hạn.", "The trust list is out of date."),
    F.TRUST_REFUSED: ("Danh sách tin cậy không xác thực được.", "The trust list cannot be trusted."),
    F.NOT_YET_VALID: ("Ngày ký ở tương lai.", "It was signed for a time to come."),
    F.EXPIRED: ("Đã quá ngày hết hạn.", "Its last day has passed."),
    F.NO_FILE_ATTESTED: ("Bản chứng thực không gắn với tệp nào.", "The proof speaks of no file."),
    F.FILE_ALTERED: (
        "Tệp không phải là tệp đã được chứng thực.",
        "The file is not the one that was attested.",
    ),
    F.REVOKED: ("Đã bị thu hồi hoặc rút lại.", "It was revoked or taken back."),
    F.SUSPENDED: ("Đang tạm ngừng.", "It is suspended."),
    F.SUPERSEDED: ("Đã có bản thay thế.", "There is a newer one."),
    F.LIST_MISSING: ("Không có danh sách tình trạng cho bản này.", "There is no list of standings for it."),
    F.LIST_STALE: (
        "Danh sách tình trạng không nói về thời điểm này.",
        "The list of standings does not speak of this moment.",
    ),
    **dict.fromkeys((F.LIST_SUBJECT, F.LIST_SIGNATURE, F.LIST_MALFORMED, F.INDEX_OUT_OF_BOUNDS), _LIST),
    **dict.fromkeys(
        (F.DISCLOSURE, F.DISCLOSURE_UNREFERENCED, F.DIGEST_TWICE, F.DIGEST_ALGORITHM, F.NAME_FORBIDDEN,
         F.NAME_COLLISION, F.NESTED), _DISCLOSED,
    ),
    F.CREDENTIAL_TYPE: (
        "Loại chứng nhận không khớp với giấy tờ.",
        "The kind of credential does not fit the document.",
    ),
    F.KEY_BINDING_MISSING: ("Thiếu chữ ký của người giữ.", "The holder's signature is missing."),
    **dict.fromkeys(
        (F.KEY_BINDING, F.KEY_BINDING_AUDIENCE, F.KEY_BINDING_NONCE, F.KEY_BINDING_DIGEST), _BOUND,
    ),
    F.KEY_BINDING_AGE: (
        "Chữ ký của người giữ đã quá năm phút.",
        "The holder's signature is more than five minutes old.",
    ),
}  # fmt: skip


def verdict_words(verdict: Verdict, language: str) -> str:
    return VERDICTS[verdict][language == "en"]


def reason_words(fault: F, language: str) -> str:
    return REASONS[fault][language == "en"]
