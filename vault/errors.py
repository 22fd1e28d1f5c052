"""Refusals of the vault. They carry codes and counts, never names, numbers, paths or contents."""

from enum import StrEnum
from typing import ClassVar


class TamperedContent(Exception):
    """Sealed bytes do not open here: altered, truncated, put in another's place, or under another key.

    The cause is not told apart on purpose: an answer per cause would be an oracle.
    """

    code: ClassVar[str] = "TAMPERED_CONTENT"


class KeyMissing(Exception):
    """No key was ever made for this subject, or its root key is not in the ring."""

    code: ClassVar[str] = "KEY_MISSING"


class SubjectShredded(Exception):
    """The subject's key was destroyed: what it sealed cannot be read again by anyone."""

    code: ClassVar[str] = "SUBJECT_SHREDDED"


class NumberTaken(Exception):
    """The number belongs to another subject, or the subject has another number. For a person to settle."""

    code: ClassVar[str] = "NUMBER_TAKEN"


class KeyRingRefused(Exception):
    """The root key file, or the token in its place, is unsafe or unusable.

    `reason`: exists, missing, permissions, owner, malformed; of a token: pin (it is not tried again), ambiguous (two
    rings in it), extractable (a key that could leave it), instance (another installation's).
    """

    code: ClassVar[str] = "KEY_RING_REFUSED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RotationRefused(Exception):
    """Keys may not be changed like this now; nothing was. `reason`: busy, unknown, current, referenced, backups.

    `references`: how many rows still need the key.
    """

    code: ClassVar[str] = "ROTATION_REFUSED"

    def __init__(self, reason: str, references: int = 0) -> None:
        super().__init__(f"{reason}: {references}" if references else reason)
        self.reason = reason
        self.references = references


class ShreddingRefused(Exception):
    """Somebody works with what would be destroyed: so many filings of theirs are under way. Nothing was ordered."""

    code: ClassVar[str] = "SHREDDING_REFUSED"

    def __init__(self, filings: int) -> None:
        super().__init__(filings)
        self.filings = filings


class BlobMissing(Exception):
    """No sealed file rests under this name."""

    code: ClassVar[str] = "BLOB_MISSING"


class BlobBusy(Exception):
    """Another writer holds the file at this moment."""

    code: ClassVar[str] = "BLOB_BUSY"


class StorageFailed(Exception):
    """The disk failed, so nothing was kept. `step`: open, write, sync, place, read."""

    code: ClassVar[str] = "STORAGE_FAILED"

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


class UploadFault(StrEnum):
    """Why bytes may not enter: each a cause the person can do something about."""

    MEDIA_TYPE = "media_type"
    """Announced as something other than PDF, JPEG or PNG."""
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    SIZE = "size"
    """More or fewer bytes arrived than were announced."""
    DIGEST = "digest"
    """The bytes are not those announced by their SHA-256."""
    CONTENT = "content"
    """The content is not what its media type says, or is cut short."""
    TRAILING_DATA = "trailing_data"
    """Something follows the end of the picture or document."""
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_PAGES = "too_many_pages"
    ACTIVE_CONTENT = "active_content"
    """The PDF carries scripts, launches, forms that submit, media, or embedded files."""
    LOCKED = "locked"
    """The PDF opens only with a password."""
    NOT_INSPECTABLE = "not_inspectable"
    """The PDF could not be examined within the limits, or is too large for its inner form."""
    ALREADY_ARRIVED = "already_arrived"
    NOT_ARRIVED = "not_arrived"
    ALREADY_CLAIMED = "already_claimed"
    EXPIRED = "expired"
    OFFSET = "offset"
    """The piece does not begin where the upload has got to."""
    BUSY = "busy"
    """Another request is sending to this upload at this moment."""
    CHECKSUM = "checksum"
    """The piece is not the one its checksum was made of. It alone was dropped."""
    TOO_MANY_PIECES = "too_many_pieces"
    TOO_MANY_OPEN = "too_many_open"
    """Too many uploads, or too many bytes of them, wait to be used. Use or end some of them first."""
    INFECTED = "infected"
    """The malware scanner found something. The bytes are destroyed; what it was is told to nobody who sent it."""


