"""A proof judged for whoever cannot judge it themselves: by what any verifier could fetch at this very moment.

Its judge is that of `motlan verify`. Nothing is looked up about anybody: the trust list, and the one list of
standings a genuine proof names. What is no proof, or not signed by us, reads nothing of how any proof stands.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from api.proofs.vouching import trust_list
from auth.caller import ANONYMOUS
from dossiers.clock import local_day
from resolvers.context import House
from store.database import Tx
from vault.errors import ProofFault
from vault.issuing.standings import standings_of
from vault.proofs.judging import Finding, Listed, Shelf, Shown, When, judge
from vault.proofs.notary import Notary
from vault.proofs.trust import TrustList, read_trust


async def check(house: House, shown: Shown, now: datetime) -> tuple[Finding, TrustList | None]:
    """The finding as of now, and the trust list it was found under; None where no list was needed."""
    when = When(int(now.timestamp()))
    found = judge(shown, Shelf(None), when)
    if ProofFault.TRUST_MISSING not in found.faults:
        return found, None
    notary = house.office.safe.notary
    law = house.office.laws.on(local_day(now))
    async with house.database.reading(ANONYMOUS.actor) as tx:
        signed = await trust_list(tx, notary, law, now)
        trust = read_trust(signed, {notary.anchor.public.kid: notary.anchor.public})
        named = list[str]()

        def note(uri: str) -> Sequence[Listed]:
            named.append(uri)
            return ()

        judge(shown, Shelf(trust, note), when)
        lists = {uri: [one] for uri in named if (one := await _list(tx, notary, uri, now)) is not None}
    return judge(shown, Shelf(trust, lambda uri: lists.get(uri, ())), when), trust


async def _list(tx: Tx, notary: Notary, uri: str, now: datetime) -> str | None:
    """One of our own lists, signed as we would hand it out; None for an address that is no list's."""
    home, _, number = uri.rpartition("/")
    # Nobody asks the database for a number it has no integer for.
    if home != notary.lists or not re.fullmatch(r"[1-9][0-9]{0,8}", number):
        return None
    found = await standings_of(tx, int(number), now)
    return found.jwt(notary) if found is not None else None
