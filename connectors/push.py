"""Sends a message to a device through the push service it named (RFC 8030).

The address comes from whoever registers a device: `connectors.outward` says where anything may be sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from connectors.errors import OutwardDelayed, OutwardRefused, PushDelayed, PushRefused
from connectors.outward import Outward
from connectors.web_push import Subscription, check_keys, seal_message

TTL_SECONDS: Final = 24 * 3600
"""How long a service keeps a message for a device that is off."""
TOPIC: Final = "look"
"""A message waiting for a device is replaced by the next: they all say the same."""


class Sent(Enum):
    TAKEN = "taken"
    GONE = "gone"
    """The service knows no such device any more (404, 410): forget it."""


@dataclass(frozen=True, slots=True)
class Pushes:
    """`sign` names us to a service, by its origin (RFC 8292), under `key`, which apps subscribe with."""

    outward: Outward
    sign: Callable[[str], str]
    key: str = ""

    def check(self, subscription: Subscription) -> None:
        """Raises PushRefused for an address or keys nothing may be sent to, as far as they tell by themselves."""
        try:
            self.outward.check(subscription.endpoint)
        except OutwardRefused as refused:
            raise PushRefused(refused.fault) from None
        check_keys(subscription)

    async def send(self, subscription: Subscription, message: bytes) -> Sent:
        """Raises PushRefused when nothing may be sent there, PushDelayed when it may succeed later."""
        try:
            parts = self.outward.check(subscription.endpoint)
            body = seal_message(message, subscription)
            headers = {
                "Authorization": self.sign(f"{parts.scheme}://{parts.netloc}"),
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(TTL_SECONDS),
                "Urgency": "normal",
                "Topic": TOPIC,
            }
            status = await self.outward.post(subscription.endpoint, body, headers)
        except OutwardRefused as refused:
            raise PushRefused(refused.fault) from None
        except OutwardDelayed as delayed:
            raise PushDelayed(delayed.reason) from None
        if 200 <= status < 300:
            return Sent.TAKEN
        if status in (404, 410):
            return Sent.GONE
        raise PushDelayed(str(status))
