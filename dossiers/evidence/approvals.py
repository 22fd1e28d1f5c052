"""Registers asked about somebody who is party to another's dossier: by themself, when they approve.

Only the person's own session reaches their own number, so the register is asked the moment they agree. The
filer's dossier learns of the answer through the outbox, because the person cannot see that dossier.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth.caller import Caller
from connectors.registers import Answer, RegisterQuery, Registers
from dossiers.case import Office
from dossiers.clock import local_day
from dossiers.objects import object_of_claims
from procedures.plan import Probe
from store import ledger, outbox
from store.database import Database, Tx
from vault.deposits import Deposit, deposit
from vault.holding import Origin
from vault.permission import consent
from vault.permission.notice import Item
from vault.permission.views import ConsentStatus, ConsentView
from vault.subjects import profile_of


async def fetch_approved(
    database: Database, registers: Registers, caller: Caller, consent_id: UUID, office: Office, now: datetime
) -> None:
    """Ask the registers a just given consent names, and seal what they answer for its dossier alone. Nothing while
    another's word is still awaited."""
    async with database.reading(caller.actor) as tx:
        view = await consent.consent(tx, caller, consent_id, now)
        given = view.status is ConsentStatus.GIVEN
        items = [one for one in view.items if given and one.register is not None and one.version is None]
        number = (await profile_of(tx, view.subject, office.safe)).number if items else None
    if number is None or view.purpose_ref is None:
        return
    answers = await registers.ask_all(
        RegisterQuery(str(item.register), item.document_type, number, view.purpose) for item in items
    )
    async with database.writing(caller.actor) as tx:
        for item, answer in zip(items, answers, strict=True):
            await _keep(tx, caller, _Approved(view, item, answer), office, now)


@dataclass(frozen=True, slots=True)
class _Approved:
    """What a register said to a question its subject agreed to."""

    view: ConsentView
    item: Item
    answer: Answer


async def _keep(tx: Tx, caller: Caller, approved: _Approved, office: Office, now: datetime) -> None:
    view, item, answer = approved.view, approved.item, approved.answer
    document = None
    if answer.probe == Probe.FOUND:
        kind = office.laws.on(local_day(now)).document_types[item.document_type]
        paper = Deposit(
            subject=item.subject,
            type=item.document_type,
            origin=Origin.REGISTER,
            claims=answer.claims,
            issued_on=answer.issued_on,
            valid_until=answer.valid_until,
            object_key=await object_of_claims(tx, kind, answer.claims, office, now),
            bound_to=view.purpose_ref,
            register=item.register,
        )
        document = (await deposit(tx, caller, paper, office.safe, now)).document
    entry = ledger.Entry(
        kind="register.asked",
        subject_id=item.subject,
        outcome=answer.probe,
        purpose=view.purpose,
        legal_basis="CONSENT",
        consent_id=view.id,
        dossier_id=view.purpose_ref,
        reason=item.register,
    )
    await ledger.record(tx, caller.actor, entry, now)
    payload = {
        "dossier": str(view.purpose_ref),
        "subject": str(item.subject),
        "database": item.register,
        "document_type": item.document_type,
        "probe": answer.probe,
        "document": str(document) if document is not None else None,
    }
    await outbox.put(tx, "register.answered", payload, now)
