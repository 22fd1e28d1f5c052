"""Who is signed in, where, and for whom they may act."""

from datetime import datetime
from uuid import UUID

import strawberry

from auth.caller import CallerKind
from auth.passkeys.registry import own_passkeys
from auth.sessions import end_own_session, own_sessions
from dossiers.phones import passkeys
from procedures.agencies import agency_name
from resolvers.connections import global_id, read_uuid
from resolvers.context import AppInfo
from resolvers.phones.devices import Device, NotificationPreferences, devices, own_preferences
from resolvers.phones.notices import Attention, attention
from resolvers.problems import UserError
from store.database import Tx


@strawberry.type(description="Somebody the caller may act for, and as what.")
class Ward:
    subject: strawberry.ID
    relation: str
    name: str | None


@strawberry.type(description="One place the caller is signed in.")
class Session:
    id: strawberry.ID
    app: str | None = strawberry.field(description="The app's name; null for a browser.")
    acr: str = strawberry.field(description="How surely the person was known at the sign-in.")
    opened_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool = strawberry.field(description="Whether this request comes from there.")


async def _sessions(info: AppInfo) -> list[Session]:
    """Where the caller is signed in, the latest used first."""
    context = info.context
    async with context.reading() as tx:
        views = await own_sessions(tx, context.caller, context.now)
    return [
        Session(
            id=global_id("Session", view.id),
            app=context.house.app_names(view.app) if view.app is not None else None,
            acr=view.acr,
            opened_at=view.opened_at,
            seen_at=view.seen_at,
            expires_at=view.expires_at,
            current=view.id == context.caller.session,
        )
        for view in views
    ]


@strawberry.type(description="A passkey of the caller's, or an officer's security key.")
class Passkey:
    id: strawberry.ID
    name: str = strawberry.field(description="As its holder called it.")
    synced: bool = strawberry.field(description="Whether its maker may copy it to other devices.")
    added_at: datetime
    used_at: datetime | None


async def _passkeys(info: AppInfo) -> list[Passkey]:
    """The caller's keys, the oldest first; added on the page `/passkeys`."""
    context = info.context
    async with context.reading() as tx:
        views = await own_passkeys(tx, context.caller)
    return [
        Passkey(
            id=global_id("Passkey", view.id),
            name=view.name,
            synced=view.synced,
            added_at=view.added_at,
            used_at=view.used_at,
        )
        for view in views
    ]


@strawberry.input
class RemovePasskeyInput:
    idempotency_key: UUID
    passkey: strawberry.ID


@strawberry.type
class RemovePasskeyPayload:
    passkey: strawberry.ID | None
    errors: list[UserError]


@strawberry.input
class EndSessionInput:
    idempotency_key: UUID
    session: strawberry.ID


@strawberry.type
class EndSessionPayload:
    session: strawberry.ID | None
    errors: list[UserError]


@strawberry.type(description="The caller.")
class Viewer:
    id: strawberry.ID
    kind: str
    name: str
    agency: str | None
    roles: list[str]
    wards: list[Ward]
    sessions: list[Session] = strawberry.field(resolver=_sessions)
    passkeys: list[Passkey] = strawberry.field(resolver=_passkeys)
    attention: Attention = strawberry.field(resolver=attention)
    devices: list[Device] = strawberry.field(resolver=devices)
    notification_preferences: NotificationPreferences | None = strawberry.field(resolver=own_preferences)


async def viewer(info: AppInfo) -> Viewer | None:
    """Null when nobody is signed in."""
    context = info.context
    caller = context.caller
    if caller.id is None:
        return None
    if caller.kind is CallerKind.OFFICER:
        row = await context.load.agency.load(caller.agency) if caller.agency else None
        return Viewer(
            id=global_id("Officer", caller.id),
            kind=caller.kind.value,
            name="",
            agency=agency_name(row, context.language) if row is not None else None,
            roles=sorted(role.value for role in caller.roles),
            wards=[],
        )
    # Whoever asks in another's place is still told who they are themself.
    names = await context.names_of({caller.id, *caller.subjects})
    wards = [
        Ward(subject=global_id("Subject", subject), relation=relation, name=names.get(subject))
        for subject, relation in sorted(caller.represented.items())
    ]
    return Viewer(
        id=global_id("Subject", caller.id),
        kind=caller.kind.value,
        name=names.get(caller.id) or "",
        agency=None,
        roles=[],
        wards=wards,
    )


async def end_session(info: AppInfo, input: EndSessionInput) -> EndSessionPayload:  # noqa: A002
    """Sign out somewhere, or here: tokens and cookie of that session are worth nothing from now on."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        session = read_uuid(input.session, "Session")
        await end_own_session(tx, context.caller, session, context.now)
        return session

    made, errors = await context.act("endSession", input, do)
    return EndSessionPayload(session=global_id("Session", made) if made else None, errors=errors)


async def remove_passkey(info: AppInfo, input: RemovePasskeyInput) -> RemovePasskeyPayload:  # noqa: A002
    """Take a key of one's own away: whoever holds it signs in with it no more."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        key = read_uuid(input.passkey, "Passkey")
        await passkeys.remove_passkey(tx, context.caller, key, context.now)
        return key

    made, errors = await context.act("removePasskey", input, do)
    return RemovePasskeyPayload(passkey=global_id("Passkey", made) if made else None, errors=errors)
