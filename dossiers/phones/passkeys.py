"""A person's keys come and go, and they hear of it: a key of somebody else's is the first thing a thief would add."""

from datetime import datetime
from uuid import UUID

from auth.caller import Caller, CallerKind
from auth.passkeys.registry import add_own_passkey, remove_own_passkey
from auth.passkeys.verification import NewKey
from dossiers.notices import notify
from store.database import Tx


async def add_passkey(tx: Tx, caller: Caller, key: NewKey, name: str, now: datetime) -> None:
    """Raises PasskeyRefused, AccessDenied, StepUpRequired."""
    await add_own_passkey(tx, caller, key, name, now)
    if caller.kind is CallerKind.CITIZEN and caller.id is not None:
        await notify(tx, caller.id, "passkey_added", now)


async def remove_passkey(tx: Tx, caller: Caller, key: UUID, now: datetime) -> None:
    """Raises NotFound, AccessDenied, StepUpRequired."""
    await remove_own_passkey(tx, caller, key, now)
    if caller.kind is CallerKind.CITIZEN and caller.id is not None:
        await notify(tx, caller.id, "passkey_removed", now)
