"""What refusals and notices say to people, in Vietnamese and English. Plain words; no data of anyone."""

REFUSALS: dict[str, tuple[str, str]] = {
    "ALREADY_HELD": (
        "Giấy tờ này Nhà nước đã có. Không được yêu cầu nộp lại.",
        "The State already holds this document. It may not be asked for again.",
    ),
    "EVIDENCE_MISSING": ("Hồ sơ còn thiếu {count} mục.", "{count} items are still missing."),
    "SITUATIONS_OPEN": (
        "Vui lòng trả lời {count} câu hỏi còn lại trước khi nộp.",
        "Please answer the {count} remaining questions before submitting.",
    ),
    "OBJECT_UNDECLARED": (
        "Vui lòng cho biết hồ sơ này về thửa đất, công trình, cơ sở, xe hay sự kiện nào.",
        "Please say which parcel, building, premises, vehicle or event this filing is about.",
    ),
    "FORM_INCOMPLETE": (
        "Biểu mẫu còn mục chưa điền hoặc điền chưa đúng.",
        "Some fields of the form are missing or do not fit.",
    ),
    "STALE_VERSION": (
        "Hồ sơ vừa được thay đổi. Vui lòng xem lại rồi thử lại.",
        "The dossier has just changed. Please look at it again and retry.",
    ),
    "MOVE_NOT_ALLOWED": (
        "Không thể thực hiện bước này ở trạng thái hiện tại của hồ sơ.",
        "This step is not possible in the dossier's present status.",
    ),
    "NOT_REUSABLE": (
        "Mục này không dùng lại giấy tờ nào, nên không có gì để từ chối.",
        "Nothing would be reused here, so there is nothing to decline.",
    ),
    "PROCEDURE_UNKNOWN": (
        "Không có thủ tục này vào ngày đã chọn.",
        "There is no such procedure on that day.",
    ),
    "AGENCY_NOT_COMPETENT": (
        "Cơ quan này không tiếp nhận thủ tục đã chọn.",
        "This agency does not receive that procedure.",
    ),
    "REQUIREMENT_UNKNOWN": (
        "Thành phần hồ sơ này không thuộc hồ sơ đang mở.",
        "That item does not belong to this dossier.",
    ),
    "PARTY_REFUSED": (
        "Không thể ghi người này vào vai trò đã chọn. Vui lòng kiểm tra số định danh.",
        "That person cannot take this role. Please check the identification number.",
    ),
    "SHEET_REFUSED": (
        "Không xác nhận được phiếu này: mã không đúng, đã hết hạn, đã dùng, hoặc chính bạn là người nhập.",
        "This sheet cannot be confirmed: its code is wrong, lapsed or used, or it was you who typed it.",
    ),
    "CONSENT_SHARED": (
        "Trẻ từ đủ 7 tuổi phải cùng đồng ý với người đại diện. Nơi đề nghị cần nêu trong một hồ sơ.",
        "A child of seven and more must agree as well as its parent. Let it be asked for in a dossier.",
    ),
    "CONSENT_OUTSTANDING": (
        "Còn chờ người liên quan đồng ý cho dùng giấy tờ của chính họ.",
        "Somebody concerned has not yet agreed to the use of their own documents.",
    ),
    "CONSENT_REQUIRED": (
        "Vui lòng đọc và đồng ý với thông báo chia sẻ giấy tờ trước khi nộp.",
        "Please read and agree to the sharing notice before submitting.",
    ),
    "CONSENT_STALE": (
        "Nội dung chia sẻ đã thay đổi. Vui lòng đọc lại thông báo mới.",
        "What would be shared has changed. Please read the new notice.",
    ),
    "CONSENT_SETTLED": (
        "Yêu cầu này đã được quyết định hoặc đã hết hạn.",
        "This has already been decided or has expired.",
    ),
    "CONSENT_MISSING": (
        "Không có sự đồng ý còn hiệu lực cho việc xem này.",
        "There is no live consent for this.",
    ),
    "ACCESS_REFUSED": (
        "Không được yêu cầu như vậy: thủ tục, loại giấy tờ, thông tin hoặc giới hạn chưa đúng.",
        "This cannot be asked for: the procedure, kind of document, claims or limits do not fit.",
    ),
    "ERASURE_SETTLED": (
        "Yêu cầu xóa này đã được trả lời như vậy hoặc đã kết thúc.",
        "This erasure has been answered so already, or for good.",
    ),
    "GRANT_SPENT": (
        "Quyền được cấp đã dùng hết số lần.",
        "What was granted has been used as often as it may be.",
    ),
    "NOTHING_TO_ASK": (
        "Mục này không được yêu cầu trong hồ sơ.",
        "This item is not asked for in the dossier.",
    ),
    "LEGAL_REASON_UNKNOWN": (
        "Lý do pháp lý không có trong danh mục.",
        "That legal reason is not on the list.",
    ),
    "LEGAL_REASON_UNFOUNDED": (
        "Điều kiện của lý do pháp lý này chưa có.",
        "The condition of that legal reason is not met.",
    ),
    "ORIGINAL_NOT_HELD": (
        "Chưa có bản nào trong kho để đối chiếu. Vui lòng số hóa bản chính.",
        "No version is held to compare the original with. Please digitise the original.",
    ),
    "REGISTER_SILENT": (
        "Cơ sở dữ liệu chưa trả lời. Vui lòng thử lại sau.",
        "The register does not answer at present. Please try again later.",
    ),
    "TRIES_SPENT": (
        "Bạn đã hỏi quá nhiều mã số trong một ngày. Hãy thử lại sau.",
        "You have asked about too many numbers in a day. Try again later.",
    ),
    "PASSKEY_REFUSED": (
        "Khóa không được chấp nhận, hoặc yêu cầu đã hết hạn. Vui lòng làm lại từ đầu.",
        "The key was not accepted, or it took too long. Please begin again.",
    ),
    "CITATION_UNCLEAR": (
        "Cần nêu số hiệu văn bản và điều, ví dụ: Luật số 135/2025/QH15, Điều 54.",
        "Name the act by its number and the article, for example: Luật số 135/2025/QH15, Điều 54.",
    ),
    "RESULT_REFUSED": (
        "Kết quả không đúng loại của thủ tục, ghi điều loại giấy này không ghi nhận, hoặc thiếu điều bắt buộc.",
        "The result is not of this procedure's types, or states too much or too little for its type.",
    ),
    "TYPE_NOT_ACCEPTED": (
        "Loại giấy tờ này không được chấp nhận cho mục đã chọn.",
        "That kind of document is not accepted here.",
    ),
    "CLAIMS_REFUSED": (
        "Có thông tin mà loại giấy tờ này không ghi nhận, hoặc giá trị chưa đúng.",
        "Some facts are not attested by this kind of document, or their values do not fit.",
    ),
    "EVIDENCE_GONE": (
        "Căn cứ để xem giấy tờ này không còn.",
        "The basis for seeing this document is gone.",
    ),
    "NOTHING_TO_OBJECT_TO": (
        "Không có yêu cầu nào của cán bộ để phản ánh ở mục này.",
        "There is nothing an officer asked here to object to.",
    ),
    "EVIDENCE_PENDING": (
        "Cơ sở dữ liệu chưa trả lời. Hồ sơ chưa thể quyết định.",
        "A register has not answered yet. The dossier cannot be decided.",
    ),
    "IDEMPOTENCY_CONFLICT": (
        "Mã chống gửi trùng này đã dùng cho một yêu cầu khác.",
        "This idempotency key was used for a different request.",
    ),
    "UPLOAD_REFUSED": ("Tệp không được nhận: {fault}.", "The file was not accepted: {fault}."),
    "IN_QUARANTINE": (
        "Tệp đã nhận và đang chờ kiểm tra mã độc. Chưa dùng được; chúng tôi sẽ báo khi kiểm tra xong.",
        "The file arrived and waits to be checked for malware. It cannot be used yet; you will hear when it can.",
    ),
    "QUOTA_EXCEEDED": (
        "Kho đã đầy: {documents}/{allowed_documents} tệp, {used}/{allowed} MB. Hãy xóa tệp bạn không còn cần.",
        "The vault is full: {documents} of {allowed_documents} files, {used} of {allowed} MB. Remove some.",
    ),
    "DOCUMENT_NOT_USABLE": (
        "Giấy tờ không còn dùng được cho việc này.",
        "The document can no longer be used for this.",
    ),
    "DOCUMENT_IN_USE": (
        "Giấy tờ do cơ quan cấp hoặc chứng thực không thể tự xóa.",
        "A document issued or certified by an agency cannot be removed by its owner.",
    ),
    "CLAIM_UNKNOWN": (
        "Giấy tờ này không có thông tin đã nêu.",
        "The document does not state that fact.",
    ),
    "REPLACEMENT_REFUSED": (
        "Giấy tờ thay thế phải cùng loại, cùng người và còn hiệu lực.",
        "The replacement must be a valid document of the same kind and person.",
    ),
    "DISCLOSURE_BUSY": (
        "Hệ thống đang bận với giấy tờ này. Vui lòng thử lại.",
        "This document is busy. Please try again.",
    ),
    "ATTESTATION_REFUSED": (
        "Không thể lập bản chứng thực như vậy: giấy tờ, thông tin chọn, thời hạn hoặc khóa chưa phù hợp.",
        "No proof can be made like this: the document, the claims, the validity or the key do not fit.",
    ),
    "LOG_UNWRITABLE": (
        "Hiện không ghi được nhật ký truy cập nên không thể thực hiện. Vui lòng thử lại sau.",
        "The access log cannot be written right now, so this was not done. Please try again.",
    ),
    "LOG_SILENT": (
        "Nhật ký truy cập chưa được xác nhận từ bên ngoài; tạm thời không cung cấp cho bên thứ ba. Thử lại sau.",
        "Nobody has vouched for the access log lately; nothing is shown to third parties for now. Try again later.",
    ),
    "SHARE_REFUSED": ("Không thể tạo mã chia sẻ như yêu cầu.", "The share cannot be made as asked."),
    "DEVICE_REFUSED": (
        "Không thể gửi thông báo tới địa chỉ hoặc khóa này của thiết bị.",
        "Nothing can be sent to this address or key of the device.",
    ),
    "NUMBER_TAKEN": (
        "Số định danh này đã thuộc về người khác.",
        "This identification number already belongs to somebody else.",
    ),
    "RATE_LIMITED": (
        "Đã thử quá nhiều lần. Vui lòng thử lại sau {seconds} giây.",
        "Too many tries. Please try again in {seconds} seconds.",
    ),
    "GUARDIAN_NOT_PROVEN": (
        "Dữ liệu chưa chứng minh bạn là cha, mẹ của trẻ này.",
        "The data do not show that you are this child's parent.",
    ),
    "REPRESENTATIVE_NOT_PROVEN": (
        "Dữ liệu đăng ký chưa chứng minh bạn là người đại diện theo pháp luật của tổ chức này.",
        "The business register does not show that you are this organisation's legal representative.",
    ),
    "MANDATE_REFUSED": (
        "Chưa thể ủy quyền hoặc nhận ủy quyền như vậy: số định danh, phạm vi, thời hạn hoặc giấy tờ chưa phù hợp.",
        "This cannot be authorised or accepted: the number, the scope, the time or the document does not fit.",
    ),
    "STORAGE_FAILED": (
        "Chưa lưu được tệp. Vui lòng thử lại.",
        "The file could not be stored. Please try again.",
    ),
    "TEMPORARILY_UNAVAILABLE": (
        "Hệ thống tạm thời chưa trả lời được. Vui lòng thử lại: cùng một yêu cầu gửi lại chỉ được tính một lần.",
        "The service cannot answer at this moment. Please try again: the same request sent again counts once.",
    ),
    "SUBJECT_SHREDDED": (
        "Dữ liệu này đã được hủy theo yêu cầu.",
        "This data has been destroyed as requested.",
    ),
    "BAD_INPUT": ("Giá trị của «{field}» chưa đúng.", "The value of “{field}” is not right."),
    "UNAUTHENTICATED": ("Vui lòng đăng nhập.", "Please sign in."),
    "NOT_FOUND": ("Không tìm thấy.", "Not found."),
    "STEP_UP_REQUIRED": (
        "Vui lòng đăng nhập lại với mức xác thực cao hơn để tiếp tục.",
        "Please sign in again with a stronger method to continue.",
    ),
    "ACCESS_DENIED": ("Bạn không có quyền thực hiện việc này.", "You may not do this."),
    "INTERNAL": (
        "Hệ thống gặp lỗi. Mã yêu cầu: {request_id}.",
        "Something went wrong on our side. Request id: {request_id}.",
    ),
}

