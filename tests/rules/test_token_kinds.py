"""What each kind of token must carry, must not carry, and how long it may live: a change lets in what was kept out,
so it stands in two places."""

from dataclasses import dataclass
from typing import Any

import pytest

from auth.jws import kinds
from auth.jws.kinds import TokenKind

DAY = 24 * 3600
RECEIPT = 366 * DAY


@dataclass(frozen=True)
class Said:
    """`longest`: in seconds."""

    typ: str | None
    longest: int
    required: frozenset[str]
    forbidden: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()
    self_issued: bool = False
    characters: int = 6 * 1024


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ISSUED = words("iss sub aud iat exp jti")
SIGN_IN = words("iss sub aud iat exp nonce acr auth_time")
NOBODY = words("aud nonce sid client_id")
LISTED = words("iss iat exp keys agencies entitlements")
SESSION = words("client_id sid acr auth_time cnf")
GRANT = words("client_id cnf authorization_details")
TABLE = {
    "id-token": Said("JWT", 3600, SIGN_IN),
    "untyped-id-token": Said(None, 3600, SIGN_IN),
    "consent-receipt": Said("consent-receipt+jwt", RECEIPT, ISSUED),
    "consent-agreement": Said("consent-agreement+jwt", 30 * DAY, ISSUED | {"said_sha256"}),
    "share-receipt": Said("share-receipt+jwt", RECEIPT, ISSUED),
    "register-answer": Said("register-answer+jwt", 600, ISSUED),
    "content-ticket": Said("content-ticket+jwt", 60, ISSUED | {"doc"}),
    "access-token": Said("at+jwt", 300, ISSUED | SESSION, words("authorization_details nonce")),
    "grant-token": Said("at+jwt", 300, ISSUED | GRANT, words("sid nonce")),
    "client-assertion": Said("client-authentication+jwt", 60, ISSUED, self_issued=True),
    "logout-token": Said(
        "logout+jwt", 120, words("iss aud iat exp jti events"), words("nonce"), words("sub sid")
    ),
    "credential": Said(
        "dc+sd-jwt", 31 * DAY, words("iss iat exp vct cnf status"), NOBODY, characters=16 * 1024
    ),
    "status-list": Said(
        "statuslist+jwt", DAY, words("sub iat exp ttl status_list"), NOBODY, characters=64 * 1024
    ),
    "trust-list": Said("vn-trustlist+jwt", 7 * DAY, LISTED, NOBODY, characters=1024 * 1024),
    "key-binding": Said("kb+jwt", 300, words("iat aud nonce sd_hash")),
    "dpop-proof": Said("dpop+jwt", 60, words("jti htm htu iat")),
}
THUMBPRINT = "A" * 43
BOUND, HELD = {"jkt": THUMBPRINT}, {"jwk": {"kty": "EC"}}
DETAIL = {"type": "consent"}
NAMES: list[Any] = ["n", "n" * 255]
NO_NAMES: list[Any] = ["", "n" * 256, "two words", "tên", 7, None]
SHAPES: dict[str, tuple[list[Any], list[Any]]] = {
    "client_id": (NAMES, NO_NAMES),
    "sid": (NAMES, NO_NAMES),
    "jti": (NAMES, NO_NAMES),
    "htm": (NAMES, NO_NAMES),
    "nonce": (NAMES, NO_NAMES),
    "ath": ([THUMBPRINT], ["A" * 42, "A" * 44, "A" * 42 + "B", 7]),
    "sd_hash": ([THUMBPRINT], ["A" * 42, "A" * 44, "A" * 42 + "B", 7]),
    "scope": (["read", "read write", "r" * 500], ["", " read", "read  write", "r" * 501, ["read"]]),
    "roles": ([[], ["receive"], ["r"] * 20], ["receive", ["r"] * 21, ["receive", ""], [7]]),
    "authorization_details": (
        [[DETAIL], [DETAIL] * 20],
        [[], [DETAIL] * 21, [DETAIL, {}], [{"type": "two words"}], [["type"]], DETAIL],
    ),
    "events": ([{kinds.LOGOUT_EVENT: {}}], [{}, {kinds.LOGOUT_EVENT: {"a": 1}}, [kinds.LOGOUT_EVENT]]),
    "status": ([{}, {"status_list": {}}], [[], "list"]),
    "status_list": ([{}], [[], "list"]),
    "agencies": ([{}], [[], "list"]),
    "entitlements": ([{}], [[], "list"]),
}
SHAPED = {
    "access-token": "client_id sid cnf scope roles",
    "grant-token": "client_id cnf authorization_details scope roles",
    "logout-token": "events sid",
    "credential": "cnf status",
    "status-list": "status_list",
    "trust-list": "agencies entitlements",
    "key-binding": "sd_hash",
    "dpop-proof": "jti htm ath nonce",
}
BY_NAME = {one.name: one for one in vars(kinds).values() if isinstance(one, TokenKind)}


def claims_of(kind: TokenKind) -> dict[str, Any]:
    """Claims that fit."""
    given: dict[str, Any] = dict.fromkeys(sorted(kind.required | kind.one_of), "same")
    for name in kind.shapes:
        given[name] = confirmations(kind)[0][0] if name == "cnf" else SHAPES[name][0][0]
    return given


def confirmations(kind: TokenKind) -> tuple[list[Any], list[Any]]:
    """By the thumbprint of a key, or by the key itself; never both, and nothing beside it."""
    right, other = (HELD, BOUND) if kind.name == "credential" else (BOUND, HELD)
    return [right], [other, {}, {**right, "x5t": "a"}, {next(iter(right)): 7}, "key"]


def test_each_kind_is_as_the_table_says() -> None:
    found = {
        name: Said(
            one.typ,
            int(one.longest.total_seconds()),
            one.required,
            one.forbidden,
            one.one_of,
            one.self_issued,
            one.most_characters,
        )
        for name, one in BY_NAME.items()
    }
    assert found == TABLE


@pytest.mark.parametrize("name", TABLE)
def test_a_claim_of_another_shape_does_not_fit(name: str) -> None:
    kind = BY_NAME[name]
    assert kind.shapes.keys() == words(SHAPED.get(name, ""))
    good = claims_of(kind)
    assert kind.fits(good)
    for claim in kind.shapes:
        right, wrong = confirmations(kind) if claim == "cnf" else SHAPES[claim]
        assert all(kind.fits(good | {claim: value}) for value in right), claim
        assert not any(kind.fits(good | {claim: value}) for value in wrong), claim


@pytest.mark.parametrize("name", TABLE)
def test_a_claim_too_few_or_one_that_is_forbidden_does_not_fit(name: str) -> None:
    kind = BY_NAME[name]
    good = claims_of(kind)
    for claim in kind.required:
        assert not kind.fits({one: value for one, value in good.items() if one != claim}), claim
    for claim in kind.forbidden:
        assert not kind.fits(good | {claim: "n"}), claim
    without = {one: value for one, value in good.items() if one not in kind.one_of}
    assert kind.fits(without) is not bool(kind.one_of)
    if kind.self_issued:
        assert not kind.fits(good | {"sub": "another"})
