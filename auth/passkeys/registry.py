"""The keys somebody holds, as the database has them: their public halves, added, used and taken away."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import insert, text

from auth.caller import ANONYMOUS, Caller, CallerKind
from auth.errors import NotFound, PasskeyRefused
from auth.passkeys.verification import HeldKey, NewKey
from auth.policy import Action, require
from auth.records import KeyEnrolment
from store.database import Tx
from store.identifiers import new_id
from store.ledger import Entry, record

MOST_KEYS: Final = 10
"""Of one holder: a phone, a laptop, a key on the ring and its spare, and as many again."""
ENROLMENT_LIFETIME: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a key is for: a citizen's vault subject, or an officer by their id."""

    kind: CallerKind
    id: UUID


@dataclass(frozen=True, slots=True)
class PasskeyView:
    """One key, as its holder sees it."""

    id: UUID
    name: str
    synced: bool
    added_at: datetime
    used_at: datetime | None


async def held_keys(tx: Tx, holder: Holder) -> tuple[HeldKey, ...]:
    """What the holder may show, the oldest first."""
    rows = await tx.execute(text("SELECT * FROM passkeys_of(:kind, :holder)"), _named(holder))
    return tuple(
        HeldKey(row.id, row.credential_id, row.public_key, row.sign_count, row.model) for row in rows
    )


async def own_passkeys(tx: Tx, caller: Caller) -> tuple[PasskeyView, ...]:
    """The caller's own keys, the oldest first. None for whoever is no person."""
    require(caller, Action.READ_PASSKEYS)
    if caller.id is None:
        return ()
    rows = await tx.execute(
        text("SELECT * FROM passkeys_of(:kind, :holder)"), _named(Holder(caller.kind, caller.id))
    )
    return tuple(PasskeyView(row.id, row.name, row.synced, row.added_at, row.used_at) for row in rows)


async def add_own_passkey(tx: Tx, caller: Caller, key: NewKey, name: str, now: datetime) -> None:
    """Add a key of the caller's that was verified, under the name they give it. Raises PasskeyRefused("known"):
    somebody has it, or the caller has ten."""
    require(caller, Action.ADD_PASSKEY)
    if caller.id is None:
        raise PasskeyRefused("ceremony")
    holder = Holder(caller.kind, caller.id)
    await _add(tx, holder, key, name, now)
    await record(tx, caller.actor, _entry("passkey.added", holder), now)


async def enrol_key(tx: Tx, officer: UUID, enrolment: UUID, key: NewKey, name: str, now: datetime) -> None:
    """Add a first key of an officer's who is not signed in, by their enrolment, which this spends. Raises
    PasskeyRefused: code, known."""
    spent = text("SELECT spend_key_enrolment(:id, :now)")
    if not await tx.scalar(spent, {"id": enrolment, "now": now}):
        raise PasskeyRefused("code")
    holder = Holder(CallerKind.OFFICER, officer)
    await _add(tx, holder, key, name, now, enrolment)
    await record(tx, ANONYMOUS.actor, _entry("passkey.enrolled", holder), now)


async def note_use(tx: Tx, key: HeldKey, sign_count: int, now: datetime) -> None:
    """The key has just signed for the `sign_count`th time. Raises PasskeyRefused("count") when another use came in
    between that counts as many: one of the two is a copy."""
    used = text("SELECT use_passkey(:id, :sign_count, :now)")
    if not await tx.scalar(used, {"id": key.id, "sign_count": sign_count, "now": now}):
        raise PasskeyRefused("count")


async def remove_own_passkey(tx: Tx, caller: Caller, key: UUID, now: datetime) -> None:
    """Take a key of the caller's away: lost, or sold with the phone. Raises NotFound for one that is not theirs."""
    require(caller, Action.REMOVE_PASSKEY)
    if caller.id is None or not await tx.scalar(text("SELECT remove_own_passkey(:id)"), {"id": key}):
        raise NotFound
    await record(tx, caller.actor, _entry("passkey.removed", Holder(caller.kind, caller.id)), now)


async def issue_enrolment(tx: Tx, officer: UUID, now: datetime) -> str:
    """A code by which this officer adds a key without one: once, within a day. For the operator's role, who hands it
    over in person; it is nowhere else."""
    code = secrets.token_urlsafe(16)
    await tx.execute(
        insert(KeyEnrolment).values(
            id=new_id(),
            officer_id=officer,
            code_hash=_hash(code),
            issued_at=now,
            expires_at=now + ENROLMENT_LIFETIME,
        )
    )
    return code


async def enrolment_of(tx: Tx, officer: UUID, code: str, now: datetime) -> UUID:
    """The enrolment a code of this officer's is for, unspent. Raises PasskeyRefused("code")."""
    asked = text("SELECT key_enrolment(:code_hash, :officer, :now)")
    found: UUID | None = await tx.scalar(asked, {"code_hash": _hash(code), "officer": officer, "now": now})
    if found is None:
        raise PasskeyRefused("code")
    return found


async def _add(
    tx: Tx, holder: Holder, key: NewKey, name: str, now: datetime, enrolment: UUID | None = None
) -> None:
    adding = text(
        "SELECT add_passkey(:id, :kind, :holder, :credential_id, :public_key, :sign_count, :model, :synced, :name,"
        " :now, :enrolment, :most)"
    )
    told = {
        "id": new_id(),
        **_named(holder),
        "credential_id": key.credential_id,
        "public_key": key.public_key,
        "sign_count": key.sign_count,
        "model": key.model,
        "synced": key.synced,
        "name": name,
        "now": now,
        "enrolment": enrolment,
        "most": MOST_KEYS,
    }
    if not await tx.scalar(adding, told):
        raise PasskeyRefused("known")


def _named(holder: Holder) -> dict[str, object]:
    return {"kind": holder.kind.value, "holder": holder.id}


def _entry(kind: str, holder: Holder) -> Entry:
    if holder.kind is CallerKind.CITIZEN:
        return Entry(kind, holder.id, "SUCCESS", "sign-in", "OWN")
    return Entry(kind, None, "SUCCESS", "sign-in", "OWN", reason=f"officer {holder.id}")


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.strip().encode("utf-8", "replace")).digest()
