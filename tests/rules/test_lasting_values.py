"""Values others rely on: how long a thing is good for, how much is let in, and names and numbers that lie in
databases, files, printed squares and other people's programs. Whoever changes one changes it here too, knowingly."""

from datetime import timedelta
from importlib import import_module
from typing import Any, Final

import pytest

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
MEBIBYTE: Final = 1024 * 1024
LAW: Final = "Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15"

GOOD_FOR: dict[str, dict[str, Any]] = {
    "auth.apps.access": {"ACCESS_LIFETIME": 5 * MINUTE},
    "auth.apps.grants": {"APP_SESSION_LIFETIME": 8 * HOUR},
    "auth.apps.proofs": {"NONCE_SECONDS": 300},
    "auth.apps.requests": {"REQUEST_SECONDS": 60, "CODE_SECONDS": 60, "KEPT": 8 * HOUR},
    "auth.passkeys.ceremonies": {"CEREMONY_LIFETIME": 5 * MINUTE},
    "auth.passkeys.registry": {"MOST_KEYS": 10, "ENROLMENT_LIFETIME": DAY},
    "auth.passkeys.verification": {"SECONDS_TO_ANSWER": 120},
    "auth.provider.login": {"LOGIN_LIFETIME": 10 * MINUTE},
    "auth.provider.oidc": {
        "TIMEOUT_SECONDS": 5.0,
        "MAX_RESPONSE_BYTES": 64 * 1024,
        "METADATA_LIFETIME": HOUR,
        "REFETCH_EVERY": MINUTE,
        "MAX_AGE_SECONDS": 300,
    },
    "auth.sessions": {"SESSION_LIFETIME": 12 * HOUR, "PASS_LIFETIME": 30 * SECOND},
    "auth.systems.grants": {"SESSION_LIFETIME": 5 * MINUTE + 10 * SECOND},
    "auth.tokens": {"LEEWAY_SECONDS": 10, "PROOF_SECONDS": 60, "PUSH_LIFETIME": 12 * HOUR},
    "auth.tries": {"KEPT": DAY},
    "vault.intake.inspection": {"LARGEST_BYTES": 100 * MEBIBYTE},
    "vault.intake.images": {"MAX_PIXELS": 40_000_000},
    "vault.intake.pdf_checks": {"HELD_BYTES": 16 * MEBIBYTE, "MAX_PAGES": 300},
    "vault.intake.quarantine": {"LEASE": 150 * SECOND, "LONGEST_DELAY": 10 * MINUTE, "KEPT": 7 * DAY},
    "vault.intake.uploads": {
        "LIFETIME": DAY,
        "PATIENCE": 4 * MINUTE,
        "MOST_OPEN": 100,
        "MOST_OPEN_BYTES": 1024 * MEBIBYTE,
    },
    "vault.permission.limits": {
        "CONSENT_LASTS": 90 * DAY,
        "LONGEST_DAYS": 365,
        "LONGEST_LIFE_DAYS": 3650,
        "MOST_USES": 100,
    },
    "vault.permission.requests": {"MOST_CLAIMS": 50, "LONGEST_SECONDS": 30 * 24 * 3600, "POLL_SECONDS": 2},
    "vault.permission.state": {"REQUEST_LASTS": 30 * DAY},
    "vault.proofs.judging": {"LEEWAY_SECONDS": 60},
    "vault.proofs.notary": {"LONGEST_ATTESTED": 366 * DAY, "CREDENTIAL_LIFE": DAY},
    "vault.proofs.selective": {"MOST_DISCLOSURES": 100, "BINDING_SECONDS": 300, "LEEWAY_SECONDS": 10},
    "vault.proofs.status_list": {"TTL_SECONDS": 3600, "LIFE_SECONDS": 24 * 3600, "MOST_BYTES": 4 * MEBIBYTE},
    "vault.sealing.rounds": {"BACKUPS_KEPT": 35 * DAY},
    "vault.sharing.shares": {"MOST_USES": 100, "MOST_CLAIMS": 50, "LONGEST_SECONDS": 7 * 24 * 3600},
    "vault.showing.thumbnails": {"SIDE": 512, "LARGEST_BYTES": 32 * MEBIBYTE},
    "vault.sweeping": {"GRACE": DAY, "UNANSWERED_KEPT": DAY, "LATE": MINUTE},
}
CALLED: dict[str, dict[str, Any]] = {
    "auth.apps.requests": {"SCOPE": "citizen", "URI_PREFIX": "urn:ietf:params:oauth:request_uri:"},
    "auth.assurance": {
        "TRACKING": "urn:vn:eid:tk1:xt1",
        "SIGNED_IN": "urn:vn:eid:tk2:xt1",
        "VAULT": "urn:vn:eid:tk2:xt2",
    },
    "auth.jws.kinds": {"LOGOUT_EVENT": "http://schemas.openid.net/event/backchannel-logout"},
    "auth.mandates": {
        "WHOLE": "all",
        "GUARDIAN": "GUARDIAN",
        "PARENT": "parent",
        "GUARDIAN_ARTICLE": "Civil Code 2015, Article 136",
        "ADULT_AGE": 18,
    },
    "auth.provider.login": {"IDENTIFICATION_ARTICLE": "Decree 69/2024, Article 9"},
    "auth.systems.assertions": {"ASSERTION_TYPE": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
    "auth.systems.grants": {"DETAILS_TYPE": "vn_vault_document_access", "KEY_PROVEN": "urn:motlan:key"},
    "auth.systems.registry": {
        "ISSUER": "urn:motlan:systems",
        "DESK": "desk",
        "VERIFY": "verify",
        "ACCESS": "access:",
    },
    "auth.tokens": {"ALGORITHM": "ES256"},
    "vault.backup.files": {"FOLDER": "blobs"},
    "vault.intake.uploads": {"UNCLAIMED_NUMBER": 0},
    "vault.keycare.shredding": {"SHREDDING_LAW": LAW},
    "vault.permission.erasure": {"ERASURE_ARTICLE": LAW},
    "vault.permission.notice": {"TEMPLATE": "notice/2"},
    "vault.permission.receipt": {
        "FIRST": "vn-27560/1",
        "SCHEMA_VERSION": "vn-27560/2",
        "METHOD": "portal",
    },
    "vault.proofs.attestation": {
        "PREFIX": "VNA1:",
        "TYP": "application/vn-doc-attest+cwt",
        "MOST_CHARACTERS": 4296,
        "DOCUMENT": -65600,
        "STATUS": 65535,
        "SHA256": -16,
    },
    "vault.proofs.base45": {"ALPHABET": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"},
    "vault.proofs.cose": {"ALGORITHM": 1, "KEY_ID": 4, "TYPE": 16, "ES256": -7, "ESP256": -9},
    "vault.proofs.notary": {"VAULT_CODE": "KHO"},
    "vault.proofs.selective": {"SALT_BYTES": 16, "DOCUMENT": "vn_document"},
    "vault.proofs.stamping": {"ID_BYTES": 16},
    "vault.proofs.status_list": {"BITS": 2, "ENTRIES": 131_072, "CWT_TYP": "application/statuslist+cwt"},
    "vault.sealing.blobs": {"_ORPHANS": "orphans.json"},
    "vault.sealing.envelope": {"KEY_BYTES": 32, "SEGMENT_BYTES": 65_536, "HEADER_BYTES": 40},
    "vault.sealing.ring_files": {"_FILE_VERSION": 1},
    "vault.sealing.token_ring": {"_ROOT": "motlan-root:", "_INDEX": "motlan-index:", "_TAG_BITS": 128},
    "vault.sharing.shares": {
        "CODE_CHARACTERS": 26,
        "HANDLE_CHARACTERS": 6,
        "ANY_AGENCY": "any",
        "_ALPHABET": "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
    },
    "vault.subjects": {"PERSON": "person", "ORGANISATION": "organisation", "NEWBORN": "newborn"},
}


@pytest.mark.parametrize("name", GOOD_FOR)
def test_what_is_good_for_how_long_and_how_much_is_let_in(name: str) -> None:
    module = import_module(name)
    assert {one: getattr(module, one) for one in GOOD_FOR[name]} == GOOD_FOR[name]


@pytest.mark.parametrize("name", CALLED)
def test_what_lies_outside_is_called_what_it_was_called(name: str) -> None:
    module = import_module(name)
    assert {one: getattr(module, one) for one in CALLED[name]} == CALLED[name]
