"""How a system proves who it is: by a short signed statement of its own (`private_key_jwt`, RFC 7523)."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import text

from auth.errors import AppRefused, TokenRefused
from auth.jws.compact import take_apart
from auth.systems.registry import AgencySystem, find_system
from auth.tokens import CLIENT_ASSERTION, Verifier
from store.database import Tx

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def authenticate(tx: Tx, form: Mapping[str, str], issuer: str, now: datetime) -> AgencySystem:
    """The system whose key signed the form's assertion for us, spent by this look.

    `issuer` is our own name, the only audience taken: an assertion made for another server is none (rfc7523bis).
    Raises AppRefused("invalid_client") for everything else. Commit before going on: whatever is refused later, the
    assertion was here.
    """
    assertion = form.get("client_assertion", "")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise AppRefused("invalid_client")
    try:
        named = take_apart(assertion).payload.get("iss")
    except Exception:
        raise AppRefused("invalid_client") from None
    # `client_id` beside an assertion is optional and must say the same (RFC 7521, section 4.2).
    if not isinstance(named, str) or form.get("client_id", named) != named:
        raise AppRefused("invalid_client")
    system = await find_system(tx, named[:100])
    if system is None:
        raise AppRefused("invalid_client")
    try:
        claims = Verifier(named, system.keys).verify(CLIENT_ASSERTION, assertion, audience=issuer, now=now)
    except TokenRefused:
        raise AppRefused("invalid_client") from None
    if not await _spend(tx, named, claims["jti"], claims["exp"]):
        raise AppRefused("invalid_client")
    return system


async def _spend(tx: Tx, client_id: str, jti: str, expires: int) -> bool:
    mark = hashlib.sha256(f"assertion\0{client_id}\0{jti}".encode()).digest()
    kept_until = datetime.fromtimestamp(expires, UTC) + timedelta(seconds=60)
    return bool(
        await tx.scalar(text("SELECT spend_proof(:mark, :until)"), {"mark": mark, "until": kept_until})
    )
