"""Proofs a person takes out of their vault over a paper of theirs: printed attestations and credentials for an app.

Each is made of the current version of a paper in force, while its row is held: a revocation comes before and nothing
is made, or after and finds it. Values leave only in what the person asked for; every making is logged.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import DocumentFacts
from auth.jws.kinds import CREDENTIAL
from auth.policy import Action, require
from auth.signing import KeyRefused, read_header_key
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from vault.errors import AttestationRefused, ClaimUnknown, DocumentNotUsable
from vault.holding import Origin, Status
from vault.issuing import standings
from vault.issuing.records import Attestation
from vault.opening import open_claims, open_content
from vault.proofs import attestation, selective
from vault.proofs.attestation import Statement
from vault.proofs.notary import CREDENTIAL_LIFE, LONGEST_ATTESTED, VAULT_CODE
from vault.proofs.printing import Square, square_of
from vault.proofs.stamping import ID_BYTES, stamped
from vault.proofs.status_list import StatusRef
from vault.records import Document, DocumentVersion
from vault.safe import Safe
from vault.sealing.keys import VersionKey

AlwaysShown = Callable[[str], Collection[str]]
"""Claims of a type of paper that are never hidden (`sd: never` in the catalogue)."""

NUMBER: Final = "document.number@document"
EDITION: Final = 1
"""Of every credential type: goes up when a type's claims, or what is hidden of them, change."""
_VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to attest of a paper, and for how long."""

    document: UUID
    always_shown: AlwaysShown = field(repr=False)
    claims: tuple[str, ...] = ()
    valid_days: int = 90


@dataclass(frozen=True, slots=True)
class WantedCredential:
    """Of which paper, for which key: the public JWK of the app that will show it, exactly `kty crv x y`."""

    document: UUID
    always_shown: AlwaysShown = field(repr=False)
    holder_key: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attested:
    """`text` is what the square says, and what a `.vna` file beside the paper's file says. `has_file`: there is one,
    with its random id, to be fetched."""

    id: UUID
    text: str = field(repr=False)
    square: Square
    version: UUID
    has_file: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Credential:
    """An SD-JWT with every disclosure, for its holder's app alone."""

    id: UUID
    text: str = field(repr=False)
    type: str
    expires_at: datetime


async def attest_document(tx: Tx, caller: Caller, wanted: Wanted, safe: Safe, now: datetime) -> Attested:
    """An attestation to print beside the caller's own paper; logged.

    Raises NotFound, DocumentNotUsable, ClaimUnknown, AttestationRefused, TamperedContent.
    """
    document, version = await _held(tx, wanted.document)
    require(caller, Action.ATTEST_DOCUMENT, DocumentFacts(document.subject_id, document.issuer_agency))
    _refuse_unfit(document)
    if not 1 <= wanted.valid_days <= LONGEST_ATTESTED.days:
        raise AttestationRefused("validDays")
    shown = _chosen(version, {*wanted.claims, *_present(version, wanted.always_shown(document.type))})
    proof = _proof(document, version, "cwt", shown, now, timedelta(days=wanted.valid_days))
    await _log(tx, caller, proof, now)
    status = await _place(tx, proof, safe)
    key = await _key_of(document, version, safe)
    claims = open_claims(version, key)
    digest = await _digest_of_file(version, key, proof.id, safe) if version.blob is not None else None
    chosen = {name: claims[name] for name in shown}
    number = chosen.pop(NUMBER, None)
    statement = Statement(
        issuer=safe.notary.issuer,
        issued_at=int(now.timestamp()),
        expires_at=int(proof.expires_at.timestamp()),
        id=proof.id,
        status=status,
        document_type=document.type,
        agency=await _agency(tx, document),
        level=document.level,
        number=str(number) if number is not None else None,
        file_sha256=digest,
        issued_on=document.issued_on,
        claims=chosen,
    )
    try:
        printed = attestation.text_of(attestation.sign(statement, safe.notary.key))
    except ValueError:
        raise AttestationRefused("claims") from None
    square = square_of(printed)
    if square is None:
        raise AttestationRefused("claims")
    return Attested(proof.id, printed, square, version.id, digest is not None, proof.expires_at)


async def issue_credential(
    tx: Tx, caller: Caller, wanted: WantedCredential, safe: Safe, now: datetime
) -> Credential:
    """A credential over the caller's own paper, bound to a key of their app, made for one showing; logged.

    Raises NotFound, DocumentNotUsable, AttestationRefused.
    """
    document, version = await _held(tx, wanted.document)
    require(caller, Action.ISSUE_CREDENTIAL, DocumentFacts(document.subject_id, document.issuer_agency))
    _refuse_unfit(document)
    try:
        read_header_key(wanted.holder_key)
    except KeyRefused:
        raise AttestationRefused("holderKey") from None
    names = set(version.claim_names) - set(version.disputed)
    proof = _proof(document, version, "sd-jwt", names, now, CREDENTIAL_LIFE)
    await _log(tx, caller, proof, now)
    status = await _place(tx, proof, safe)
    claims = open_claims(version, await _key_of(document, version, safe))
    plain = _whole(claims, names & set(wanted.always_shown(document.type)))
    hidden = selective.hide({name: claims[name] for name in names - plain.keys()})
    type_ = f"{safe.notary.issuer}/vct/{document.type}/{EDITION}"
    issued_on = {"issued_on": document.issued_on.isoformat()} if document.issued_on else {}
    paper = {
        "type": document.type,
        "agency": await _agency(tx, document),
        "level": document.level,
        **issued_on,
    }
    body = {
        **plain,
        "vct": type_,
        "cnf": {"jwk": wanted.holder_key},
        "status": {"status_list": status.claims},
        selective.DOCUMENT: paper,
        "_sd_alg": "sha-256",
        "_sd": list(hidden.digests),
    }
    try:
        token = safe.notary.signing.sign(CREDENTIAL, body, lifetime=proof.expires_at - now, now=now)
    except ValueError:
        raise AttestationRefused("size") from None
    return Credential(
        proof.id, selective.serialised(token, hidden.disclosures.values()), type_, proof.expires_at
    )


