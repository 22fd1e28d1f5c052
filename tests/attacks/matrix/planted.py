"""What a V of the tables must be: the values planted, written down beside what they say, never read back.

A value is looked for among all those seen of its coordinate; a function says whether one of them is right.
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from resolvers.connections import global_id
from tests.attacks.matrix.face import ORIGIN
from tests.attacks.matrix.world import (
    CITIZENS,
    DRAWING_TYPE,
    LAND,
    LAND_TYPE,
    MESSAGE,
    NAMES,
    NUMBERS,
    OFFICERS,
    OVERRIDING,
    PERMIT_CLAIMS,
    PERMIT_TYPE,
    PHONE,
    QUESTION,
    REASON,
    REFUSING,
    WITHDRAWING,
    Planted,
    land_claims,
)

Values = Mapping[str, Any]
AT = "2026-11-23T03:00:00+00:00"
UNTIL = "2026-12-23T03:00:00+00:00"
DUE = "2026-12-03"
"""Seven working days on: 24 November is a holiday."""
SLUG = "cap-giay-phep-xay-dung-nha-o-rieng-le"
HALL = "UBND thử"
LAND_TITLE = "Land-use right and attached-asset certificate"
PERMIT_NAME = "Construction permit for an individual house or class III–IV work"
OVERRIDE_ARTICLE = "Nghị quyết số 66.7/2025/NQ-CP, Điều 2"


def has(*parts: str) -> Callable[[Any], bool]:
    """A text or list with these in it."""
    return lambda value: value is not None and all(part in value for part in parts)


def like(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def cursor(key: object) -> Callable[[Any], bool]:
    """A cursor at this key, under a signature."""
    return lambda value: value is not None and _inside(value) == str(key)


def _inside(value: str) -> str:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))[12:].decode()


def a_number(value: Any) -> bool:
    return isinstance(value, int)


PROCEDURE: Values = {
    "Procedure.id": global_id("Procedure", SLUG),
    "Procedure.code": "1.013225",
    "Procedure.slug": SLUG,
    "Procedure.name": PERMIT_NAME,
    "Procedure.field": "Construction",
    "Procedure.timeLimit": "7 working days",
    "Procedure.legalBasis": has("Luật Xây dựng số 50/2014/QH13", "Nghị quyết số 66.7/2025/NQ-CP"),
    "Procedure.resultTypes": [PERMIT_TYPE],
    "Requirement.id": LAND,
    "Requirement.name": has("giấy tờ hợp pháp về đất đai"),
    "Requirement.subjectRole": "land_user",
    "Requirement.mandatory": False,
    "Requirement.conditionText": "When there are adjoining works.",
    "Requirement.documentType": DRAWING_TYPE,
    "Requirement.accepts": has(LAND_TYPE, "gcn-so-huu-nha-o"),
    "Requirement.registers": ["csdl-quoc-gia-dat-dai"],
    "Requirement.minLevel": 3,
    "Requirement.objectKind": "LAND_PARCEL",
    "Fee.note": "Set by the provincial People’s Council.",
}
BIRTH: Values = {
    "Procedure.id": global_id("Procedure", "dang-ky-khai-sinh"),
    "Procedure.code": "1.001193",
    "Procedure.slug": "dang-ky-khai-sinh",
    "Procedure.name": "Birth registration",
    "Procedure.field": "Civil status",
    "Procedure.timeLimit": "The same day",
    "Procedure.legalBasis": has("Luật Hộ tịch số 60/2014/QH13"),
    "Procedure.resultTypes": ["giay-khai-sinh"],
    "Requirement.id": "dang-ky-khai-sinh.c02",
    "Requirement.name": "Giấy chứng sinh",
    "Requirement.subjectRole": "mother",
    "Requirement.mandatory": True,
    "Requirement.conditionText": "When there is no birth notification.",
    "Requirement.documentType": "giay-chung-sinh",
    "Requirement.accepts": ["giay-chung-sinh"],
    "Requirement.registers": ["he-thong-du-lieu-gcs-gbt"],
    "Requirement.minLevel": 2,
    "Requirement.objectKind": "EVENT",
    "Fee.amount": "0",
    "Fee.note": "Free when registered within 60 days of birth.",
}


def paper(planted: Planted, name: str, type_: str, holder: str, origin: str, level: int) -> Values:
    claims = PERMIT_CLAIMS if type_ == PERMIT_TYPE else land_claims(holder)
    return {
        "Document.id": planted.id("Document", name),
        "Document.type": type_,
        "Document.title": "Construction permit" if type_ == PERMIT_TYPE else LAND_TITLE,
        "Document.status": "VALID",
        "Document.level": level,
        "Document.origin": origin,
        "Document.version": 1,
        "Document.issuedAt": "2026-11-23" if type_ == PERMIT_TYPE else "2025-01-02",
        "Document.validUntil": "2030-01-01",
        "Claim.name": next(iter(claims)),
        "Claim.label": "Full name",
        "Claim.value": NAMES[holder],
        "Claim.source": origin.lower(),
        "Claim.disputed": False,
        "Node.id": planted.id("Document", name),
    }


def papers(planted: Planted) -> Mapping[str, Values]:
    """By holder; `issued` is Lan's too."""
    return {
        "owner": paper(planted, "land", LAND_TYPE, "owner", "DIGITISED", 2),
        "issued": paper(planted, "permit", PERMIT_TYPE, "owner", "ISSUED", 1),
        "spouse": paper(planted, "spouse", LAND_TYPE, "spouse", "SELF", 3),
        "guardian": paper(planted, "child", LAND_TYPE, "child", "REGISTER", 1),
    }


