"""Why a requirement got its outcome, in words: one stable code per reason, a sentence in both languages.

Pure. Codes travel in plans, logs and the API; the sentences are for people. Parameters are names of the
catalogue and dates, never personal data: `document_type`, `database`, `article`, `date`, `role`, `situation`.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from procedures.law import Law, Text
from procedures.plan import Reason


class Code(StrEnum):
    """What `Reason.code` may be."""

    # Met
    HELD = "held"
    HELD_UNDER_RULE = "held_under_rule"
    SEEN_ALREADY = "seen_already"
    REGISTER_ANSWERS = "register_answers"
    REGISTER_DOWN = "register_down"
    AWAITS_APPROVAL = "awaits_approval"
    DECLARED_ON_FORM = "declared_on_form"
    SURRENDER_ORIGINAL = "surrender_original"
    SUPPLIED_HERE = "supplied_here"
    SHOWN_HERE = "shown_here"
    # Still to be shown or supplied
    SHOW_ORIGINAL = "show_original"
    SHOW_HELD_ORIGINAL = "show_held_original"
    NOTHING_HELD = "nothing_held"
    TO_BE_BROUGHT = "to_be_brought"
    DECLINED = "declined"
    OVERRIDDEN = "overridden"
    PARTY_UNKNOWN = "party_unknown"
    UPGRADE_BY_CERTIFICATION = "upgrade_by_certification"
    UPGRADE_BY_ISSUE = "upgrade_by_issue"
    # Asked or lost after submission
    ASKED_MISSING = "asked_missing"
    ASKED_UNFIT = "asked_unfit"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    # Held, and why it does not serve
    EXCLUDED = "excluded"
    OTHER_SUBJECT = "other_subject"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    REMOVED = "removed"
    OTHER_CASE = "other_case"
    MADE_BEFORE = "made_before"
    NEW_OBJECT = "new_object"
    OTHER_OBJECT = "other_object"
    OBJECT_UNKNOWN = "object_unknown"
    EXPIRED = "expired"
    EXPIRES_TOO_EARLY = "expires_too_early"
    TOO_OLD = "too_old"
    AGE_UNKNOWN = "age_unknown"
    DISPUTED = "disputed"
    CLAIMS_MISSING = "claims_missing"
    NOT_THE_ORIGINAL = "not_the_original"
    LEVEL_TOO_LOW = "level_too_low"
    NOT_SEEN = "not_seen"
    ANOTHER_SERVES = "another_serves"
    # A register, and why it does not serve
    NOT_ASKABLE = "not_askable"
    ANSWER_INCOMPLETE = "answer_incomplete"
    SOURCE_NOT_FOUND = "source_not_found"
    SOURCE_MISMATCH = "source_mismatch"
    # Not asked for
    NOT_REQUIRED = "not_required"
    GENERATED = "generated"
    CONDITION_UNPUBLISHED = "condition_unpublished"
    SITUATION = "situation"
    CHANNEL = "channel"
    FILER_IS_APPLICANT = "filer_is_applicant"
    FILER_IN_OWN_RIGHT = "filer_in_own_right"
    FILER_NEEDS_NO_PAPER = "filer_needs_no_paper"
    MANDATE_RECORDED = "mandate_recorded"
    HIGHER_RANK = "higher_rank"
    DECLARED_ABSENT = "declared_absent"
    ANOTHER_OF_GROUP = "another_of_group"
    # Warnings
    EXPIRES_SOON = "expires_soon"
    SOURCE_MUST_BE_CORRECTED = "source_must_be_corrected"
    DECLARATION_CONTRADICTED = "declaration_contradicted"


def words(reason: Reason, language: str, law: Law) -> str:
    """The sentence for `reason` in `language` (`vi` or `en`), names looked up in `law`.

    A name the law of the day no longer knows appears as its id. Raises ValueError for an unknown code.
    """
    sentence = SENTENCES[Code(reason.code)].in_language(language)
    return sentence.format_map(
        {name: _name(name, value, language, law) for name, value in reason.params.items()}
    )


def _name(param: str, value: str, language: str, law: Law) -> str:
    if param == "document_type":
        known = law.document_types.get(value)
        return known.name.in_language(language) if known else value
    if param == "database":
        return law.databases[value].in_language(language) if value in law.databases else value
    if param == "date":
        day = date.fromisoformat(value)
        return f"{day:%d/%m/%Y}" if language == "vi" else f"{day.day} {day:%B %Y}"
    if param == "role":
        return ROLES[value].in_language(language) if value in ROLES else value
    return value


SENTENCES: Mapping[Code, Text] = {
    Code.HELD: Text("Đã có {document_type} trong kho.", "{document_type} is already held."),
    Code.HELD_UNDER_RULE: Text(
        "Đã có {document_type}, được dùng thay theo {article}.",
        "{document_type} is already held and stands in under {article}.",
    ),
    Code.SEEN_ALREADY: Text(
        "Bản chính {document_type} đã được đối chiếu; không phải xuất trình lại.",
        "The original of {document_type} has been checked before; it need not be shown again.",
    ),
    Code.REGISTER_ANSWERS: Text(
        "{database} trả lời thay giấy tờ theo {article}.",
        "{database} answers in place of the paper under {article}.",
    ),
    Code.REGISTER_DOWN: Text(
        "{database} tạm thời không truy cập được; hồ sơ vẫn được tiếp nhận và việc tra cứu sẽ được lặp lại.",
        "{database} cannot be reached for now; the dossier is accepted and the question is asked again.",
    ),
    Code.AWAITS_APPROVAL: Text(
        "Sẽ hỏi {role}; giấy tờ của người này chỉ được dùng khi chính người đó đồng ý.",
        "Asked of the {role}: what is theirs is used only with their own approval.",
    ),
    Code.DECLARED_ON_FORM: Text("Khai trên biểu mẫu.", "Declared on the form."),
    Code.SURRENDER_ORIGINAL: Text(
        "Nộp lại bản chính khi nhận kết quả.", "The original is handed in when the result is collected."
    ),
    Code.SUPPLIED_HERE: Text(
        "Đã nộp {document_type} trong hồ sơ này.", "{document_type} was supplied in this dossier."
    ),
    Code.SHOWN_HERE: Text(
        "Bản chính {document_type} đã được xuất trình trong hồ sơ này.",
        "The original of {document_type} was shown for this dossier.",
    ),
    Code.SHOW_ORIGINAL: Text(
        "Xuất trình bản chính {document_type} tại quầy.",
        "Show the original of {document_type} at the counter.",
    ),
    Code.SHOW_HELD_ORIGINAL: Text(
        "Đã có {document_type} nhưng bản chính chưa được đối chiếu; xuất trình một lần tại quầy.",
        "{document_type} is held but its original has not been checked; show it at the counter, once.",
    ),
    Code.NOTHING_HELD: Text(
        "Chưa có {document_type} ở kho hoặc cơ sở dữ liệu nào đọc được.",
        "No vault or readable register has {document_type}.",
    ),
    Code.TO_BE_BROUGHT: Text("Cần nộp {document_type}.", "{document_type} has to be brought."),
    Code.DECLINED: Text(
        "Bạn không đồng ý dùng lại giấy tờ đã có, nên cần nộp bản mới.",
        "You declined to reuse what is held, so a new paper is needed.",
    ),
    Code.ASKED_MISSING: Text(
        "Cơ quan yêu cầu bổ sung giấy tờ này.",
        "The agency asked for this as a supplement.",
    ),
    Code.ASKED_UNFIT: Text(
        "Bản đã nộp không dùng được; cơ quan yêu cầu bản khác.",
        "The version given does not serve; the agency asked for another.",
    ),
    Code.CONSENT_WITHDRAWN: Text(
        "Sự đồng ý cho xem giấy tờ này đã được rút lại.",
        "The permission to see this document was withdrawn.",
    ),
    Code.OVERRIDDEN: Text(
        "Cơ quan yêu cầu nộp lại theo căn cứ pháp luật đã ghi nhận.",
        "The agency asks for it again on the legal ground it recorded.",
    ),
    Code.PARTY_UNKNOWN: Text(
        "Cần cho biết {role} là ai trước khi tìm giấy tờ.",
        "Say who the {role} is, so that the papers can be looked up.",
    ),
    Code.UPGRADE_BY_CERTIFICATION: Text(
        "Đã có {document_type} nhưng chưa được xác nhận: xuất trình bản chính một lần hoặc chứng thực bản đang có; "
        "chỉ nộp bản mới khi không làm được.",
        "{document_type} is held but not certified: show the original once or have the held copy certified; "
        "upload a new one only if neither is possible.",
    ),
    Code.UPGRADE_BY_ISSUE: Text(
        "Đã có {document_type} nhưng cần bản điện tử do cơ quan cấp: đề nghị cơ quan cấp gửi bản điện tử; "
        "chỉ nộp bản mới khi không làm được.",
        "{document_type} is held but an electronic original is needed: ask the issuing agency for it; "
        "upload a new one only if that is not possible.",
    ),
    Code.EXCLUDED: Text(
        "Bản {document_type} này không dùng được cho hồ sơ này theo kết luận đã ghi.",
        "This version of {document_type} was found unfit for this dossier.",
    ),
    Code.OTHER_SUBJECT: Text(
        "{document_type} này là của người khác trong hồ sơ.",
        "This {document_type} belongs to someone else in the filing.",
    ),
    Code.SUPERSEDED: Text(
        "{document_type} đã được thay bằng bản mới.", "{document_type} has been superseded."
    ),
    Code.REVOKED: Text("{document_type} đã bị thu hồi.", "{document_type} has been revoked."),
    Code.REMOVED: Text("{document_type} đã bị gỡ khỏi kho.", "{document_type} was removed from the vault."),
    Code.OTHER_CASE: Text(
        "{document_type} thuộc vụ việc khác.", "{document_type} belongs to another case and stays there."
    ),
    Code.MADE_BEFORE: Text(
        "{document_type} phải được lập cho hồ sơ này.", "{document_type} must be made for this filing."
    ),
    Code.NEW_OBJECT: Text(
        "Hồ sơ về đối tượng mới, chưa giấy tờ nào nói đến.",
        "The filing is about something new, which no held paper can be about.",
    ),
    Code.OTHER_OBJECT: Text(
        "{document_type} nói về đối tượng khác (thửa đất, công trình, địa điểm, xe hoặc sự kiện khác).",
        "{document_type} is about another object (parcel, building, premises, vehicle or event).",
    ),
    Code.OBJECT_UNKNOWN: Text(
        "Không rõ {document_type} nói về đối tượng nào.", "It is not known what {document_type} is about."
    ),
    Code.EXPIRED: Text("{document_type} hết hạn ngày {date}.", "{document_type} expired on {date}."),
    Code.EXPIRES_TOO_EARLY: Text(
        "{document_type} hết hạn ngày {date}, trước hạn giải quyết.",
        "{document_type} expires on {date}, before the decision is due.",
    ),
    Code.TOO_OLD: Text(
        "{document_type} cấp ngày {date}, quá thời hạn sử dụng.",
        "{document_type} was issued on {date}, longer ago than the rule allows.",
    ),
    Code.AGE_UNKNOWN: Text(
        "Không rõ ngày cấp {document_type}.", "The day {document_type} was issued is not known."
    ),
    Code.DISPUTED: Text(
        "Thông tin cần dùng trên {document_type} đang được đề nghị đính chính.",
        "A fact needed from {document_type} is disputed.",
    ),
    Code.CLAIMS_MISSING: Text(
        "{document_type} không có đủ thông tin cần thiết.", "{document_type} lacks a fact that is needed."
    ),
    Code.NOT_THE_ORIGINAL: Text(
        "Cần chính bản {document_type}, không dùng bản tự chụp.",
        "{document_type} itself is needed; a copy made by its holder does not serve.",
    ),
    Code.LEVEL_TOO_LOW: Text(
        "Bản {document_type} đang có chưa đủ mức tin cậy.",
        "The held version of {document_type} has too low a level of assurance.",
    ),
    Code.NOT_SEEN: Text(
        "Bản chính {document_type} chưa được đối chiếu.",
        "The original of {document_type} has not been checked.",
    ),
    Code.ANOTHER_SERVES: Text(
        "Không cần đến: đã có bằng chứng khác ít tiết lộ hơn hoặc tương đương.",
        "Not needed: other evidence serves and discloses no more.",
    ),
    Code.NOT_ASKABLE: Text(
        "Không thể tra cứu {database} vì chưa có số định danh.",
        "{database} cannot be asked without an identification number.",
    ),
    Code.ANSWER_INCOMPLETE: Text(
        "{database} không có đủ thông tin cần thiết.", "{database} lacks a fact that is needed."
    ),
    Code.SOURCE_NOT_FOUND: Text(
        "{database} không có dữ liệu; cơ quan phải yêu cầu bổ sung dữ liệu tại nguồn (Nghị quyết 66.7/2025/NQ-CP, "
        "Điều 2).",
        "{database} has no record; the agency must have the source completed (Resolution 66.7/2025, Article 2).",
    ),
    Code.SOURCE_MISMATCH: Text(
        "Dữ liệu trong {database} không khớp; cơ quan phải yêu cầu đính chính tại nguồn (Nghị quyết "
        "66.7/2025/NQ-CP, Điều 2).",
        "The record in {database} does not match; the agency must have the source corrected "
        "(Resolution 66.7/2025, Article 2).",
    ),
    Code.NOT_REQUIRED: Text("Pháp luật không còn yêu cầu.", "The law no longer asks for it."),
    Code.GENERATED: Text("Cơ quan lập từ dữ liệu.", "Made by the agency from data."),
    Code.CONDITION_UNPUBLISHED: Text(
        "Chưa công bố trường hợp phải nộp, nên không yêu cầu.",
        "When it is due has not been published, so it is not asked for.",
    ),
    Code.SITUATION: Text(
        "Không cần trong trường hợp này theo câu trả lời đã ghi.", "Not needed in the situation as answered."
    ),
    Code.CHANNEL: Text("Không yêu cầu với cách nộp này.", "Not asked for when filing through this channel."),
    Code.FILER_IS_APPLICANT: Text(
        "Người nộp là người đề nghị, không cần giấy ủy quyền.",
        "The applicant files in person: no authority needed.",
    ),
    Code.FILER_IN_OWN_RIGHT: Text(
        "Người nộp có quyền tự mình nộp, không cần giấy ủy quyền.", "The filer files in their own right."
    ),
    Code.FILER_NEEDS_NO_PAPER: Text(
        "Người thân này được nộp thay mà không cần văn bản.",
        "This relative may file without written authority.",
    ),
    Code.MANDATE_RECORDED: Text(
        "Việc ủy quyền đã được ghi nhận trên hệ thống.", "The authority to act is already on record."
    ),
    Code.HIGHER_RANK: Text(
        "Chỉ dùng khi đã khai không có giấy tờ được ưu tiên hơn.",
        "Admissible only once it is declared that the papers ranked above it do not exist.",
    ),
    Code.DECLARED_ABSENT: Text("Đã khai là không có giấy tờ này.", "Declared not to exist."),
    Code.ANOTHER_OF_GROUP: Text(
        "Một giấy tờ khác cùng nhóm được dùng.", "Another paper of the same group serves."
    ),
    Code.EXPIRES_SOON: Text("{document_type} hết hạn ngày {date}.", "{document_type} expires on {date}."),
    Code.SOURCE_MUST_BE_CORRECTED: Text(
        "Cơ quan phải yêu cầu chỉnh sửa dữ liệu tại {database} (Nghị quyết 66.7/2025/NQ-CP, Điều 2).",
        "The agency must have {database} corrected (Resolution 66.7/2025, Article 2).",
    ),
    Code.DECLARATION_CONTRADICTED: Text(
        "Đã khai là không có, nhưng dữ liệu cho thấy có.",
        "Declared not to exist, but the data show that it does.",
    ),
}

ROLES: Mapping[str, Text] = {
    "adoptee": Text("người được nhận làm con nuôi", "adoptee"),
    "adopter": Text("người nhận con nuôi", "adopter"),
    "child": Text("trẻ em", "child"),
    "co_owner": Text("đồng sở hữu", "co-owner"),
    "deceased": Text("người chết", "deceased person"),
    "father": Text("cha", "father"),
    "guardian": Text("người giám hộ", "guardian"),
    "heir": Text("người thừa kế", "heir"),
    "legal_representative": Text("người đại diện theo pháp luật", "legal representative"),
    "mother": Text("mẹ", "mother"),
    "other:corporate-member": Text("thành viên là tổ chức", "corporate member"),
    "other:foreign-investor": Text("nhà đầu tư nước ngoài", "foreign investor"),
    "other:household-member": Text("thành viên hộ gia đình", "household member"),
    "other:mortgagee": Text("bên nhận thế chấp", "mortgagee"),
    "seller": Text("bên chuyển nhượng", "seller"),
    "spouse": Text("vợ hoặc chồng", "spouse"),
}