def file_id(attestation_id: UUID, safe: Safe) -> bytes:
    """The random id in an attested file: made of a key of ours, so that the same file can be handed out again."""
    return safe.keys.index("attested-file", str(attestation_id))[:ID_BYTES]


async def attested_version(tx: Tx, attestation_id: UUID) -> tuple[UUID, UUID]:
    """Over which document and version of the caller's own it was made. Raises NotFound."""
    row = await tx.get(Attestation, attestation_id)
    if row is None or row.form != "cwt":
        raise NotFound
    return row.document_id, row.version_id


async def _held(tx: Tx, document_id: UUID) -> tuple[Document, DocumentVersion]:
    """The document, held against every change until the proof over it is written down."""
    query = (
        select(Document, DocumentVersion)
        .join(DocumentVersion, DocumentVersion.document_id == Document.id)
        .where(Document.id == document_id, DocumentVersion.number == Document.current)
        .with_for_update(of=Document)
        .execution_options(populate_existing=True)
    )
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound
    return row.Document, row.DocumentVersion


def _refuse_unfit(document: Document) -> None:
    if document.status != Status.VALID:
        raise DocumentNotUsable(document.status)
    # A register's answer was given for one dossier; the register itself says how things stand.
    if document.origin == Origin.REGISTER:
        raise AttestationRefused("document")


def _present(version: DocumentVersion, names: Collection[str]) -> set[str]:
    return set(names) & set(version.claim_names) - set(version.disputed)


def _chosen(version: DocumentVersion, names: set[str]) -> set[str]:
    if unknown := names - set(version.claim_names):
        raise ClaimUnknown(tuple(sorted(unknown)))
    # Nobody attests what its own person calls wrong.
    if names & set(version.disputed):
        raise AttestationRefused("claims")
    return names


def _whole(claims: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """Claims to be signed as they are. Fractions stay disclosures: two programs read them differently."""
    return {name: claims[name] for name in sorted(names) if not isinstance(claims[name], float | dict | list)}


def _proof(
    document: Document, version: DocumentVersion, form: str, claims: set[str], now: datetime, life: timedelta
) -> Attestation:
    """Its row, not yet placed. It ends with its paper."""
    ends = now + life
    if document.valid_until is not None:
        last = datetime.combine(document.valid_until, datetime.min.time(), _VIETNAM) + timedelta(days=1)
        ends = min(ends, last)
    if ends <= now + timedelta(seconds=1):
        raise DocumentNotUsable("expired")
    return Attestation(
        id=new_id(),
        subject_id=document.subject_id,
        document_id=document.id,
        version_id=version.id,
        form=form,
        claims=sorted(claims),
        created_at=now,
        expires_at=ends,
    )


async def _place(tx: Tx, proof: Attestation, safe: Safe) -> StatusRef:
    list_, place = await standings.place(tx, proof)
    return StatusRef(place, f"{safe.notary.lists}/{list_}")


async def _key_of(document: Document, version: DocumentVersion, safe: Safe) -> VersionKey:
    async with safe.keys.opened(document.subject_id) as key:
        return key.unwrap(version.wrapped_key, document.id, version.id, version.number)


async def _digest_of_file(version: DocumentVersion, key: VersionKey, id_: UUID, safe: Safe) -> bytes:
    content = await open_content(version, key, safe)
    async with safe.bench:
        whole = b"".join([piece async for piece in content.stream()])
        return sha256(stamped(content.media_type, whole, file_id(id_, safe))).digest()


async def _agency(tx: Tx, document: Document) -> str:
    """The code of whoever vouches for the paper; for what its owner declares, the vault's own."""
    if document.origin == Origin.SELF or document.issuer_agency is None:
        return VAULT_CODE
    query = text("SELECT code FROM agencies WHERE id = :id")
    code: str | None = await tx.scalar(query, {"id": document.issuer_agency})
    if code is None:
        raise AttestationRefused("document")
    return code


async def _log(tx: Tx, caller: Caller, proof: Attestation, now: datetime) -> None:
    entry = ledger.Entry(
        kind="vault.attest",
        subject_id=proof.subject_id,
        outcome="SUCCESS",
        purpose=f"attestation:{proof.form}",
        legal_basis="OWN",
        claims=tuple(proof.claims),
        documents=(proof.document_id,),
    )
    await ledger.record(tx, caller.actor, entry, now)