def dossier(planted: Planted, state: str, status: str, moves: list[str], place: int = 0) -> Values:
    """`place`: its number among those submitted to the agency on that day."""
    return {
        "Dossier.id": planted.id("Dossier", state),
        "Dossier.code": f"H26.12.05-261123-{place:04d}",
        "Dossier.status": status,
        "Dossier.version": planted.versions[state],
        "Dossier.agency": HALL,
        "Dossier.availableMoves": moves,
        "Dossier.createdAt": AT,
        "Dossier.submittedAt": AT,
        "Dossier.flaggedAt": AT,
        "Dossier.dueDate": DUE,
        "Dossier.withdrawalReason": WITHDRAWING,
        "Node.id": planted.id("Dossier", state),
        "Refusal.reason": REFUSING,
        "Refusal.legalBasis": "Luật Xây dựng",
        "PlannedRequirement.outcome": "REUSE",
        "PlannedRequirement.satisfied": True,
        "PlannedRequirement.reason": f"{LAND_TITLE} is already held.",
        "PlannedRequirement.legalBasis": "Luật Xây dựng số 50/2014/QH13",
        "PlannedRequirement.warnings": has(
            "The agency must have Electronic identification and authentication system corrected"
            " (Resolution 66.7/2025, Article 2)."
        ),
        "PlannedEvidence.claims": has("Full name", "Parcel number"),
        "PlannedEvidence.recipient": HALL,
        "PlannedEvidence.register": "National land database",
        "SituationQuestion.id": QUESTION,
        "SituationQuestion.text": "Are there buildings right next to the building site?",
        "SituationQuestion.help": has("against your plot’s boundary"),
        "SituationQuestion.answer": False,
        "ConsentNotice.text": has("PERMISSION TO USE YOUR DOCUMENTS", HALL, LAND_TITLE),
        "ConsentNotice.sha256": like("[0-9a-f]{64}"),
        "FormField.key": "land_certificate_number",
        "FormField.label": "Full name of the investor (householder)",
        "FormField.type": "area_m2",
        "FormField.required": True,
        "FormField.options": has("cap_iii", "cap_iv"),
        "FormField.value": NUMBERS["owner"],
        "FormField.source": "account",
        "Supplement.dueDate": DUE,
        "Ask.kind": "UNFIT",
        "Ask.reason": REASON,
        "Override.requirement": LAND,
        "Override.legalReason": "data_wrong",
        "Override.article": OVERRIDE_ARTICLE,
        "Override.at": AT,
        "Override.text": OVERRIDING,
        "EvidenceOpening.requirement": LAND,
        "EvidenceOpening.at": like(r"2026-11-23T03:0\d:.*"),
        "EvidenceOpening.logIndex": a_number,
        "RejectedEvidence.reason": has("is about another object"),
        **{f"OnceOnlyCounts.{figure}": 0 for figure in FIGURES},
        # The drawing each submitted permit was handed in with.
        "OnceOnlyCounts.supplied": min(place, 1),
        "OnceOnlyCounts.asked": a_number,
    }


