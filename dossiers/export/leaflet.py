"""What a person finds first in the file, in both languages: what is in it, what is not, and how to check it."""

from typing import Final

LEAFLET: Final = """TOÀN BỘ DỮ LIỆU VỀ BẠN / ALL DATA ABOUT YOU
Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15 / Law on Personal Data Protection 91/2025/QH15

Ai có tệp này sẽ đọc được mọi giấy tờ của bạn: hãy cất giữ cẩn thận.
Whoever has this file reads all your papers: keep it safe.

profile.json          bạn là ai / who you are
account.json          phiên, khóa, thiết bị, thông báo / sessions, passkeys, devices, preferences
documents.json        giấy tờ: loại, nơi cấp, hiệu lực / papers: kind, issuer, validity
versions.json         từng phiên bản, thông tin, yêu cầu sửa / each version, its facts, corrections asked for
documents/            tệp gốc của từng phiên bản / original bytes of each version
consents.json         sự đồng ý và lịch sử / consents with their history
access-requests.json  đề nghị của hệ thống cơ quan / what agencies' systems asked for
shares.json           mã chia sẻ / codes handed out
proofs.json           bản chứng thực đã lập / proofs carried away
uploads.json          tệp đã báo, chưa thành giấy tờ / announced and not yet a paper
dossiers.json         hồ sơ, biểu mẫu, căn cứ, yêu cầu, quyết định / filings, forms, evidence, asks, decisions
mandates.json         quyền đại diện / who acts for whom
notices.json          thông báo / what you were told
access-log.json       ai đã xem gì / who looked at what
access-log.csv        như trên, cho bảng tính / the same, for a spreadsheet
manifest.json         SHA-256 của mọi tệp, và những gì không mở được / SHA-256 of every entry, and what did not open

"fault" nói vì sao thiếu: UNREADABLE (không xác thực được), MISSING (mất tệp), LATER (đến sau; hãy tải lại).
"fault" says why something is not here: UNREADABLE (does not prove itself), MISSING (its file is gone), LATER (came
while this file was made; ask again).

Không có trong tệp: dữ liệu của người khác; mã bí mật, khóa và giá trị băm; tệp đang gửi chưa thành giấy tờ; tên tài
khoản tại nơi cấp định danh.
Not in this file: other people's data; secrets, keys and hashes; bytes sent and not yet a paper; your account's name
at the identity provider.
"""
