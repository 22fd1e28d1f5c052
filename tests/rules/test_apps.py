"""Registered apps: whose addresses may get a code, and what an operator's file must look like."""

import pytest

from auth.apps.registry import App, Apps, read_apps
from auth.errors import AppRefused


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
