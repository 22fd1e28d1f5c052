"""The mutations of the tables as they are sent, and what an allowed one must answer."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from auth.signing import SigningKey
from sandbox.phones.relay import Handset
from tests.attacks.matrix.face import ORIGIN
from tests.attacks.matrix.planted import AT, HALL, UNTIL, Values, erasure, has, like
from tests.attacks.matrix.selection import Ask
from tests.attacks.matrix.world import (
    COMPANY,
    DRAWING,
    DRAWING_TYPE,
    FORM,
    LAND,
    LAND_TYPE,
    MESSAGE,
    NUMBERS,
    PASSPORT,
    PERMIT,
    PERMIT_CLAIMS,
    PERMIT_TYPE,
    QUESTION,
    TODDLER,
    Planted,
    land_claims,
)
from tests.proofs import point

PARCEL = "land_parcel.parcel_number@land_parcel"
NUMBER = "permit.number@permit_holder"


@dataclass(frozen=True)
class Act:
    """One mutation with its input. `own`: what a caller sends of their own instead, by caller."""

    operation: str
    given: Mapping[str, Any]
    answers: Values
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def ask(self) -> Ask:
        return Ask(self.operation)

    def sent(self, caller: str) -> dict[str, Any]:
        return {"input": {"idempotencyKey": str(uuid4()), **self.given, **self.own.get(caller, {})}}


@dataclass(frozen=True)
class Notices:
    """Hashes of the notices as their persons read them now, in English."""

    ready: str
    request: str


def acts(planted: Planted, notices: Notices) -> Mapping[str, Act]:
    """By scene."""
    return {
        **_papers(planted),
        **_filing(planted, notices),
        **_desk(planted),
        **_drafts(planted),
        **_child(planted),
    }


def on(planted: Planted, state: str, **more: Any) -> dict[str, Any]:
    """The dossier in this state, at the version it has."""
    return {"dossier": planted.id("Dossier", state), "expectedVersion": planted.versions[state], **more}


def _attested(document: str) -> Values:
    return {
        "Attestation.fileUrl": has(f"{ORIGIN}/documents/{document}/attested?ticket="),
        "Attestation.proof": like(r"[\w-]+"),
        "Attestation.text": like(r"VNA1:[0-9A-Z $%*+./:-]{300,}"),
        "Attestation.qrSvg": has("<svg"),
        "Attestation.qrPng": like(r"iVBOR[\w+/=]{300,}"),
        "Attestation.expiresAt": "2027-02-21T03:00:00+00:00",
    }


def _papers(planted: Planted) -> dict[str, Act]:
    land, scan = planted.id("Document", "land"), planted.id("Document", "passport")
    certified = {"Document.id": land, "Document.origin": "DIGITISED"}
    shared = {
        "Share.code": like("[0-9A-HJKMNP-TV-Z]{26}"),
        "Share.qrSvg": has("<svg"),
        "Share.url": has(f"{ORIGIN}/verify/"),
        "Share.usesLeft": 3,
        "Share.expiresAt": "2026-11-23T03:10:00+00:00",
    }
    opened = {
        "OpenDocumentPayload.url": has(ORIGIN, land, "ticket="),
        "OpenDocumentPayload.expiresAt": has("T03:01"),
    }
    exported = {
        "Export.id": like(r"[\w-]+"),
        "Export.url": has(f"{ORIGIN}/exports/", "ticket="),
        "Export.expiresAt": has("T03:01"),
    }
    share = {"share": planted.id("Share", "anybody")}
    offer = {"mandate": planted.id("Mandate", "offered")}
    return {
        "createUpload": _upload(planted, "owner"),
        "addDocument": Act(
            "addDocument", _deposit(planted, "owner"), {"Document.origin": "SELF", "Document.level": 3}
        ),
        "addDocument dossier": Act(
            "addDocument",
            _deposit(planted, "owner", dossier=planted.id("Dossier", "draft"), requirement=DRAWING),
            {"Document.type": DRAWING_TYPE, "Dossier.id": planted.id("Dossier", "draft")},
        ),
        "correctClaim": Act("correctClaim", {"document": land, "claim": PARCEL, "reason": "sai"}, certified),
        "openDocument": Act("openDocument", {"document": land}, opened),
        "openDocument picture": Act(
            "openDocument",
            {"document": scan},
            {
                "OpenDocumentPayload.url": has(ORIGIN, scan, "ticket="),
                "OpenDocumentPayload.thumbnailUrl": has(f"{ORIGIN}/documents/{scan}/thumbnail?ticket="),
                "OpenDocumentPayload.expiresAt": has("T03:01"),
            },
        ),
        "createShare": Act("createShare", {"document": land, "claims": [PARCEL], "maxUses": 3}, shared),
        "attestDocument": Act("attestDocument", {"document": land, "claims": [PARCEL]}, _attested(land)),
        "issueCredential": Act(
            "issueCredential",
            {"document": land, "holderKey": point(SigningKey.generate())},
            {
                "Credential.proof": like(r"[\w-]+"),
                "Credential.text": like(r"[\w.~-]{500,}"),
                "Credential.type": has("/vct/"),
                "Credential.expiresAt": "2026-11-24T03:00:00+00:00",
            },
        ),
        "endSession": Act(
            "endSession",
            {"session": planted.id("Session", "owner")},
            {"EndSessionPayload.session": planted.id("Session", "owner")},
        ),
        "removePasskey": Act(
            "removePasskey",
            {"passkey": planted.id("Passkey", "owner")},
            {"RemovePasskeyPayload.passkey": planted.id("Passkey", "owner")},
        ),
        "exportMyData": Act("exportMyData", {"subject": planted.id("Subject", "owner")}, exported),
        "registerDevice": Act(
            "registerDevice",
            {"endpoint": "https://push.example/x", **Handset().keys},
            {"Device.id": like(r"[\w-]+"), "Device.registeredAt": AT},
        ),
        "forgetDevice": Act(
            "forgetDevice",
            {"device": planted.id("Device", "owner")},
            {"ForgetDevicePayload.device": planted.id("Device", "owner")},
        ),
        "notificationPreferences": Act(
            "notificationPreferences",
            {"push": True, "quiet": ["REQUESTS"]},
            {"NotificationPreferences.push": True, "NotificationPreferences.quiet": ["REQUESTS"]},
        ),
        "markNoticesRead": Act(
            "markNoticesRead",
            {"notices": [planted.id("Notice", "owner")]},
            {"Notice.id": planted.id("Notice", "owner"), "Notice.readAt": AT},
        ),
        "withdrawProof": Act(
            "withdrawProof",
            {"proof": planted.id("Proof", "owner")},
            {"Proof.id": planted.id("Proof", "owner"), "Proof.withdrawnAt": AT},
        ),
        "revokeShare": Act("revokeShare", share, {"Share.id": share["share"], "Share.usesLeft": 50}),
        "withdrawConsent": Act(
            "withdrawConsent",
            {"consent": planted.id("Consent", "owner")},
            {"Consent.id": planted.id("Consent", "owner"), "Consent.status": "WITHDRAWN"},
        ),
        "acknowledgeErasure": Act(
            "acknowledgeErasure",
            {"erasure": planted.id("Erasure", "owner"), "answer": "RETAINED", "article": "Điều 1"},
            {
                **erasure(planted),
                "Erasure.status": "RETAINED",
                "Erasure.article": "Điều 1",
                "Erasure.repliedAt": AT,
                "Erasure.endedAt": AT,
            },
        ),
        "pauseConsent": Act(
            "pauseConsent",
            {"consent": planted.id("Consent", "owner"), "paused": True},
            {"Consent.id": planted.id("Consent", "owner"), "Consent.status": "PAUSED"},
        ),
        "grantMandate": Act(
            "grantMandate",
            {"to": TODDLER, "scope": ["READ"], "until": UNTIL},
            {
                "Mandate.id": like(r"[\w-]+"),
                "Mandate.granted": True,
                "Mandate.scope": ["READ"],
                "Mandate.status": "OFFERED",
                "Mandate.grantedAt": AT,
                "Mandate.until": UNTIL,
            },
        ),
        "acceptMandate": Act(
            "acceptMandate", offer, {"Mandate.id": offer["mandate"], "Mandate.acceptedAt": AT}
        ),
        "declineMandate": Act("declineMandate", offer, {"Mandate.status": "ENDED", "Mandate.granted": False}),
        "revokeMandate": Act("revokeMandate", offer, {"Mandate.status": "ENDED", "Mandate.endedAt": AT}),
        "recogniseGuardian": Act(
            "recogniseGuardian",
            {"citizenId": TODDLER},
            {"Ward.relation": "parent", "Ward.name": "Cún Con", "Ward.subject": like(r"[\w-]+")},
        ),
        "recogniseRepresentative": Act(
            "recogniseRepresentative",
            {"organisationId": COMPANY},
            {
                "Ward.relation": "representative",
                "Ward.name": "Công ty Cánh Cò",
                "RecogniseRepresentativePayload.until": "2026-12-23T03:00:00+00:00",
            },
        ),
    }


def _upload(planted: Planted, subject: str, **more: Any) -> Act:
    content = b"%PDF-1.7 announced, never sent"
    given = {
        "fileName": "to.pdf",
        "mediaType": "application/pdf",
        "sizeBytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "type": LAND_TYPE,
        "onBehalfOf": planted.id("Subject", subject),
        **more,
    }
    answers = {
        "Upload.id": like(r"[\w-]+"),
        "Upload.url": has(f"{ORIGIN}/uploads/", "?key="),
        "Upload.expiresAt": "2026-11-24T03:00:00+00:00",
        "Upload.allowedTypes": has("application/pdf"),
        "Upload.maxBytes": lambda value: value is not None and value >= 10**7,
    }
    return Act("createUpload", given, answers)


def _deposit(planted: Planted, subject: str, **more: Any) -> dict[str, Any]:
    holder = "guardian" if subject == "child" else subject
    return {
        "upload": planted.id("Upload", holder),
        "type": DRAWING_TYPE,
        "onBehalfOf": planted.id("Subject", subject),
        **more,
    }


def _opening(planted: Planted, subject: str) -> dict[str, Any]:
    land = {
        "kind": "LAND_PARCEL",
        "document": planted.id("Document", "land" if subject == "owner" else "child"),
    }
    return {
        "procedure": PERMIT,
        "agency": planted.id("Agency", "own"),
        "onBehalfOf": planted.id("Subject", subject),
        "situations": [{"id": QUESTION, "value": False}],
        "objects": [land, {"kind": "BUILDING", "document": None}],
    }


def _filing(planted: Planted, notices: Notices) -> dict[str, Act]:
    draft = {"Dossier.id": planted.id("Dossier", "draft"), "Dossier.status": "DRAFT"}
    asked = {"Dossier.id": planted.id("Dossier", "asked")}
    answered = {"situations": [{"id": QUESTION, "value": True}]}
    agreed = {"consent": {"noticeSha256": notices.ready}}
    return {
        "openDossier": Act("openDossier", _opening(planted, "owner"), {"Dossier.status": "DRAFT"}),
        "answerSituations": Act("answerSituations", on(planted, "draft", **answered), draft),
        "updateDossierForm": Act("updateDossierForm", on(planted, "draft", patch={"storeys": 4}), draft),
        "declineReuse": Act("declineReuse", on(planted, "draft", requirement=LAND), draft),
        "submitDossier": Act(
            "submitDossier",
            on(planted, "ready", **agreed),
            {"Dossier.status": "NEWLY_FILED", "Dossier.submittedAt": AT},
        ),
        "withdrawDossier": Act(
            "withdrawDossier", on(planted, "new", reason="thôi"), {"Dossier.status": "WITHDRAWN"}
        ),
        "answerSupplement": Act(
            "answerSupplement", on(planted, "asked"), {**asked, "Dossier.status": "PROCESSING"}
        ),
        "objectToAsk": Act(
            "objectToAsk", {"dossier": asked["Dossier.id"], "requirement": LAND, "text": "không đúng"}, asked
        ),
        "giveConsent": Act(
            "giveConsent",
            {"request": planted.id("AccessRequest", "spouse"), "consent": {"noticeSha256": notices.request}},
            {"Consent.status": "GIVEN", "Consent.recipient": HALL},
        ),
        "refuseConsent": Act(
            "refuseConsent",
            {"request": planted.id("AccessRequest", "asked")},
            {
                "AccessRequest.status": "REFUSED",
                "AccessRequest.message": MESSAGE,
                "AccessRequest.id": planted.id("AccessRequest", "asked"),
            },
        ),
    }


def _desk(planted: Planted) -> dict[str, Act]:
    result = {"type": PERMIT_TYPE, "claims": PERMIT_CLAIMS, "validUntil": "2031-01-01"}
    return {
        **_moves(planted, "new", "processing", "done"),
        "approveDossier": Act(
            "approveDossier", on(planted, "processing", results=[result]), {"Dossier.status": "PROCESSED"}
        ),
        "markOriginalSeen": Act(
            "markOriginalSeen", on(planted, "shown", requirement=PASSPORT), {"Dossier.status": "NEWLY_FILED"}
        ),
        "revokeResult": Act(
            "revokeResult",
            {
                "document": planted.id("Document", "permit"),
                "reason": "cấp sai",
                "legalBasis": "Luật số 135/2025/QH15, Điều 54",
            },
            {
                "Document.id": planted.id("Document", "permit"),
                "Document.status": "REVOKED",
                "Document.revocation": has("reason"),
                "Revocation.reason": "cấp sai",
                "Revocation.legalBasis": "Luật số 135/2025/QH15, Điều 54",
            },
        ),
        "createUpload result": _upload(
            planted, "owner", type=PERMIT_TYPE, dossier=planted.id("Dossier", "processing")
        ),
        "openEvidence": Act(
            "openEvidence",
            {"dossier": planted.id("Dossier", "processing"), "requirements": [LAND, DRAWING]},
            {
                "OpenedEvidence.contentUrl": has(f"{ORIGIN}/documents/", "/content"),
                "Claim.name": "person.full_name",
                "Claim.label": "Parcel number",
                "Claim.value": land_claims("owner")[PARCEL],
                "Claim.source": LAND_TYPE,
                "Claim.disputed": False,
            },
        ),
        "identifySubject": Act(
            "identifySubject",
            {"citizenId": NUMBERS["owner"]},
            {"IdentifySubjectPayload.subject": planted.id("Subject", "owner")},
        ),
        "prepareAssisted": Act(
            "prepareAssisted",
            {"subject": planted.id("Subject", "spouse")},
            {
                "AssistedSheet.code": like("[A-Z2-7]{16}"),
                "AssistedSheet.text": has("Purpose: Birth registration", f"Recipient: {HALL}"),
                "AssistedSheet.sha256": like("[0-9a-f]{64}"),
                "AssistedSheet.expiresAt": like(".+"),
            },
        ),
        "confirmAssisted": Act(
            "confirmAssisted",
            {"code": planted.codes["sheet"], "signedSha256": "a" * 64},
            {"AssistedConfirmation.status": "GIVEN"},
        ),
        "digitiseDocument": _digitising(planted),
        # Its land certificate is asked for again under an override: for any other filing it is held.
        "digitiseDocument dossier": _digitising(planted, dossier=planted.id("Dossier", "asked")),
        "verifyDocument": Act("verifyDocument", {"code": planted.codes["anybody"]}, SEEN),
        "requestAccess": Act(
            "requestAccess",
            {
                "citizenId": NUMBERS["owner"],
                "type": PERMIT_TYPE,
                "claims": [NUMBER],
                "procedure": planted.id("Procedure", "extension"),
                "message": MESSAGE,
            },
            {
                "RequestedAccess.id": like(r"[\w=-]+"),
                "RequestedAccess.expiresAt": "2026-11-23T03:10:00+00:00",
                "RequestedAccess.interval": 2,
            },
        ),
        "readGranted": Act(
            "readGranted",
            {},
            {
                "GrantedClaims.documentType": LAND_TYPE,
                "GrantedClaims.mode": "VIEW",
                "GrantedClaims.usesLeft": 49,
                "GrantedClaims.retainUntil": "2027-02-21",
                "Claim.name": PARCEL,
                "Claim.value": land_claims("owner")[PARCEL],
            },
        ),
        "verifyDocument aimed": Act("verifyDocument", {"code": planted.codes["foreign"]}, SEEN | UNSEEN),
    }


SEEN: dict[str, Any] = {
    "Verdict.valid": True,
    "Verdict.signature": "VALID",
    "Verdict.issuerAuthority": "ISSUER",
    "Verdict.status": "VALID",
    "Verdict.freshness": "CURRENT",
    "Verdict.documentType": "Construction permit",
    "Verdict.issuer": HALL,
    "Claim.name": NUMBER,
    "Claim.label": "Number of the permit, certificate or licence",
    "Claim.value": PERMIT_CLAIMS[NUMBER],
    "Claim.source": "ISSUER",
    "Claim.disputed": False,
}
UNSEEN: dict[str, Any] = {
    "Verdict.valid": lambda value: isinstance(value, bool),
    "Verdict.signature": like("VALID|UNKNOWN"),
    "Verdict.issuerAuthority": like("ISSUER|UNKNOWN"),
    "Verdict.status": like("VALID|UNKNOWN"),
    "Verdict.freshness": like("CURRENT|UNKNOWN"),
    "Verdict.reason": "unknown",
}


def _digitising(planted: Planted, **more: Any) -> Act:
    given = {
        "subject": planted.id("Subject", "owner"),
        "upload": planted.id("Upload", "tiep_nhan"),
        "type": LAND_TYPE,
        "claims": {PARCEL: "4799"},
        **more,
    }
    own = {"foreign": {"upload": planted.id("Upload", "foreign")}}
    return Act("digitiseDocument", given, {"Document.origin": "DIGITISED", "Document.level": 2}, own)


def _moves(planted: Planted, new: str, processing: str, done: str) -> dict[str, Act]:
    asks = [{"requirement": DRAWING, "kind": "UNFIT", "reason": "mờ"}]
    reason = {"requirement": LAND, "legalReason": "data_wrong", "text": "sai"}
    refusing = {"reason": "không đúng", "legalBasis": "Luật Xây dựng"}
    officer = {"officer": planted.id("Officer", "tham_dinh")}
    return {
        "receiveDossier": Act("receiveDossier", on(planted, new), {"Dossier.status": "RECEIVED"}),
        "refuseDossier": Act(
            "refuseDossier", on(planted, new, **refusing), {"Dossier.status": "NOT_RECEIVED"}
        ),
        "assignDossier": Act(
            "assignDossier", on(planted, processing, **officer), {"Dossier.status": "PROCESSING"}
        ),
        "requestSupplement": Act(
            "requestSupplement",
            on(planted, processing, asks=asks),
            {"Dossier.status": "SUPPLEMENT_REQUESTED"},
        ),
        "overrideAlreadyHeld": Act(
            "overrideAlreadyHeld", on(planted, processing, **reason), {"Override.requirement": LAND}
        ),
        "returnResult": Act("returnResult", on(planted, done), {"Dossier.status": "RESULT_RETURNED"}),
    }


def _drafts(planted: Planted) -> dict[str, Act]:
    """The desk's moves tried on a draft."""
    moves = _moves(planted, "draft", "draft", "draft")
    moves["approveDossier"] = Act("approveDossier", on(planted, "draft", results=[]), {})
    moves["markOriginalSeen"] = Act("markOriginalSeen", on(planted, "draft", requirement=FORM), {})
    draft = {"dossier": planted.id("Dossier", "draft"), "requirements": [LAND]}
    moves["openEvidence"] = Act("openEvidence", draft, {})
    return {f"{name} draft": act for name, act in moves.items()}


