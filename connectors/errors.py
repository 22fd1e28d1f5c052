"""Why a State database could not be relied on. Never says about whom it was asked."""


class RegisterUnreliable(Exception):
    """No answer worth having. `reason`: unreachable, timeout, refused, oversize, stale or lying.

    Raised and caught inside this room: to others a failing register is an `Answer` that says DOWN.
    """

    code = "REGISTER_UNRELIABLE"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
