"""Why nobody, not this person, or not this way. Reasons are stable codes for the ledger, never prose for a
screen: towards the outside all of them stay neutral."""


class AuthRefusal(Exception):
    """A refusal of this room."""

    code = "REFUSED"


class Unauthenticated(AuthRefusal):
    """Nobody is signed in and the action needs somebody. Says nothing about whether the thing exists."""

    code = "UNAUTHENTICATED"


class NotFound(AuthRefusal):
    """Unknown, or out of the caller's reach: the two must look the same, or ids become an oracle."""

    code = "NOT_FOUND"


class AccessDenied(AuthRefusal):
    """The caller may see the thing and still not do this to it. `reason` goes to the ledger."""

    code = "ACCESS_DENIED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CredentialsConflict(AuthRefusal):
    """A session cookie and an Authorization header in one request: two answers to "who is asking"."""

    code = "CREDENTIALS_CONFLICT"


class SignInFailed(AuthRefusal):
    """The sign-in stops here. `reason`: state, provider, response, token, assurance, claims, account."""

    code = "SIGN_IN_FAILED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PasskeyRefused(AuthRefusal):
    """The key is not taken. `reason`: ceremony, response, model, attestation, synced, known, count, code, none."""

    code = "PASSKEY_REFUSED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenRefused(AuthRefusal):
    """The token is not accepted. Never says why: each detail is a hint to whoever forged it."""

    code = "TOKEN_REFUSED"


class TriesSpent(AuthRefusal):
    """As many different people were asked for as one person may in a day: children in a register, or parties by
    number. Counted before anybody is looked for: what would have been found stays unknown."""

    code = "TRIES_SPENT"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


class NonceRequired(AuthRefusal):
    """A DPoP proof without a nonce of ours, or with a stale one. Once more with the one in the answer."""

    code = "NONCE_REQUIRED"


class ProofReplayed(AuthRefusal):
    """A DPoP proof that was here before. Told as any other refused token."""

    code = "PROOF_REPLAYED"


class StepUpRequired(AuthRefusal):
    """The sign-in was not sure enough for this (RFC 9470). `acr`: what it takes."""

    code = "STEP_UP_REQUIRED"

    def __init__(self, acr: str) -> None:
        super().__init__(acr)
        self.acr = acr


class AppRefused(AuthRefusal):
    """An app's request at the authorisation server stops here. `error` is the code of RFC 6749, 9126 or 9449."""

    code = "APP_REFUSED"

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class GuardianNotProven(AuthRefusal):
    """The evidence does not make the caller this child's parent. `reason`: child, parent, level, age."""

    code = "GUARDIAN_NOT_PROVEN"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RepresentativeNotProven(AuthRefusal):
    """No register names the caller as who represents this organisation. `reason`: organisation, representative."""

    code = "REPRESENTATIVE_NOT_PROVEN"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MandateRefused(AuthRefusal):
    """Nobody is authorised, or a mandate does not begin. `reason`: number, age, scope, until, proof, standing,
    over."""

    code = "MANDATE_REFUSED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MandateNotInForce(AuthRefusal):
    """A request names a mandate that opens nothing: unknown, not accepted, expired, ended, of somebody destroyed.
    Never says which."""

    code = "MANDATE_NOT_IN_FORCE"


class RateLimited(AuthRefusal):
    """Too many tries at something that could be guessed. `seconds` until the next one counts."""

    code = "RATE_LIMITED"

    def __init__(self, seconds: int) -> None:
        super().__init__(str(seconds))
        self.seconds = seconds
