"""The one place that gives refusals their GraphQL face.

What the caller can act on becomes a member of the payload's `errors`; who is asking and what exists become
neutral top-level errors; everything else is a fault, masked behind the request id.
"""

from collections.abc import Callable
from typing import Any

import strawberry
from graphql import GraphQLError

from auth import errors as auth
from connectors import errors as connectors
from dossiers import errors as dossiers
from procedures import errors as procedures
from procedures.law import Law
from procedures.plan import Outcome
from procedures.reasons import words
from resolvers.wording import refusal_words
from store import errors as store
from vault import errors as vault

# Registered in place: the planner's own enum is the schema's.
strawberry.enum(Outcome, name="Outcome", description="How a requirement is met.")


QUARANTINE_RETRY_SECONDS = 30
"""A scanner that was away is asked again about as often."""
MEGABYTE = 1_000_000


class BadInput(Exception):
    """An argument no use case would understand: a foreign cursor, a malformed id, a page size out of range."""

    code = "BAD_INPUT"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@strawberry.interface(
    description="A refusal the caller can act on. `code` is stable; `message` is for people."
)
class UserError:
    code: str
    message: str
    path: list[str] | None = None
    retryable: bool = False
    retry_after_seconds: int | None = None


@strawberry.type(description="A refusal that needs no more than its code.")
class Refused(UserError):
    pass


@strawberry.type(name="AlreadyHeld", description="The State holds this already; nothing more is said of it.")
class AlreadyHeldProblem(UserError):
    requirement: strawberry.ID = strawberry.ID("")


@strawberry.type(description="One thing still missing.")
class Gap:
    requirement: strawberry.ID
    outcome: Outcome
    reason: str


@strawberry.type(name="EvidenceMissing", description="Everything missing at once.")
class EvidenceMissingProblem(UserError):
    gaps: list[Gap] = strawberry.field(default_factory=list)


@strawberry.type(name="StaleVersion", description="Start again from `current`.")
class StaleVersionProblem(UserError):
    current: int = 0


@strawberry.type(name="SituationsOpen", description="Questions to answer before submission.")
class SituationsOpenProblem(UserError):
    situations: list[str] = strawberry.field(default_factory=list)


@strawberry.type(name="FormIncomplete", description="Fields missing, and fields refused.")
class FormIncompleteProblem(UserError):
    missing: list[str] = strawberry.field(default_factory=list)
    refused: list[str] = strawberry.field(default_factory=list)


@strawberry.type(name="ObjectUndeclared", description="Kinds of object the filing must name.")
class ObjectUndeclaredProblem(UserError):
    kinds: list[str] = strawberry.field(default_factory=list)


@strawberry.type(name="ConsentStale", description="The notice that would be shown now has this hash.")
class ConsentStaleProblem(UserError):
    sha256: str = ""


@strawberry.type(name="ConsentOutstanding", description="Roles whose own approval is awaited.")
class ConsentOutstandingProblem(UserError):
    roles: list[str] = strawberry.field(default_factory=list)


@strawberry.type(
    name="QuotaExceeded",
    description="What one vault holds of one's own files, and may; a megabyte is a million.",
)
class QuotaExceededProblem(UserError):
    used_documents: int = 0
    allowed_documents: int = 0
    used_megabytes: int = 0
    allowed_megabytes: int = 0


PROBLEM_TYPES = (
    Refused,
    AlreadyHeldProblem,
    EvidenceMissingProblem,
    StaleVersionProblem,
    SituationsOpenProblem,
    FormIncompleteProblem,
    ObjectUndeclaredProblem,
    ConsentStaleProblem,
    ConsentOutstandingProblem,
    QuotaExceededProblem,
)


def _already_held(error: dossiers.AlreadyHeld, language: str, law: Law) -> UserError:
    return AlreadyHeldProblem(**_said(error, language), requirement=strawberry.ID(error.requirement))


def _evidence_missing(error: dossiers.EvidenceMissing, language: str, law: Law) -> UserError:
    gaps = [
        Gap(
            requirement=strawberry.ID(gap.requirement),
            outcome=gap.outcome,
            reason=words(gap.reason, language, law),
        )
        for gap in error.gaps
    ]
    return EvidenceMissingProblem(**_said(error, language, count=len(gaps)), gaps=gaps)


def _stale_version(error: dossiers.StaleVersion, language: str, law: Law) -> UserError:
    return StaleVersionProblem(**_said(error, language, retryable=True), current=error.current)


def _situations_open(error: dossiers.SituationsOpen, language: str, law: Law) -> UserError:
    said = _said(error, language, count=len(error.situations))
    return SituationsOpenProblem(**said, situations=list(error.situations))


