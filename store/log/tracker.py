"""Lines of the log in the words of the Estonian data tracker (API 3.0), for whoever they are about. Pure.

Who asked, for what, on which ground, what was handed out, how it ended; never a value, and officers by their code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class UsageKind(StrEnum):
    DATA_REQUEST = "DATA_REQUEST"
    """Somebody asked; what was refused stays a request."""
    DATA_RESPONSE = "DATA_RESPONSE"
    """Somebody got to see it."""
    DATA_PROCESSING = "DATA_PROCESSING"
    """An agency worked with it."""
    INTERNAL_PROCESSING = "INTERNAL_PROCESSING"
    """The person's own doing, or the platform's."""


HANDED_OUT = frozenset({"vault.read", "share.redeemed", "dossier.form_read", "data.exported"})
ASKED = frozenset(
    {"register.asked", "consent.requested", "dossier.ask", "dossier.refused_ask", "subject.identified"}
)
_ACTIONS: Mapping[str, str] = {
    **dict.fromkeys(HANDED_OUT, "R"),
    **dict.fromkeys(("vault.deposit", "share.created", "consent.given", "dossier.submitted"), "C"),
    **dict.fromkeys(("document.removed", "subject.shredding", "subject.shredded", "dossier.withdrawn"), "D"),
    **dict.fromkeys(
        ("document.revoked", "document.seen", "consent.withdrawn", "share.revoked", "proof.withdrawn"), "U"
    ),
}
"""FHIR's AuditEvent: created, read, updated, deleted; everything else is executed (E)."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line as it is kept. `agency` and `officer`: code and name, code; None for nobody of the kind."""

    at: datetime
    kind: str
    actor_kind: str
    actor: UUID | None
    subject: UUID | None
    agency: tuple[str, str] | None
    officer: str | None
    outcome: str
    entry: Mapping[str, Any]
    consent: str | None
    dossier: str | None
    query: str | None
    log_index: int | None


def usage_kind(kind: str, actor_kind: str, outcome: str) -> UsageKind:
    refused = outcome in ("REFUSED", "DENIED")
    if kind in ASKED or (refused and actor_kind == "officer"):
        return UsageKind.DATA_REQUEST
    if kind in HANDED_OUT and actor_kind == "officer":
        return UsageKind.DATA_RESPONSE
    return UsageKind.DATA_PROCESSING if actor_kind == "officer" else UsageKind.INTERNAL_PROCESSING


def is_bulk(actor_kind: str) -> bool:
    """The platform's own rounds over many people."""
    return actor_kind == "loop"


def tracked(told: Told) -> dict[str, Any]:
    """The line as the tracker has it. `entity` names papers and the kinds of claims seen of them."""
    entry = told.entry
    claims = [f"#{name}" for name in entry["claims"]] or [""]
    return {
        "logTime": told.at.isoformat(),
        "kind": usage_kind(told.kind, told.actor_kind, told.outcome).value,
        "event": told.kind,
        "bulkProcessing": is_bulk(told.actor_kind),
        "purpose": entry["purpose"],
        "legalBasis": entry["legal_basis"],
        "legalArticle": entry["article"],
        "consentReference": told.consent,
        "queryId": told.query,
        "queryGroupId": told.dossier,
        "initiatorOrg": _organisation(told),
        "initiatorPerson": _person(told),
        "target": {"type": "GOV", "code": "MOTLAN"},
        "action": _ACTIONS.get(told.kind, "E"),
        "entity": [
            f"{paper}{claim}" for paper in entry["documents"] or [""] for claim in claims if paper or claim
        ],
        "outcome": told.outcome,
        "reason": entry["reason"],
        "logIndex": told.log_index,
    }


def _organisation(told: Told) -> dict[str, str] | None:
    if told.agency is not None:
        code, name = told.agency
        return {"type": "GOV", "code": code, "name": name}
    return {"type": "GOV", "code": "MOTLAN", "name": "Motlan"} if is_bulk(told.actor_kind) else None


def _person(told: Told) -> dict[str, str] | None:
    if told.actor_kind == "citizen":
        return {"alternativeCode": "SELF" if told.actor == told.subject else "REPRESENTATIVE"}
    return {"alternativeCode": told.officer} if told.officer is not None else None
