"""Devices the caller is woken on, and what for. A push says "look" and nothing else."""

from datetime import datetime
from uuid import UUID

import strawberry

from auth.caller import CallerKind
from connectors.web_push import Subscription
from dossiers.phones.devices import (
    NoticeGroup,
    Preferences,
    my_devices,
    prefer,
    preferences,
)
from dossiers.phones.devices import forget_device as forget
from dossiers.phones.devices import register_device as register
from dossiers.records import Device as DeviceRow
from resolvers.connections import global_id, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.problems import BadInput, UserError
from store.database import Tx

strawberry.enum(NoticeGroup, description="What a person may want to hear of, or not.")


@strawberry.type(description="A device the caller is woken on. Its address is never shown again.")
class Device:
    id: strawberry.ID
    registered_at: datetime

    @classmethod
    def of(cls, row: DeviceRow) -> "Device":
        return cls(id=global_id("Device", row.id), registered_at=row.registered_at)


@strawberry.type(description="What wakes the caller's devices. A sign-in somewhere else always does.")
class NotificationPreferences:
    push: bool = strawberry.field(description="Whether devices are woken at all.")
    quiet: list[NoticeGroup] = strawberry.field(description="Not for these.")

    @classmethod
    def of(cls, found: Preferences) -> "NotificationPreferences":
        return cls(push=found.push, quiet=sorted(found.quiet))


@strawberry.input(description="A subscription of the W3C Push API, made with `apiInfo.pushKey`.")
class RegisterDeviceInput:
    idempotency_key: UUID
    endpoint: str
    p256dh: str = strawberry.field(name="p256dh")
    auth: str


@strawberry.type
class RegisterDevicePayload:
    device: Device | None
    errors: list[UserError]


@strawberry.input
class ForgetDeviceInput:
    idempotency_key: UUID
    device: strawberry.ID


@strawberry.type
class ForgetDevicePayload:
    device: strawberry.ID | None
    errors: list[UserError]


@strawberry.input
class NotificationPreferencesInput:
    idempotency_key: UUID
    push: bool
    quiet: list[NoticeGroup]


@strawberry.type
class NotificationPreferencesPayload:
    preferences: NotificationPreferences | None
    errors: list[UserError]


async def devices(info: AppInfo) -> list[Device]:
    """The caller's own, the one registered last first; at most five."""
    context = info.context
    async with context.reading() as tx:
        return [Device.of(row) for row in await my_devices(tx, context.caller)]


async def own_preferences(info: AppInfo) -> NotificationPreferences | None:
    """Null for who has no devices: officers and their systems."""
    return await _preferences(info.context)


async def register_device(info: AppInfo, input: RegisterDeviceInput) -> RegisterDevicePayload:  # noqa: A002
    """Wake this device when something was told. At most five: one more takes the place of the first."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        if context.house.pushes is None:
            raise BadInput("endpoint")
        given = Subscription(input.endpoint, input.p256dh, input.auth)
        context.house.pushes.check(given)
        return await register(tx, context.caller, given, context.office, context.now)

    made, errors = await context.act("registerDevice", input, do)
    if made is None:
        return RegisterDevicePayload(device=None, errors=errors)
    async with context.reading() as tx:
        found = [row for row in await my_devices(tx, context.caller) if row.id == made]
    return RegisterDevicePayload(device=Device.of(found[0]) if found else None, errors=errors)


async def forget_device(info: AppInfo, input: ForgetDeviceInput) -> ForgetDevicePayload:  # noqa: A002
    """Never wake it again."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        device = read_uuid(input.device, "Device")
        await forget(tx, context.caller, device)
        return device

    made, errors = await context.act("forgetDevice", input, do)
    return ForgetDevicePayload(device=global_id("Device", made) if made else None, errors=errors)


async def notification_preferences(
    info: AppInfo,
    input: NotificationPreferencesInput,  # noqa: A002
) -> NotificationPreferencesPayload:
    """What wakes the caller's devices from now on."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        return await prefer(tx, context.caller, Preferences(input.push, frozenset(input.quiet)))

    made, errors = await context.act("notificationPreferences", input, do)
    found = await _preferences(context) if made is not None else None
    return NotificationPreferencesPayload(preferences=found, errors=errors)


async def _preferences(context: Context) -> NotificationPreferences | None:
    if context.caller.kind is not CallerKind.CITIZEN:
        return None
    async with context.reading() as tx:
        return NotificationPreferences.of(await preferences(tx, context.caller))
