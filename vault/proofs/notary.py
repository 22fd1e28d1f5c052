"""Who signs proofs: the attestation key, and beside it the anchor, which vouches for attestation keys alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from auth.signing import KeyRefused, SigningKey, import_jwks
from auth.tokens import Tokens
from vault.proofs.trust import TrustKey

VAULT_CODE: Final = "KHO"
"""Under which the trust list names the vault itself: it attests what people declare, and nothing else."""

LONGEST_ATTESTED: Final = timedelta(days=366)
CREDENTIAL_LIFE: Final = timedelta(days=1)
"""A credential is made anew for each showing; a day forgives a slow counter."""


@dataclass(frozen=True, slots=True)
class Notary:
    """`key` signs attestations, credentials and lists of standings, `anchor` the trust list. `archived`: keys from
    before, whose proofs are honoured as far as the archive says."""

    issuer: str
    key: SigningKey
    anchor: SigningKey = field(repr=False)
    archived: tuple[TrustKey, ...] = ()

    @property
    def signing(self) -> Tokens:
        return Tokens(self.issuer, self.key)

    @property
    def vouching(self) -> Tokens:
        return Tokens(self.issuer, self.anchor)

    @property
    def keys(self) -> tuple[TrustKey, ...]:
        """Every key the trust list names: the one in use first."""
        former = (one for one in self.archived if one.public.kid != self.key.public.kid)
        return (TrustKey(self.key.public), *former)

    @property
    def lists(self) -> str:
        """Where all lists of standings are found."""
        return f"{self.issuer}/status-lists"


def load_notary(folder: Path, issuer: str) -> Notary:
    """From the key files of an installation. Raises FileNotFoundError and KeyRefused."""
    archive = folder / "attest-archive.json"
    try:
        former = read_archive(orjson.loads(archive.read_bytes())) if archive.exists() else ()
    except ValueError:
        raise KeyRefused("attest-archive.json is no JSON") from None
    return Notary(
        issuer, SigningKey.load(folder / "attest.pem"), SigningKey.load(folder / "anchor.pem"), former
    )


def read_archive(published: Any) -> tuple[TrustKey, ...]:
    """Former attestation keys: a JWK set whose keys may say from which second on they count for nothing.

    Raises KeyRefused.
    """
    if not isinstance(published, dict) or not isinstance(published.get("keys"), list):
        raise KeyRefused("not a JWK set")
    entries: Iterable[Any] = published["keys"]
    if not all(isinstance(one, dict) for one in entries):
        raise KeyRefused("not a JWK set")
    revoked = {one.get("kid"): one.get("revokedFrom") for one in entries}
    plain = [{name: value for name, value in one.items() if name != "revokedFrom"} for one in entries]
    if any(since is not None and type(since) is not int for since in revoked.values()):
        raise KeyRefused("revokedFrom is a whole number of seconds since 1970")
    return tuple(TrustKey(key, revoked[kid]) for kid, key in import_jwks({"keys": plain}).items())