NOTICES: dict[str, tuple[str, str]] = {
    "passkey_added": (
        "Một khóa đăng nhập mới đã được thêm vào tài khoản của bạn. Nếu không phải bạn, hãy gỡ khóa đó ngay.",
        "A passkey was added to your account. If that was not you, take it away at once.",
    ),
    "passkey_removed": (
        "Một khóa đăng nhập đã được gỡ khỏi tài khoản của bạn.",
        "A passkey was taken away from your account.",
    ),
    "mandate_granted": (
        "Bạn đã ủy quyền cho một người thực hiện thay bạn. Nếu không phải bạn, hãy hủy ủy quyền ngay.",
        "You have authorised somebody to act for you. If that was not you, revoke it at once.",
    ),
    "mandate_offered": (
        "Có người ủy quyền cho bạn. Chưa có gì thay đổi cho đến khi bạn nhận.",
        "Somebody would authorise you to act for them. Nothing changes until you accept.",
    ),
    "mandate_accepted": (
        "Người bạn ủy quyền đã nhận ủy quyền.",
        "The person you authorised has accepted.",
    ),
    "mandate_used": (
        "Người được ủy quyền đã thực hiện thay bạn lần đầu. Nhật ký cho biết từng lần.",
        "The person you authorised has acted for you for the first time. The access log shows every time.",
    ),
    "mandate_revoked": ("Một ủy quyền cho bạn đã bị hủy.", "An authorisation of yours to act was revoked."),
    "mandate_declined": (
        "Người bạn ủy quyền đã từ chối hoặc thôi nhận ủy quyền.",
        "The person you authorised has declined, or has given it up.",
    ),
    "mandate_over": (
        "Một ủy quyền giữa bạn và người khác đã chấm dứt vì người kia đã mất.",
        "An authorisation between you and another person has ended, because they have died.",
    ),
    "representative_recognised": (
        "Người đại diện theo pháp luật của tổ chức đã được ghi nhận theo cơ sở dữ liệu đăng ký doanh nghiệp.",
        "A legal representative of this organisation was recognised by the business register.",
    ),
    "representative_replaced": (
        "Bạn không còn đại diện cho một tổ chức: cơ sở dữ liệu đăng ký doanh nghiệp không còn ghi tên bạn.",
        "You represent an organisation no more: the business register names you no longer.",
    ),
    "submitted": ("Hồ sơ đã được nộp.", "Your dossier has been submitted."),
    "received": ("Hồ sơ đã được tiếp nhận.", "Your dossier has been received."),
    "not_received": ("Hồ sơ không được tiếp nhận.", "Your dossier was not received."),
    "processing": ("Hồ sơ đang được xử lý.", "Your dossier is being processed."),
    "supplement_requested": ("Hồ sơ cần bổ sung.", "Your dossier needs something more."),
    "refused_ask": (
        "Cán bộ đã yêu cầu một giấy tờ Nhà nước đã có; hệ thống đã từ chối. Bạn có thể phản ánh.",
        "An officer asked for a document the State already holds; the system refused. You may object.",
    ),
    "override": (
        "Cán bộ yêu cầu giấy tờ đã có với lý do pháp lý: {article}. Bạn có thể phản ánh.",
        "An officer asked for a held document for a legal reason: {article}. You may object.",
    ),
    "basis_lost": (
        "Bạn hoặc người liên quan đã rút lại sự đồng ý; hồ sơ chuyển sang chờ bổ sung.",
        "A consent was withdrawn; the dossier now waits for a supplement.",
    ),
    "party_named": (
        "Bạn được nêu tên trong hồ sơ của người khác.",
        "You were named in somebody else's dossier.",
    ),
    "access_requested": (
        "Có hồ sơ cần bạn đồng ý cho dùng giấy tờ của bạn.",
        "A dossier needs your agreement to use your documents.",
    ),
    "agreed_at_counter": (
        "Sự đồng ý của bạn, ký trên phiếu tại quầy, đã được ghi nhận. Bạn có thể rút lại bất cứ lúc nào.",
        "Your agreement, signed on a sheet at the counter, was recorded. You can take it back at any time.",
    ),
    "agreement_awaited": (
        "Một người đã đồng ý cho dùng giấy tờ của trẻ; còn chờ người kia, trẻ hoặc người đại diện.",
        "One of two has agreed to the use of a child's documents; the other, child or parent, is awaited.",
    ),
    "access_asked": (
        "Một hệ thống của cơ quan đề nghị xem giấy tờ của bạn. Bạn quyết định.",
        "An agency's system asks to see a document of yours. You decide.",
    ),
    "erasure_done": (
        "Cơ quan nhận đã xóa dữ liệu của bạn theo yêu cầu.",
        "A recipient has erased the data of yours it had kept.",
    ),
    "erasure_kept": (
        "Cơ quan nhận giữ lại dữ liệu của bạn vì luật buộc phải giữ: {article}.",
        "A recipient keeps data of yours because a law has it kept: {article}.",
    ),
    "erasure_unanswered": (
        "Cơ quan nhận chưa trả lời yêu cầu xóa dữ liệu của bạn trong thời hạn hai ngày làm việc.",
        "A recipient has not replied within two working days to the request to erase your data.",
    ),
    "erasure_overdue": (
        "Cơ quan nhận đã quá hạn xóa dữ liệu của bạn. Bạn có thể khiếu nại.",
        "A recipient has not erased your data in time. You may complain.",
    ),
    "register_healed": (
        "Cơ sở dữ liệu đã trả lời; bạn không cần làm gì thêm.",
        "The register has answered; you need do nothing more.",
    ),
    "digitised": (
        "Một giấy tờ của bạn đã được số hóa vào kho dữ liệu.",
        "A document of yours was digitised into your vault.",
    ),
    "original_seen": (
        "Bản chính một giấy tờ của bạn đã được đối chiếu; bạn không phải xuất trình lại.",
        "The original of a document of yours was checked; you need not show it again.",
    ),
    "correction_opened": (
        "Yêu cầu sửa thông tin sai đã được gửi tới nơi quản lý giấy tờ.",
        "A request to correct the wrong fact has gone to the document's source.",
    ),
    "processed": ("Hồ sơ đã có kết quả.", "Your dossier has been decided."),
    "result_returned": ("Kết quả đã được trả.", "Your result has been returned."),
    "result_revoked": ("Một kết quả của bạn đã bị thu hồi.", "A result of yours was revoked."),
    "app_signed_in": (
        "Tài khoản của bạn vừa đăng nhập trên ứng dụng {app}. Nếu không phải bạn, hãy kết thúc phiên đó.",
        "Your account was just signed in with the app {app}. If that was not you, end that session.",
    ),
    "app_signed_out": (
        "Phiên của ứng dụng {app} đã bị kết thúc vì mã đăng nhập của phiên bị sao chép. Vui lòng đăng nhập lại.",
        "A session of the app {app} was ended: its sign-in code had been copied. Please sign in again.",
    ),
    "data_exported": (
        "Toàn bộ dữ liệu về bạn hoặc người bạn đại diện đang được tải về. Không phải bạn? Hãy kết thúc phiên lạ.",
        "All data about you or your ward is being downloaded. Not you? End the strange session: it stops there.",
    ),
    "upload_clean": (
        "Tệp bạn gửi đã được kiểm tra và dùng được.",
        "A file you sent was checked for malware and can be used now.",
    ),
    "upload_infected": (
        "Một tệp bạn gửi có mã độc và đã bị hủy. Hãy kiểm tra thiết bị của bạn rồi gửi bản sạch.",
        "A file you sent carried malware and was destroyed. Check your device, then send a clean copy.",
    ),
    "evidence_revoked": (
        "Một giấy tờ hồ sơ này dựa vào đã bị thu hồi.",
        "A document this dossier relies on was revoked.",
    ),
}


def refusal_words(code: str, language: str, **params: object) -> str:
    """The sentence for a refusal's code. KeyError for a code without words: a house test forbids it."""
    return REFUSALS[code][language == "en"].format(**params)


def notice_words(code: str, language: str, params: dict[str, str]) -> str:
    return NOTICES[code][language == "en"].format_map(params)