FIGURES = (
    "askedAgain", "askedWhileDown", "caseBound", "declinedReuse", "fetched", "refusedAsks", "refusedUploads",
    "reused", "reusedDigitised", "reusedIssued", "reusedSelf", "supplied", "unfit", "withReason",
)  # fmt: skip


def dossiers(planted: Planted) -> Mapping[str, Values]:
    """By scene."""
    held = papers(planted)
    asked = dossier(planted, "asked", "SUPPLEMENT_REQUESTED", ["ask", "answer", "withdraw"], 2)
    asked = {**PROCEDURE, **held["owner"], **asked, "OnceOnlyCounts.unfit": 1, "OnceOnlyCounts.withReason": 1}
    child = dossier(planted, "child", "NEWLY_FILED", ["receive", "refuse", "ask", "withdraw"], 8)
    birth = {
        "PlannedRequirement.outcome": "FETCH",
        "PlannedRequirement.reason": has("Asked of the mother"),
        "PlannedRequirement.legalBasis": has("Luật Hộ tịch số 60/2014/QH13"),
        "SituationQuestion.id": "co-giay-chung-sinh",
        "SituationQuestion.text": "Was the child found abandoned?",
        "SituationQuestion.help": has("the hospital has sent"),
        "SituationQuestion.declaresAbsent": ["dang-ky-khai-sinh.c02"],
        "FormField.key": "child_full_name",
        "FormField.label": "Full name of the child",
        "FormField.type": "enum",
        "FormField.options": has("father", "mother"),
    }
    return {
        "dossier draft": {**PROCEDURE, **held["owner"], **dossier(planted, "draft", "DRAFT", ["submit"])},
        "dossier asked": asked,
        "node Dossier": asked,
        "dossier done": {**PROCEDURE, **held["issued"], **dossier(planted, "done", "PROCESSED", ["return"], 1),
                         "OnceOnlyCounts.supplied": 1},
        "dossier refused": {**PROCEDURE, **dossier(planted, "refused", "NOT_RECEIVED", [], 5)},
        "dossier withdrawn": {**PROCEDURE, **dossier(planted, "withdrawn", "WITHDRAWN", [], 6)},
        "dossier child": {**PROCEDURE, **held["guardian"], **child, **CHILDS_LAND},
        "dossier birth": {**dossier(planted, "birth", "DRAFT", ["submit"]), **BIRTH, **birth},
        "desk": {
            **asked,
            **dossier(planted, "refused", "NOT_RECEIVED", ["return"], 5),
            "DossierEdge.cursor": cursor(planted.dossiers["asked"]),
            **_page(planted, "child_pending", "done"),
            "Fee.amount": "10000",
        },
        "filingPlan": {
            **PROCEDURE,
            **held["owner"],
            **dossier(planted, "draft", "DRAFT", []),
            "FilingPlan.dueDate": DUE,
            "FilingPlan.optimal": True,
            "FilingPlan.toSupply": 1,
        },
    }  # fmt: skip


CHILDS_LAND: Values = {
    "PlannedRequirement.outcome": "FETCH",
    "PlannedRequirement.reason": has("National land database"),
    "FormField.value": NAMES["child"],
    "OnceOnlyCounts.fetched": 1,
}


def _page(planted: Planted, first: str, last: str) -> Values:
    return {
        "PageInfo.startCursor": cursor(planted.dossiers[first]),
        "PageInfo.endCursor": cursor(planted.dossiers[last]),
        **WHOLE_PAGE,
    }


WHOLE_PAGE: Values = {"PageInfo.hasNextPage": False, "PageInfo.hasPreviousPage": False}


