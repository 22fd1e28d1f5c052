"""A finding as programs read it: the same from `motlan verify` and from `/verify`."""

from typing import Any

from vault.proofs.judging import Finding
from vault.proofs.verdicts import verdict_of


def told(found: Finding) -> dict[str, Any]:
    """JSON's types alone; `reasons` are the codes of docs/clients/proofs.md."""
    return {
        "valid": found.valid,
        "verdict": verdict_of(found).value,
        "signature": found.signature,
        "issuerAuthority": found.issuer_authority,
        "status": found.status,
        "freshness": found.freshness,
        "holder": found.holder,
        "reasons": [one.value for one in found.faults],
        "documentType": found.document_type,
        "agency": found.agency,
        "level": found.level,
        "number": found.number,
        "issuedOn": found.issued_on,
        "expiresAt": found.expires_at,
        "claims": dict(found.claims),
    }
