"""Why a neighbour could not be relied on. Never says about whom it was asked."""


class RegisterUnreliable(Exception):
    """No answer worth having. `reason`: unreachable, timeout, refused, oversize, stale or lying.

    Raised and caught inside this room: to others a failing register is an `Answer` that says DOWN.
    """

    code = "REGISTER_UNRELIABLE"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutwardRefused(Exception):
    """Nothing may be sent to this address. `fault`: `endpoint`, `address`.

    Caught inside this room and by whoever enters or calls a webhook: nobody else is told.
    """

    code = "OUTWARD_REFUSED"

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class OutwardDelayed(Exception):
    """No answer now. `reason`: `unreachable`, `unresolved`, or the status of one that took nothing.

    The loops' alone: no caller waits for it.
    """

    code = "OUTWARD_DELAYED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PushRefused(Exception):
    """Nothing may be sent there. `fault`: `endpoint`, `address` or `key`."""

    code = "DEVICE_REFUSED"

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class WitnessRefused(Exception):
    """No cosignature worth having from a witness. `reason`: unreached, status (`told`), form, key, signature, or
    ahead: it has signed a head of `told` leaves, which this log has not.

    The loops' alone: no caller waits for it.
    """

    code = "WITNESS_REFUSED"

    def __init__(self, reason: str, told: int | None = None) -> None:
        super().__init__(reason if told is None else f"{reason} {told}")
        self.reason = reason
        self.told = told


class PushDelayed(Exception):
    """A push service did not take a message now. `reason`: its status, `unreachable` or `unresolved`.

    The loops' alone: no caller waits for it.
    """

    code = "PUSH_DELAYED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ScannerSilent(Exception):
    """No verdict on the bytes: they stay where they are. `reason`: unreachable, timeout, cut, answer or too_large."""

    code = "SCANNER_SILENT"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
