"""Lists of standings (standards.md §1d): the draft's own vectors, and what a list may not say or be asked."""

import json
import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from auth.jws.compact import decode, encode
from auth.jws.kinds import CREDENTIAL, STATUS_LIST
from tests.proofs import DAY, HERE, ISSUER, LIST, NOW, SECOND, Issuer
from vault.errors import ProofFault as F
from vault.errors import ProofRefused
from vault.proofs import cose
from vault.proofs.judging import Listed, When, judge_attestation
from vault.proofs.status_list import CWT_TYP, ENTRIES, Standing, list_claims, list_payload, look_up, pack

ISS = Issuer()
SOUND = ISS.attestation()

# draft-ietf-oauth-status-list, section 4 and appendix C: lists of 2^20 entries of one and two bits.
ONE_BIT = (
    "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAA"
    "AAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb"
)
SET = {0: 1, 1993: 2, 25460: 1, 159495: 3, 495669: 1, 554353: 1, 645645: 2, 723232: 1, 854545: 1, 934534: 2}
SET |= {1000345: 3}


@pytest.mark.parametrize(
    ("packed", "bits", "expected"),
    [
        ("78dadbb918000217015d", 1, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
        ("78da3be9f2130003df0207", 2, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
    ],
)
def test_the_drafts_short_lists_are_read_and_written_to_the_byte(
    packed: str, bits: int, expected: list[int]
) -> None:
    octets = bytes.fromhex(packed)
    assert [look_up(octets, bits, index) for index in range(len(expected))] == expected
    assert pack(dict(enumerate(expected)), len(expected), bits) == octets
    with pytest.raises(ProofRefused) as refused:
        look_up(octets, bits, len(expected))
    assert refused.value.fault is F.INDEX_OUT_OF_BOUNDS


def test_a_list_names_its_bits_itself_and_where_the_others_are() -> None:
    assert list_claims(b"\xfb\xff", LIST) == {"bits": 2, "lst": "-_8", "aggregation_uri": LIST}
    assert list_payload(LIST, 7, 9, b"\xfb", LIST) == {
        2: LIST,
        6: 7,
        4: 9,
        65534: 3600,
        65533: {"bits": 2, "lst": b"\xfb", "aggregation_uri": LIST},
    }


def test_the_drafts_list_of_a_million_is_written_to_the_byte() -> None:
    packed = pack(dict.fromkeys(SET, 1), 2**20, 1)
    assert encode(packed) == ONE_BIT
    assert all(look_up(packed, 1, index) is Standing.INVALID for index in SET)
    assert look_up(packed, 1, 1992) is Standing.VALID


def test_a_million_of_two_bits_has_the_drafts_length_and_every_value() -> None:
    packed = pack(SET, 2**20, 2)
    # The CBOR of the draft's appendix C.2 begins 02636c737459013d78daeddb3: 317 bytes.
    assert (len(packed), packed[:6].hex()) == (0x13D, "78daeddb310d")
    assert {index: int(look_up(packed, 2, index)) for index in SET} == SET


def test_our_own_lists_hide_one_among_more_than_a_hundred_thousand_and_stay_small() -> None:
    packed = pack({index: index % 3 + 1 for index in range(0, ENTRIES, 100)}, ENTRIES)
    assert ENTRIES >= 100_000
    assert len(packed) < 4_000


def test_entries_the_list_does_not_have_cannot_be_written() -> None:
    for standings in ({-1: 1}, {8: 1}, {0: 4}, {0: -1}):
        with pytest.raises(ValueError):
            pack(standings, 8)


@pytest.mark.parametrize(
    ("standing", "fault"),
    [(1, F.REVOKED), (2, F.SUSPENDED), (3, F.SUPERSEDED)],
)
@pytest.mark.parametrize("form", ["list_jwt", "list_cwt"])
def test_both_forms_say_how_a_proof_stands(form: str, standing: int, fault: F) -> None:
    make: Callable[..., Listed] = getattr(ISS, form)
    assert judge_attestation(SOUND, ISS.shelf(make({4710: standing, 4712: standing})), HERE).valid
    found = judge_attestation(SOUND, ISS.shelf(make({4711: standing})), HERE)
    assert (found.status, found.faults, found.valid) == (Standing(standing).name, (fault,), False)


def over(**changes: Any) -> Callable[[], Listed]:
    return lambda: ISS.list_jwt(**changes)


def listed(**changes: Any) -> Callable[[], Listed]:
    packed = encode(pack({}, ENTRIES))
    return over(status_list={"bits": 2, "lst": packed, **changes})


def signed(
    header: Mapping[str, Any] | None = None, key: Any = None, kind: Any = STATUS_LIST
) -> Callable[[], Listed]:
    claims = {"sub": LIST, "ttl": 1, "status_list": {"bits": 2, "lst": encode(pack({}, ENTRIES))}}
    return lambda: ISS.signed_jwt(kind, claims, header=header, key=key)


def cwt(**changes: Any) -> Callable[[], Listed]:
    payload = list_payload(LIST, SECOND, SECOND + DAY, pack({}, ENTRIES), ISSUER)
    payload |= {int(name[1:]): value for name, value in changes.items()}
    return lambda: cose.sign(
        ISS.key, CWT_TYP, {name: one for name, one in payload.items() if one is not None}
    )


ILL: list[tuple[str, Callable[[], Listed], F]] = [
    ("another's", over(uri=f"{LIST}0"), F.LIST_SUBJECT),
    ("another's, CWT", cwt(_2=f"{LIST}0"), F.LIST_SUBJECT),
    ("a stranger's key", signed(key=Issuer().key), F.LIST_SIGNATURE),
    ("a stranger's key, CWT", lambda: Issuer().list_cwt(), F.LIST_SIGNATURE),
    ("no algorithm", signed(header={"alg": "none"}), F.LIST_SIGNATURE),
    ("HMAC", signed(header={"alg": "HS256"}), F.LIST_SIGNATURE),
    ("another type", signed(header={"typ": "JWT"}), F.LIST_SIGNATURE),
    ("a credential for a list", signed(kind=CREDENTIAL), F.LIST_SIGNATURE),
    ("a header too many", signed(header={"jwk": {}}), F.LIST_SIGNATURE),
    ("no token", lambda: "x", F.LIST_MALFORMED),
    ("no CWT", lambda: b"x", F.LIST_MALFORMED),
    ("an attestation for a list", lambda: cose.sign(ISS.key, "application/x", {}), F.LIST_MALFORMED),
    ("an audience", over(aud="me"), F.LIST_MALFORMED),
    ("no list", over(status_list=[]), F.LIST_MALFORMED),
    ("three bits", listed(bits=3), F.LIST_MALFORMED),
    ("true bits", listed(bits=True), F.LIST_MALFORMED),
    ("no zlib", listed(lst=encode(b"\0" * 50)), F.LIST_MALFORMED),
    ("two streams", listed(lst=encode(pack({}, ENTRIES) * 2)), F.LIST_MALFORMED),
    ("cut short", listed(lst=encode(pack({}, ENTRIES)[:-1])), F.LIST_MALFORMED),
    ("a bomb", listed(lst=encode(zlib.compress(bytes(5 << 20)))), F.LIST_MALFORMED),
    ("padding", listed(lst="AA=="), F.LIST_MALFORMED),
    ("a number for the list", listed(lst=1), F.LIST_MALFORMED),
    ("half a second", over(iat=SECOND + 0.5), F.LIST_MALFORMED),
    ("CWT without expiry", cwt(_4=None), F.LIST_MALFORMED),
    ("CWT of half a second", cwt(_6=1.5), F.LIST_MALFORMED),
    ("CWT with text for a list", cwt(_65533={"bits": 2, "lst": "x"}), F.LIST_MALFORMED),
    ("shorter than its index", listed(lst=encode(pack({}, 4_704))), F.INDEX_OUT_OF_BOUNDS),
    ("a value unheard of", listed(bits=8, lst=encode(pack({4711: 4}, 5_000, 8))), F.LIST_MALFORMED),
]


@pytest.mark.parametrize(("made", "fault"), [row[1:] for row in ILL], ids=[row[0] for row in ILL])
def test_a_list_that_is_none_says_nothing_and_leaves_the_rest_as_it_was(
    made: Callable[[], Listed], fault: F
) -> None:
    assert judge_attestation(SOUND, ISS.shelf(cwt()()), HERE).valid
    found = judge_attestation(SOUND, ISS.shelf(made()), HERE)
    assert (found.status, found.faults) == ("UNKNOWN", (fault,))
    assert (found.signature, found.issuer_authority, found.freshness) == ("VALID", "ISSUER", "CURRENT")


@pytest.mark.parametrize("form", ["list_jwt", "list_cwt"])
def test_an_old_list_says_unknown_and_never_valid(form: str) -> None:
    make: Callable[..., Listed] = getattr(ISS, form)
    last = ISS.shelf(make(at=NOW - timedelta(hours=24, seconds=-1)))
    assert judge_attestation(SOUND, last, HERE).valid
    for at in (NOW - timedelta(hours=24), NOW + timedelta(minutes=2)):
        found = judge_attestation(SOUND, ISS.shelf(make(at=at)), HERE)
        assert (found.status, found.faults) == ("UNKNOWN", (F.LIST_STALE,))


def test_the_newest_list_that_speaks_for_the_moment_is_heard() -> None:
    old, new = ISS.list_jwt(at=NOW - timedelta(hours=2)), ISS.list_jwt({4711: 1}, at=NOW - timedelta(hours=1))
    for lists in ([old, new], [new, old], ["x", new, old]):
        assert judge_attestation(SOUND, ISS.shelf(*lists), HERE).status == "INVALID"


def test_a_day_in_the_past_is_judged_by_a_list_of_that_day_and_no_other() -> None:
    day = SECOND - DAY // 2
    then, today = ISS.list_jwt(at=NOW - timedelta(hours=13)), ISS.list_jwt({4711: 1})
    assert judge_attestation(SOUND, ISS.shelf(then, today), When(SECOND, day)).valid
    assert judge_attestation(SOUND, ISS.shelf(then, today), HERE).faults == (F.REVOKED,)
    found = judge_attestation(SOUND, ISS.shelf(today), When(SECOND, day))
    assert (found.status, found.faults) == ("UNKNOWN", (F.LIST_STALE,))
    before = judge_attestation(SOUND, ISS.shelf(then), When(SECOND, SECOND - 2 * DAY))
    assert before.faults == (F.NOT_YET_VALID, F.LIST_STALE)


def test_what_is_packed_is_what_a_jwt_carries() -> None:
    token = ISS.list_jwt({4711: 3})
    assert look_up(decode(_claims(token)["status_list"]["lst"]), 2, 4711) is Standing.SUPERSEDED


def _claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decode(token.split(".")[1]))
    return found
