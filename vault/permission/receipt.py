"""The consent record (fields of ISO/IEC TS 27560:2023) and the receipt we sign over it.

A row anyone could have written into the database is no consent: it is honoured only while the receipt's
signature verifies and the record made from the row is the one that was signed. Knows no database and no clock.
"""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import rfc8785

from auth.caller import Caller
from auth.errors import TokenRefused
from auth.tokens import CONSENT_RECEIPT, Tokens
from vault.permission.notice import TEMPLATE
from vault.records import Consent

SCHEMA_VERSION = "vn-27560/1"


def consent_record(consent: Consent) -> dict[str, Any]:
    """A given consent as its person may take it away: everything agreed to, no value of any claim.

    `fetch_type` ONETIME: the versions are pinned when it is given; what changes later is not covered. Raises
    ValueError for a consent never given.
    """
    if consent.given_at is None or consent.valid_until is None:
        raise ValueError("a consent not given has no record")
    days = (consent.valid_until - consent.given_at).days
    on_behalf = {"actor": str(consent.given_by)} if consent.given_by != consent.subject_id else None
    return {
        "schema_version": SCHEMA_VERSION,
        "record_id": str(consent.id),
        "pii_principal_id": str(consent.subject_id),
        "privacy_notice": {"template": TEMPLATE, "sha256": consent.notice_sha256},
        "language": consent.language,
        "purposes": [
            {
                "id": consent.purpose,
                "dpv": "dpv:RequestedServiceProvision",
                "ref": str(consent.purpose_ref) if consent.purpose_ref else None,
            }
        ],
        "pii_information": consent.items,
        "pii_controllers": [str(consent.recipient_agency)],
        "recipient_third_parties": [],
        "jurisdiction": "VN",
        "storage_locations": ["VN"],
        "retention_period": f"P{days}D",
        "withdrawal_method": "withdrawConsent",
        "limits": {"fetch_type": "ONETIME", "mode": "VIEW", "data_life": f"P{days}D"},
        "validity": {"from": _instant(consent.given_at), "to": _instant(consent.valid_until)},
        "on_behalf": on_behalf,
    }


def sign_receipt(consent: Consent, caller: Caller, tokens: Tokens) -> str:
    """The receipt for a consent just given, with how the person had proven who they are (`acr`).

    Carries the record's digest, not the record: a receipt stays small however long the list of papers is.
    """
    if consent.given_at is None or consent.valid_until is None:
        raise ValueError("a consent not given has no receipt")
    claims = {
        "sub": str(consent.subject_id),
        "aud": str(consent.recipient_agency),
        "jti": str(consent.id),
        "purpose": consent.purpose,
        "record_sha256": _digest(consent),
        "notice_sha256": consent.notice_sha256,
        "evidence": {"method": "portal", "acr": caller.acr, "locale": consent.language},
    }
    if consent.given_by != consent.subject_id:
        claims["on_behalf"] = {
            "actor": str(consent.given_by),
            "relation": caller.represented[consent.subject_id],
        }
    lifetime = consent.valid_until - consent.given_at
    return tokens.sign(CONSENT_RECEIPT, claims, lifetime=lifetime, now=consent.given_at)


def is_honoured(consent: Consent, tokens: Tokens, now: datetime) -> bool:
    """Whether the receipt is ours, unexpired, of this consent, and says what the row says."""
    if consent.receipt is None or consent.given_at is None or consent.valid_until is None:
        return False
    try:
        claims = tokens.verify(
            CONSENT_RECEIPT, consent.receipt, audience=str(consent.recipient_agency), now=now
        )
    except TokenRefused:
        return False
    return (claims["sub"], claims["jti"], claims.get("record_sha256")) == (
        str(consent.subject_id),
        str(consent.id),
        _digest(consent),
    )


def _digest(consent: Consent) -> str:
    canonical = rfc8785.dumps(consent_record(consent))
    return urlsafe_b64encode(sha256(canonical).digest()).rstrip(b"=").decode()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
