"""What can be asked of the platform, each by the name of its operation, and what kind of leave it takes. Pure.

Whether a caller may is said in `auth.policy`, and nowhere else.
"""

from collections.abc import Mapping
from enum import StrEnum

from auth.caller import GrantKind, Scope


class Action(StrEnum):
    """Every mutation and every protected read of the schema, and what the vault does on their behalf."""

    READ_PROCEDURES = "procedures"
    PLAN_FILING = "filingPlan"
    READ_DOCUMENT = "document"
    READ_CLAIMS = "claims"
    OPEN_DOCUMENT = "openDocument"
    READ_PROFILE = "profile"
    READ_DOSSIER = "dossier"
    READ_WORDS = "words"
    """What people wrote in a dossier: reasons of asks, overrides, refusals, withdrawals."""
    READ_CONSENT = "consent"
    READ_SHARE = "share"
    READ_ACCESS_REQUESTS = "accessRequests"
    READ_DATA_USAGE = "myDataUsage"
    READ_NOTICES = "notices"
    MARK_NOTICES = "markNoticesRead"
    READ_MANDATE = "mandates"
    READ_SESSIONS = "sessions"
    READ_PASSKEYS = "passkeys"
    READ_DESK = "desk"

    CREATE_UPLOAD = "createUpload"
    SEND_UPLOAD = "sendUpload"
    """By an upload's own address, whose secret was checked before anything is asked here."""
    USE_UPLOAD = "useUpload"
    ADD_DOCUMENT = "addDocument"
    CORRECT_CLAIM = "correctClaim"
    REMOVE_DOCUMENT = "removeDocument"
    OPEN_DOSSIER = "openDossier"
    ANSWER_SITUATIONS = "answerSituations"
    UPDATE_DOSSIER_FORM = "updateDossierForm"
    DECLINE_REUSE = "declineReuse"
    SUBMIT_DOSSIER = "submitDossier"
    WITHDRAW_DOSSIER = "withdrawDossier"
    OBJECT_TO_ASK = "objectToAsk"
    ANSWER_SUPPLEMENT = "answerSupplement"
    GIVE_CONSENT = "giveConsent"
    WITHDRAW_CONSENT = "withdrawConsent"
    CREATE_SHARE = "createShare"
    REVOKE_SHARE = "revokeShare"
    ATTEST_DOCUMENT = "attestDocument"
    ISSUE_CREDENTIAL = "issueCredential"
    WITHDRAW_PROOF = "withdrawProof"
    REGISTER_NEWBORN = "registerNewborn"
    RECOGNISE_GUARDIAN = "recogniseGuardian"
    RECOGNISE_REPRESENTATIVE = "recogniseRepresentative"
    GRANT_MANDATE = "grantMandate"
    ACCEPT_MANDATE = "acceptMandate"
    DECLINE_MANDATE = "declineMandate"
    REVOKE_MANDATE = "revokeMandate"
    END_SESSION = "endSession"
    ADD_PASSKEY = "addPasskey"
    """On a page of ours, not by an operation: a browser asks its holder, and tells the key which page asked."""
    REMOVE_PASSKEY = "removePasskey"
    REGISTER_DEVICE = "registerDevice"
    FORGET_DEVICE = "forgetDevice"
    SET_PREFERENCES = "notificationPreferences"
    EXPORT_MY_DATA = "exportMyData"
    VERIFY_DOCUMENT = "verifyDocument"
    REQUEST_ACCESS = "requestAccess"
    READ_GRANTED = "readGranted"
    READ_ERASURES = "erasures"
    ACKNOWLEDGE_ERASURE = "acknowledgeErasure"

    RECEIVE_DOSSIER = "receiveDossier"
    REFUSE_DOSSIER = "refuseDossier"
    ASSIGN_DOSSIER = "assignDossier"
    REQUEST_SUPPLEMENT = "requestSupplement"
    OVERRIDE_ALREADY_HELD = "overrideAlreadyHeld"
    OPEN_EVIDENCE = "openEvidence"
    DIGITISE_DOCUMENT = "digitiseDocument"
    PREPARE_ASSISTED = "prepareAssisted"
    CONFIRM_ASSISTED = "confirmAssisted"
    MARK_ORIGINAL_SEEN = "markOriginalSeen"
    APPROVE_DOSSIER = "approveDossier"
    RETURN_RESULT = "returnResult"
    REVOKE_RESULT = "revokeResult"


TRACKING = frozenset(
    {
        Action.READ_DOSSIER,
        Action.READ_NOTICES,
        Action.MARK_NOTICES,
        Action.READ_PROFILE,
        Action.READ_SESSIONS,
        Action.END_SESSION,
        Action.READ_PASSKEYS,
        # Who holds the address needs no sign-in at all.
        Action.SEND_UPLOAD,
    }
)
"""What a sign-in by one factor may do: see how one's filings stand and what one was told, and sign out. Everything
else is the vault's (standards.md §6)."""

DELEGABLE: Mapping[Scope, frozenset[Action]] = {
    Scope.FILE: frozenset(
        {
            Action.PLAN_FILING,
            Action.OPEN_DOSSIER,
            Action.READ_DOSSIER,
            Action.READ_WORDS,
            Action.READ_PROFILE,
            Action.ANSWER_SITUATIONS,
            Action.UPDATE_DOSSIER_FORM,
            Action.DECLINE_REUSE,
            Action.SUBMIT_DOSSIER,
            Action.WITHDRAW_DOSSIER,
            Action.OBJECT_TO_ASK,
            Action.ANSWER_SUPPLEMENT,
            Action.CREATE_UPLOAD,
            Action.SEND_UPLOAD,
            Action.USE_UPLOAD,
            Action.ADD_DOCUMENT,
        }
    ),
    Scope.READ: frozenset(
        {Action.READ_DOCUMENT, Action.READ_CLAIMS, Action.OPEN_DOCUMENT, Action.READ_PROFILE}
    ),
    Scope.CONSENT: frozenset(
        {
            Action.READ_CONSENT,
            Action.READ_ACCESS_REQUESTS,
            Action.GIVE_CONSENT,
            Action.WITHDRAW_CONSENT,
            Action.READ_PROFILE,
        }
    ),
}
"""What an authorised person may do by each word of their mandate. What stands in none is the grantor's alone: to
share, export and take out papers, to name who else acts for them, and to bring a child into the world."""

GRANTED: Mapping[GrantKind, Action] = {
    GrantKind.ACCESS: Action.READ_GRANTED,
    GrantKind.SHARE: Action.VERIFY_DOCUMENT,
}
DESK = "desk"
SCOPES: Mapping[Action, str] = {
    Action.VERIFY_DOCUMENT: "verify",
    Action.REQUEST_ACCESS: "access",
    Action.READ_GRANTED: "access",
    Action.READ_ERASURES: "access",
    Action.ACKNOWLEDGE_ERASURE: "access",
}
"""What a system must have declared for it; for everything else at the desk, that it works there."""
UNSCOPED = frozenset({Action.READ_PROCEDURES, Action.READ_SESSIONS, Action.END_SESSION, Action.READ_PASSKEYS})
