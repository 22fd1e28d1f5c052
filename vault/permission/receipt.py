"""The consent record (fields of ISO/IEC TS 27560:2023) and the receipt we sign over it.

A row anyone could have written into the database is no consent: it is honoured only while the receipt's
signature verifies and the record made from the row is the one that was signed. Knows no database and no clock.

`vn-27560/2` is written today; what was signed as `vn-27560/1` is read as it was. Of the events the record holds the
one it was signed with; those after it are the row's history.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import rfc8785

from auth.caller import Caller
from auth.errors import TokenRefused
from auth.mandates import LiveMandate
from auth.tokens import CONSENT_RECEIPT
from vault.permission.limits import Limits
from vault.permission.notice import TEMPLATE, Item, Words
from vault.records import Consent
from vault.safe import Safe

FIRST: Final = "vn-27560/1"
SCHEMA_VERSION: Final = "vn-27560/2"
METHOD: Final = "portal"
SHEET: Final = "signed-sheet"
ASSISTED: Final = "ASSISTED"


@dataclass(frozen=True, slots=True)
class Counter:
    """How somebody without a phone agreed: who typed, who had the signed sheet in hand, the digest of its scan."""

    typed_by: UUID
    confirmed_by: UUID
    signed_sha256: str

    def told(self, recipient: UUID, safe: Safe) -> dict[str, str]:
        """As the record tells of it: the officers by pseudonyms."""
        return {
            "typed_by": principal(self.typed_by, recipient, safe),
            "confirmed_by": principal(self.confirmed_by, recipient, safe),
            "signed_sha256": self.signed_sha256,
        }


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a record no column of the row has, as it was when the consent was given.

    `mandate`: by what right somebody else agreed in the person's place; None when it was the person. `agreements`:
    what the record tells of each word where two had to agree; `giver` is then the one who represents the person.
    """

    words: Words
    limits: Limits
    requirements: tuple[str, ...] = ()
    mandate: LiveMandate | None = None
    agreements: tuple[dict[str, Any], ...] = ()
    giver: UUID | None = None
    counter: Counter | None = None

    def ends(self, given_at: datetime) -> datetime:
        """A consent lasts no longer than the right of whoever gave it: a guardian's ends the day the ward is of age
        (Civil Code 2015, Articles 20 and 136)."""
        agreed = given_at + self.limits.lasts
        until = self.mandate.valid_until if self.mandate is not None else None
        return min(agreed, until) if until is not None else agreed


def frozen_terms(consent: Consent, terms: Terms, caller: Caller, safe: Safe) -> dict[str, Any]:
    """The terms as the row keeps them: who receives, how far it goes, and how the person was known to be them.

    The person is a pseudonym made for this recipient alone, so that two of them cannot put their records together.
    """
    return {
        "pii_principal_id": principal(consent.subject_id, consent.recipient_agency, safe),
        "template": TEMPLATE,
        "purpose_text": terms.words.purpose,
        "controller": {
            "party_id": terms.words.code or str(consent.recipient_agency),
            "name": terms.words.recipient,
            "contact": terms.words.place,
            "type": "GOV",
        },
        "sensitive": sorted(terms.words.sensitive),
        "limits": terms.limits.to_json(),
        "requirement_ids": sorted(set(terms.requirements)),
        "evidence": {
            "method": METHOD if terms.counter is None else SHEET,
            "acr": caller.acr,
            "notice_sha256": consent.notice_sha256,
            "locale": consent.language,
            "ip_hash": safe.keys.index("address", caller.address).hex() if caller.address else None,
            "counter": terms.counter.told(consent.recipient_agency, safe)
            if terms.counter is not None
            else None,
        },
        "on_behalf": _on_behalf(consent, terms, safe),
        "agreements": list(terms.agreements),
    }


def principal(subject: UUID, recipient: UUID, safe: Safe) -> str:
    """The person's pseudonym towards one recipient: a keyed hash, never the id or the number."""
    return "pw:" + _base64(safe.keys.index("principal", f"{subject}:{recipient}"))


def limits_of(consent: Consent) -> Limits:
    """How far the consent goes; what every consent has for one of before there were limits."""
    if consent.schema_version == FIRST:
        return Limits()
    return Limits.from_json(consent.terms.get("limits", {}))


