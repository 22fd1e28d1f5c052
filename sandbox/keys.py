"""A sandbox process's own signing key: one P-256 key in one file of its folder."""

import os
from pathlib import Path

from joserfc.jwk import ECKey


def load_or_create(path: Path) -> ECKey:
    """The key in the file, made now if there is none. `kid` is its RFC 7638 thumbprint."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        pem = ECKey.generate_key("P-256").as_pem(private=True)
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        fresh.replace(path)
    key = ECKey.import_key(path.read_bytes())
    key.ensure_kid()
    return key


def public_jwks(key: ECKey) -> dict[str, list[dict[str, str]]]:
    """What others verify with (RFC 7517): public members only."""
    public = {name: str(value) for name, value in key.as_dict(private=False).items() if name != "key_ops"}
    return {"keys": [{**public, "use": "sig", "alg": "ES256"}]}
