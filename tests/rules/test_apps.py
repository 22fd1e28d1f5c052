"""Registered apps: whose addresses may get a code, and what an operator's file must look like."""

from uuid import UUID

import pytest

from auth.apps.access import Gate
from auth.apps.proofs import Nonces
from auth.apps.registry import App, Apps, read_apps
from auth.apps.requests import read_wish
from auth.errors import AppRefused
from auth.signing import SigningKey
from auth.tokens import Tokens


def app(*uris: str, app_id: str = "motlan-mobile", name: str = "Một Lần") -> App:
    return App(app_id, name, frozenset(uris))


@pytest.mark.parametrize(
    "uri",
    ["https://app.example.vn/back", "vn.example.app:/back", "http://127.0.0.1/back", "http://[::1]:81/"],
)
def test_an_address_of_its_own_is_registered(uri: str) -> None:
    assert Apps([app(uri)]).find("motlan-mobile").redirect_uris == {uri}


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.vn/back",
        "http://localhost/back",  # a name others may answer to (RFC 8252, section 8.3)
        "app:/back",
        "javascript:alert(1)",
        "data:text/html,x",
        "https:///back",
        "https://app.example.vn/back#x",
        "https://app.example.vn/back?x=1",
        "https://user@app.example.vn/back",
        "https://app.example.vn/ back",
        "https://app.example.vn/\u0111",
        "/back",
        "",
    ],
)
def test_an_address_somebody_else_could_answer_at_is_not(uri: str) -> None:
    with pytest.raises(ValueError, match="redirect URIs"):
        Apps([app(uri)])


def test_an_app_needs_an_address_an_id_and_a_name_and_has_them_once() -> None:
    good = "https://app.example.vn/back"
    for bad in ([app()], [app(good, app_id="x y z")], [app(good, name="")], [app(good), app(good)]):
        with pytest.raises(ValueError, match="app"):
            Apps(bad)


def test_an_unknown_app_is_refused_and_still_has_a_name_in_old_lists() -> None:
    with pytest.raises(AppRefused) as refused:
        Apps().find("gone")
    assert refused.value.error == "invalid_client"
    assert Apps().name_of("gone") == "gone"


@pytest.mark.parametrize(
    "given",
    [
        {},
        ["x"],
        [{"id": "x"}],
        [{"id": "abc", "name": "x", "redirectUris": "https://x.vn"}],
        [{"id": "abc", "name": "x", "redirectUris": [7]}],
        [{"id": "abc", "name": "x", "redirectUris": [], "secret": "y"}],
    ],
)
def test_a_file_out_of_shape_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="app"):
        read_apps(given)


def test_a_file_in_shape_is_read() -> None:
    entry = {"id": "abc", "name": "x", "redirectUris": ["https://x.vn/"]}
    assert read_apps([entry]) == (App("abc", "x", frozenset({"https://x.vn/"})),)


def test_an_app_knows_a_person_by_the_name_it_always_knew_them_by_and_no_other_app_does() -> None:
    tokens = Tokens("https://kho.example.gov.vn", SigningKey.generate())
    gate = Gate(tokens, Nonces(b"n"), audience="https://kho.example.gov.vn/graphql", secret=b"pairwise")
    # HMAC-SHA-256 of "motlan-mobile", a zero byte and the identifier: its first half, by another program.
    assert gate.pairwise("motlan-mobile", UUID(int=7)) == "pw:7zk9BvMzz0PbdnMzQw24MA"
    names = {gate.pairwise(client, UUID(int=number)) for client in ("a", "b") for number in (1, 2)}
    assert len(names) == 4


ASKED = {
    "redirect_uri": "vn.example.app:/back",
    "response_type": "code",
    "code_challenge_method": "S256",
    "code_challenge": "A" * 43,
    "state": "s",
}
KEY, OTHER = "A" * 43, "E" + "A" * 42


@pytest.mark.parametrize(
    ("asked", "seconds"), [(None, 300), ("0", 0), ("299", 299), ("301", 300), ("9" * 9, 300)]
)
def test_an_app_may_ask_for_a_younger_sign_in_never_for_an_older(asked: str | None, seconds: int) -> None:
    given = ASKED if asked is None else ASKED | {"max_age": asked}
    assert read_wish(app("vn.example.app:/back"), given, None).max_age_seconds == seconds


@pytest.mark.parametrize("asked", ["", "-1", "1.5", "٣", "9" * 10, "1e3"])
def test_an_age_that_is_no_number_is_refused(asked: str) -> None:
    with pytest.raises(AppRefused):
        read_wish(app("vn.example.app:/back"), ASKED | {"max_age": asked}, None)


@pytest.mark.parametrize(
    ("named", "proven", "bound"),
    [(None, None, None), (KEY, None, KEY), (None, KEY, KEY), (KEY, KEY, KEY)],
)
def test_a_request_is_bound_to_the_key_it_names_or_proves(
    named: str | None, proven: str | None, bound: str | None
) -> None:
    given = ASKED if named is None else ASKED | {"dpop_jkt": named}
    assert read_wish(app("vn.example.app:/back"), given, proven).thumbprint == bound
    with pytest.raises(AppRefused):
        read_wish(app("vn.example.app:/back"), ASKED | {"dpop_jkt": KEY}, OTHER)
