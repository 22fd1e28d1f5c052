"""Agreeing without a phone, at the counter: one officer types what is asked for, the person reads and signs the
printed sheet, another officer who has it in hand confirms it by the code printed on it.

Whoever types confirms nothing, and neither does anybody in a matter of their own. The person is told at once, and
takes it back as any other consent.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth.caller import Caller
from dossiers.case import Office
from dossiers.clock import local_day
from dossiers.evidence.pins import request_words
from dossiers.notices import notify
from procedures.records import Agency
from store.database import Tx
from vault.permission import consent, sheets
from vault.permission.consent import Acceptance, ConsentView, Signed
from vault.permission.notice import Notice, Words, notice
from vault.permission.sheets import Confirming, Sheet


@dataclass(frozen=True, slots=True)
class Printed:
    """A sheet with the words to print."""

    sheet: Sheet
    text: str


async def prepare_assisted(tx: Tx, caller: Caller, subject: UUID, office: Office, now: datetime) -> UUID:
    """Put on paper what the caller's agency has asked the person at the counter longest; returns the sheet's id.

    Raises NotFound when nothing waits.
    """
    asked = await sheets.waiting_at(tx, caller, subject, now)
    _, shown = await _shown(tx, asked, caller.language, office, now)
    return await sheets.make_sheet(tx, caller, asked, shown, office.safe, now)


async def printed(tx: Tx, caller: Caller, sheet: UUID, office: Office, now: datetime) -> Printed:
    """The sheet to print. Raises NotFound."""
    found, asked = await sheets.sheet_of(tx, caller, sheet, office.safe, now)
    _, shown = await _shown(tx, asked, found.language, office, now)
    return Printed(found, shown.text)


async def confirm_assisted(
    tx: Tx, caller: Caller, confirming: Confirming, office: Office, now: datetime
) -> ConsentView:
    """The person's own yes, from the sheet they signed. They are told.

    Raises SheetRefused, AccessDenied, ConsentSettled, ConsentStale when what would be disclosed has changed since it
    was printed.
    """
    taken = await sheets.take_sheet(tx, caller, confirming, office.safe, now)
    asked = await consent.consent(tx, caller, taken.consent, now)
    words, _ = await _shown(tx, asked, taken.language, office, now)
    acceptance = Acceptance(taken.consent, words, taken.notice_sha256)
    signed = Signed(taken.language, taken.counter)
    given = await consent.confirm_assisted(tx, caller, acceptance, signed, office.safe, now)
    await notify(tx, given.subject, "agreed_at_counter", now)
    return given


async def _shown(
    tx: Tx, asked: ConsentView, language: str, office: Office, now: datetime
) -> tuple[Words, Notice]:
    agency = await tx.get_one(Agency, asked.recipient_agency)
    words = request_words(asked, agency, office.laws.on(local_day(now)), language)
    return words, notice(asked.items, words, language)
