"""What the policy needs to know of a thing, and no more: small values use cases fill from rows they hold."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """Something done for one subject. None: for nobody in particular (an officer's upload)."""

    subject: UUID | None


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    subject: UUID
    issuer_agency: UUID | None = None
    """The agency that issued or digitised it: it knows the metadata, never the contents."""


@dataclass(frozen=True, slots=True)
class DossierFacts:
    """`parties` are all its subjects, the applicant among them or not."""

    applicant: UUID
    filer: UUID
    agency: UUID
    submitted: bool
    parties: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    subject: UUID
    recipient: UUID


@dataclass(frozen=True, slots=True)
class ShareFacts:
    """`audience` None: any agency may redeem the code."""

    subject: UUID
    audience: UUID | None = None


@dataclass(frozen=True, slots=True)
class UploadFacts:
    created_by: UUID


@dataclass(frozen=True, slots=True)
class MandateFacts:
    actor: UUID
    subject: UUID


Facts = (
    SubjectFacts
    | DocumentFacts
    | DossierFacts
    | ConsentFacts
    | ShareFacts
    | UploadFacts
    | MandateFacts
    | None
)
