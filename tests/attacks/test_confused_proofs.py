"""Proofs whose signatures hold and whose members are of every wrong type: refused or judged, never a fault.

Random damage hardly makes them: it must leave a well-formed object behind. An attacker's key signs whatever it likes,
and much of an attestation is read before its signature is asked about.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from auth.jws.compact import decode
from auth.jws.kinds import CREDENTIAL, STATUS_LIST, TRUST_LIST
from tests.proofs import HERE, ISSUER, LIST, MEETING, NAME, SECOND, Issuer, jws
from vault.errors import ProofRefused
from vault.proofs import attestation, cose, selective
from vault.proofs.judging import Shelf, judge_attestation, judge_credential
from vault.proofs.status_list import CWT_TYP, ENTRIES, list_payload, pack
from vault.proofs.trust import read_trust

ISS = Issuer()
SHELF = ISS.shelf()
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**63,
    0.5,
    "",
    "x",
    b"",
    b"x",
    [],
    [None],
    [[]],
    {},
    {"a": 1},
    {"": []},
)
"""One of each type and shape. Bytes only where the format has them."""
PLAIN = tuple(value for value in ODD if not isinstance(value, bytes))


def confused(value: Any, odd: tuple[Any, ...] = ODD) -> Iterator[Any]:
    """The value with each of its members, however deep, replaced by each odd one, or left out."""
    yield from odd
    members: Mapping[Any, Any] = (
        value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
    )
    for name, member in members.items():
        yield _without(value, name)
        for other in confused(member, odd):
            yield _with(value, name, other)


def _without(value: Any, name: Any) -> Any:
    if isinstance(value, dict):
        return {one: member for one, member in value.items() if one != name}
    return value[:name] + value[name + 1 :]


def _with(value: Any, name: Any, other: Any) -> Any:
    if isinstance(value, dict):
        return {**value, name: other}
    return [*value[:name], other, *value[name + 1 :]]


def judge_payload(payload: Any) -> bool:
    text = attestation.text_of(cose.sign(ISS.key, attestation.TYP, payload))
    return judge_attestation(text, SHELF, HERE).valid


def judge_list_jwt(claims: Any) -> bool:
    token = ISS.signed_jwt(STATUS_LIST, claims if isinstance(claims, dict) else {"sub": claims})
    return _is_valid_by(token)


def judge_list_cwt(payload: Any) -> bool:
    return _is_valid_by(cose.sign(ISS.key, CWT_TYP, payload))


def _is_valid_by(listed: str | bytes) -> bool:
    return judge_attestation(SOUND, Shelf(SHELF.trust, lambda uri: [listed]), HERE).valid


def judge_claims(claims: Any) -> bool:
    token = ISS.signed_jwt(CREDENTIAL, claims if isinstance(claims, dict) else {"vct": claims})
    shown = selective.serialised(token, [WALLET.disclosures[NAME]])
    return judge_credential(shown, SHELF, HERE, None).valid


def judge_binding(claims: Any) -> bool:
    shown = WALLET.unbound(NAME)
    bound = shown + jws(
        ISS.holder, {"alg": "ES256", "typ": "kb+jwt"}, claims if isinstance(claims, dict) else {}
    )
    return judge_credential(bound, SHELF, HERE, MEETING).valid


def judge_trust(claims: Any) -> bool:
    token = ISS.signed_jwt(TRUST_LIST, claims if isinstance(claims, dict) else {}, key=ISS.anchor)
    try:
        trust = read_trust(token, ISS.anchors)
    except ProofRefused:
        return False
    return judge_attestation(SOUND, ISS.shelf(trust=trust), HERE).valid


SOUND = ISS.attestation()
WALLET = ISS.credential()
PACKED = pack({}, ENTRIES)
UNTIL = SECOND + int(timedelta(days=1).total_seconds())


def body_of(token: str) -> dict[str, Any]:
    """The claims of a token of ours."""
    found: dict[str, Any] = json.loads(decode(token.split(".")[1]))
    return found


OBJECTS: dict[str, tuple[Callable[[Any], bool], Any, tuple[Any, ...]]] = {
    "attestation": (judge_payload, attestation._payload(ISS.statement()), ODD),
    "status list, CWT": (judge_list_cwt, list_payload(LIST, SECOND, UNTIL, PACKED, f"{ISSUER}/status-lists"), ODD),
    "status list, JWT": (judge_list_jwt, body_of(ISS.list_jwt()), PLAIN),
    "credential": (judge_claims, body_of(WALLET.token), PLAIN),
    "binding": (judge_binding, body_of(WALLET.present(NAME).rsplit("~", 1)[1]), PLAIN),
    "trust list": (judge_trust, body_of(ISS.trust_token()), PLAIN),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_a_member_of_a_wrong_type_is_refused_and_never_a_fault(name: str) -> None:
    judge, whole, odd = OBJECTS[name]
    assert judge(whole)
    tried = believed = 0
    for one in confused(whole, odd):
        tried += 1
        believed += judge(one)
    print(f"{name}: {tried} members of wrong types, 0 faults, {believed} say something else that is sound")
    assert believed < tried // 2