class UploadRefused(Exception):
    """Bytes were announced or sent which the vault does not take; nothing was kept."""

    code: ClassVar[str] = "UPLOAD_REFUSED"

    def __init__(self, fault: UploadFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class InQuarantine(Exception):
    """All bytes arrived and no scanner has called them clean yet: nothing can be made of them until one has."""

    code: ClassVar[str] = "IN_QUARANTINE"


class QuotaExceeded(Exception):
    """What people put into one vault themselves has its measure. Says what is used and what is allowed."""

    code: ClassVar[str] = "QUOTA_EXCEEDED"

    def __init__(self, used: tuple[int, int], allowed: tuple[int, int]) -> None:
        super().__init__(f"{used} of {allowed}")
        self.used_documents, self.used_bytes = used
        self.allowed_documents, self.allowed_bytes = allowed


class DocumentNotUsable(Exception):
    """The document may not be used for this as it stands. `status` is its status in the vault."""

    code: ClassVar[str] = "DOCUMENT_NOT_USABLE"

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class DocumentInUse(Exception):
    """The paper rests on something its owner alone may not undo: the State issued or certified it."""

    code: ClassVar[str] = "DOCUMENT_IN_USE"


class ClaimUnknown(Exception):
    """The document does not attest these claims. Carries their names, never their values."""

    code: ClassVar[str] = "CLAIM_UNKNOWN"

    def __init__(self, claims: tuple[str, ...]) -> None:
        super().__init__(claims)
        self.claims = claims


class ReplacementRefused(Exception):
    """Not a valid paper of the same person and type, or one has taken this document's place already."""

    code: ClassVar[str] = "REPLACEMENT_REFUSED"


class ConsentStale(Exception):
    """What would be disclosed is no longer what the person was shown. `sha256` is of the notice as it reads now."""

    code: ClassVar[str] = "CONSENT_STALE"

    def __init__(self, sha256: str) -> None:
        super().__init__(sha256)
        self.sha256 = sha256


class ConsentSettled(Exception):
    """Decided, withdrawn or expired already. `status` is how the consent stands."""

    code: ClassVar[str] = "CONSENT_SETTLED"

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class ConsentShared(Exception):
    """A child of seven and more agrees too (Law 91/2025/QH15, Article 24): one word alone discloses nothing."""

    code: ClassVar[str] = "CONSENT_SHARED"


class SheetRefused(Exception):
    """A sheet signed at a counter is not taken. `fault`: `lapsed`, `used`, `same_officer`, `digest`."""

    code: ClassVar[str] = "SHEET_REFUSED"

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class ConsentFault(StrEnum):
    """Why nothing may be disclosed: codes for the ledger. Which paper or claim it was stays unsaid."""

    NONE = "none"
    """No such consent, or not to this agency."""
    NOT_GIVEN = "not_given"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    """Its recipient gave it up, or an authority declared it void."""
    EXPIRED = "expired"
    PAUSED = "paused"
    TOO_SOON = "too_soon"
    """A periodic one, whose next period has not begun."""
    RECEIPT = "receipt"
    """The signed receipt is missing, forged, or says something else than the row."""
    PURPOSE = "purpose"
    NOT_COVERED = "not_covered"
    """The version, the claims, the paper itself or their values lie outside what was agreed to."""


class ConsentMissing(Exception):
    """Nothing is disclosed without a live consent that covers it, or the article that makes one needless."""

    code: ClassVar[str] = "CONSENT_MISSING"

    def __init__(self, fault: ConsentFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class DisclosureBusy(Exception):
    """The consent is being changed at this very moment: nothing was disclosed, try again."""

    code: ClassVar[str] = "DISCLOSURE_BUSY"


class AccessRefused(Exception):
    """Nobody may ask like this. `field`: procedure, type, claims, message, expiresInSeconds, or one of the limits:
    maxUses, validDays, dataLifeDays, frequencyDays."""

    code: ClassVar[str] = "ACCESS_REFUSED"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class ErasureSettled(Exception):
    """Answered for good, or so already. `outcome` is what was said."""

    code: ClassVar[str] = "ERASURE_SETTLED"

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class GrantSpent(Exception):
    """A grant has been used as often as it may be: nothing more is disclosed under it."""

    code: ClassVar[str] = "GRANT_SPENT"


class ShareRefused(Exception):
    """A code may not be made like this. `field`: claims, max_uses, expires_in_seconds."""

    code: ClassVar[str] = "SHARE_REFUSED"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class ProofFault(StrEnum):
    """Why a proof is refused, or what of it cannot be known: the codes of docs/clients/proofs.md."""

    # The text on paper, from the outside in.
    PREFIX = "prefix"
    BASE45 = "base45"
    COMPRESSION = "compression"
    TOO_LARGE = "too_large"
    TRAILING = "trailing"
    DUPLICATE_KEY = "duplicate_key"
    INDEFINITE_LENGTH = "indefinite_length"
    ENCODING = "encoding"
    HEADER = "header"
    ALGORITHM = "algorithm"
    TYPE = "type"
    CLAIMS = "claims"

    # Who signed, and whether they may.
    KEY_UNKNOWN = "key_unknown"
    SIGNATURE = "signature"
    KEY_REVOKED = "key_revoked"
    ISSUER = "issuer"
    AGENCY_UNKNOWN = "agency_unknown"
    NOT_ENTITLED = "not_entitled"
    SELF_DECLARED = "self_declared"
    TRUST_MISSING = "trust_missing"
    TRUST_STALE = "trust_stale"
    TRUST_REFUSED = "trust_refused"

    # When.
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"

    # The file it speaks of.
    NO_FILE_ATTESTED = "no_file_attested"
    FILE_ALTERED = "file_altered"

    # Whether it still holds.
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"
    LIST_MISSING = "list_missing"
    LIST_STALE = "list_stale"
    LIST_SUBJECT = "list_subject"
    LIST_SIGNATURE = "list_signature"
    LIST_MALFORMED = "list_malformed"
    INDEX_OUT_OF_BOUNDS = "index_out_of_bounds"

    # Credentials of which parts are shown (RFC 9901).
    DISCLOSURE = "disclosure"
    DISCLOSURE_UNREFERENCED = "disclosure_unreferenced"
    DIGEST_TWICE = "digest_twice"
    DIGEST_ALGORITHM = "digest_algorithm"
    NAME_FORBIDDEN = "name_forbidden"
    NAME_COLLISION = "name_collision"
    NESTED = "nested"
    CREDENTIAL_TYPE = "credential_type"
    KEY_BINDING_MISSING = "key_binding_missing"
    KEY_BINDING = "key_binding"
    KEY_BINDING_AUDIENCE = "key_binding_audience"
    KEY_BINDING_NONCE = "key_binding_nonce"
    KEY_BINDING_DIGEST = "key_binding_digest"
    KEY_BINDING_AGE = "key_binding_age"


class ProofRefused(Exception):
    """A proof shown to us is none, or not any more."""

    code: ClassVar[str] = "PROOF_REFUSED"

    def __init__(self, fault: ProofFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class AttestationRefused(Exception):
    """No proof is made of this. `field`: claims, size, validDays, holderKey, document."""

    code: ClassVar[str] = "ATTESTATION_REFUSED"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field
