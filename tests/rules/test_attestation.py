"""Attestations on paper (standards.md §1b): sound ones hold, and each way of being unsound has its own reason."""

import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from tests.proofs import (
    AGENCY,
    CLAIMS,
    DAY,
    FILE,
    HERE,
    LIST,
    NOW,
    OTHER,
    SECOND,
    VAULT,
    Issuer,
)
from vault.errors import ProofFault as F
from vault.proofs import attestation, base45, cbor, cose
from vault.proofs.attestation import PREFIX, TYP
from vault.proofs.judging import Finding, Shelf, When, judge_attestation
from vault.proofs.status_list import CWT_TYP, StatusRef

ISS = Issuer()
SOUND = ISS.attestation()


def judged(text: str, shelf: Shelf | None = None, when: When = HERE, file: bytes | None = None) -> Finding:
    digest = sha256(file).digest() if file is not None else None
    return judge_attestation(text, shelf or ISS.shelf(), when, digest)


def test_a_sound_attestation_is_valid_and_says_what_was_attested() -> None:
    found = judged(SOUND, file=FILE)
    assert found.valid
    assert (found.signature, found.issuer_authority, found.status, found.freshness) == (
        "VALID", "ISSUER", "VALID", "CURRENT",
    )  # fmt: skip
    assert (found.document_type, found.agency, found.level, found.number) == ("permit", AGENCY, 1, "01/GPXD")
    assert (found.claims, found.issued_on) == (CLAIMS, "2026-03-14")


def test_it_fits_the_square_the_standard_expects() -> None:
    text = ISS.attestation(claims={"person.full_name@holder": "Nguyễn Thị Minh Châu"})
    assert set(text) <= set(base45.ALPHABET)
    assert len(text) < 700


def opened(text: str = SOUND) -> bytes:
    return zlib.decompress(base45.decode(text[len(PREFIX) :]))


def closed(octets: bytes, more: bytes = b"") -> str:
    return PREFIX + base45.encode(zlib.compress(octets, 9) + more)


def resigned(
    change: Callable[[dict[int | str, Any]], None] = lambda payload: None,
    header: Mapping[int, Any] | None = None,
    beside: Mapping[int, Any] | None = None,
) -> str:
    """The sound one with other contents, truly signed."""
    signed = cose.take_apart(opened(), TYP)
    change(signed.payload)
    kid = attestation_kid()
    protected = cbor.encode({1: -7, 4: kid, 16: TYP} if header is None else dict(header))
    body = cbor.encode(signed.payload)
    over = cbor.encode(["Signature1", protected, b"", body])
    return closed(cbor.encode(cbor.Tagged([protected, dict(beside or {}), body, ISS.key.sign(over)])))


def attestation_kid() -> bytes:
    parts: bytes = cbor.decode(cbor.decode(opened()).value[0])[4]
    return parts


def raw(protected: bytes, body: bytes) -> str:
    over = cbor.encode(["Signature1", protected, b"", body])
    return closed(cbor.encode(cbor.Tagged([protected, {}, body, ISS.key.sign(over)])))


def plain(payload: Mapping[int, Any] | None = None) -> tuple[bytes, bytes]:
    signed = cbor.decode(opened()).value
    return signed[0], cbor.encode(payload) if payload is not None else signed[2]


def document(**changes: Any) -> Callable[[dict[int | str, Any]], None]:
    def change(payload: dict[int | str, Any]) -> None:
        inner = payload[-65_600]
        for name, value in changes.items():
            inner.pop(int(name[1:])) if value is None else inner.update({int(name[1:]): value})

    return change


def member(name: int, value: Any) -> Callable[[dict[int | str, Any]], None]:
    def change(payload: dict[int | str, Any]) -> None:
        payload.pop(name) if value is None else payload.update({name: value})

    return change


def at_list(index: int, uri: str) -> Callable[[dict[int | str, Any]], None]:
    return member(65_535, {"status_list": {"idx": index, "uri": uri}})


