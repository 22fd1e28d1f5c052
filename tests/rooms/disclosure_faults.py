"""Everything that can fail in the disclosure transaction, by the numbered step of `vault.disclosure.disclose`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from auth.caller import Role
from auth.errors import AccessDenied, NotFound
from auth.signing import SigningKey
from auth.tokens import Tokens
from store.errors import LogUnwritable, TemporarilyUnavailable
from store.identifiers import new_id
from tests.rooms.disclosing import (
    AREA,
    Ask,
    Fault,
    Scene,
    answer_lost,
    at_commit,
    changed,
    file_changed,
    forbidden,
    full,
    held,
    keys_changed,
    statement,
)
from vault.disclosure import HandedIn, UnderConsent, UnderDuty
from vault.errors import (
    BlobMissing,
    ClaimUnknown,
    ConsentFault,
    ConsentMissing,
    DisclosureBusy,
    DocumentNotUsable,
    GrantSpent,
    KeyMissing,
    StorageFailed,
    SubjectShredded,
    TamperedContent,
)


def _consent(scene: Scene) -> UUID:
    return scene.relied.consent


def _grant(scene: Scene) -> UUID:
    return scene.grant.consent


def _request(scene: Scene) -> UUID:
    return scene.grant.request


def _document(scene: Scene) -> UUID:
    return scene.relied.held.document


def _version(scene: Scene) -> UUID:
    return scene.relied.held.version


def _asks(**fields: Any) -> Ask:
    return lambda _: fields


def _missing(step: int, name: str, fault: ConsentFault, **more: Any) -> Fault:
    return Fault(step, name, ConsentMissing, says={"fault": fault}, **more)


def _row(name: str, fault: ConsentFault, edit: str, *, granted: bool = False) -> Fault:
    row = _grant if granted else _consent
    return _missing(3, name, fault, during=changed("consents", row, edit), granted=granted)


@asynccontextmanager
async def _keys_gone(scene: Scene) -> AsyncIterator[None]:
    keys = scene.world.safe.keys
    engine = keys.engine
    keys.engine = create_async_engine(engine.url.set(database="nowhere"), isolation_level="AUTOCOMMIT")
    try:
        yield
    finally:
        await keys.engine.dispose()
        keys.engine = engine


@asynccontextmanager
async def _other_signer(scene: Scene) -> AsyncIterator[None]:
    """Receipts are signed by a key this platform no longer believes."""
    safe, signer = scene.world.safe, scene.world.safe.receipts
    object.__setattr__(safe, "receipts", Tokens("https://motlan.test", SigningKey.generate()))
    try:
        yield
    finally:
        object.__setattr__(safe, "receipts", signer)


@asynccontextmanager
async def _not_a_file(scene: Scene) -> AsyncIterator[None]:
    version = await scene.row("document_versions", _version(scene))
    path = scene.blob(version["blob"])
    kept = path.with_name("kept")
    path.rename(kept)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        kept.rename(path)


def _swapped(scene: Scene, sealed: bytes) -> bytes:
    """Bytes sealed for another version of the same person."""
    (other,) = (one for one in scene.folder.glob("blobs/??/??/*") if one.read_bytes() != sealed)
    return other.read_bytes()


def _refused(scene: Scene) -> AbstractAsyncContextManager[None]:
    return at_commit(scene.world.owner, "RAISE EXCEPTION 'no'")


def _killed(scene: Scene) -> AbstractAsyncContextManager[None]:
    return at_commit(scene.world.owner, "PERFORM pg_terminate_backend(pg_backend_pid())")


WAITING = (
    Fault(1, "the time limit cannot be set", DBAPIError, statement("'lock_timeout'")),
    Fault(2, "the consent is being withdrawn", DisclosureBusy,
          held("SELECT FROM consents WHERE id = :id FOR UPDATE", _consent)),
    Fault(2, "the consent cannot be locked", DBAPIError, statement("FOR SHARE")),
    Fault(2, "the database does not say what time it is", DBAPIError, statement("clock_timestamp()")),
    _missing(2, "no such consent", ConsentFault.NONE, asks=lambda _: {"basis": UnderConsent(new_id())}),
    _missing(2, "consent to another agency", ConsentFault.NONE, caller=lambda scene: scene.world.stranger),
)  # fmt: skip

JUDGING = (
    Fault(3, "a reader of no agency", NotFound, asks=_asks(basis=UnderDuty("Điều 1")),
          caller=lambda scene: scene.world.other),
    Fault(3, "a reader without the role", AccessDenied,
          caller=lambda scene: replace(scene.world.officer, roles=frozenset({Role.RECEIVE}))),
    Fault(3, "a person under a system's grant", AccessDenied, granted=True,
          caller=lambda scene: replace(scene.system, scope=None)),
    _missing(3, "consent of another person", ConsentFault.NONE,
             asks=lambda scene: {"subject": scene.world.lan, "version": scene.theirs.version}),
    _missing(3, "another purpose", ConsentFault.PURPOSE, asks=_asks(purpose="urn:vn:tthc:9.999999")),
    _missing(3, "another dossier", ConsentFault.PURPOSE, asks=lambda scene: {"dossier": scene.named.dossier}),
    _row("withdrawn", ConsentFault.WITHDRAWN, "status = 'WITHDRAWN', withdrawn_at = now()"),
    _row("withdrawn in name alone", ConsentFault.WITHDRAWN, "status = 'WITHDRAWN'"),
    _row("withdrawn in time alone", ConsentFault.WITHDRAWN, "withdrawn_at = now()"),
    _row("a withdrawn grant", ConsentFault.WITHDRAWN, "status = 'WITHDRAWN', withdrawn_at = now()", granted=True),
    _row("given up by the agency", ConsentFault.ENDED, "status = 'REVOKED'"),
    _row("declared void", ConsentFault.ENDED, "status = 'INVALIDATED'"),
    _row("paused", ConsentFault.PAUSED, "paused_at = now()"),
    _row("a paused grant", ConsentFault.PAUSED, "paused_at = now()", granted=True),
    _row("refused", ConsentFault.NOT_GIVEN, "status = 'REFUSED'"),
    _row("without an end", ConsentFault.NOT_GIVEN, "valid_until = NULL"),
    _row("expired", ConsentFault.EXPIRED, "valid_until = given_at - interval '1 second'"),
    _row("an expired grant", ConsentFault.EXPIRED, "valid_until = given_at - interval '1 second'", granted=True),
    _row("no receipt", ConsentFault.RECEIPT, "receipt = NULL"),
    _row("a forged receipt", ConsentFault.RECEIPT, "receipt = left(receipt, -4) || 'AAAA'"),
    _row("more than was signed", ConsentFault.RECEIPT, "items = jsonb_set(items, '{0,claims}', '[]')"),
    _row("a longer term than was signed", ConsentFault.RECEIPT, "valid_until = valid_until + interval '1 day'"),
    _row("more uses than were signed", ConsentFault.RECEIPT, "terms = jsonb_set(terms, '{limits,max_uses}', '9')"),
    _row("a grant of more than was signed", ConsentFault.RECEIPT,
         "items = jsonb_set(items, '{0,whole}', 'true')", granted=True),
    _missing(3, "a receipt of a key not believed", ConsentFault.RECEIPT, during=_other_signer),
)  # fmt: skip

SPENDING = (
    Fault(4, "no use left", GrantSpent, changed("access_requests", _request, "uses = max_uses"), granted=True),
    _missing(4, "before its next period", ConsentFault.TOO_SOON,
             asks=lambda scene: {"dossier": scene.periodic.dossier, "content": False,
                                 "basis": UnderConsent(scene.periodic.consent)}),
    Fault(4, "a request not granted", GrantSpent,
          changed("access_requests", _request, "status = 'REFUSED', consent_id = NULL"), granted=True),
    Fault(4, "a grant to another system", GrantSpent, granted=True,
          caller=lambda scene: replace(scene.system, id=new_id())),
    Fault(4, "another reading is being counted", DisclosureBusy,
          held("SELECT FROM access_requests WHERE id = :id FOR UPDATE", _request), granted=True),
    Fault(4, "the use cannot be counted", DBAPIError, statement("spend_consent"), granted=True),
)  # fmt: skip

LOADING = (
    Fault(4, "the version cannot be read", DBAPIError, statement("JOIN document_versions")),
    Fault(4, "what was granted cannot be read", DBAPIError, statement("granted_version"), granted=True),
    Fault(4, "no such version", NotFound, asks=lambda _: {"version": new_id()}),
    Fault(4, "no such version under the grant", NotFound, asks=lambda _: {"version": new_id()}, granted=True),
    Fault(4, "a version of another person", NotFound, asks=lambda scene: {"version": scene.theirs.version}),
    Fault(4, "a version moved to another person", NotFound,
          changed("document_versions", _version, "subject_id = gen_random_uuid()")),
    Fault(4, "a document moved to another person", NotFound,
          changed("documents", _document, "subject_id = (SELECT id FROM subjects WHERE id <> documents.subject_id"
                  " LIMIT 1)")),
    Fault(4, "removed by its person", DocumentNotUsable, changed("documents", _document, "status = 'removed'"),
          says={"status": "removed"}),
    Fault(4, "gone with its person's key", SubjectShredded,
          changed("documents", _document, "status = 'removed', status_reason = 'shredded'")),
    Fault(4, "revoked by its issuer", DocumentNotUsable, changed("documents", _document, "status = 'revoked'"),
          says={"status": "revoked"}),
    Fault(4, "a claim it does not have", ClaimUnknown, asks=_asks(claims=frozenset({AREA, "person.name@owner"})),
          says={"claims": ("person.name@owner",)}),
    Fault(4, "bytes it does not have", DocumentNotUsable, changed("document_versions", _version, "blob = NULL"),
          says={"status": "no_content"}),
)  # fmt: skip

COVERING = (
    _missing(4, "another version of the same person", ConsentFault.NOT_COVERED,
             asks=lambda scene: {"version": scene.other.version, "content": False}),
    _missing(4, "the paper where a claim was agreed to", ConsentFault.NOT_COVERED,
             asks=lambda scene: {"dossier": scene.named.dossier, "basis": UnderConsent(scene.named.consent)}),
    _missing(4, "a claim not agreed to", ConsentFault.NOT_COVERED,
             asks=lambda scene: {"dossier": scene.named.dossier, "basis": UnderConsent(scene.named.consent),
                                 "content": False, "claims": scene.relied.held.claims}),
    _missing(4, "a claim not granted", ConsentFault.NOT_COVERED, granted=True,
             asks=lambda scene: {"claims": scene.relied.held.claims}),
    _missing(4, "the paper where a claim was granted", ConsentFault.NOT_COVERED, asks=_asks(content=True),
             granted=True),
    _missing(4, "a duty that cites nothing", ConsentFault.NONE, asks=_asks(basis=UnderDuty("  "))),
    _missing(4, "what was not handed in", ConsentFault.NONE, asks=_asks(basis=HandedIn())),
    _missing(4, "what was handed in elsewhere", ConsentFault.NONE,
             during=changed("document_versions", _version, "deposited_in = gen_random_uuid()"),
             asks=_asks(basis=HandedIn())),
)  # fmt: skip

LOGGING = (
    Fault(5, "the log takes no line", TemporarilyUnavailable, full("ledger")),
    Fault(5, "the log may not be written", LogUnwritable,
          forbidden("EXECUTE ON FUNCTION append_ledger")),
    Fault(5, "the log is locked", LogUnwritable, held("LOCK TABLE ledger IN EXCLUSIVE MODE")),
    Fault(5, "the line fails", DBAPIError, statement("append_ledger")),
    Fault(5, "the line of a grant fails", DBAPIError, statement("append_ledger"), granted=True),
    Fault(5, "the consent takes no use", DBAPIError, forbidden("INSERT ON consent_events")),
    Fault(5, "the use fails as it is flushed", DBAPIError, statement("INSERT INTO consent_events")),
)  # fmt: skip

OPENING = (
    Fault(6, "the keys do not answer", DBAPIError, _keys_gone),
    Fault(6, "the person has no key", KeyMissing,
          keys_changed("DELETE FROM subject_keys WHERE subject_id = :subject")),
    Fault(6, "the key was destroyed", SubjectShredded,
          keys_changed("UPDATE subject_keys SET wrapped = NULL, destroyed_at = now() WHERE subject_id = :subject")),
    Fault(6, "the key is another person's", TamperedContent,
          keys_changed("UPDATE subject_keys k SET wrapped = o.wrapped FROM subject_keys o"
                       " WHERE k.subject_id = :subject AND o.subject_id = :other")),
    Fault(6, "the version's key was changed", TamperedContent,
          changed("document_versions", _version, "wrapped_key = set_byte(wrapped_key, length(wrapped_key) - 1,"
                  " get_byte(wrapped_key, length(wrapped_key) - 1) # 1)")),
    Fault(6, "the version's key is another version's", TamperedContent,
          changed("document_versions", _version, "wrapped_key = (SELECT max(wrapped_key) FROM document_versions o"
                  " WHERE o.subject_id = document_versions.subject_id AND o.id <> document_versions.id)")),
    Fault(6, "the claims were changed", TamperedContent,
          changed("document_versions", _version, "claims = set_byte(claims, 20, get_byte(claims, 20) # 1)")),
    Fault(6, "the names of the claims were changed", TamperedContent,
          changed("document_versions", _version, "claim_names = claim_names || '{land.use@land}'::text[]")),
    Fault(6, "the digest was changed", TamperedContent,
          changed("document_versions", _version, "sealed_sha256 = set_byte(sealed_sha256, 20,"
                  " get_byte(sealed_sha256, 20) # 1)")),
    Fault(6, "the digest is gone", TamperedContent,
          changed("document_versions", _version, "sealed_sha256 = NULL")),
    Fault(6, "the type is gone", TamperedContent, changed("document_versions", _version, "media_type = NULL")),
    Fault(6, "a byte of the file was changed", TamperedContent,
          file_changed(lambda _, sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]))),
    Fault(6, "the file is shorter", TamperedContent, file_changed(lambda _, sealed: sealed[:-1])),
    Fault(6, "the file is longer", TamperedContent, file_changed(lambda _, sealed: sealed + b"\0")),
    Fault(6, "the file is empty", TamperedContent, file_changed(lambda _, _sealed: b"")),
    Fault(6, "the file is another version's", TamperedContent, file_changed(_swapped)),
    Fault(6, "the file is gone", BlobMissing, file_changed(lambda _, _sealed: None)),
    Fault(6, "the file cannot be read", StorageFailed, _not_a_file),
)  # fmt: skip

LEAVING = (
    Fault(7, "the COMMIT is refused", DBAPIError, _refused),
    Fault(7, "the COMMIT of a grant is refused", DBAPIError, _refused, granted=True),
    Fault(7, "the database dies in the COMMIT", DBAPIError, _killed),
    Fault(7, "nobody knows whether it was committed", TemporarilyUnavailable, answer_lost, logged=1),
)  # fmt: skip

FAULTS = (*WAITING, *JUDGING, *SPENDING, *LOADING, *COVERING, *LOGGING, *OPENING, *LEAVING)