def public(planted: Planted) -> Mapping[str, Values]:
    return {
        "procedure": PROCEDURE,
        "node Procedure": {**BIRTH, "Node.id": BIRTH["Procedure.id"]},
        "apiInfo": {
            "ApiInfo.version": "0.0.0",
            "ApiInfo.minClientVersion": "1.2",
            "ApiInfo.now": AT,
            "ApiInfo.pushKey": "BPlanted",
        },
        "procedures": {
            **PROCEDURE,
            "ProcedureEdge.cursor": cursor(SLUG),
            "PageInfo.hasNextPage": True,
            "PageInfo.hasPreviousPage": False,
            "PageInfo.startCursor": cursor(SLUG),
            "PageInfo.endCursor": cursor(SLUG),
        },
        "agencies": {
            "Agency.id": planted.id("Agency", "own"),
            "Agency.code": "H26.12.06",
            "Agency.name": HALL,
        },
        "documentType": {
            "DocumentType.id": LAND_TYPE,
            "DocumentType.name": LAND_TITLE,
            "DocumentType.objectKind": "LAND_PARCEL",
            "DocumentType.depositable": True,
            "DocumentType.caseBound": False,
            "ClaimType.name": "land_parcel.parcel_number@land_parcel",
            "ClaimType.label": "Parcel number",
            "ClaimType.valueType": "area_m2",
            "ClaimType.identifying": True,
        },
    }


def persons(planted: Planted, caller: str) -> Mapping[str, Values]:
    """What each person sees of themself."""
    if caller not in CITIZENS:
        figures = _figures(planted, caller)
        return {"viewer": _officer(planted, caller), "onceOnly": figures, **dict.fromkeys(LISTS, WHOLE_PAGE)}
    held = {**papers(planted).get(caller, {})}
    child = caller == "guardian"
    ward = planted.people["child"] if child else planted.newborn
    consent = planted.consents.get("child" if child else caller)
    request = planted.request.id
    return {
        "viewer": {
            "Viewer.id": planted.id("Subject", caller),
            "Viewer.kind": "citizen",
            "Viewer.name": NAMES[caller],
            "Ward.subject": global_id("Subject", ward),
            "Ward.relation": "parent",
            "Ward.name": NAMES["child"],
            **_attention(planted, caller),
            "Device.id": planted.id("Device", "owner"),
            "Device.registeredAt": AT,
            "NotificationPreferences.push": True,
            "NotificationPreferences.quiet": ["FILINGS", "REQUESTS"],
            **_session(planted, caller),
        },
        "onceOnly": _figures(planted, caller),
        "myDocuments": {**held, **_newest(planted, "documents", caller), **WHOLE_PAGE, **_terms(caller)},
        "myDossiers": {**_own_dossiers(planted, child), **WHOLE_PAGE, **_newest(planted, "dossiers", caller)},
        "mandates": _mandates(planted, caller),
        "myConsents": {
            **held,
            **_consent(planted, consent),
            **_newest(planted, "consents", caller),
            **WHOLE_PAGE,
            **({"Consent.usesLeft": 50} if caller == "owner" else {}),
        },
        "node Consent": {
            **held,
            **_consent(planted, consent),
            **WHOLE_PAGE,
            "PageInfo.startCursor": like(r"[\w-]+"),
            "PageInfo.endCursor": like(r"[\w-]+"),
        },
        "accessRequests": {
            **_request(planted),
            **WHOLE_PAGE,
            "AccessRequestEdge.cursor": cursor(request),
            "PageInfo.startCursor": cursor(request),
            "PageInfo.endCursor": cursor(planted.grants["spouse"]),
            "AccessRequest.message": MESSAGE,
        },
        "node AccessRequest": _request(planted),
        "node Share": _share(planted),
        "changes": {
            "Change.id": planted.id("Document", "land"),
            "Change.kind": "Document",
            "Change.gone": False,
            "Change.at": like(r"2026-11-23T03:.*"),
            "ChangeEdge.cursor": like(r"[\w-]{30,}"),
            "PageInfo.hasNextPage": True,
            "PageInfo.hasPreviousPage": True,
            "PageInfo.startCursor": like(r"[\w-]{30,}"),
            "PageInfo.endCursor": like(r"[\w-]{30,}"),
        },
        "changes anew": {
            "ChangeFeed.startAnew": "PERSONS_CHANGED",
            "PageInfo.hasNextPage": False,
            "PageInfo.hasPreviousPage": True,
            "PageInfo.endCursor": like(r"[\w-]{30,}"),
        },
        "node Notice": {
            **_told(planted, caller),
            "Notice.id": planted.id("Notice", "owner"),
            "Node.id": planted.id("Notice", "owner"),
        },
        "myDataUsage": {**_usage(caller), **WHOLE_PAGE, **_newest(planted, "ledger", caller)},
        "myProofs": {**_proof(planted), **WHOLE_PAGE} if caller == "owner" else WHOLE_PAGE,
        "myNotices": {**_told(planted, caller), **WHOLE_PAGE, **_newest(planted, "notices", caller)},
    }