KID = attestation_kid()
BIG = {f"permit.claim_{number}@document": "x" * 90 for number in range(60)}

# What the text itself may have wrong with it: nothing of it is believed then.
MALFORMED: list[tuple[str, Callable[[], str], F]] = [
    ("another prefix", lambda: "HC1:" + SOUND[len(PREFIX) :], F.PREFIX),
    ("no prefix", lambda: SOUND[len(PREFIX) :], F.PREFIX),
    ("lower case", lambda: PREFIX + SOUND[len(PREFIX) :].lower(), F.BASE45),
    ("a letter too few", lambda: PREFIX + "ABCD", F.BASE45),
    ("not compressed", lambda: PREFIX + base45.encode(opened()), F.COMPRESSION),
    ("cut short", lambda: PREFIX + base45.encode(zlib.compress(opened())[:-9]), F.COMPRESSION),
    ("a wrong sum", lambda: PREFIX + base45.encode(zlib.compress(opened())[:-1] + b"\0"), F.COMPRESSION),
    ("gzip", lambda: PREFIX + base45.encode(zlib.compress(opened(), wbits=31)), F.COMPRESSION),
    ("a bomb", lambda: closed(b"\0" * 1_000_000), F.TOO_LARGE),
    ("one byte too many", lambda: closed(b"\0" * 4_097), F.TOO_LARGE),
    ("longer than any QR code", lambda: PREFIX + "0" * 4_300, F.TOO_LARGE),
    ("bytes after the stream", lambda: closed(opened(), b"\0"), F.TRAILING),
    ("bytes after the object", lambda: closed(opened() + b"\0"), F.TRAILING),
    ("a claim twice", lambda: raw(plain()[0], b"\xa2\x01\x61a\x01\x61b"), F.DUPLICATE_KEY),
    ("a header twice", lambda: raw(b"\xa2\x01\x26\x01\x26", plain()[1]), F.DUPLICATE_KEY),
    ("indefinite length", lambda: raw(plain()[0], b"\xbf\x01\x61a\xff"), F.INDEFINITE_LENGTH),
    ("nothing inside", lambda: closed(b""), F.ENCODING),
    ("no COSE_Sign1", lambda: closed(cbor.encode({1: 2})), F.ENCODING),
    ("three parts", lambda: closed(cbor.encode(cbor.Tagged([b"", {}, b""]))), F.ENCODING),
    ("payload no map", lambda: raw(plain()[0], cbor.encode([1])), F.CLAIMS),
    ("no header", lambda: resigned(header={}), F.HEADER),
    ("a header too many", lambda: resigned(header={1: -7, 4: KID, 16: TYP, 2: [1]}), F.HEADER),
    ("an unprotected header", lambda: resigned(beside={4: KID}), F.HEADER),
    ("a short kid", lambda: resigned(header={1: -7, 4: KID[:8], 16: TYP}), F.HEADER),
    ("EdDSA", lambda: resigned(header={1: -8, 4: KID, 16: TYP}), F.ALGORITHM),
    ("HMAC", lambda: resigned(header={1: 5, 4: KID, 16: TYP}), F.ALGORITHM),
    ("a status list's type", lambda: resigned(header={1: -7, 4: KID, 16: CWT_TYP}), F.TYPE),
    ("no issuer", lambda: resigned(member(1, None)), F.CLAIMS),
    ("no expiry", lambda: resigned(member(4, None)), F.CLAIMS),
    ("no status", lambda: resigned(member(65_535, None)), F.CLAIMS),
    ("an unknown claim", lambda: resigned(member(99, 1)), F.CLAIMS),
    ("a date for a second", lambda: resigned(member(4, 1.5e9)), F.CLAIMS),
    ("true for a second", lambda: resigned(member(6, True)), F.CLAIMS),
    ("a short id", lambda: resigned(member(7, b"\1" * 15)), F.CLAIMS),
    ("ends before it begins", lambda: resigned(member(4, 1)), F.CLAIMS),
    ("a status elsewhere", lambda: resigned(at_list(1, "file:///x")), F.CLAIMS),
    ("a status before the first", lambda: resigned(at_list(-1, LIST)), F.CLAIMS),
    ("no paper type", lambda: resigned(document(_1=None)), F.CLAIMS),
    ("no agency", lambda: resigned(document(_4=None)), F.CLAIMS),
    ("another digest", lambda: resigned(document(_3=[-44, b"\1" * 64])), F.CLAIMS),
    ("a short digest", lambda: resigned(document(_3=[-16, b"\1" * 31])), F.CLAIMS),
    ("no day", lambda: resigned(document(_5="14/03/2026")), F.CLAIMS),
    ("level 4", lambda: resigned(document(_7=4)), F.CLAIMS),
    ("an unknown member", lambda: resigned(document(_8=1)), F.CLAIMS),
    ("claims with bytes", lambda: resigned(document(_6={"a": b"1"})), F.CLAIMS),
    ("claims with numbered names", lambda: resigned(document(_6={1: "a"})), F.CLAIMS),
]  # fmt: skip


