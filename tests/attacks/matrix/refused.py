"""Mutations that are refused inside their payload, and what the refusal must say."""

from collections.abc import Mapping
from typing import Any

from resolvers.connections import global_id
from tests.attacks.matrix.acts import Act, on
from tests.attacks.matrix.planted import Values, has, like
from tests.attacks.matrix.world import (
    DRAWING,
    DRAWING_TYPE,
    LAND,
    LAND_TYPE,
    PERMIT,
    PERMIT_CLAIMS,
    PERMIT_TYPE,
    QUESTION,
    Planted,
)
from vault.safe import PER_SUBJECT

STALE = "0" * 64


def refusals(planted: Planted, birth_notice: str) -> Mapping[str, Act]:
    """By scene. `birth_notice`: the hash of what Lan is to agree to in the filing that waits for Hoa."""
    upload = {
        "fileName": "to.pdf",
        "mediaType": "application/pdf",
        "sizeBytes": 10,
        "sha256": "ab" * 32,
        "type": LAND_TYPE,
        "dossier": planted.id("Dossier", "draft"),
        "requirement": LAND,
        "onBehalfOf": planted.id("Subject", "owner"),
    }
    full = {
        **upload,
        "type": DRAWING_TYPE,
        "requirement": DRAWING,
        "onBehalfOf": global_id("Subject", planted.newborn),
    }
    measure = {
        "usedDocuments": PER_SUBJECT.documents,
        "allowedDocuments": PER_SUBJECT.documents,
        "usedMegabytes": 1,
        "allowedMegabytes": PER_SUBJECT.bytes // 1_000_000,
    }
    opening = {
        "procedure": PERMIT,
        "agency": planted.id("Agency", "own"),
        "onBehalfOf": planted.id("Subject", "owner"),
        "situations": [{"id": QUESTION, "value": False}],
    }
    late = {**on(planted, "new"), "expectedVersion": planted.versions["new"] - 1}
    result = [{"type": PERMIT_TYPE, "claims": PERMIT_CLAIMS}]
    stale, agreed = {"consent": {"noticeSha256": STALE}}, {"consent": {"noticeSha256": birth_notice}}
    return {
        "createUpload AlreadyHeld": _refused("AlreadyHeld", "createUpload", upload, {"requirement": LAND}),
        "createUpload QuotaExceeded": _refused("QuotaExceeded", "createUpload", full, measure),
        "submitDossier EvidenceMissing": _refused(
            "EvidenceMissing",
            "submitDossier",
            on(planted, "draft"),
            {},
            {
                "EvidenceMissing.gaps": bool,
                "Gap.requirement": DRAWING,
                "Gap.outcome": "SUPPLY",
                "Gap.reason": has("another object"),
            },
        ),
        "submitDossier SituationsOpen": _refused(
            "SituationsOpen", "submitDossier", on(planted, "unanswered"), {"situations": [QUESTION]}
        ),
        "submitDossier ConsentStale": _refused(
            "ConsentStale", "submitDossier", on(planted, "ready", **stale), {"sha256": like("[0-9a-f]{64}")}
        ),
        "submitDossier ConsentOutstanding": _refused(
            "ConsentOutstanding", "submitDossier", on(planted, "birth", **agreed), {"roles": ["mother"]}
        ),
        "updateDossierForm FormIncomplete": _refused(
            "FormIncomplete",
            "updateDossierForm",
            on(planted, "draft", patch={"parcel_number": "9"}),
            {"missing": [], "refused": ["parcel_number"]},
        ),
        "submitDossier FormIncomplete": _refused(
            "FormIncomplete",
            "submitDossier",
            on(planted, "unfilled"),
            {"missing": has("construction_grade"), "refused": []},
        ),
        "openDossier ObjectUndeclared": _refused(
            "ObjectUndeclared", "openDossier", opening, {"kinds": has("land_parcel")}
        ),
        "receiveDossier StaleVersion": _refused(
            "StaleVersion", "receiveDossier", late, {"current": planted.versions["new"]}
        ),
        "returnResult Refused": _refused("Refused", "returnResult", on(planted, "processing"), {}),
        "approveDossier Refused": _refused(
            "Refused",
            "approveDossier",
            on(planted, "child_pending", results=result),
            {"retryAfterSeconds": 1},
        ),
        "revokeShare Refused": _refused("Refused", "revokeShare", {"share": "nothing"}, {"path": ["id"]}),
    }


def _refused(
    kind: str, operation: str, given: Mapping[str, Any], fields: Values, more: Values | None = None
) -> Act:
    """`fields` of the refusal; its code and words are looked for as well."""
    said = {
        "code": like("[A-Z_]+"),
        "message": like(".{8,}"),
        "retryable": lambda value: value in (True, False),
    }
    shared = {one: value for one, value in fields.items() if one in ("path", "retryAfterSeconds")}
    told = {f"{name}.{one}": value for name in (kind, "UserError") for one, value in (said | shared).items()}
    return Act(
        operation,
        given,
        {**told, **{f"{kind}.{one}": value for one, value in fields.items()}, **(more or {})},
    )
