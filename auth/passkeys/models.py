"""The models of security keys officers may hold: named by the operator, each with the roots its maker signs under.

A key says its own model (AAGUID); only the maker's signature over that makes it more than a claim.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.x509 import load_pem_x509_certificate


@dataclass(frozen=True, slots=True)
class KeyModel:
    """`roots`: certificates under which the maker's attestations of this model are signed, as PEM."""

    name: str
    aaguid: UUID
    roots: tuple[bytes, ...]


KeyModels = Mapping[UUID, KeyModel]


def read_models(given: object) -> KeyModels:
    """The models of a file as an operator writes it. Raises ValueError.

    `[{"name": "...", "aaguid": "cb69481e-…", "roots": ["-----BEGIN CERTIFICATE-----…"]}]`
    """
    match given:
        case [*entries] if entries:
            models = [_model(entry) for entry in entries]
            found = {model.aaguid: model for model in models}
            if len(found) == len(models):
                return found
            raise ValueError("a model stands there twice")
    raise ValueError("not a list of models of security keys")


def _model(given: object) -> KeyModel:
    match given:
        case {"name": str(name), "aaguid": str(aaguid), "roots": [*roots], **rest} if (
            name and roots and not rest
        ):
            found = UUID(aaguid)
            # What keys without a model of their own say, which any number of makers share.
            if found.int == 0:
                raise ValueError(f"model {name[:100]!r}: its AAGUID names no model")
            read = tuple(str(root).encode() for root in roots)
            for root in read:
                load_pem_x509_certificate(root)
            return KeyModel(name, found, read)
    raise ValueError("a model has exactly name, aaguid and roots")