def _terms(caller: str) -> Values:
    """Lan's one paper with a day of issue is the permit."""
    return {"Document.issuedAt": "2026-11-23"} if caller == "owner" else {}


LISTS = ("myDocuments", "myDossiers", "myConsents", "accessRequests", "myDataUsage", "myNotices", "myProofs")


def _figures(planted: Planted, caller: str) -> Values:
    """Over Lan's eight filings with a drawing, Bé's two, or the eight of both that were submitted to agency A."""
    counts = dict.fromkeys(FIGURES, 0)
    state, newest, oldest = "asked", "child_pending", "done"
    if caller == "owner":
        counts |= {"supplied": 8, "caseBound": 1, "unfit": 1, "withReason": 1}
        newest = "unfilled"
    elif caller == "guardian":
        counts |= {"supplied": 2, "fetched": 1}
        state = oldest = "child"
    elif caller not in (*CITIZENS, "foreign", "reader"):
        counts |= {"supplied": 8, "caseBound": 1, "fetched": 1, "unfit": 1, "withReason": 1}
    return {
        **{f"OnceOnlyCounts.{figure}": count for figure, count in counts.items()},
        "OnceOnlyCounts.asked": a_number,
        "CountedDossier.id": planted.id("Dossier", state),
        "CountedDossier.amount": 1,
        "CountedDossierEdge.cursor": cursor(planted.dossiers[state]),
        "PageInfo.startCursor": cursor(planted.dossiers[newest]),
        "PageInfo.endCursor": cursor(planted.dossiers[oldest]),
        **WHOLE_PAGE,
    }


def _officer(planted: Planted, caller: str) -> Values:
    return {
        "Viewer.id": planted.id("Officer", caller) if caller in planted.officers else "",
        "Viewer.kind": "officer",
        "Viewer.agency": "UBND kia" if caller == "foreign" else HALL,
        "Viewer.roles": {"foreign": sorted(OFFICERS), "system": sorted(OFFICERS[:3])}.get(caller, [caller]),
        **_attention(planted, caller),
        **_session(planted, caller),
    }


def _session(planted: Planted, caller: str) -> Values:
    phone = {"Session.id": planted.id("Session", caller), "Session.app": PHONE} if caller == "owner" else {}
    return {
        "Session.id": like(r"[\w-]+"),
        "Session.acr": "urn:vn:eid:tk2:xt3",
        "Session.openedAt": AT,
        "Session.seenAt": AT,
        "Session.expiresAt": "2026-11-23T15:00:00+00:00",
        "Session.current": True,
        **phone,
        "Passkey.id": like(r"[\w-]+"),
        "Passkey.name": "Ring",
        "Passkey.synced": False,
        "Passkey.addedAt": AT,
        "Passkey.usedAt": AT,
    }


def _attention(planted: Planted, caller: str) -> Values:
    """One thing Lan was told is read; one of Lan's filings waits for more, two have ended: decided, not taken in.
    Three wait to be received at agency A, one result to be handed over; what is being processed is the planter's."""
    told = len(planted.lists.get(("notices", caller), []))
    ended = {"owner": 2}
    desk = {"tiep_nhan": (3, 0, 0), "phe_duyet": (0, 0, 1), "system": (3, 0, 1)}.get(caller, (0, 0, 0))
    return {
        "Attention.notices": told - (caller == "owner"),
        "Attention.requests": 2 if caller == "spouse" else 0,
        "Attention.dossiers": int(caller == "owner"),
        "Attention.results": ended.get(caller, 0),
        "DeskAttention.toReceive": desk[0],
        "DeskAttention.toAssign": desk[1],
        "DeskAttention.mine": 0,
        "DeskAttention.toReturn": desk[2],
        "DeskAttention.overdue": 0,
    }