def consent_record(consent: Consent) -> dict[str, Any]:
    """A given consent as its person may take it away: everything agreed to, no value of any claim.

    Raises ValueError for a consent never given.
    """
    if consent.given_at is None or consent.valid_until is None:
        raise ValueError("a consent not given has no record")
    validity = {"from": _instant(consent.given_at), "to": _instant(consent.valid_until)}
    if consent.schema_version == FIRST:
        return _first_record(consent, validity)
    terms = consent.terms
    return {
        "schema_version": consent.schema_version,
        "record_id": str(consent.id),
        "pii_principal_id": terms["pii_principal_id"],
        "privacy_notice": {
            "url": f"urn:motlan:consent:{consent.id}:notice",
            "template": terms["template"],
            "sha256": consent.notice_sha256,
        },
        "language": consent.language,
        "purposes": [
            {
                "id": consent.purpose,
                "dpv": "dpv:RequestedServiceProvision",
                "text": terms["purpose_text"],
                "necessity": "REQUIRED",
            }
        ],
        "pii_information": [_information(item, terms["sensitive"]) for item in consent.items],
        "pii_controllers": [terms["controller"]],
        "recipient_third_parties": [],
        "jurisdiction": "VN",
        "storage_locations": ["VN"],
        "retention_period": _retention(consent, terms["limits"]),
        "withdrawal_method": f"urn:motlan:consent:{consent.id}:withdrawConsent",
        "limits": terms["limits"],
        "validity": validity,
        "dossier_id": str(consent.purpose_ref) if consent.purpose_ref else None,
        "requirement_ids": terms["requirement_ids"],
        "evidence": terms["evidence"],
        "on_behalf": terms["on_behalf"],
        "supersedes": str(consent.supersedes) if consent.supersedes else None,
        "events": _given_events(consent, terms, validity),
    }


def shown_record(consent: Consent) -> dict[str, Any] | None:
    """The record to show; None for a request, and for a row somebody bent so far that it says nothing."""
    try:
        return consent_record(consent) if consent.given_at is not None else None
    except (KeyError, TypeError, ValueError):
        return None


def sign_receipt(consent: Consent, caller: Caller, safe: Safe) -> str:
    """The receipt for a consent just given, with how the person had proven who they are (`acr`).

    Carries the record's digest, not the record: a receipt stays small however long the list of papers is.
    """
    if consent.given_at is None or consent.valid_until is None:
        raise ValueError("a consent not given has no receipt")
    claims = {
        "sub": consent.terms["pii_principal_id"],
        "aud": str(consent.recipient_agency),
        "jti": str(consent.id),
        "purpose": consent.purpose,
        "record_sha256": _digest(consent),
        "notice_sha256": consent.notice_sha256,
        "evidence": {
            "method": consent.terms["evidence"]["method"],
            "acr": caller.acr,
            "locale": consent.language,
        },
    }
    if consent.terms["on_behalf"] is not None:
        claims["on_behalf"] = consent.terms["on_behalf"]
    lifetime = consent.valid_until - consent.given_at
    return safe.receipts.sign(CONSENT_RECEIPT, claims, lifetime=lifetime, now=consent.given_at)


def is_honoured(consent: Consent, safe: Safe, now: datetime) -> bool:
    """Whether the receipt is ours, unexpired, of this consent of this person, and says what the row says."""
    if consent.receipt is None or consent.given_at is None or consent.valid_until is None:
        return False
    who = principal(consent.subject_id, consent.recipient_agency, safe)
    if consent.schema_version == FIRST:
        who = str(consent.subject_id)
    try:
        claims = safe.receipts.verify(
            CONSENT_RECEIPT, consent.receipt, audience=str(consent.recipient_agency), now=now
        )
        said = _digest(consent)
    # A row whose terms somebody emptied or bent says nothing that could have been signed.
    except (TokenRefused, KeyError, TypeError, ValueError):
        return False
    if consent.schema_version != FIRST and not _is_actor(consent, safe):
        return False
    return (claims["sub"], claims["jti"], claims.get("record_sha256")) == (who, str(consent.id), said)


def shown_text(consent: Consent) -> str | None:
    """The very words agreed to, if they are those the hash is of; None for a consent of before they were kept."""
    text = consent.notice_text
    if text is None or sha256(text.encode()).hexdigest() != consent.notice_sha256:
        return None
    return text


