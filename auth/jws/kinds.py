"""Every kind of token there is, as a table: what it must carry, must not carry, and how long it may live.

`typ` keeps one kind from being taken for another (RFC 8725, section 3.11); two kinds that share one are kept
apart by a claim the one requires and the other forbids.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from auth.jws.compact import MAX_CHARACTERS

Shape = Callable[[object], bool]
"""Whether a claim's value has the form its kind demands."""


@dataclass(frozen=True, slots=True)
class TokenKind:
    """One kind. `typ` None: the header has none, and no token of ours is signed so. `one_of`: at least one of these
    claims. `self_issued`: the issuer speaks of itself, `sub` is `iss` (RFC 7523). `shapes` are checked on claims that
    are there."""

    name: str
    typ: str | None
    required: frozenset[str]
    longest: timedelta
    forbidden: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()
    self_issued: bool = False
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    most_characters: int = MAX_CHARACTERS

    @property
    def is_public(self) -> bool:
        """For whoever reads it: no audience is named, and none asked for."""
        return "aud" in self.forbidden

    def fits(self, claims: Mapping[str, object]) -> bool:
        """Whether the claims are those of this kind, whatever their issuer, audience and time."""
        names = claims.keys()
        return (
            self.required <= names
            and self.forbidden.isdisjoint(names)
            and (not self.one_of or not self.one_of.isdisjoint(names))
            and (not self.self_issued or claims["sub"] == claims["iss"])
            and all(fits(claims[name]) for name, fits in self.shapes.items() if name in names)
        )


def is_name(value: object) -> bool:
    """Visible ASCII, so that no two look alike (OpenID Connect Core, section 2)."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def is_thumbprint(value: object) -> bool:
    """SHA-256 in base64url: 43 characters, the last with two bits of padding."""
    return isinstance(value, str) and _THUMBPRINT.fullmatch(value) is not None


def _binds_key(value: object) -> bool:
    """`cnf` of RFC 9449, section 6: by DPoP key alone. An unknown way of confirming is none."""
    return isinstance(value, dict) and value.keys() == {"jkt"} and is_thumbprint(value["jkt"])


def _is_details(value: object) -> bool:
    """RFC 9396, section 2: objects, each of a named type. What the types mean is for whoever knows them."""
    return (
        isinstance(value, list)
        and 0 < len(value) <= MOST_DETAILS
        and all(isinstance(one, dict) and is_name(one.get("type")) for one in value)
    )


def _is_words(value: object) -> bool:
    """Space-separated words (RFC 6749, section 3.3), one space between two."""
    return isinstance(value, str) and len(value) <= 500 and _WORDS.fullmatch(value) is not None


def _is_names(value: object) -> bool:
    return isinstance(value, list) and len(value) <= 20 and all(is_name(one) for one in value)


def _holds_key(value: object) -> bool:
    """`cnf` of RFC 9901, section 4.1.2: the holder's public key itself. Whether it is one is for whoever uses it."""
    return isinstance(value, dict) and value.keys() == {"jwk"} and isinstance(value["jwk"], dict)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _tells_of_logout(value: object) -> bool:
    return value == {LOGOUT_EVENT: {}}


MOST_DETAILS = 20
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

_NAME = re.compile(r"[!-~]{1,255}")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_WORDS = re.compile(r"[!-~]+(?: [!-~]+)*")

_ISSUED = frozenset({"iss", "sub", "aud", "iat", "exp", "jti"})

_OF_A_SIGN_IN = frozenset({"iss", "sub", "aud", "iat", "exp", "nonce", "acr", "auth_time"})