def _child(planted: Planted) -> dict[str, Act]:
    """The same on Bé's things."""
    paper = planted.id("Document", "child")
    draft = {"Dossier.id": planted.id("Dossier", "child_draft")}
    return {
        "createUpload child": _upload(planted, "child"),
        "addDocument child": Act("addDocument", _deposit(planted, "child"), {"Document.origin": "SELF"}),
        "correctClaim child": Act(
            "correctClaim", {"document": paper, "claim": PARCEL, "reason": "sai"}, {"Document.id": paper}
        ),
        "openDocument child": Act(
            "openDocument",
            {"document": paper},
            {"OpenDocumentPayload.url": has(paper), "OpenDocumentPayload.expiresAt": has("T03:01")},
        ),
        "exportMyData child": Act(
            "exportMyData",
            {"subject": planted.id("Subject", "child")},
            {
                "Export.id": like(r"[\w-]+"),
                "Export.url": has(f"{ORIGIN}/exports/", "ticket="),
                "Export.expiresAt": has("T03:01"),
            },
        ),
        "openDossier child": Act("openDossier", _opening(planted, "child"), {"Dossier.status": "DRAFT"}),
        "updateDossierForm child": Act(
            "updateDossierForm", on(planted, "child_draft", patch={"storeys": 4}), draft
        ),
        "declineReuse child": Act("declineReuse", on(planted, "child_draft", requirement=LAND), draft),
        "withdrawDossier child": Act(
            "withdrawDossier", on(planted, "child"), {"Dossier.status": "WITHDRAWN"}
        ),
        "withdrawConsent child": Act(
            "withdrawConsent", {"consent": planted.id("Consent", "child")}, {"Consent.status": "WITHDRAWN"}
        ),
        "createShare child": Act(
            "createShare",
            {"document": paper, "claims": [PARCEL]},
            {"Share.usesLeft": 1},
        ),
    }
