"""How sure an identity provider was: account level and authentication level (Decree 69/2024). Pure.

`urn:vn:eid:tk{1,2}:xt{1..4}`: `tk` is how the account was proven (2: in person or by chip), `xt` how the person
showed it was theirs this time. The two are compared apart; neither makes up for the other.
"""

import re

TRACKING = "urn:vn:eid:tk1:xt1"
SIGNED_IN = "urn:vn:eid:tk2:xt1"
"""The least anyone signs in with here: proven in person or by chip, else there is no number to know them by."""
VAULT = "urn:vn:eid:tk2:xt2"
"""What opening one's own vault and giving consent takes; the citizen number is proven from `tk2` on only."""
DELEGATION = "urn:vn:eid:tk2:xt3"
"""What letting somebody else act in one's place takes: two factors, one of them a biometric."""


def meets(acr: str, least: str) -> bool:
    """Whether `acr` is at least `least` on both axes. False for anything that is not such a name."""
    reached, demanded = _levels(acr), _levels(least)
    if reached is None or demanded is None:
        return False
    return all(have >= want for have, want in zip(reached, demanded, strict=True))


def with_passkey(acr: str) -> str:
    """What a sign-in of `acr` amounts to once a key was shown and its PIN or finger given: two factors at least. How
    the account was proven stays what it was."""
    reached = _levels(acr)
    return f"urn:vn:eid:tk{reached[0]}:xt{max(reached[1], 2)}" if reached is not None else acr


_NAME = re.compile(r"urn:vn:eid:tk([12]):xt([1-4])")


def _levels(acr: str) -> tuple[int, int] | None:
    found = _NAME.fullmatch(acr)
    return (int(found[1]), int(found[2])) if found else None