ID_TOKEN = TokenKind(
    # The one kind whose typ is not ours to choose: OpenID Connect issuers write "JWT" or nothing. We ask for
    # "JWT", which no other kind here bears; an issuer that omits it has a row of its own, not a laxer one.
    "id-token",
    "JWT",
    _OF_A_SIGN_IN,
    timedelta(hours=1),
)
UNTYPED_ID_TOKEN = TokenKind(
    # Only where the operator says that the provider writes them so: then none with a typ is taken.
    "untyped-id-token",
    None,
    _OF_A_SIGN_IN,
    timedelta(hours=1),
)
CONSENT_RECEIPT = TokenKind(
    # A consent lasts twelve months at most (standards.md §2); long item lists go in as a digest.
    "consent-receipt",
    "consent-receipt+jwt",
    _ISSUED,
    timedelta(days=366),
)
CONSENT_AGREEMENT = TokenKind(
    # One of two words a consent needs: it waits for the other as long as a request does.
    "consent-agreement",
    "consent-agreement+jwt",
    _ISSUED | {"said_sha256"},
    timedelta(days=30),
)
SHARE_RECEIPT = TokenKind("share-receipt", "share-receipt+jwt", _ISSUED, timedelta(days=366))
REGISTER_ANSWER = TokenKind("register-answer", "register-answer+jwt", _ISSUED, timedelta(minutes=10))
CONTENT_TICKET = TokenKind(
    # One opening by one caller, as the audience says of what; `jti` is spent with it.
    "content-ticket",
    "content-ticket+jwt",
    _ISSUED | {"doc"},
    timedelta(seconds=60),
)
ACCESS_TOKEN = TokenKind(
    # RFC 9068, bound to a key by RFC 9449. `sid` names the session, which is read afresh with every request.
    "access-token",
    "at+jwt",
    _ISSUED | {"client_id", "sid", "acr", "auth_time", "cnf"},
    timedelta(seconds=300),
    forbidden=frozenset({"authorization_details", "nonce"}),
    shapes={"client_id": is_name, "sid": is_name, "cnf": _binds_key, "scope": _is_words, "roles": _is_names},
)
GRANT_TOKEN = TokenKind(
    # RFC 9068 with the details of RFC 9396: what one agency may do, for one purpose. No session behind it.
    "grant-token",
    "at+jwt",
    _ISSUED | {"client_id", "cnf", "authorization_details"},
    timedelta(seconds=300),
    forbidden=frozenset({"sid", "nonce"}),
    shapes={
        "client_id": is_name,
        "cnf": _binds_key,
        "authorization_details": _is_details,
        "scope": _is_words,
        "roles": _is_names,
    },
)
CLIENT_ASSERTION = TokenKind(
    # `private_key_jwt` of an agency's system (RFC 7523, standards.md §6); `jti` is spent with it.
    "client-assertion",
    "client-authentication+jwt",
    _ISSUED,
    timedelta(seconds=60),
    self_issued=True,
)
LOGOUT_TOKEN = TokenKind(
    # OpenID Connect Back-Channel Logout 1.0, section 2.4. A nonce would make it pass for an ID token.
    "logout-token",
    "logout+jwt",
    frozenset({"iss", "aud", "iat", "exp", "jti", "events"}),
    timedelta(minutes=2),
    forbidden=frozenset({"nonce"}),
    one_of=frozenset({"sub", "sid"}),
    shapes={"events": _tells_of_logout, "sid": is_name},
)
KINDS = (
    ID_TOKEN,
    UNTYPED_ID_TOKEN,
    CONSENT_RECEIPT,
    CONSENT_AGREEMENT,
    SHARE_RECEIPT,
    REGISTER_ANSWER,
    CONTENT_TICKET,
    ACCESS_TOKEN,
    GRANT_TOKEN,
    CLIENT_ASSERTION,
    LOGOUT_TOKEN,
)
"""Kinds signed with a key known beforehand."""
LASTING = (CONSENT_RECEIPT, CONSENT_AGREEMENT, SHARE_RECEIPT)
"""Kinds that outlive a change of our key: what a person agreed to stands until they take it back."""

_TO_NOBODY = frozenset({"aud", "nonce", "sid", "client_id"})

CREDENTIAL = TokenKind(
    # The signed part of a credential of which its holder shows what they choose (RFC 9901, SD-JWT VC).
    "credential",
    "dc+sd-jwt",
    frozenset({"iss", "iat", "exp", "vct", "cnf", "status"}),
    timedelta(days=31),
    forbidden=_TO_NOBODY,
    shapes={"cnf": _holds_key, "status": _is_object},
    most_characters=16 * 1024,
)
STATUS_LIST = TokenKind(
    "status-list",
    "statuslist+jwt",
    frozenset({"sub", "iat", "exp", "ttl", "status_list"}),
    timedelta(hours=24),
    forbidden=_TO_NOBODY,
    shapes={"status_list": _is_object},
    most_characters=64 * 1024,
)
TRUST_LIST = TokenKind(
    # Which agency may attest what, under which keys: over three thousand wards fit.
    "trust-list",
    "vn-trustlist+jwt",
    frozenset({"iss", "iat", "exp", "keys", "agencies", "entitlements"}),
    timedelta(days=7),
    forbidden=_TO_NOBODY,
    shapes={"agencies": _is_object, "entitlements": _is_object},
    most_characters=1024 * 1024,
)
PUBLIC = (CREDENTIAL, STATUS_LIST, TRUST_LIST)
"""Kinds anybody may check for as long as they have them, with keys of their own: see `auth.tokens.inspect`."""

KEY_BINDING = TokenKind(
    # Made by a credential's holder for one verifier (RFC 9901, section 4.3). Its key stands in the credential.
    "key-binding",
    "kb+jwt",
    frozenset({"iat", "aud", "nonce", "sd_hash"}),
    timedelta(seconds=300),
    shapes={"sd_hash": is_thumbprint},
)

DPOP_PROOF = TokenKind(
    # The one kind that brings its own key (RFC 9449, section 4.2): it proves possession and nothing else.
    "dpop-proof",
    "dpop+jwt",
    frozenset({"jti", "htm", "htu", "iat"}),
    timedelta(seconds=60),
    shapes={"jti": is_name, "htm": is_name, "ath": is_thumbprint, "nonce": is_name},
)