def _newest(planted: Planted, table: str, caller: str) -> Values:
    """Cursors of the whole page: its newest row first, its oldest last, by what was planted for the caller."""
    rows = planted.lists.get((table, caller), [])
    edge = {"documents": "Document", "dossiers": "Dossier", "consents": "Consent", "ledger": "DataUsage"}
    if not rows:
        return {}
    return {
        "PageInfo.startCursor": cursor(rows[0]),
        "PageInfo.endCursor": cursor(rows[-1]),
        f"{edge.get(table, 'Notice')}Edge.cursor": cursor(rows[-1]),
    }


def _mandates(planted: Planted, caller: str) -> Values:
    """Both for Lan; the one each was named in for Minh and for Hoa."""
    seen = {"owner": ("offered", "ended"), "stranger": ("ended",), "spouse": ("offered",)}.get(caller, ())
    if not seen:
        return WHOLE_PAGE
    return {
        **WHOLE_PAGE,
        "PageInfo.startCursor": cursor(planted.mandates[seen[0]]),
        "PageInfo.endCursor": cursor(planted.mandates[seen[-1]]),
        "MandateEdge.cursor": cursor(planted.mandates[seen[-1]]),
        "Mandate.id": planted.id("Mandate", seen[-1]),
        "Mandate.granted": caller == "owner",
        "Mandate.name": NAMES["stranger" if caller == "owner" else "owner"],
        "Mandate.scope": ["READ"],
        "Mandate.status": "OFFERED" if caller == "spouse" else "ENDED",
        "Mandate.grantedAt": AT,
        "Mandate.until": UNTIL,
        "Mandate.acceptedAt": AT,
        "Mandate.usedAt": AT,
        "Mandate.endedAt": AT,
        "Mandate.proof": planted.id("Document", "land"),
    }


def _own_dossiers(planted: Planted, child: bool) -> Values:
    scenes = dossiers(planted)
    if child:
        return {**scenes["dossier child"], "ConsentNotice.text": has(HALL, LAND_TITLE)}
    return {
        **scenes["dossier done"],
        **scenes["dossier asked"],
        "Fee.amount": "0",
        "Document.issuedAt": "2026-11-23",
        "PlannedRequirement.outcome": "FETCH",
        "SituationQuestion.declaresAbsent": has("dang-ky-khai-sinh.c02"),
    }


def _consent(planted: Planted, consent: Any) -> Values:
    if consent is None:
        return {}
    birth = consent.subject == planted.people["spouse"]
    return {
        "Consent.id": global_id("Consent", consent.id),
        "Consent.status": "GIVEN",
        "Consent.purpose": "Birth registration" if birth else PERMIT_NAME,
        "Consent.recipient": HALL,
        "Consent.validUntil": "2027-02-21T03:00:00+00:00",
        "Consent.receipt": consent.receipt,
        **(erasure(planted) if consent.id == planted.consents["owner"].id else {}),
        "Consent.givenAt": AT,
        "Consent.text": consent.text,
        "Consent.record": lambda told: told["record_id"] == str(consent.id),
        "ConsentEvent.event": "Given",
        "ConsentEvent.at": AT,
        "ConsentEvent.byRecipient": False,
        "ConsentEvent.id": like(r"[\w-]+"),
        "ConsentEvent.logIndex": a_number,
        "ConsentEventEdge.cursor": like(r"[\w-]+"),
        "Node.id": global_id("Consent", consent.id),
    }


def erasure(planted: Planted) -> Values:
    """What Lan's agency is asked to erase."""
    return {
        "Erasure.id": planted.id("Erasure", "owner"),
        "Erasure.status": "ASKED",
        "Erasure.cause": "DATA_LIFE",
        "Erasure.askedAt": AT,
        "Erasure.replyBy": "2026-11-25",
        "Erasure.dueOn": "2026-12-08",
        "Erasure.consentId": str(planted.consents["owner"].id),
        "Erasure.purpose": PERMIT_NAME,
        "Erasure.papers": has(LAND_TITLE),
    }


