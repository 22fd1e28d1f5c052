"""Why a filing does not go on. Each is a refusal raised inside the transaction, which it rolls back."""

from dataclasses import dataclass
from datetime import date

from procedures.plan import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing still missing before submission."""

    requirement: str
    outcome: Outcome
    reason: Reason


class Refusal(Exception):
    """A refusal the caller can act on. `code` is stable and documented."""

    code = "REFUSED"


class AlreadyHeld(Refusal):
    """The State holds this already: it may be neither uploaded again nor asked for (Decree 224/2026).

    Says which requirement and nothing of what is held.
    """

    code = "ALREADY_HELD"

    def __init__(self, requirement: str) -> None:
        super().__init__(requirement)
        self.requirement = requirement


class EvidenceMissing(Refusal):
    """Every gap at once, so that a person is asked once."""

    code = "EVIDENCE_MISSING"

    def __init__(self, gaps: tuple[Gap, ...]) -> None:
        super().__init__(len(gaps))
        self.gaps = gaps


class SituationsOpen(Refusal):
    code = "SITUATIONS_OPEN"

    def __init__(self, situations: tuple[str, ...]) -> None:
        super().__init__(len(situations))
        self.situations = situations


class ObjectUndeclared(Refusal):
    """Something held is about a parcel, building or vehicle, and the filing has not said which one it is about."""

    code = "OBJECT_UNDECLARED"

    def __init__(self, kinds: tuple[str, ...]) -> None:
        super().__init__(kinds)
        self.kinds = kinds


class FormIncomplete(Refusal):
    """`missing` are required fields only the person knows; `refused` values that do not fit or are read-only."""

    code = "FORM_INCOMPLETE"

    def __init__(self, missing: tuple[str, ...], refused: tuple[str, ...] = ()) -> None:
        super().__init__(len(missing), len(refused))
        self.missing = missing
        self.refused = refused


class StaleVersion(Refusal):
    """Somebody else changed the dossier first. `current` is the version to start again from."""

    code = "STALE_VERSION"

    def __init__(self, current: int) -> None:
        super().__init__(current)
        self.current = current


class MoveNotAllowed(Refusal):
    """The state table has no such move from here."""

    code = "MOVE_NOT_ALLOWED"

    def __init__(self, status: int, move: str) -> None:
        super().__init__(status, move)
        self.status = status
        self.move = move


class NotReusable(Refusal):
    """Reuse can be declined only where something would be reused or read."""

    code = "NOT_REUSABLE"

    def __init__(self, requirement: str) -> None:
        super().__init__(requirement)
        self.requirement = requirement


class ProcedureUnknown(Refusal):
    code = "PROCEDURE_UNKNOWN"

    def __init__(self, procedure: str, on: date) -> None:
        super().__init__(procedure, on)
        self.procedure = procedure
        self.on = on


class AgencyNotCompetent(Refusal):
    """This agency neither receives nor decides the procedure."""

    code = "AGENCY_NOT_COMPETENT"


class RequirementUnknown(Refusal):
    code = "REQUIREMENT_UNKNOWN"

    def __init__(self, requirement: str) -> None:
        super().__init__(requirement)
        self.requirement = requirement


class PartyRefused(Refusal):
    """A party that cannot fill the role: unknown number, or the role given twice where one person fits."""

    code = "PARTY_REFUSED"

    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.role = role


class ConsentOutstanding(Refusal):
    """Somebody's own approval of their own disclosure has not come yet; `roles` they fill in this filing."""

    code = "CONSENT_OUTSTANDING"

    def __init__(self, roles: tuple[str, ...]) -> None:
        super().__init__(roles)
        self.roles = roles


class ConsentRequired(Refusal):
    """The plan discloses something of the caller's: the notice must be agreed to, by the hash shown."""

    code = "CONSENT_REQUIRED"


class NothingToAsk(Refusal):
    """The requirement is not asked for in this filing at all."""

    code = "NOTHING_TO_ASK"

    def __init__(self, requirement: str) -> None:
        super().__init__(requirement)
        self.requirement = requirement


class OriginalNotHeld(Refusal):
    """No version is held the original could be compared with: the paper is digitised instead, once."""

    code = "ORIGINAL_NOT_HELD"

    def __init__(self, requirement: str) -> None:
        super().__init__(requirement)
        self.requirement = requirement


class RegisterSilent(Refusal):
    """A register does not answer now, and nothing can be concluded from that. Trying again may help."""

    code = "REGISTER_SILENT"

    def __init__(self, database: str) -> None:
        super().__init__(database)
        self.database = database


class LegalReasonUnknown(Refusal):
    """An override needs a reason from the list, each with its article."""

    code = "LEGAL_REASON_UNKNOWN"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LegalReasonUnfounded(Refusal):
    """A reason of the list whose own condition does not hold: a register has not been silent long enough."""

    code = "LEGAL_REASON_UNFOUNDED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CitationUnclear(Refusal):
    """The provision cited names no act by its number, or no article of it."""

    code = "CITATION_UNCLEAR"


class ResultRefused(Refusal):
    """Not a result type of this procedure, claims the type does not attest, or one missing that it must state."""

    code = "RESULT_REFUSED"

    def __init__(self, document_type: str, claims: tuple[str, ...] = ()) -> None:
        super().__init__(document_type, claims)
        self.document_type = document_type
        self.claims = claims


class TypeNotAccepted(Refusal):
    """A paper type the requirement does not accept, or one nobody deposits (a form, a group of papers)."""

    code = "TYPE_NOT_ACCEPTED"

    def __init__(self, requirement: str | None, document_type: str) -> None:
        super().__init__(requirement, document_type)
        self.requirement = requirement
        self.document_type = document_type


class ClaimsRefused(Refusal):
    """Claims the paper type does not attest, or values that are not plain text, numbers or yes/no."""

    code = "CLAIMS_REFUSED"

    def __init__(self, document_type: str, claims: tuple[str, ...]) -> None:
        super().__init__(document_type, claims)
        self.document_type = document_type
        self.claims = claims


class EvidenceGone(Refusal):
    """Nothing may be opened for the requirement: its basis was withdrawn, or nothing was disclosed for it."""

    code = "EVIDENCE_GONE"

    def __init__(self, requirement: str) -> None:
        super().__init__(requirement)
        self.requirement = requirement


class EvidencePending(Refusal):
    """A register still owes an answer the decision rests on."""

    code = "EVIDENCE_PENDING"

    def __init__(self, requirements: tuple[str, ...]) -> None:
        super().__init__(requirements)
        self.requirements = requirements


class NothingToObjectTo(Refusal):
    """No refused ask and no override stands against this requirement."""

    code = "NOTHING_TO_OBJECT_TO"

    def __init__(self, requirement: str) -> None:
        super().__init__(requirement)
        self.requirement = requirement
