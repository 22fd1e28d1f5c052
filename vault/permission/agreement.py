"""Two who agree to one disclosure: a child of seven and more, and its representative (Law 91/2025/QH15, Article 24).

The first to agree leaves a signed word in the request, the second makes the consent of both. Neither alone opens
anything. Whoever could write into the row could not write the other's word. Pure.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import rfc8785

from auth.errors import TokenRefused
from auth.tokens import CONSENT_AGREEMENT
from vault.permission.receipt import principal
from vault.permission.state import REQUEST_LASTS
from vault.records import Consent
from vault.safe import Safe

KEPT: Final = "agreement"
"""Where a request keeps the first word, among its terms."""


class Side(StrEnum):
    """In what place somebody agrees."""

    CHILD = "CHILD"
    REPRESENTATIVE = "REPRESENTATIVE"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One of the two words: whose, in what place, when, how they were known to be them, to what notice."""

    by: UUID
    side: Side
    at: datetime
    acr: str
    language: str
    notice_sha256: str
    text: str

    def event(self, recipient: UUID, safe: Safe) -> dict[str, Any]:
        """As the record of the consent tells of it: no id, no words."""
        return {
            "entity_id": principal(self.by, recipient, safe),
            "side": self.side.value,
            "event_time": self.at.isoformat(timespec="microseconds"),
            "acr": self.acr,
            "locale": self.language,
            "notice_sha256": self.notice_sha256,
        }


def keep_agreement(row: Consent, word: Agreement, safe: Safe) -> None:
    """Leave the first word in a request, signed."""
    said = {
        "by": str(word.by),
        "side": word.side.value,
        "at": word.at.isoformat(),
        "acr": word.acr,
        "language": word.language,
        "notice_sha256": word.notice_sha256,
        "text": word.text,
    }
    claims = {
        "sub": principal(row.subject_id, row.recipient_agency, safe),
        "aud": str(row.recipient_agency),
        "jti": str(row.id),
        "said_sha256": _digest(row, said),
    }
    signed = safe.receipts.sign(CONSENT_AGREEMENT, claims, lifetime=REQUEST_LASTS, now=word.at)
    row.terms = {**row.terms, KEPT: said | {"signed": signed}}


def kept_agreement(row: Consent, safe: Safe, now: datetime) -> Agreement | None:
    """The first word as it was given; None where nobody has agreed, or what is there was not signed by us."""
    kept = row.terms.get(KEPT)
    if kept is None:
        return None
    try:
        said = {name: value for name, value in kept.items() if name != "signed"}
        claims = safe.receipts.verify(
            CONSENT_AGREEMENT, kept["signed"], audience=str(row.recipient_agency), now=now
        )
        if (claims["jti"], claims["said_sha256"]) != (str(row.id), _digest(row, said)):
            return None
        return Agreement(
            UUID(said["by"]), Side(said["side"]), datetime.fromisoformat(said["at"]), said["acr"],
            said["language"], said["notice_sha256"], said["text"],
        )  # fmt: skip
    except (TokenRefused, AttributeError, KeyError, TypeError, ValueError):
        return None


def agreed_side(row: Consent) -> str | None:
    """Which side a request has the word of, for showing: whether it counts is found when the other agrees."""
    kept = row.terms.get(KEPT)
    return str(kept["side"]) if isinstance(kept, dict) and "side" in kept else None


def _digest(row: Consent, said: dict[str, Any]) -> str:
    """Over the word and all it is about, so that nothing of the request changes under it."""
    whole: dict[str, Any] = {
        "said": said,
        "items": row.items,
        "purpose": row.purpose,
        "purpose_ref": str(row.purpose_ref),
        "subject": str(row.subject_id),
    }
    return urlsafe_b64encode(sha256(rfc8785.dumps(whole)).digest()).rstrip(b"=").decode()