def _form_incomplete(error: dossiers.FormIncomplete, language: str, law: Law) -> UserError:
    return FormIncompleteProblem(
        **_said(error, language), missing=list(error.missing), refused=list(error.refused)
    )


def _object_undeclared(error: dossiers.ObjectUndeclared, language: str, law: Law) -> UserError:
    return ObjectUndeclaredProblem(**_said(error, language), kinds=list(error.kinds))


def _consent_stale(error: vault.ConsentStale, language: str, law: Law) -> UserError:
    return ConsentStaleProblem(**_said(error, language), sha256=error.sha256)


def _consent_outstanding(error: dossiers.ConsentOutstanding, language: str, law: Law) -> UserError:
    return ConsentOutstandingProblem(**_said(error, language), roles=list(error.roles))


def _upload_refused(error: vault.UploadRefused, language: str, law: Law) -> UserError:
    return Refused(**_said(error, language, fault=error.fault.value), path=["upload"])


def _in_quarantine(error: vault.InQuarantine, language: str, law: Law) -> UserError:
    said = _said(error, language, retryable=True)
    return Refused(**said, path=["upload"], retry_after_seconds=QUARANTINE_RETRY_SECONDS)


def _quota_exceeded(error: vault.QuotaExceeded, language: str, law: Law) -> UserError:
    used, allowed = (-(-size // MEGABYTE) for size in (error.used_bytes, error.allowed_bytes))
    return QuotaExceededProblem(
        **_said(
            error, language, documents=error.used_documents, used=used,
            allowed_documents=error.allowed_documents, allowed=allowed,
        ),
        used_documents=error.used_documents,
        allowed_documents=error.allowed_documents,
        used_megabytes=used,
        allowed_megabytes=allowed,
    )  # fmt: skip


def _bad_input(error: BadInput, language: str, law: Law) -> UserError:
    return Refused(**_said(error, language, field=error.field), path=[error.field])


def _citation_unclear(error: dossiers.CitationUnclear, language: str, law: Law) -> UserError:
    return Refused(**_said(error, language), path=["legalBasis"])


def _refused(error: Any, language: str, law: Law) -> UserError:
    return Refused(**_said(error, language))


def _access_refused(error: vault.AccessRefused, language: str, law: Law) -> UserError:
    return Refused(**_said(error, language), path=[error.field])


def _attestation_refused(error: vault.AttestationRefused, language: str, law: Law) -> UserError:
    return Refused(**_said(error, language), path=[error.field])


def _push_refused(error: connectors.PushRefused, language: str, law: Law) -> UserError:
    return Refused(**_said(error, language), path=[error.fault])


def _rate_limited(error: auth.RateLimited, language: str, law: Law) -> UserError:
    said = _said(error, language, retryable=True, seconds=error.seconds)
    return Refused(**said, retry_after_seconds=error.seconds)


def _try_again(error: Any, language: str, law: Law) -> UserError:
    return Refused(**_said(error, language, retryable=True), retry_after_seconds=1)


def _try_later(error: Any, language: str, law: Law) -> UserError:
    """Somebody has to be reached again first: asking every second does not help."""
    return Refused(**_said(error, language, retryable=True), retry_after_seconds=300)


def _tries_spent(error: auth.TriesSpent, language: str, law: Law) -> UserError:
    return Refused(**_said(error, language, retryable=True), retry_after_seconds=error.retry_after_seconds)


Face = Callable[[Any, str, Law], UserError]

PAYLOAD: dict[type[Exception], Face] = {
    BadInput: _bad_input,
    dossiers.AlreadyHeld: _already_held,
    dossiers.EvidenceMissing: _evidence_missing,
    dossiers.StaleVersion: _stale_version,
    dossiers.SituationsOpen: _situations_open,
    dossiers.FormIncomplete: _form_incomplete,
    dossiers.ObjectUndeclared: _object_undeclared,
    dossiers.ConsentOutstanding: _consent_outstanding,
    dossiers.MoveNotAllowed: _refused,
    dossiers.NotReusable: _refused,
    dossiers.ProcedureUnknown: _refused,
    dossiers.AgencyNotCompetent: _refused,
    dossiers.RequirementUnknown: _refused,
    dossiers.PartyRefused: _refused,
    dossiers.ConsentRequired: _refused,
    dossiers.NothingToAsk: _refused,
    dossiers.OriginalNotHeld: _refused,
    dossiers.RegisterSilent: _try_again,
    dossiers.LegalReasonUnknown: _refused,
    dossiers.LegalReasonUnfounded: _refused,
    dossiers.ResultRefused: _refused,
    dossiers.CitationUnclear: _citation_unclear,
    dossiers.TypeNotAccepted: _refused,
    dossiers.ClaimsRefused: _refused,
    dossiers.EvidenceGone: _refused,
    dossiers.NothingToObjectTo: _refused,
    dossiers.EvidencePending: _try_again,
    store.IdempotencyConflict: _refused,
    store.LogUnwritable: _try_again,
    store.LogSilent: _try_later,
    connectors.PushRefused: _push_refused,
    auth.GuardianNotProven: _refused,
    auth.RepresentativeNotProven: _refused,
    auth.MandateRefused: _refused,
    auth.TriesSpent: _tries_spent,
    auth.RateLimited: _rate_limited,
    vault.UploadRefused: _upload_refused,
    vault.InQuarantine: _in_quarantine,
    vault.QuotaExceeded: _quota_exceeded,
    vault.DocumentNotUsable: _refused,
    vault.DocumentInUse: _refused,
    vault.ClaimUnknown: _refused,
    vault.ReplacementRefused: _refused,
    vault.ConsentStale: _consent_stale,
    vault.ConsentSettled: _refused,
    vault.ConsentShared: _refused,
    vault.SheetRefused: _refused,
    vault.ConsentMissing: _refused,
    vault.DisclosureBusy: _try_again,
    vault.ShareRefused: _refused,
    vault.AttestationRefused: _attestation_refused,
    vault.AccessRefused: _access_refused,
    vault.GrantSpent: _refused,
    vault.ErasureSettled: _refused,
    vault.NumberTaken: _refused,
    vault.StorageFailed: _try_again,
    vault.SubjectShredded: _refused,
}
"""Refusals shaped into a payload's `errors`."""

TOP_LEVEL: frozenset[type[Exception]] = frozenset(
    {
        auth.Unauthenticated,
        auth.NotFound,
        auth.AccessDenied,
        auth.StepUpRequired,
        store.TemporarilyUnavailable,
    }
)
"""Neutral top-level errors: their reasons are for the ledger or the journal, not for the caller."""

FAULTS: frozenset[type[Exception]] = frozenset(
    {
        auth.CredentialsConflict,
        auth.SignInFailed,
        auth.TokenRefused,
        auth.MandateNotInForce,
        auth.NonceRequired,
        auth.ProofReplayed,
        auth.PasskeyRefused,
        auth.AppRefused,
        store.DataFolderRefused,
        store.ServerFailed,
        store.RolesMissing,
        store.SchemaUnknown,
        store.WallsBroken,
        store.CheckpointRefused,
        store.LogBroken,
        store.NotSealed,
        store.BackupRefused,
        store.RestoreUnfinished,
        vault.TamperedContent,
        vault.KeyMissing,
        vault.KeyRingRefused,
        vault.RotationRefused,
        vault.ShreddingRefused,
        vault.BlobMissing,
        vault.BlobBusy,
        vault.ProofRefused,
        procedures.CatalogueRefused,
        connectors.OutwardRefused,
        connectors.OutwardDelayed,
        connectors.PushDelayed,
        connectors.WitnessRefused,
        connectors.RegisterUnreliable,
        connectors.ScannerSilent,
    }
)
"""Never a caller's doing, or told over HTTP before GraphQL: masked if they ever arrive here."""


def shaped(error: Exception, language: str, law: Law) -> UserError | None:
    """The payload error for a refusal; None for what does not belong into a payload."""
    face = PAYLOAD.get(type(error))
    return face(error, language, law) if face is not None else None


def top_level(error: Exception | None, language: str, request_id: str) -> GraphQLError:
    """A neutral or masked top-level error with a stable code. The cause never leaves the server."""
    if isinstance(error, BadInput):
        return _graphql_error("BAD_INPUT", refusal_words("BAD_INPUT", language, field=error.field))
    if type(error) in TOP_LEVEL:
        code = str(getattr(error, "code", ""))
        told = _graphql_error(code, refusal_words(code, language))
        if isinstance(error, auth.StepUpRequired):
            # Not neutral: the caller is who they say, and can do something about it (RFC 9470).
            told.extensions = {**(told.extensions or {}), "acrValues": error.acr}
        if isinstance(error, store.TemporarilyUnavailable):
            again = {"retryable": True, "retryAfterSeconds": error.retry_after_seconds}
            told.extensions = {**(told.extensions or {}), **again}
        return told
    said = refusal_words("INTERNAL", language, request_id=request_id)
    return _graphql_error("INTERNAL", said, request_id)


def _graphql_error(code: str, message: str, request_id: str | None = None) -> GraphQLError:
    extensions = {"code": code} if request_id is None else {"code": code, "requestId": request_id}
    return GraphQLError(message, extensions=extensions)


def _said(error: Any, language: str, *, retryable: bool = False, **params: object) -> dict[str, Any]:
    message = refusal_words(error.code, language, **params)
    return {"code": error.code, "message": message, "retryable": retryable}