def _first_record(consent: Consent, validity: dict[str, str]) -> dict[str, Any]:
    """The record as it was before limits could be chosen: its digest is in receipts that are still in force."""
    if consent.given_at is None or consent.valid_until is None:
        raise ValueError("a consent not given has no record")
    days = (consent.valid_until - consent.given_at).days
    on_behalf = {"actor": str(consent.given_by)} if consent.given_by != consent.subject_id else None
    return {
        "schema_version": FIRST,
        "record_id": str(consent.id),
        "pii_principal_id": str(consent.subject_id),
        "privacy_notice": {"template": "notice/1", "sha256": consent.notice_sha256},
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
        "validity": validity,
        "on_behalf": on_behalf,
    }


def _given_events(consent: Consent, terms: dict[str, Any], validity: dict[str, str]) -> list[dict[str, Any]]:
    """The giving, or both words where two had to agree. Whoever typed for a person gave nothing."""
    said = terms["on_behalf"]
    acting = said is not None and said["basis"] != ASSISTED
    given = {
        "event_type": "dpv:ExplicitlyExpressedConsent",
        "event_state": "dpv:RenewedConsentGiven" if consent.supersedes is not None else "dpv:ConsentGiven",
        "event_time": validity["from"],
        "validity_duration": _lasts(consent, terms["limits"]),
        "entity_id": said["actor"] if acting else terms["pii_principal_id"],
    }
    # A record signed before two could agree has no such member.
    return [given | word for word in terms.get("agreements", ())] or [given]


def _information(item: dict[str, Any], sensitive: list[str]) -> dict[str, Any]:
    read = Item.from_json(UUID(int=0), item)
    return {
        "pii_type": read.document_type,
        "doc": str(read.document) if read.document else None,
        "version": str(read.version) if read.version else None,
        "register": read.register,
        "whole": read.whole,
        "claims": [{"pii_type": claim, "sensitive": claim in sensitive} for claim in sorted(read.claims)],
        "sensitive": any(claim in sensitive for claim in read.claims),
    }


def _lasts(consent: Consent, limits: dict[str, Any]) -> str:
    """As agreed, unless the right of whoever agreed in the person's place ends before."""
    if consent.given_at is None or consent.valid_until is None:
        raise ValueError("a consent not given does not last")
    lasts = consent.valid_until - consent.given_at
    agreed: str = limits["lasts"]
    return agreed if lasts >= limits_of(consent).lasts else f"PT{int(lasts.total_seconds())}S"


def _retention(consent: Consent, limits: dict[str, Any]) -> str:
    life: str = limits["data_life"]
    return life if limits["data_life_from"] == "reading" else _lasts(consent, limits)


def _on_behalf(consent: Consent, terms: Terms, safe: Safe) -> dict[str, Any] | None:
    """Who agreed in the person's place, by a pseudonym of their own, by what right, proven by what, until when; who
    typed for a person that signed; None when it was the person alone."""
    mandate, counter = terms.mandate, terms.counter
    if consent.given_by is None or consent.given_by == consent.subject_id:
        return _assisted(consent, counter, safe) if counter is not None else None
    if mandate is None or mandate.subject != consent.subject_id:
        raise ValueError("nobody agrees in another's place without a mandate")
    return {
        "actor": principal(consent.given_by, consent.recipient_agency, safe),
        "basis": mandate.basis,
        "relation": mandate.relation,
        "proof_doc": mandate.evidence,
        "scope": sorted(mandate.scope),
        "until": _instant(mandate.valid_until) if mandate.valid_until is not None else None,
    }


def _assisted(consent: Consent, counter: Counter, safe: Safe) -> dict[str, Any]:
    return {
        "actor": principal(counter.typed_by, consent.recipient_agency, safe),
        "basis": ASSISTED,
        "relation": "officer",
        "proof_doc": f"sheet:{counter.signed_sha256}",
        "scope": [str(consent.id)],
        "until": None,
    }


def _is_actor(consent: Consent, safe: Safe) -> bool:
    """Whether the row names as the giver whom the signed record names."""
    acting, said = consent.given_by != consent.subject_id, consent.terms["on_behalf"]
    if said is not None and said["basis"] == ASSISTED:
        return not acting
    if consent.given_by is None or acting is (said is None):
        return False
    return not acting or said["actor"] == principal(consent.given_by, consent.recipient_agency, safe)


def _digest(consent: Consent) -> str:
    return _base64(sha256(rfc8785.dumps(consent_record(consent))).digest())


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
