"""What a key is asked, and what it answers, as Web Authentication has them (W3C, Level 3). Pure; the only module that
knows the library.

User verification is demanded throughout: a key in somebody's hand *and* their PIN or finger are two factors.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from cryptography import x509
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    options_to_json_dict,
    parse_attestation_object,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AuthenticatorData,
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth.errors import PasskeyRefused
from auth.passkeys.models import KeyModel, KeyModels

ALGORITHMS: Final = [Algorithm.ECDSA_SHA_256, Algorithm.EDDSA, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]
"""What keys on the market sign with: ES256 nearly all, RS256 those inside older Windows machines."""
SECONDS_TO_ANSWER: Final = 120


@dataclass(frozen=True, slots=True)
class Site:
    """Where keys are good: one origin, from settings and never from a header."""

    origin: str

    @property
    def name(self) -> str:
        """What keys are bound to: the host, without a port."""
        return urlsplit(self.origin).hostname or ""


@dataclass(frozen=True, slots=True)
class NewKey:
    """The public half of a key somebody has just shown. `synced`: its maker may copy it to other devices."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    model: UUID
    synced: bool


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key somebody added."""

    id: UUID
    credential_id: bytes
    public_key: bytes
    sign_count: int
    model: UUID


def creation_options(
    site: Site, holder: UUID, label: str, challenge: bytes, held: Sequence[HeldKey], *, hardware: bool
) -> dict[str, Any]:
    """The argument of `navigator.credentials.create`. `label` is shown by the key: it names nobody."""
    options = generate_registration_options(
        rp_id=site.name,
        rp_name="Motlan",
        user_id=user_handle(holder),
        user_name=label,
        user_display_name=label,
        challenge=challenge,
        timeout=SECONDS_TO_ANSWER * 1_000,
        # Which make a citizen's phone is, is nobody's business; an officer's key must be one of those allowed.
        attestation=AttestationConveyancePreference.DIRECT
        if hardware
        else AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(held),
        supported_pub_key_algs=ALGORITHMS,
    )
    return options_to_json_dict(options)


def request_options(site: Site, challenge: bytes, held: Sequence[HeldKey]) -> dict[str, Any]:
    """The argument of `navigator.credentials.get`, for one of these keys."""
    options = generate_authentication_options(
        rp_id=site.name,
        challenge=challenge,
        timeout=SECONDS_TO_ANSWER * 1_000,
        allow_credentials=_described(held),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def user_handle(holder: UUID) -> bytes:
    """How a key names whom it is for: the same for all of one holder's keys, and telling nothing of them."""
    return hashlib.sha256(b"motlan passkey\x00" + holder.bytes).digest()


def verify_new_key(site: Site, given: object, challenge: bytes, models: KeyModels | None) -> NewKey:
    """The key in a registration's answer (section 7.1). With `models`, one of those, proven by its maker, and bound
    to its hardware. Raises PasskeyRefused: response, model, attestation, synced."""
    try:
        credential = parse_registration_credential_json(_json(given))
        shown = parse_attestation_object(credential.response.attestation_object)
        model = _allowed(models, shown.auth_data) if models is not None else None
        if model is not None and (shown.fmt != AttestationFormat.PACKED or not shown.att_stmt.x5c):
            raise PasskeyRefused("attestation")
        found = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
            pem_root_certs_bytes_by_fmt={AttestationFormat.PACKED: list(model.roots)} if model else None,
        )
        if model is not None:
            _require_of_model((shown.att_stmt.x5c or [b""])[0], model)
    except PasskeyRefused:
        raise
    except Exception as refused:
        # The library's parsers raise whatever they stumble over, and what they stumble over is anybody's bytes.
        raise PasskeyRefused("response") from refused
    synced = found.credential_device_type is not CredentialDeviceType.SINGLE_DEVICE
    return NewKey(
        found.credential_id, found.credential_public_key, found.sign_count, UUID(found.aaguid), synced
    )


def verify_use(
    site: Site, given: object, challenge: bytes, held: Sequence[HeldKey], models: KeyModels | None
) -> tuple[HeldKey, int]:
    """Which of these keys signed the challenge, and how often it says it has signed (section 7.2). With `models`,
    still one of those. Raises PasskeyRefused: response, model, synced."""
    try:
        credential = parse_authentication_credential_json(_json(given))
        key = next((one for one in held if one.credential_id == credential.raw_id), None)
        if key is None:
            raise PasskeyRefused("response")
        found = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except PasskeyRefused:
        raise
    except Exception as refused:
        raise PasskeyRefused("response") from refused
    if models is not None and key.model not in models:
        raise PasskeyRefused("model")
    if models is not None and found.credential_device_type is not CredentialDeviceType.SINGLE_DEVICE:
        raise PasskeyRefused("synced")
    return key, found.new_sign_count


_MODEL_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
"""id-fido-gen-ce-aaguid: an OCTET STRING of the 16 bytes."""


def _allowed(models: KeyModels, shown: AuthenticatorData) -> KeyModel:
    """The model it says it is of, and says it cannot leave; that it says so truly is verified after."""
    attested = shown.attested_credential_data
    model = models.get(UUID(bytes=attested.aaguid)) if attested is not None else None
    if model is None:
        raise PasskeyRefused("model")
    # BE: the maker may hand this key to other devices, so it is wherever an account with the maker is open.
    if shown.flags.be or shown.flags.bs:
        raise PasskeyRefused("synced")
    return model


def _require_of_model(leaf: bytes, model: KeyModel) -> None:
    """A maker's certificate is for one model (section 8.2.1): that of a cheaper one vouches for nothing here."""
    certificate = x509.load_der_x509_certificate(leaf)
    try:
        named = certificate.extensions.get_extension_for_oid(_MODEL_EXTENSION).value
    except x509.ExtensionNotFound:
        return
    stated = named.value if isinstance(named, x509.UnrecognizedExtension) else b""
    if stated != b"\x04\x10" + model.aaguid.bytes:
        raise PasskeyRefused("attestation")


def _described(held: Sequence[HeldKey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=one.credential_id) for one in held]


def _json(given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise PasskeyRefused("response")
    return given