def _request(planted: Planted) -> Values:
    given = planted.id("AccessRequest", "spouse")
    return {
        "AccessRequest.id": given,
        "AccessRequest.agency": HALL,
        "AccessRequest.status": "REQUESTED",
        "AccessRequest.expiresAt": "2026-12-23T03:00:00+00:00",
        "ConsentNotice.text": has(
            "Purpose: Birth registration", f"Recipient: {HALL}", "Birth notification code"
        ),
        "ConsentNotice.sha256": like("[0-9a-f]{64}"),
        "PlannedEvidence.claims": has("Birth notification code", "Date of birth"),
        "PlannedEvidence.recipient": HALL,
        "PlannedEvidence.register": "Residence database",
        "Node.id": given,
    }


def _proof(planted: Planted) -> Values:
    """One over Lan's land certificate, for an app."""
    key = planted.proofs["owner"]
    return {
        "Proof.id": planted.id("Proof", "owner"),
        "Proof.kind": "CREDENTIAL",
        "Proof.document": planted.id("Document", "land"),
        "Proof.title": LAND_TITLE,
        "Proof.claims": ["Parcel number"],
        "Proof.madeAt": AT,
        "Proof.expiresAt": "2026-11-24T03:00:00+00:00",
        "ProofEdge.cursor": cursor(key),
        "PageInfo.startCursor": cursor(key),
        "PageInfo.endCursor": cursor(key),
    }


def _share(planted: Planted) -> Values:
    given = planted.id("Share", "anybody")
    return {
        "Share.id": given,
        "Share.url": f"{ORIGIN}/verify",
        "Share.expiresAt": "2026-11-23T04:00:00+00:00",
        "Share.usesLeft": 50,
        "Node.id": given,
    }


def _usage(caller: str) -> Values:
    kinds = {"owner": "dossier.override", "spouse": "consent.given", "guardian": "register.asked"}
    claims = {"spouse": "Birth notification code"}
    return {
        "DataUsage.at": AT,
        "DataUsage.kind": kinds.get(caller),
        "DataUsage.purpose": "Birth registration" if caller == "spouse" else PERMIT_NAME,
        "DataUsage.claims": has(claims.get(caller, "Parcel number")),
        "DataUsage.legalBasis": "CONSENT",
        "DataUsage.outcome": {"owner": "OVERRIDDEN", "guardian": "FOUND"}.get(caller, "SUCCESS"),
        "DataUsage.logIndex": a_number,
        "DataUsage.article": "Civil Code 2015, Article 136",
        "DataUsage.agency": "UBND kia" if caller == "spouse" else HALL,
    }


def _told(planted: Planted, caller: str) -> Values:
    code, text, state = {
        "owner": ("override", has("for a legal reason", OVERRIDE_ARTICLE), "asked"),
        "spouse": ("access_requested", "A dossier needs your agreement to use your documents.", "asked"),
        "guardian": ("received", "Your dossier has been received.", "child_pending"),
    }.get(caller, ("", "", "asked"))
    rows = planted.lists.get(("notices", caller)) or [""]
    return {
        "Notice.id": global_id("Notice", str(rows[0])),
        "Notice.code": code,
        "Notice.text": text,
        "Notice.at": AT,
        "Notice.readAt": AT,
        "Notice.dossier": planted.id("Dossier", state),
    }


def reading(planted: Planted, scene: str, caller: str) -> Values:
    """What this caller's V cells of this scene must be."""
    held = papers(planted)
    scenes: dict[str, Values] = {
        "document own": held["owner"],
        "document issued": held["issued"],
        "document spouse": held["spouse"],
        "document child": held["guardian"],
        "node Document": held["owner"],
        "nodes": held.get(caller, {}),
        **public(planted),
        **dossiers(planted),
        "erasures": {
            **erasure(planted),
            **WHOLE_PAGE,
            "ErasureEdge.cursor": cursor(planted.erasures["owner"]),
            "PageInfo.startCursor": cursor(planted.erasures["owner"]),
            "PageInfo.endCursor": cursor(planted.erasures["owner"]),
        },
    }
    return scenes[scene] if scene in scenes else persons(planted, caller).get(scene, {})
