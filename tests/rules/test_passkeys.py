"""What is taken from a key, and what is not: every check of Web Authentication that stands between a thief and a
session, each tried by an answer that is right but for it."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from auth.assurance import VAULT, meets, with_passkey
from auth.errors import PasskeyRefused
from auth.passkeys.models import KeyModels, read_models
from auth.passkeys.verification import (
    HeldKey,
    NewKey,
    Site,
    creation_options,
    request_options,
    user_handle,
    verify_new_key,
    verify_use,
)
from tests.authenticator import BE, BS, UP, UV, Authenticator, Maker, b64, models_file, unb64
from tests.size import seed, sized

SITE = Site("https://kho.example.gov.vn")
HOLDER, CHALLENGE = uuid4(), b"\x07" * 32
MAKER = Maker()
MODELS = read_models(json.loads(models_file(MAKER)))
OPTIONS = creation_options(SITE, HOLDER, "Công dân", CHALLENGE, (), hardware=False)


def made(key: Authenticator, models: KeyModels | None = None, **bent: Any) -> NewKey:
    answer = key.create(OPTIONS, bent.pop("origin", SITE.origin), **bent)
    return verify_new_key(SITE, answer, CHALLENGE, models)


def held(key: Authenticator) -> HeldKey:
    new = made(key)
    return HeldKey(uuid4(), new.credential_id, new.public_key, new.sign_count, new.model)


def used(key: Authenticator, kept: HeldKey, models: KeyModels | None = None, **bent: Any) -> int:
    options = request_options(SITE, CHALLENGE, [kept])
    answer = key.get(options, bent.pop("origin", SITE.origin), **bent)
    return verify_use(SITE, answer, CHALLENGE, [kept], models)[1]


def judged(answer: dict[str, Any], kept: HeldKey) -> object:
    if "attestationObject" in answer["response"]:
        return verify_new_key(SITE, answer, CHALLENGE, MODELS)
    return verify_use(SITE, answer, CHALLENGE, [kept], MODELS)


def reason(act: Callable[[], object]) -> str:
    with pytest.raises(PasskeyRefused) as refused:
        act()
    return refused.value.reason


def test_a_citizens_key_of_any_model_is_taken_and_used() -> None:
    key = Authenticator(flags=UP | UV | BE | BS)
    assert made(key).synced
    kept = held(key)
    assert used(key, kept) == kept.sign_count + 1


def test_a_key_that_never_counts_is_taken_and_used() -> None:
    key = Authenticator(counts=False)
    assert used(key, held(key)) == 0


def test_an_officers_key_of_an_allowed_model_is_taken_and_used() -> None:
    key = Authenticator(MAKER)
    new = made(key, MODELS)
    assert (new.model, new.synced) == (MAKER.model, False)
    kept = HeldKey(uuid4(), new.credential_id, new.public_key, new.sign_count, new.model)
    assert used(key, kept, MODELS) == new.sign_count + 1


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (Authenticator(), "attestation"),
        (Authenticator(MAKER, model=uuid4()), "model"),
        (Authenticator(MAKER, model=UUID(int=0)), "model"),
        (Authenticator(Maker()), "response"),
        (Authenticator(Maker(root_key=MAKER.root_key, names_model=uuid4())), "attestation"),
        (Authenticator(MAKER, flags=UP | UV | BE), "synced"),
        (Authenticator(MAKER, flags=UP | UV | BE | BS), "synced"),
        (Authenticator(MAKER, flags=UP), "response"),
        (Authenticator(MAKER, flags=UV), "response"),
    ],
    ids=[
        "not attested", "another model", "no model", "another maker's word", "the maker's word for another model",
        "may be copied", "has been copied", "no PIN and no finger", "nobody there",
    ],
)  # fmt: skip
def test_no_other_key_is_taken_from_an_officer(key: Authenticator, why: str) -> None:
    assert reason(lambda: made(key, MODELS)) == why


def test_a_key_that_vouches_for_itself_is_not_taken_from_an_officer() -> None:
    assert reason(lambda: made(Authenticator(), MODELS, self_attested=True)) == "attestation"
    assert not made(Authenticator(), self_attested=True).synced


BENT = [
    {"challenge": b64(b"\x08" * 32)},
    {"origin": "https://kho.example.gov.vn.evil.example"},
    {"rp": "evil.example"},
]


@pytest.mark.parametrize("bent", BENT, ids=["challenge", "origin", "site"])
def test_an_answer_to_something_else_is_not_taken(bent: dict[str, Any]) -> None:
    key = Authenticator()
    assert reason(lambda: made(key, **bent)) == "response"
    kept = held(key)
    assert reason(lambda: used(key, kept, **bent)) == "response"
    assert used(key, kept) > kept.sign_count


def test_a_copy_of_a_key_is_known_by_its_count() -> None:
    key = Authenticator()
    kept = held(key)
    copy = replace(key, count=0)
    assert reason(lambda: used(copy, kept)) == "response"
    assert used(key, kept) > kept.sign_count


def test_another_key_is_not_taken_for_this_one() -> None:
    key, other = Authenticator(), Authenticator()
    kept = held(key)
    assert reason(lambda: used(other, kept)) == "response"
    assert reason(lambda: used(replace(other, id=key.id, count=9), kept)) == "response"


def test_a_model_struck_off_the_list_opens_nothing_any_more() -> None:
    key = Authenticator(MAKER)
    kept = held(key)
    assert (
        reason(lambda: used(key, kept, read_models(json.loads(models_file(Maker(model=uuid4())))))) == "model"
    )


def test_a_key_that_became_one_to_copy_opens_nothing_any_more() -> None:
    key = Authenticator(MAKER)
    kept = held(key)
    key.flags |= BE
    assert reason(lambda: used(key, kept, MODELS)) == "synced"


@pytest.mark.parametrize("given", [None, [], "{}", {}, {"id": 1}, {"id": "a", "rawId": "a", "response": {}}])
def test_what_is_no_answer_at_all_is_refused(given: object) -> None:
    key = Authenticator()
    assert reason(lambda: verify_new_key(SITE, given, CHALLENGE, None)) == "response"
    assert reason(lambda: verify_use(SITE, given, CHALLENGE, [held(key)], None)) == "response"


def test_damaged_answers_raise_refusals_and_nothing_else() -> None:
    """One byte of what is signed, or of its shape, is another: never taken, never a fault."""
    run, count = seed(), sized(600, 6_000)
    lot, key = random.Random(run), Authenticator(MAKER)
    kept = held(key)
    creating = key.create(OPTIONS, SITE.origin)
    using = key.get(request_options(SITE, CHALLENGE, [kept]), SITE.origin)
    assert verify_new_key(SITE, creating, CHALLENGE, MODELS)
    assert verify_use(SITE, using, CHALLENGE, [kept], MODELS)
    for _ in range(count):
        answer = json.loads(json.dumps(lot.choice((creating, using))))
        part = lot.choice(sorted(answer["response"]))
        raw = bytearray(unb64(answer["response"][part]))
        place = lot.randrange(len(raw))
        raw[place] ^= 1 << lot.randrange(8)
        answer["response"][part] = b64(bytes(raw[: lot.choice((len(raw), len(raw), place))]))
        assert reason(partial(judged, answer, kept))
    print(f"seed {run}: {count} damaged answers, none taken")


def test_a_holder_is_called_on_every_key_what_they_were_called_on_the_first() -> None:
    # SHA-256 of "motlan passkey", a zero byte and the identifier, by another program.
    told = "a06b4e1aaeda24feb4ebed08a58cf93e5a40cb783f9e7cec3e4e46a9eae1012f"
    assert user_handle(UUID(int=7)).hex() == told


def test_what_a_key_is_told_names_nobody() -> None:
    assert user_handle(HOLDER) == user_handle(HOLDER) != user_handle(uuid4())
    told = json.dumps(OPTIONS)
    assert str(HOLDER) not in told
    assert b64(HOLDER.bytes) not in told
    assert OPTIONS["rp"]["id"] == "kho.example.gov.vn"
    assert OPTIONS["authenticatorSelection"]["userVerification"] == "required"


@pytest.mark.parametrize(
    "given",
    [
        {}, [], [{}], [{"name": "x", "aaguid": "nonsense", "roots": [MAKER.root_pem]}],
        [{"name": "x", "aaguid": str(UUID(int=0)), "roots": [MAKER.root_pem]}],
        [{"name": "x", "aaguid": str(uuid4()), "roots": []}],
        [{"name": "x", "aaguid": str(uuid4()), "roots": ["no certificate"]}],
        [{"name": "x", "aaguid": str(uuid4()), "roots": [MAKER.root_pem], "more": 1}],
        json.loads(models_file(MAKER, MAKER)),
    ],
)  # fmt: skip
def test_a_list_of_models_that_is_none_is_refused(given: object) -> None:
    with pytest.raises(ValueError):
        read_models(given)


def test_a_key_makes_two_factors_of_one_and_proves_no_account() -> None:
    assert with_passkey("urn:vn:eid:tk2:xt1") == VAULT
    assert with_passkey("urn:vn:eid:tk2:xt4") == "urn:vn:eid:tk2:xt4"
    assert not meets(with_passkey("urn:vn:eid:tk1:xt1"), VAULT)
    assert with_passkey("nonsense") == "nonsense"
