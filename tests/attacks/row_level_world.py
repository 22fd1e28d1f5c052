"""A small world planted past every wall, with two of everything: what one caller must see and another must not.

Rows are named by labels. Lan has a submitted filing at agency A and a draft there; Minh has one at agency B;
Hoa is a party of Lan's filing who was asked for a consent and has not answered.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from auth.records import Account, LoginState, Mandate, Officer, Session
from dossiers.records import (
    Dossier,
    DossierAsk,
    DossierCounter,
    DossierEvent,
    DossierEvidence,
    DossierOverride,
    DossierParty,
    DossierRequirement,
    DossierResult,
    Notice,
    RegisterProbe,
)
from procedures.records import Agency
from store.database import Actor
from store.identifiers import new_id
from store.records import OutboxMessage, PastRequest, Record
from vault.records import (
    Consent,
    ConsentEvent,
    Document,
    DocumentVersion,
    SealedNote,
    Share,
    Subject,
    SubjectObject,
    Upload,
)

AT = datetime(2026, 11, 20, 2, tzinfo=UTC)

LABELS = [
    "lan",
    "minh",
    "hoa",
    "child",
    "officer_a",
    "officer_b",
    "agency_a",
    "agency_b",
    "lan_filing",
    "lan_draft",
    "minh_filing",
    "lan_used",
    "lan_kept",
    "lan_issued",
    "minh_used",
    "hoa_asked",
    "given",
    "requested",
    "filing_ask",
    "draft_ask",
    "override",
]
ID: dict[str, UUID] = {label: new_id() for label in LABELS}
VERSION: dict[str, UUID] = {label: new_id() for label in LABELS}

NOBODY = Actor("")
ANONYMOUS = Actor("anonymous")
LAN, MINH, HOA = (Actor("citizen", ID[who], None, (ID[who],)) for who in ("lan", "minh", "hoa"))
OFFICER_A = Actor("officer", ID["officer_a"], ID["agency_a"])
OFFICER_B = Actor("officer", ID["officer_b"], ID["agency_b"])

CALLERS = {
    "nobody": NOBODY,
    "anonymous": ANONYMOUS,
    "loop": Actor("loop"),
    "stranger": Actor("citizen", new_id(), None, ()),
    "citizen claiming an agency": Actor("citizen", ID["minh"], ID["agency_a"], ()),
    "officer claiming subjects": Actor("officer", new_id(), new_id(), (ID["lan"], ID["minh"], ID["hoa"])),
    "lan": LAN,
    "minh": MINH,
    "hoa": HOA,
    "officer_a": OFFICER_A,
    "officer_b": OFFICER_B,
}


async def plant(connection: AsyncConnection) -> None:
    """Write the world as the owner."""
    for record, rows in (*people(), *papers(), *filings(), *consents(), *shared()):
        await connection.execute(insert(record), rows)
    for who in ("lan", "minh"):
        await connection.execute(
            text(
                "INSERT INTO ledger (at, kind, subject_id, actor_kind, outcome, entry, salt)"
                " VALUES (:at, 'vault.read', :subject, 'citizen', 'done', '{}', sha256('x'))"
            ),
            {"at": AT, "subject": ID[who]},
        )


Rows = list[tuple[type[Record], list[dict[str, Any]]]]


def people() -> Rows:
    return [
        (
            Agency,
            [
                {
                    "id": ID[name],
                    "type_id": "x",
                    "code": name,
                    "name_vi": name,
                    "province": "01",
                    "active": True,
                }
                for name in ("agency_a", "agency_b")
            ],
        ),
        (Subject, [subject(who) for who in ("lan", "minh", "hoa", "child")]),
        (Officer, [officer("officer_a", "agency_a"), officer("officer_b", "agency_b")]),
        (
            Account,
            [
                {
                    "id": ID["lan"],
                    "issuer": "idp",
                    "external_id": "1",
                    "subject_id": ID["lan"],
                    "created_at": AT,
                }
            ],
        ),
        (
            Session,
            [
                {
                    "id": ID["lan"],
                    "secret_hash": b"s" * 32,
                    "kind": "citizen",
                    "holder_id": ID["lan"],
                    "acr": "loa3",
                    "authenticated_at": AT,
                    "created_at": AT,
                    "seen_at": AT,
                    "expires_at": AT + timedelta(hours=12),
                }
            ],
        ),
        (LoginState, [login_state(b"l" * 32)]),
        (
            Mandate,
            [
                {
                    "id": ID["child"],
                    "actor_id": ID["lan"],
                    "subject_id": ID["child"],
                    "basis": "GUARDIAN",
                    "relation": "parent",
                    "scope": ["all"],
                    "evidence": "register:civil-status",
                    "valid_from": AT,
                }
            ],
        ),
    ]


def subject(who: str) -> dict[str, Any]:
    return {
        "id": ID[who],
        "kind": "person",
        "number_index": who.encode(),
        "profile": b"sealed",
        "created_at": AT,
    }


def officer(who: str, agency: str) -> dict[str, Any]:
    return {
        "id": ID[who],
        "issuer": "officers",
        "external_id": who,
        "code": who,
        "agency_id": ID[agency],
        "roles": ["tiep_nhan"],
        "active": True,
    }


def login_state(state_hash: bytes) -> dict[str, Any]:
    return {
        "state_hash": state_hash,
        "issuer": "idp",
        "nonce": "n",
        "verifier": "v",
        "next_path": "/",
        "expires_at": AT + timedelta(minutes=10),
    }


def papers() -> Rows:
    holders = {
        "lan_used": "lan",
        "lan_kept": "lan",
        "lan_issued": "lan",
        "minh_used": "minh",
        "hoa_asked": "hoa",
    }
    documents = [document(label, ID[who]) for label, who in holders.items()]
    versions = [version(label, ID[who]) for label, who in holders.items()]
    return [(Document, documents), (DocumentVersion, versions)]


def document(label: str, holder: UUID, **changes: Any) -> dict[str, Any]:
    issued = label == "lan_issued"
    return {
        "id": ID.get(label) or new_id(),
        "subject_id": holder,
        "type": "giay_to",
        "origin": "issued" if issued else "self",
        "level": 1 if issued else 3,
        "status": "valid",
        "issuer_agency": ID["agency_a"] if issued else None,
        "current": 1,
        "created_at": AT,
        "status_at": AT,
        **changes,
    }


def version(label: str, holder: UUID, **changes: Any) -> dict[str, Any]:
    return {
        "id": VERSION.get(label) or new_id(),
        "document_id": ID.get(label),
        "subject_id": holder,
        "number": 1,
        "deposited_at": AT,
        "size_bytes": 0,
        "wrapped_key": b"w",
        "key_generation": 1,
        "claims": b"sealed",
        "claim_names": [],
        "disputed": [],
        **changes,
    }


def filings() -> Rows:
    filed = ("lan_filing", "lan_draft", "minh_filing")
    asks = [ask("filing_ask", "lan_filing"), ask("draft_ask", "lan_draft")]
    return [
        (
            Dossier,
            [
                dossier("lan_filing", "lan", "agency_a", 4),
                dossier("lan_draft", "lan", "agency_a", 0),
                dossier("minh_filing", "minh", "agency_b", 4),
            ],
        ),
        (
            DossierParty,
            [
                {"dossier_id": ID["lan_filing"], "role": "applicant", "subject_id": ID["lan"]},
                {"dossier_id": ID["lan_filing"], "role": "co_owner", "subject_id": ID["hoa"]},
                {"dossier_id": ID["lan_draft"], "role": "applicant", "subject_id": ID["lan"]},
                {"dossier_id": ID["minh_filing"], "role": "applicant", "subject_id": ID["minh"]},
            ],
        ),
        (DossierRequirement, [requirement(label) for label in filed]),
        (
            DossierEvidence,
            [
                evidence("lan_filing", "lan_used", "lan", "CONSENT", ID["given"]),
                evidence("lan_filing", "hoa_asked", "hoa", "CONSENT", ID["requested"]),
                evidence("minh_filing", "minh_used", "minh", "LEGAL_DUTY", None),
                evidence("lan_draft", "lan_kept", "lan", "OWN", None),
            ],
        ),
        (DossierAsk, asks),
        (
            DossierOverride,
            [
                {
                    "id": ID["override"],
                    "dossier_id": ID["lan_filing"],
                    "requirement": "1",
                    "officer_id": ID["officer_a"],
                    "legal_reason": "x",
                    "article": "y",
                    "at": AT,
                }
            ],
        ),
        (DossierEvent, [event(label) for label in filed]),
        (RegisterProbe, [probe(label) for label in filed]),
        (DossierResult, [{"dossier_id": ID["lan_filing"], "document_id": ID["lan_issued"], "issued_at": AT}]),
        (DossierCounter, [{"agency_id": ID["agency_a"], "day": date(2026, 11, 20), "last": 1}]),
        (
            Notice,
            [
                {"id": new_id(), "subject_id": ID[who], "code": "x", "params": {}, "at": AT}
                for who in ("lan", "minh")
            ],
        ),
    ]


def dossier(label: str, who: str, agency: str, status: int) -> dict[str, Any]:
    return {
        "id": ID.get(label) or new_id(),
        "procedure_id": "1.013225",
        "applicant_id": ID[who],
        "filer_id": ID[who],
        "filer_relation": "self",
        "agency_id": ID[agency],
        "channel": "online",
        "status": status,
        "version": 1,
        "law_version": "1",
        "filing_day": AT.date(),
        "answers": {},
        "objects": {},
        "declared_absent": [],
        "open_situations": [],
        "optimal": True,
        "opened_at": AT,
        "submitted_at": AT if status else None,
    }


def requirement(label: str) -> dict[str, Any]:
    return {
        "dossier_id": ID[label],
        "requirement": "1",
        "position": 0,
        "outcome": "REUSE",
        "satisfied": True,
        "reason": "held",
        "reason_params": {},
        "warnings": [],
        "declined": False,
        "excluded": [],
    }


def evidence(filing: str, label: str, who: str, basis: str, consent: UUID | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "dossier_id": ID[filing],
        "requirement": "1",
        "subject_id": ID[who],
        "document_id": ID[label],
        "version_id": VERSION[label],
        "document_type": "giay_to",
        "claims": [],
        "whole": True,
        "legal_basis": basis,
        "consent_id": consent,
    }


def ask(label: str, filing: str) -> dict[str, Any]:
    return {
        "id": ID[label],
        "dossier_id": ID[filing],
        "requirement": "1",
        "kind": "COMPONENT",
        "asked_at": AT,
        "probes": [],
        "declined": False,
    }


def event(label: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "dossier_id": ID[label],
        "at": AT,
        "kind": "opened",
        "actor_kind": "citizen",
        "detail": {},
    }


def probe(label: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "dossier_id": ID[label],
        "database": "land",
        "document_type": "giay_to",
        "subject_id": ID["lan"],
        "probe": "FOUND",
        "at": AT,
    }


def consents() -> Rows:
    return [
        (Consent, [consent("given", "lan", "GIVEN"), consent("requested", "hoa", "REQUESTED")]),
        (
            ConsentEvent,
            [
                {"id": new_id(), "consent_id": ID["given"], "state": "Given", "at": AT},
                {"id": new_id(), "consent_id": ID["requested"], "state": "Requested", "at": AT},
            ],
        ),
    ]


def consent(label: str, who: str, status: str, **changes: Any) -> dict[str, Any]:
    given = status == "GIVEN"
    return {
        "id": ID.get(label) or new_id(),
        "subject_id": ID[who],
        "recipient_agency": ID["agency_a"],
        "purpose": "dossier",
        "purpose_ref": ID["lan_filing"],
        "items": [],
        "notice_sha256": "x",
        "language": "vi",
        "status": status,
        "requested_at": AT,
        "given_at": AT if given else None,
        "valid_until": AT + timedelta(days=90) if given else None,
        "version": 1,
        **changes,
    }


def shared() -> Rows:
    notes = (
        ("lan", "lan_filing"),
        ("lan", "lan_draft"),
        ("minh", "minh_filing"),
        ("lan", "filing_ask"),
        ("lan", "draft_ask"),
    )
    return [
        (Share, [share(b"k" * 32)]),
        (SealedNote, [note(who, owner) for who, owner in notes]),
        (SubjectObject, [{"id": new_id(), "kind": "building", "created_at": AT}]),
        (Upload, [upload(who) for who in ("lan", "officer_a")]),
        (PastRequest, [past_request("citizen", who) for who in ("lan", "minh")]),
        (
            OutboxMessage,
            [{"id": new_id(), "topic": "x", "payload": {}, "created_at": AT, "due_at": AT, "attempts": 0}],
        ),
    ]


def share(secret_hash: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "subject_id": ID["lan"],
        "document_id": ID["lan_used"],
        "version_id": VERSION["lan_used"],
        "claims": [],
        "secret_hash": secret_hash,
        "uses": 0,
        "max_uses": 3,
        "wrong_tries": 0,
        "created_at": AT,
        "expires_at": AT + timedelta(days=30),
        "receipt": "jws",
        **changes,
    }


def note(who: str, owner: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "subject_id": ID[who],
        "owner_ref": ID[owner],
        "kind": "form",
        "sealed": b"sealed",
        "written_at": AT,
        **changes,
    }


def upload(who: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "secret_hash": who.encode(),
        "subject_id": ID["lan"],
        "created_by": ID[who],
        "type": "giay_to",
        "media_type": "application/pdf",
        "size_bytes": 1,
        "sha256": b"x" * 32,
        "created_at": AT,
        "expires_at": AT + timedelta(days=1),
        **changes,
    }


def past_request(kind: str, who: str) -> dict[str, Any]:
    return {"caller": f"{kind}:{ID[who]}", "operation": "x", "key": new_id(), "request_hash": b"x", "at": AT}
