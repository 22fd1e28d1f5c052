"""Credentials shown in part (standards.md §1c): each rejection with its reason, and another's library both ways."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from auth.jws.compact import decode, encode
from auth.jws.kinds import CREDENTIAL
from tests.proofs import AGENCY, CLAIMS, HERE, ISSUER, LIST, MEETING, NAME, SECOND, Issuer, jws, point
from vault.errors import ProofFault as F
from vault.errors import ProofRefused
from vault.proofs import selective
from vault.proofs.judging import Finding, When, judge_credential
from vault.proofs.selective import Meeting, digest_of, hide, serialised
from vault.proofs.status_list import StatusRef

ISS = Issuer()
WALLET = ISS.credential()
SOUND = WALLET.present(NAME)


def judged(text: str, meeting: Meeting | None = MEETING, when: When = HERE) -> Finding:
    return judge_credential(text, ISS.shelf(), when, meeting)


def test_what_its_holder_chose_is_seen_and_nothing_else() -> None:
    found = judged(SOUND)
    assert found.valid
    assert (found.signature, found.issuer_authority, found.status, found.freshness) == (
        "VALID", "ISSUER", "VALID", "CURRENT",
    )  # fmt: skip
    assert found.claims == {NAME: CLAIMS[NAME]}
    assert (found.document_type, found.agency, found.level, found.issued_on) == (
        "permit",
        AGENCY,
        1,
        "2026-03-14",
    )
    assert judged(WALLET.present(*CLAIMS)).claims == CLAIMS
    assert judged(WALLET.present()).claims == {}


def test_two_credentials_over_one_paper_have_nothing_in_common() -> None:
    one, other = hide(CLAIMS), hide(CLAIMS)
    assert not set(one.digests) & set(other.digests)
    assert not set(one.disclosures.values()) & set(other.disclosures.values())
    assert len(one.digests) % selective.DIGESTS_TOGETHER == 0
    assert list(one.digests) == sorted(one.digests)
    assert {digest_of(text) for text in one.disclosures.values()} <= set(one.digests)


def disclosure(*parts: Any) -> str:
    return encode(json.dumps(list(parts), ensure_ascii=False).encode())


SALT = "A" * 22


def carrying(*disclosures: str, digests: list[Any] | None = None, **changes: Any) -> str:
    """A credential truly signed over just these disclosures, shown without a binding."""
    told = [digest_of(one) for one in disclosures] if digests is None else digests
    return serialised(ISS.credential(**{"_sd": told, **changes}).token, disclosures)


GOOD = disclosure(SALT, "permit.area@document", 1)
OTHER = disclosure(SALT[:-1] + "B", "permit.area@document", 2)

ILL: list[tuple[str, Callable[[], str], F]] = [
    ("an unreferenced disclosure", lambda: carrying(GOOD, digests=[]), F.DISCLOSURE_UNREFERENCED),
    ("a disclosure twice", lambda: carrying(GOOD, GOOD, digests=[digest_of(GOOD)]), F.DIGEST_TWICE),
    ("a digest twice", lambda: carrying(GOOD, digests=[digest_of(GOOD)] * 2), F.DIGEST_TWICE),
    ("two of one name", lambda: carrying(GOOD, OTHER), F.NAME_COLLISION),
    ("the name of a plain claim", lambda: carrying(disclosure(SALT, "x", 1), x=2), F.NAME_COLLISION),
    ("_sd by disclosure", lambda: carrying(disclosure(SALT, "_sd", [])), F.NAME_FORBIDDEN),
    ("... by disclosure", lambda: carrying(disclosure(SALT, "...", "x")), F.NAME_FORBIDDEN),
    *(
        (f"{name} by disclosure", lambda name=name: carrying(disclosure(SALT, name, 1)), F.NAME_FORBIDDEN)
        for name in ("iss", "nbf", "exp", "cnf", "vct", "status", "iat", "vn_document", "_sd_alg")
    ),
    ("another digest", lambda: carrying(GOOD, _sd_alg="sha-512"), F.DIGEST_ALGORITHM),
    ("digests that are none", lambda: carrying(_sd="x"), F.CLAIMS),
    ("numbers for digests", lambda: carrying(digests=[1]), F.CLAIMS),
    ("hidden inside", lambda: carrying(disclosure(SALT, "a", {"_sd": []})), F.NESTED),
    ("hidden in a list", lambda: carrying(disclosure(SALT, "a", [{"...": "x"}])), F.NESTED),
    ("hidden in the signed part", lambda: carrying(x={"y": [{"...": "x"}]}), F.NESTED),
    ("no JSON", lambda: carrying(encode(b"x")), F.DISCLOSURE),
    ("two parts", lambda: carrying(disclosure(SALT, 1)), F.DISCLOSURE),
    ("an object", lambda: carrying(encode(b"{}")), F.DISCLOSURE),
    ("a short salt", lambda: carrying(disclosure("A" * 21, "a", 1)), F.DISCLOSURE),
    ("a number for a name", lambda: carrying(disclosure(SALT, 1, 1)), F.DISCLOSURE),
    ("a member twice", lambda: carrying(encode(f'["{SALT}","a",{{"b":1,"b":2}}]'.encode())), F.DISCLOSURE),
    ("no number", lambda: carrying(encode(f'["{SALT}","a",NaN]'.encode())), F.DISCLOSURE),
    ("too deep", lambda: carrying(encode(f'["{SALT}","a",{"[" * 9000}{"]" * 9000}]'.encode())), F.DISCLOSURE),
    ("padding", lambda: carrying(GOOD + "="), F.DISCLOSURE),
    ("no separator", lambda: WALLET.token, F.ENCODING),
    ("letters of no token", lambda: SOUND + "é", F.ENCODING),
    ("too many disclosures", lambda: serialised(WALLET.token, ["x"] * 120), F.ENCODING),
    ("too long", lambda: serialised(WALLET.token, ["x" * 33_000]), F.TOO_LARGE),
    ("no JWS", lambda: "a.b~", F.ENCODING),
    ("no algorithm", lambda: told(header={"alg": "none"}), F.ALGORITHM),
    ("HMAC", lambda: told(header={"alg": "HS256"}), F.ALGORITHM),
    ("the type of a status list", lambda: told(header={"typ": "statuslist+jwt"}), F.TYPE),
    ("the former type", lambda: told(header={"typ": "vc+sd-jwt"}), F.TYPE),
    ("a key in the header", lambda: told(header={"jwk": {}}), F.HEADER),
    ("no kid", lambda: told(header={"kid": None}), F.HEADER),
    ("no vct", lambda: told(drop=("vct",)), F.CLAIMS),
    ("no cnf", lambda: told(drop=("cnf",)), F.CLAIMS),
    ("a name for a key", lambda: told(cnf={"kid": "x"}), F.CLAIMS),
    ("no status", lambda: told(drop=("status",)), F.CLAIMS),
    ("a status of another kind", lambda: told(status={"x": 1}), F.CLAIMS),
    ("an audience", lambda: told(aud="x"), F.CLAIMS),
    ("no paper", lambda: told(drop=("vn_document",)), F.CLAIMS),
    ("level 4", lambda: told(vn_document={"type": "permit", "agency": AGENCY, "level": 4}), F.CLAIMS),
    ("the vct of another paper", lambda: told(vct=f"{ISSUER}/vct/passport/1"), F.CREDENTIAL_TYPE),
    ("the vct of another issuer", lambda: told(vct="https://other.example/vct/permit/1"), F.CREDENTIAL_TYPE),
    ("a vct of no edition", lambda: told(vct=f"{ISSUER}/vct/permit/x"), F.CREDENTIAL_TYPE),
]


def told(header: dict[str, Any] | None = None, drop: tuple[str, ...] = (), **changes: Any) -> str:
    """The sound credential with other claims or headers, truly signed, nothing disclosed."""
    if header is None:
        return ISS.credential(drop=drop, **changes).unbound()
    claims = {
        "vct": f"{ISSUER}/vct/permit/1",
        "cnf": {"jwk": point(ISS.holder)},
        "status": {"status_list": StatusRef(4711, LIST).claims},
        "vn_document": {"type": "permit", "agency": AGENCY, "level": 1},
    }
    return ISS.signed_jwt(CREDENTIAL, claims, header=header) + "~"


@pytest.mark.parametrize(("made", "fault"), [row[1:] for row in ILL], ids=[row[0] for row in ILL])
def test_what_is_no_credential_is_refused_with_its_reason(made: Callable[[], str], fault: F) -> None:
    for sound in (carrying(GOOD), told(), told(header={})):
        assert judged(sound, meeting=None).valid
    found = judged(made(), meeting=None)
    assert (found.signature, found.faults, found.valid) == ("INVALID", (fault,), False)
    assert not found.claims


def test_a_forged_one_and_one_of_nobody() -> None:
    signed, _, signature = WALLET.token.rpartition(".")
    forged = judged(f"{signed}.{signature[:-4]}AAAA~", meeting=None)
    assert (forged.signature, forged.faults) == ("INVALID", (F.SIGNATURE,))
    found = judged(ISS.credential(key=Issuer().key).unbound(), meeting=None)
    assert (found.signature, found.faults) == ("UNKNOWN", (F.KEY_UNKNOWN,))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"exp": SECOND}, F.EXPIRED),
        ({"iat": SECOND + 3600}, F.NOT_YET_VALID),
        ({"vn_document": {"type": "permit", "agency": "H00", "level": 1}}, F.AGENCY_UNKNOWN),
        ({"iss": "https://other.example", "vct": "https://other.example/vct/permit/1"}, F.ISSUER),
        ({"status": {"status_list": StatusRef(2**17, LIST).claims}}, F.INDEX_OUT_OF_BOUNDS),
    ],
)
def test_the_other_findings_are_made_as_of_an_attestation(changes: dict[str, Any], fault: F) -> None:
    assert judged(told(), meeting=None).valid
    found = judged(told(**changes), meeting=None)
    assert (found.signature, found.faults) == ("VALID", (fault,))


def test_a_revoked_paper_revokes_its_credentials() -> None:
    shelf = ISS.shelf(ISS.list_jwt({4711: 1}))
    assert judge_credential(SOUND, shelf, HERE, MEETING).faults == (F.REVOKED,)


KB = {"alg": "ES256", "typ": "kb+jwt"}


def bound_by(key: Any, header: dict[str, Any] | None = None) -> str:
    shown = WALLET.unbound(NAME)
    digest = encode(hashlib.sha256(shown.encode()).digest())
    body = {"iat": SECOND, "aud": MEETING.audience, "nonce": MEETING.nonce, "sd_hash": digest}
    return shown + jws(key, header or KB, body)


BINDINGS: list[tuple[str, Callable[[], str], F]] = [
    ("none", lambda: WALLET.unbound(NAME), F.KEY_BINDING_MISSING),
    ("for another verifier", lambda: WALLET.present(NAME, audience="https://other.example"), F.KEY_BINDING_AUDIENCE),
    ("for several", lambda: WALLET.present(NAME, aud=[MEETING.audience]), F.KEY_BINDING_AUDIENCE),
    ("for another meeting", lambda: WALLET.present(NAME, nonce="n-0"), F.KEY_BINDING_NONCE),
    ("over fewer claims", lambda: splice(WALLET.present(), NAME), F.KEY_BINDING_DIGEST),
    ("over more claims", lambda: splice(WALLET.present(NAME)), F.KEY_BINDING_DIGEST),
    ("too old", lambda: WALLET.present(NAME, iat=SECOND - 301), F.KEY_BINDING_AGE),
    ("of tomorrow", lambda: WALLET.present(NAME, iat=SECOND + 11), F.KEY_BINDING_AGE),
    ("of half a second", lambda: WALLET.present(NAME, iat=True), F.KEY_BINDING_AGE),
    ("by another key", lambda: bound_by(ISS.stranger), F.KEY_BINDING),
    ("by the issuer", lambda: bound_by(ISS.key), F.KEY_BINDING),
    ("of another type", lambda: bound_by(ISS.holder, {**KB, "typ": "dpop+jwt"}), F.KEY_BINDING),
    ("of no algorithm", lambda: bound_by(ISS.holder, {**KB, "alg": "none"}), F.KEY_BINDING),
    ("with a key of its own", lambda: bound_by(ISS.holder, {**KB, "jwk": {}}), F.KEY_BINDING),
    ("no token", lambda: WALLET.unbound(NAME) + "x.y.z", F.KEY_BINDING),
    ("a private key to bind to", lambda: private().present(NAME), F.KEY_BINDING),
]  # fmt: skip


def splice(bound: str, *names: str) -> str:
    return WALLET.unbound(*names) + bound.rpartition("~")[2]


def private() -> Any:
    return ISS.credential(cnf={"jwk": {**point(ISS.holder), "d": "AA"}})


@pytest.mark.parametrize(("made", "fault"), [row[1:] for row in BINDINGS], ids=[row[0] for row in BINDINGS])
def test_whoever_shows_it_must_hold_its_key_here_and_now(made: Callable[[], str], fault: F) -> None:
    assert judged(bound_by(ISS.holder)).valid
    found = judged(made())
    assert (found.signature, found.faults) == ("INVALID", (fault,))
    assert not found.claims


def test_a_binding_may_be_five_minutes_old() -> None:
    assert judged(WALLET.present(NAME, iat=SECOND - 300)).valid


def test_no_binding_is_asked_for_where_policy_demands_none() -> None:
    assert judged(WALLET.unbound(NAME), meeting=None).valid


def test_claims_json_cannot_say_are_not_hidden() -> None:
    with pytest.raises(ValueError):
        hide({"a": float("nan")})


# Another's library (sd-jwt, the authors' reference), in both directions.


def test_another_library_reads_what_we_issue() -> None:
    issuer_key = JWK(**json.loads(json.dumps(dict(ISS.key.public.jwk))))

    def get_key(issuer: str, header: dict[str, Any]) -> JWK:
        assert (issuer, header["typ"]) == (ISSUER, "dc+sd-jwt")
        return issuer_key

    verified = SDJWTVerifier(SOUND, get_key, MEETING.audience, MEETING.nonce).get_verified_payload()
    assert verified[NAME] == CLAIMS[NAME]
    assert "permit.area@document" not in verified
    with pytest.raises(ValueError):
        SDJWTVerifier(SOUND, get_key, MEETING.audience, "n-2")


def test_we_read_what_another_library_issues_and_its_holder_presents() -> None:
    ours, holder = JWK.from_pem(ISS.key.pem.encode()), JWK.from_pem(ISS.holder.pem.encode())
    claims = {
        "iss": ISSUER, "iat": SECOND - 3600, "exp": SECOND + 3600, "vct": f"{ISSUER}/vct/permit/1",
        "status": {"status_list": StatusRef(4711, LIST).claims},
        "vn_document": {"type": "permit", "agency": AGENCY, "level": 1},
        **{SDObj(name): value for name, value in CLAIMS.items()},
    }  # fmt: skip
    header = {"typ": "dc+sd-jwt", "kid": ISS.key.public.kid}
    issued = SDJWTIssuer(claims, ours, holder, sign_alg="ES256", extra_header_parameters=header)
    wallet = SDJWTHolder(issued.sd_jwt_issuance)
    wallet.create_presentation({NAME: True}, MEETING.nonce, MEETING.audience, holder, sign_alg="ES256")
    # Its binding says when it was made by the clock on the wall.
    made_at = _binding(wallet.sd_jwt_presentation)["iat"]
    shelf = ISS.shelf()
    shown = selective.read(wallet.sd_jwt_presentation)
    selective.check_binding(shown, point(ISS.holder), MEETING, made_at)
    found = judge_credential(wallet.sd_jwt_presentation.rpartition("~")[0] + "~", shelf, HERE, None)
    assert found.valid
    assert found.claims == {NAME: CLAIMS[NAME]}
    with pytest.raises(ProofRefused):
        selective.check_binding(shown, point(ISS.holder), MEETING, made_at + 301)


def _binding(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decode(text.rpartition("~")[2].split(".")[1]))
    return found
