"""The trust list as the anchor signs it today: which agency may attest which papers, under which keys."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from auth.jws.kinds import TRUST_LIST
from procedures.law import Law
from procedures.records import Agency
from store.database import Tx
from vault.proofs.notary import VAULT_CODE, Notary
from vault.proofs.trust import Attestor, trust_claims

TRUSTED_FOR: Final = timedelta(days=7)
VAULT_NAME: Final = {"vi": "Kho dữ liệu giấy tờ của công dân", "en": "Citizens’ document vault"}


async def trust_list(tx: Tx, notary: Notary, law: Law, now: datetime) -> str:
    """Every agency with the papers its kind issues; what it certified it certified lawfully, whatever it was."""
    agencies = await tx.scalars(select(Agency).order_by(Agency.code))
    entitlements: dict[str, list[str]] = {}
    for kind in law.document_types.values():
        for type_ in kind.issuing_agency_types:
            entitlements.setdefault(type_, []).append(kind.id)
    keys = frozenset(one.public.kid for one in notary.keys)
    attestors = {
        one.code: Attestor(
            name={"vi": one.name_vi, **({"en": one.name_en} if one.name_en else {})},
            keys=keys,
            issues=one.type_id if one.type_id in entitlements else None,
            certifies=True,
        )
        for one in agencies
    }
    attestors[VAULT_CODE] = Attestor(VAULT_NAME, keys, declares=True)
    used = {one.issues for one in attestors.values()}
    kinds = {name: types for name, types in entitlements.items() if name in used}
    claims = trust_claims(notary.keys, attestors, kinds)
    return notary.vouching.sign(TRUST_LIST, claims, lifetime=TRUSTED_FOR, now=now)