@pytest.mark.parametrize(("made", "fault"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_what_is_no_attestation_is_refused_with_its_reason(made: Callable[[], str], fault: F) -> None:
    assert judged(resigned()).valid
    found = judged(made())
    assert (found.signature, found.faults, found.valid) == ("INVALID", (fault,), False)
    assert (found.issuer_authority, found.status, found.freshness) == ("UNKNOWN",) * 3
    assert not found.claims


def test_an_algorithm_named_fully_is_the_same() -> None:
    assert judged(resigned(header={1: -9, 4: KID, 16: TYP})).valid


def test_a_signature_of_another_or_over_something_else_is_refused() -> None:
    signed = cbor.decode(opened()).value
    altered = [*signed[:2], signed[2].replace(b"01/GPXD", b"02/GPXD"), signed[3]]
    assert altered != signed
    forged = [*signed[:3], ISS.stranger.sign(b"whatever")]
    for value in (altered, forged, [*signed[:3], b""], [*signed[:3], b"\0" * 64]):
        found = judged(closed(cbor.encode(cbor.Tagged(value))))
        assert (found.signature, found.faults) == ("INVALID", (F.SIGNATURE,))
        assert not found.claims


def test_a_key_nobody_vouches_for_is_unknown() -> None:
    found = judged(ISS.attestation(Issuer().key))
    assert (found.signature, found.faults) == ("UNKNOWN", (F.KEY_UNKNOWN,))
    assert not found.claims


NOBODY = ("VALID", "NOT_ENTITLED", "VALID", "CURRENT")
UNLISTED = ("VALID", "ISSUER", "UNKNOWN", "CURRENT")
NO_FILE = ("INVALID", "ISSUER", "VALID", "CURRENT")
OWN = {"agency": VAULT, "level": 3, "document_type": "anything"}

REFUSED: list[tuple[str, Mapping[str, Any], tuple[str, str, str, str], F]] = [
    ("another vault's", {"issuer": "https://other.example"}, NOBODY, F.ISSUER),
    ("an unknown agency", {"agency": "H00"}, NOBODY, F.AGENCY_UNKNOWN),
    ("another agency's key", {"agency": OTHER}, NOBODY, F.NOT_ENTITLED),
    ("a paper not its to issue", {"document_type": "passport"}, NOBODY, F.NOT_ENTITLED),
    ("a vault's own issue", {"agency": VAULT}, NOBODY, F.NOT_ENTITLED),
    ("an agency's declaration", {"level": 3}, NOBODY, F.NOT_ENTITLED),
    ("its owner's word", OWN, ("VALID", "SELF_DECLARED", "VALID", "CURRENT"), F.SELF_DECLARED),
    ("expired", {"expires_at": SECOND}, ("VALID", "ISSUER", "VALID", "EXPIRED"), F.EXPIRED),
    ("of tomorrow", {"issued_at": SECOND + DAY}, ("VALID", "ISSUER", "VALID", "NOT_YET"), F.NOT_YET_VALID),
    ("of another file", {"file_sha256": b"\1" * 32}, NO_FILE, F.FILE_ALTERED),
    ("of no file", {"file_sha256": None}, NO_FILE, F.NO_FILE_ATTESTED),
    ("on an unknown list", {"status": StatusRef(1, f"{LIST}2")}, UNLISTED, F.LIST_MISSING),
    ("beyond its list", {"status": StatusRef(2**17, LIST)}, UNLISTED, F.INDEX_OUT_OF_BOUNDS),
]


@pytest.mark.parametrize(
    ("changes", "axes", "fault"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_each_finding_is_made_by_itself(changes: Mapping[str, Any], axes: tuple[str, ...], fault: F) -> None:
    assert judged(SOUND, file=FILE).valid
    found = judged(ISS.attestation(**changes), file=FILE)
    assert (found.signature, found.issuer_authority, found.status, found.freshness) == axes
    assert found.faults == (fault,)
    assert not found.valid


def test_a_certified_copy_may_be_of_any_paper() -> None:
    found = judged(ISS.attestation(level=2, document_type="passport"))
    assert (found.valid, found.issuer_authority) == (True, "CERTIFIED")


def test_faults_of_several_kinds_are_all_told() -> None:
    revoked = ISS.shelf(ISS.list_jwt({4711: 1}))
    found = judged(ISS.attestation(agency="H00", expires_at=SECOND), revoked, file=b"other")
    assert found.faults == (
        F.FILE_ALTERED,
        F.AGENCY_UNKNOWN,
        F.EXPIRED,
        F.REVOKED,
    )


def test_without_a_trust_list_nothing_is_known() -> None:
    found = judged(SOUND, Shelf(None))
    assert (found.signature, found.faults) == ("UNKNOWN", (F.TRUST_MISSING,))


def test_an_old_trust_list_vouches_for_nobody() -> None:
    old = ISS.trust(at=NOW - timedelta(days=7))
    found = judged(SOUND, ISS.shelf(trust=old))
    assert (found.issuer_authority, found.faults) == ("UNKNOWN", (F.TRUST_STALE,))
    assert judged(SOUND, ISS.shelf(trust=ISS.trust(at=NOW - timedelta(days=7, seconds=-1)))).valid


def test_a_revoked_key_counts_for_nothing_from_that_second_on() -> None:
    before = judged(SOUND, ISS.shelf(ISS.list_jwt(), trust=ISS.trust(revoked_from=SECOND + 1)))
    assert before.valid
    found = judged(SOUND, ISS.shelf(ISS.list_jwt(), trust=ISS.trust(revoked_from=SECOND - DAY)))
    assert found.faults == (F.KEY_REVOKED, F.LIST_SIGNATURE)
    assert (found.issuer_authority, found.status) == ("NOT_ENTITLED", "UNKNOWN")


def test_an_agency_attests_only_in_its_time() -> None:
    assert judged(SOUND, ISS.shelf(trust=ISS.trust(until=SECOND - DAY + 1))).valid
    found = judged(SOUND, ISS.shelf(trust=ISS.trust(until=SECOND - DAY)))
    assert found.faults == (F.NOT_ENTITLED,)


def test_two_papers_attestations_differ_though_their_papers_do_not() -> None:
    texts = {ISS.attestation(id=UUID(int=number)) for number in range(3)}
    assert len(texts) == 3


def test_too_many_claims_are_not_signed() -> None:
    with pytest.raises(ValueError):
        attestation.sign(ISS.statement(claims=BIG), ISS.key)
