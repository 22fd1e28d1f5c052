"""A small world planted past every wall, with two of everything: what one caller must see and another must not.

Rows are named by labels. Lan has a submitted filing at agency A and a draft there; Minh has one at agency B;
Hoa is a party of Lan's filing who was asked for a consent and has not answered.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from auth.records import (
    Account,
    AppRequest,
    ContentPass,
    KeyCeremony,
    KeyEnrolment,
    LoginState,
    Mandate,
    NumberTry,
    Officer,
    Passkey,
    Proxy,
    RefreshToken,
    SeenProof,
    Session,
    System,
)
from dossiers.records import (
    Device,
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
    NotificationPreference,
    RegisterProbe,
)
from store.database import Actor
from store.identifiers import new_id
from store.records import (
    Checkpoint,
    Cosignature,
    FeedEnds,
    HeadLeaf,
    HeadNode,
    HeadRoot,
    LedgerEntry,
    LogPulse,
    OutboxMessage,
    PastRequest,
    Record,
    SubjectHead,
)
from vault.issuing.records import Attestation, StandingChange
from vault.records import (
    AccessRequest,
    AssistedSheet,
    Consent,
    ConsentEvent,
    ConsentUse,
    Document,
    DocumentVersion,
    ErasureRequest,
    SealedNote,
    Share,
    ShareOpening,
    Shredding,
    Subject,
    SubjectObject,
    Upload,
    UploadLeg,
    VaultUsage,
)

AT = datetime(2026, 11, 20, 2, tzinfo=UTC)

_LABELS = """lan minh hoa child officer_a officer_b agency_a agency_b lan_filing lan_draft minh_filing lan_used
    lan_kept lan_issued minh_used hoa_asked given requested filing_ask draft_ask override
    lan_session"""
ID: dict[str, UUID] = {label: new_id() for label in _LABELS.split()}
VERSION: dict[str, UUID] = {label: new_id() for label in ID}

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
    "citizen claiming an agency": Actor("citizen", new_id(), ID["agency_a"], ()),
    "officer claiming subjects": Actor("officer", new_id(), new_id(), (ID["lan"], ID["minh"], ID["hoa"])),
    "lan": LAN,
    "minh": MINH,
    "hoa": HOA,
    "officer_a": OFFICER_A,
    "officer_b": OFFICER_B,
}

Row = tuple[type[Record], dict[str, Any]]

_ORDINARY: dict[str, Any] = {
    "TEXT": "x",
    "INTEGER": 1,
    "SMALLINTEGER": 1,
    "BIGINTEGER": 1,
    "BOOLEAN": False,
    "DATETIME": AT,
    "DATE": AT.date(),
    "JSONB": {},
    "ARRAY": [],
    "LARGEBINARY": b"x" * 32,
}


def row(record: type[Record], **given: Any) -> Row:
    """A row with the given values, and ordinary ones in every other column that must have one."""
    filled: dict[str, Any] = {}
    for column in record.__table__.columns:
        if column.name in given or column.nullable or column.identity is not None:
            continue
        kind = column.type.__class__.__name__.upper()
        filled[column.name] = new_id() if kind == "UUID" else _ORDINARY[kind]
    return record, filled | given


async def plant(connection: AsyncConnection) -> None:
    """Write the world as the owner."""
    for record, values in (*people(), *papers(), *filings(), *consents(), *the_rest()):
        await connection.execute(insert(record).values(**values))


def people() -> list[Row]:
    return [
        *(row(Subject, id=ID[who], number_index=who.encode()) for who in ("lan", "minh", "hoa", "child")),
        officer("officer_a", "agency_a"),
        officer("officer_b", "agency_b"),
        row(Account, subject_id=ID["lan"]),
        row(Session, id=ID["lan_session"], holder_id=ID["lan"], secret_hash=b"x" * 32),
        row(AppRequest),
        row(RefreshToken, session_id=ID["lan_session"]),
        row(SeenProof),
        row(Passkey, kind="citizen", holder_id=ID["lan"]),
        row(KeyEnrolment, officer_id=ID["officer_a"]),
        row(KeyCeremony, purpose="add"),
        row(System, id=ID["officer_a"]),
        row(ContentPass, session_id=ID["lan_session"], target="/x"),
        row(LoginState),
        row(NumberTry, caller_id=ID["lan"], asking="party"),
        mandate("lan", "child"),
        row(
            Proxy,
            grantor_id=ID["lan"],
            to_index=b"hoa",
            scope=["READ"],
            granted_at=AT,
            valid_until=AT + timedelta(days=9),
        ),
    ]


def officer(who: str, agency: str) -> Row:
    return row(Officer, id=ID[who], external_id=who, code=who, agency_id=ID[agency], active=True)


def mandate(actor: str, subject: str) -> Row:
    return row(Mandate, actor_id=ID[actor], subject_id=ID[subject], basis="GUARDIAN")


def papers() -> list[Row]:
    holders = {"lan_used": "lan", "lan_kept": "lan", "minh_used": "minh", "hoa_asked": "hoa"}
    issued = {"origin": "issued", "level": 1, "issuer_agency": ID["agency_a"]}
    return [
        *(document(who, id=ID[label]) for label, who in holders.items()),
        document("lan", id=ID["lan_issued"], **issued),
        *(version(who, label, id=VERSION[label]) for label, who in holders.items()),
        version("lan", "lan_issued", id=VERSION["lan_issued"]),
    ]


def document(holder: str, **changes: Any) -> Row:
    plain = {"origin": "self", "level": 3, "status": "valid"}
    return row(Document, **{"subject_id": ID[holder], **plain, **changes})


def version(holder: str, label: str = "", **changes: Any) -> Row:
    of = {"document_id": ID[label]} if label else {}
    return row(DocumentVersion, **{"subject_id": ID[holder], **of, **changes})


def filings() -> list[Row]:
    filed = ("lan_filing", "lan_draft", "minh_filing")
    return [
        dossier("lan", id=ID["lan_filing"], agency_id=ID["agency_a"], status=4, submitted_at=AT),
        dossier("lan", id=ID["lan_draft"], agency_id=ID["agency_a"]),
        dossier("minh", id=ID["minh_filing"], agency_id=ID["agency_b"], status=4, submitted_at=AT),
        *(party(filing, filing.partition("_")[0]) for filing in filed),
        party("lan_filing", "hoa"),
        evidence("lan_filing", "lan", "lan_used", legal_basis="CONSENT", consent_id=ID["given"]),
        evidence("lan_filing", "hoa", "hoa_asked", legal_basis="CONSENT", consent_id=ID["requested"]),
        evidence("minh_filing", "minh", "minh_used", legal_basis="LEGAL_DUTY"),
        evidence("lan_draft", "lan", "lan_kept", legal_basis="OWN"),
        *(row(DossierRequirement, dossier_id=ID[filing]) for filing in filed),
        *(row(DossierEvent, dossier_id=ID[filing]) for filing in filed),
        *(row(RegisterProbe, dossier_id=ID[filing]) for filing in filed),
        row(DossierAsk, id=ID["filing_ask"], dossier_id=ID["lan_filing"]),
        row(DossierAsk, id=ID["draft_ask"], dossier_id=ID["lan_draft"]),
        row(DossierOverride, id=ID["override"], dossier_id=ID["lan_filing"]),
        row(DossierResult, dossier_id=ID["lan_filing"], document_id=ID["lan_issued"]),
    ]


def dossier(who: str, **changes: Any) -> Row:
    plain = {"applicant_id": ID[who], "filer_id": ID[who], "status": 0}
    return row(Dossier, **{**plain, **changes})


def party(filing: str, who: str) -> Row:
    return row(DossierParty, dossier_id=ID[filing], subject_id=ID[who])


def evidence(filing: str, who: str, label: str, **basis: Any) -> Row:
    named = {"subject_id": ID[who], "document_id": ID[label], "version_id": VERSION[label]}
    return row(DossierEvidence, dossier_id=ID[filing], **named, **basis)


def consents() -> list[Row]:
    return [
        consent("lan", "GIVEN", id=ID["given"]),
        consent("hoa", "REQUESTED", id=ID["requested"]),
        row(ConsentEvent, consent_id=ID["given"], state="Given"),
        row(ConsentEvent, consent_id=ID["requested"], state="Requested"),
        row(ConsentUse, consent_id=ID["given"], uses=1),
        sheet(),
        row(
            ErasureRequest,
            consent_id=ID["given"],
            subject_id=ID["lan"],
            agency_id=ID["agency_a"],
            cause="WITHDRAWN",
        ),
    ]


def sheet(**changes: Any) -> Row:
    """What is asked of Hoa, on paper, as typed at the counter of agency A."""
    typed = {"agency_id": ID["agency_a"], "typed_by": ID["officer_a"], "code_index": bytes(32)}
    lasts = {"language": "vi", "expires_at": AT + timedelta(hours=8)}
    return row(AssistedSheet, **{"consent_id": ID["requested"], **typed, **lasts, **changes})


def consent(who: str, status: str, **changes: Any) -> Row:
    given = {"given_at": AT, "valid_until": AT + timedelta(days=90)} if status == "GIVEN" else {}
    asked = {"subject_id": ID[who], "recipient_agency": ID["agency_a"], "purpose_ref": ID["lan_filing"]}
    return row(Consent, **{"status": status, "items": [], **asked, **given, **changes})


def the_rest() -> list[Row]:
    owned = (("lan", "lan_filing"), ("lan", "lan_draft"), ("minh", "minh_filing"))
    _, theirs = shared = share()
    return [
        shared,
        attested(),
        row(StandingChange, list=1, place=7, standing=1),
        row(ShareOpening, share_id=theirs["id"], officer_id=ID["officer_a"]),
        row(
            AccessRequest,
            system_id=ID["officer_a"],
            agency_id=ID["agency_a"],
            subject_id=ID["lan"],
            status="REQUESTED",
            max_uses=1,
            uses=0,
        ),
        *(note(who, owner) for who, owner in (*owned, ("lan", "filing_ask"), ("lan", "draft_ask"))),
        row(SubjectObject),
        row(Shredding, subject_id=ID["child"], article="x"),
        *sent(),
        upload("officer_a"),
        *(row(VaultUsage, subject_id=ID[who]) for who in ("lan", "minh")),
        row(OutboxMessage),
        row(FeedEnds, one=True),
        row(Checkpoint, size=7, published=True),
        row(Cosignature, size=7, witness="witness.example"),
        *(row(SubjectHead, subject_id=ID[who], head=bytes(32)) for who in ("lan", "minh")),
        *(row(one) for one in (HeadRoot, HeadLeaf, HeadNode)),
        row(LogPulse, source="log"),
        row(Device, subject_id=ID["lan"]),
        row(NotificationPreference, subject_id=ID["lan"]),
        row(DossierCounter, day=date(2026, 11, 20)),
        *(past_request("citizen", who) for who in ("lan", "minh")),
        *(row(Notice, subject_id=ID[who]) for who in ("lan", "minh")),
        *(row(LedgerEntry, subject_id=ID[who]) for who in ("lan", "minh")),
    ]


def share(**changes: Any) -> Row:
    of = {"subject_id": ID["lan"], "document_id": ID["lan_used"], "version_id": VERSION["lan_used"]}
    return row(Share, **{"id": new_id(), **of, "uses": 0, "max_uses": 3, **changes})


def attested(**changes: Any) -> Row:
    of = {"subject_id": ID["lan"], "document_id": ID["lan_used"], "version_id": VERSION["lan_used"]}
    return row(Attestation, **{"form": "cwt", "list": 1, "place": 7, **of, **changes})


def note(who: str, owner: str, **changes: Any) -> Row:
    return row(SealedNote, subject_id=ID[who], owner_ref=ID[owner], **changes)


def sent() -> tuple[Row, Row]:
    """An upload of Lan's, and a piece of it: its address alone reaches that."""
    announced = upload("lan")
    return announced, row(UploadLeg, upload_id=announced[1]["id"])


def upload(who: str) -> Row:
    return row(Upload, created_by=ID[who], subject_id=ID["lan"])


def past_request(kind: str, who: str) -> Row:
    return row(PastRequest, caller=f"{kind}:{ID[who]}")
