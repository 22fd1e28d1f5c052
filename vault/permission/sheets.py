"""Requests put on paper for somebody without a phone: typed by one officer, signed by the person, confirmed by
another.

The code printed on a sheet is made from its id by a key of ours: it is kept nowhere, and whoever types it has the
sheet.
"""

import re
from base64 import b32encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import ConsentFacts
from auth.policy import Action, require
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from vault.errors import SheetRefused
from vault.permission.notice import Notice
from vault.permission.receipt import Counter
from vault.permission.state import REQUEST_LASTS, ConsentStatus
from vault.permission.views import ConsentView, view
from vault.records import AssistedSheet, Consent
from vault.safe import Safe

SHEET_LASTS: Final = timedelta(hours=8)
"""One working day at the counter: what was not confirmed by then is printed anew."""
CODE_OCTETS: Final = 10
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is printed for the person to read and sign."""

    id: UUID
    code: str = field(repr=False)
    language: str
    notice_sha256: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Confirming:
    """`code` as printed, `signed_sha256` of the scan of the signed sheet, in hexadecimal."""

    code: str = field(repr=False)
    signed_sha256: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A sheet just confirmed: for which request, with which words."""

    consent: UUID
    language: str
    notice_sha256: str
    counter: Counter


async def waiting_at(tx: Tx, caller: Caller, subject: UUID, now: datetime) -> ConsentView:
    """What the caller's agency has asked this person longest, what no sheet is out for before the rest.

    Raises NotFound.
    """
    require(caller, Action.PREPARE_ASSISTED, None)
    out = select(AssistedSheet.consent_id).where(AssistedSheet.expires_at > now)
    query = (
        select(Consent)
        .where(
            Consent.subject_id == subject,
            Consent.recipient_agency == caller.agency,
            Consent.status == ConsentStatus.REQUESTED,
            Consent.requested_at > now - REQUEST_LASTS,
        )
        .order_by(Consent.id.in_(out), Consent.id)
        .limit(1)
    )
    row = await tx.scalar(query)
    if row is None:
        raise NotFound
    require(caller, Action.PREPARE_ASSISTED, ConsentFacts(row.subject_id, row.recipient_agency))
    return view(row, now)


async def make_sheet(
    tx: Tx, caller: Caller, asked: ConsentView, shown: Notice, safe: Safe, now: datetime
) -> UUID:
    """A sheet for one request, in the caller's name. Logged for the person it is about."""
    require(caller, Action.PREPARE_ASSISTED, ConsentFacts(asked.subject, asked.recipient_agency))
    made = new_id()
    sheet = AssistedSheet(
        id=made,
        consent_id=asked.id,
        agency_id=asked.recipient_agency,
        typed_by=caller.id,
        language=caller.language,
        notice_sha256=shown.sha256,
        code_index=_index(_code(made, safe), safe),
        made_at=now,
        expires_at=now + SHEET_LASTS,
    )
    tx.add(sheet)
    entry = ledger.Entry(
        kind="consent.sheet",
        subject_id=asked.subject,
        outcome="SUCCESS",
        purpose=asked.purpose,
        legal_basis="CONSENT",
        dossier_id=asked.purpose_ref,
        consent_id=asked.id,
    )
    await ledger.record(tx, caller.actor, entry, now)
    return made


async def sheet_of(tx: Tx, caller: Caller, id_: UUID, safe: Safe, now: datetime) -> tuple[Sheet, ConsentView]:
    """A sheet the caller typed, with what it asks. Raises NotFound."""
    row = await tx.scalar(
        select(AssistedSheet).where(AssistedSheet.id == id_, AssistedSheet.typed_by == caller.id)
    )
    asked = await tx.get(Consent, row.consent_id) if row is not None else None
    if row is None or asked is None:
        raise NotFound
    require(caller, Action.PREPARE_ASSISTED, ConsentFacts(asked.subject_id, asked.recipient_agency))
    sheet = Sheet(row.id, _code(row.id, safe), row.language, row.notice_sha256, row.expires_at)
    return sheet, view(asked, now)


async def take_sheet(tx: Tx, caller: Caller, confirming: Confirming, safe: Safe, now: datetime) -> Taken:
    """Confirm, once, that the sheet with this code lies signed before the caller.

    Raises NotFound for a code of no sheet of the agency's, SheetRefused, AccessDenied in a matter of one's own.
    """
    require(caller, Action.CONFIRM_ASSISTED, None)
    if not _SHA256.fullmatch(confirming.signed_sha256):
        raise SheetRefused("digest")
    code = re.sub(r"[\s-]", "", confirming.code).upper()
    query = select(AssistedSheet).where(AssistedSheet.code_index == _index(code, safe))
    row = await tx.scalar(query)
    if row is None:
        raise NotFound
    asked = await tx.get_one(Consent, row.consent_id)
    require(caller, Action.CONFIRM_ASSISTED, ConsentFacts(asked.subject_id, asked.recipient_agency))
    _check(row, caller, now)
    # Row-level security lets nobody but another officer lock it: of two at once, one confirms.
    locked = await tx.scalar(query.with_for_update().execution_options(populate_existing=True))
    if locked is None or caller.id is None:
        raise SheetRefused("used")
    _check(locked, caller, now)
    locked.confirmed_by, locked.confirmed_at, locked.signed_sha256 = caller.id, now, confirming.signed_sha256
    await tx.flush()
    counter = Counter(locked.typed_by, caller.id, confirming.signed_sha256)
    return Taken(locked.consent_id, locked.language, locked.notice_sha256, counter)


def _check(row: AssistedSheet, caller: Caller, now: datetime) -> None:
    if row.typed_by == caller.id:
        raise SheetRefused("same_officer")
    if row.confirmed_at is not None:
        raise SheetRefused("used")
    if row.expires_at <= now:
        raise SheetRefused("lapsed")


def _code(sheet: UUID, safe: Safe) -> str:
    return b32encode(safe.keys.index("sheet", str(sheet))[:CODE_OCTETS]).decode()


def _index(code: str, safe: Safe) -> bytes:
    return safe.keys.index("sheet-code", code)
