"""Settings: what production refuses, what must come together, and secrets from files."""

from datetime import timedelta
from pathlib import Path

import pytest

from api.__main__ import REFUSED as REFUSED_CODE
from api.__main__ import main
from api.settings import (
    Settings,
    SettingsRefused,
    neighbours_of,
    officer_keys_of,
    read_settings,
    retired_keys_of,
)
from sandbox.lifeline import SandboxRefused, refuse_production
from tests.authenticator import Maker, models_file

FIVE = (
    "DATABASE_URL",
    "KEYS_DATABASE_URL",
    "OWNER_DATABASE_URL",
    "KEYS_OWNER_DATABASE_URL",
    "WORK_DATABASE_URL",
)
IDENTITY = ("MOTLAN_IDENTITY_ISSUER", "MOTLAN_CITIZEN_CLIENT", "MOTLAN_OFFICER_CLIENT")
REGISTERS = ("MOTLAN_REGISTERS_URL", "MOTLAN_REGISTERS_ISSUER", "MOTLAN_REGISTERS_AUDIENCE")
TRIPLES = (*IDENTITY, *REGISTERS)
SOUND = {
    "MOTLAN_PRODUCTION": "1",
    "MOTLAN_DATA": "/srv/motlan",
    "MOTLAN_PROXIES": "10.0.0.2",
    "MOTLAN_PUBLIC_URL": "https://kho.example.gov.vn",
    "MOTLAN_IDENTITY_ISSUER": "https://id.example.gov.vn",
    "MOTLAN_CITIZEN_CLIENT": "citizens",
    "MOTLAN_OFFICER_CLIENT": "officers",
    "MOTLAN_REGISTERS_URL": "https://bus.example.gov.vn",
    "MOTLAN_REGISTERS_ISSUER": "https://bus.example.gov.vn",
    "MOTLAN_REGISTERS_AUDIENCE": "urn:motlan",
    "MOTLAN_OFFICER_KEYS": "/etc/motlan/officer-keys.json",
    "MOTLAN_REGISTERS_JWKS": "/etc/motlan/registers.json",
    "MOTLAN_ALLOW_LOCAL_KEY_RING": "1",
    "MOTLAN_SCANNER": "/run/clamav/clamd.ctl",
    "MOTLAN_CONTENT_URL": "https://files.example.gov.vn",
    **{name: f"postgresql://{name.lower()}@db/x" for name in FIVE},
}


def test_without_any_setting_the_demo_is_at_home_on_this_machine() -> None:
    settings = read_settings({})
    assert (settings.public_url, settings.host, settings.port) == ("http://127.0.0.1:8000", "127.0.0.1", 8000)
    assert settings.data == Path(".motlan").absolute()
    assert not settings.production
    assert settings.servers is None
    assert neighbours_of(settings).issuer.endswith(".invalid")


def test_earlier_keys_are_named_by_a_file_that_can_be_read(tmp_path: Path) -> None:
    assert retired_keys_of(read_settings({})) == {"keys": []}
    published = tmp_path / "jwks.json"
    settings = read_settings({"MOTLAN_RETIRED_KEYS": str(published)})
    for unreadable in (None, "", "not json"):
        if unreadable is not None:
            published.write_text(unreadable)
        with pytest.raises(SettingsRefused, match="MOTLAN_RETIRED_KEYS"):
            retired_keys_of(settings)
    published.write_text('{"keys": [{"kty": "EC"}]}')
    assert retired_keys_of(settings) == {"keys": [{"kty": "EC"}]}


def test_the_command_line_wins() -> None:
    settings = read_settings({"MOTLAN_PORT": "9000", "MOTLAN_DATA": "/a"}, data=Path("/b"), port=9001)
    assert (settings.data, settings.port, settings.public_url) == (Path("/b"), 9001, "http://127.0.0.1:9001")


def test_production_as_it_should_be_is_accepted() -> None:
    settings = read_settings(SOUND)
    assert settings.production
    assert settings.is_secure
    assert settings.log_origin == "kho.example.gov.vn/log"
    assert settings.servers is not None
    assert settings.servers.work_url == "postgresql+asyncpg://work_database_url@db/x"


def test_a_token_makes_the_leave_for_a_file_superfluous() -> None:
    token = {
        "MOTLAN_PKCS11_MODULE": "/lib/x.so",
        "MOTLAN_PKCS11_TOKEN": "motlan",
        "MOTLAN_PKCS11_PIN": "482915",
    }
    settings = read_settings(SOUND | token | {"MOTLAN_ALLOW_LOCAL_KEY_RING": ""})
    assert settings.pkcs11 == ("/lib/x.so", "motlan", "482915")
    assert "482915" not in repr(settings)


NEEDED = (
    "MOTLAN_DATA",
    "MOTLAN_PUBLIC_URL",
    *IDENTITY,
    *REGISTERS,
    "MOTLAN_REGISTERS_JWKS",
    "MOTLAN_PROXIES",
    "MOTLAN_OFFICER_KEYS",
)

REFUSED: list[tuple[dict[str, str], str]] = [
    ({"MOTLAN_SCANNER": ""}, "MOTLAN_ALLOW_NO_SCANNER=1"),
    ({"MOTLAN_SCANNER": "", "MOTLAN_ALLOW_NO_SCANNER": "0"}, "missing in production: MOTLAN_SCANNER"),
    *(
        ({"MOTLAN_SCANNER": odd}, "MOTLAN_SCANNER must be")
        for odd in ("clamd", "10.0.0.7:3310", "127.0.0.1:x")
    ),
    ({"MOTLAN_CONTENT_URL": ""}, "MOTLAN_ALLOW_ONE_ORIGIN=1"),
    ({"MOTLAN_CONTENT_URL": "https://kho.example.gov.vn:444"}, "at another host than MOTLAN_PUBLIC_URL"),
    ({"MOTLAN_CONTENT_URL": "http://localhost"}, "MOTLAN_CONTENT_URL must be https"),
    ({"MOTLAN_CONTENT_URL": "https://files.example.gov.vn/x"}, "MOTLAN_CONTENT_URL must be a bare"),
    *(({name: ""}, f"missing in production, set each: {name}") for name in NEEDED if name not in TRIPLES),
    (dict.fromkeys(IDENTITY, ""), f"missing in production, set each: {', '.join(IDENTITY)}"),
    (dict.fromkeys(REGISTERS, ""), f"missing in production, set each: {', '.join(REGISTERS)}"),
    *(({name: ""}, "give all or none of MOTLAN_") for name in TRIPLES),
    *(({name: ""}, f": {name}") for name in FIVE),
    (dict.fromkeys(FIVE, ""), "missing in production: DATABASE_URL and the four beside it"),
    (
        {"MOTLAN_PUBLIC_URL": "http://127.0.0.1:8000"},
        "MOTLAN_PUBLIC_URL must be https in production: a reverse",
    ),
    (
        {"MOTLAN_PUBLIC_URL": "http://kho.example.gov.vn"},
        "MOTLAN_PUBLIC_URL: plain HTTP is for this very machine",
    ),
    (
        {"MOTLAN_CLOCK_OFFSET_SECONDS": "60"},
        "MOTLAN_CLOCK_OFFSET_SECONDS is refused in production: take it away",
    ),
    (
        {"MOTLAN_IDENTITY_ISSUER": "http://id.example.vn"},
        "MOTLAN_IDENTITY_ISSUER must be https in production",
    ),
    ({"MOTLAN_REGISTERS_URL": "http://bus.example.vn"}, "MOTLAN_REGISTERS_URL must be https in production"),
    ({"MOTLAN_PROXIES": "10.0.0.2, 0.0.0.0/0"}, "MOTLAN_PROXIES must name the proxies"),
    ({"MOTLAN_PROXIES": "::/0"}, "MOTLAN_PROXIES must name the proxies"),
    ({"MOTLAN_CORS_ORIGINS": "http://localhost:5173"}, "MOTLAN_CORS_ORIGINS must be https in production"),
    ({"MOTLAN_CORS_ORIGINS": "*"}, "MOTLAN_CORS_ORIGINS must be origins such as https://app.example.vn"),
    ({"MOTLAN_METRICS": "0.0.0.0:9464"}, "MOTLAN_METRICS must be a private address of this host"),
    ({"MOTLAN_METRICS": "8.8.4.4:9464"}, "MOTLAN_METRICS must be a private address of this host"),
    (
        {"MOTLAN_PKCS11_MODULE": "/usr/lib/softhsm/libsofthsm2.so"},
        "give all or none of MOTLAN_PKCS11_MODULE",
    ),
    (
        {"MOTLAN_ALLOW_LOCAL_KEY_RING": "0"},
        "MOTLAN_ALLOW_LOCAL_KEY_RING must be 1 in production: the root key",
    ),
    ({"MOTLAN_PRODUKTION": "1"}, "MOTLAN_PRODUKTION is no setting: correct its name"),
    ({"DATABASE_URL_FILE": "/nowhere/url"}, "DATABASE_URL_FILE names no file that can be read"),
]
"""Each setting production refuses, with the words it is told in."""


@pytest.mark.parametrize(("change", "told"), REFUSED, ids=[", ".join(one) for one, _ in REFUSED])
def test_production_refuses_each_setting_in_a_line(
    change: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the command line, as its operator meets it: before anything is opened or written."""
    for name, value in (SOUND | change).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("api.__main__.start_journal", lambda level: None)
    assert main(["serve"]) == REFUSED_CODE
    said = capsys.readouterr().err
    assert said.startswith("motlan: SETTINGS_REFUSED: ")
    assert told in said
    assert len(said.splitlines()) == 1
    assert "postgresql" not in said


@pytest.mark.parametrize("command", ["run", "story"])
def test_production_refuses_the_demo(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in SOUND.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("api.__main__.start_journal", lambda level: None)
    assert main([command]) == REFUSED_CODE
    assert "MOTLAN_PRODUCTION is set: the demo never runs there, use serve" in capsys.readouterr().err


def test_the_sandbox_refuses_production_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTLAN_PRODUCTION", "1")
    with pytest.raises(SandboxRefused, match="never runs with MOTLAN_PRODUCTION set"):
        refuse_production()


def test_the_embedded_database_serves_production_where_somebody_says_so() -> None:
    without = SOUND | dict.fromkeys(FIVE, "")
    assert read_settings(without | {"MOTLAN_ALLOW_EMBEDDED_DATABASE": "1"}).servers is None


@pytest.mark.parametrize("content", [None, "", "not json", "{}", '{"keys": [{"kty": "EC", "d": "x"}]}'])
def test_the_registers_keys_are_a_set_of_public_keys(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_text(content)
    settings = read_settings(SOUND | {"MOTLAN_REGISTERS_JWKS": str(path)})
    with pytest.raises(SettingsRefused, match="MOTLAN_REGISTERS_JWKS must name a readable JWK set"):
        neighbours_of(settings)


@pytest.mark.parametrize(
    "content", [None, "", "not json", "[]", '[{"name": "x", "aaguid": "y", "roots": ["z"]}]']
)
def test_officers_keys_are_a_list_of_models(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "officer-keys.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsRefused, match="MOTLAN_OFFICER_KEYS: "):
        officer_keys_of(read_settings(SOUND | {"MOTLAN_OFFICER_KEYS": str(path)}))
    maker = Maker()
    path.write_bytes(models_file(maker))
    assert set(officer_keys_of(read_settings(SOUND | {"MOTLAN_OFFICER_KEYS": str(path)})) or ()) == {
        maker.model
    }
    assert officer_keys_of(read_settings({})) is None


@pytest.mark.parametrize("name", FIVE)
def test_the_five_database_addresses_come_together(name: str) -> None:
    given = {one: "postgresql://x@db/x" for one in FIVE if one != name}
    with pytest.raises(SettingsRefused, match=f"missing .*: {name}"):
        read_settings(given)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"MOTLAN_PUBLIC_URL": "http://kho.example.gov.vn"}, "plain HTTP"),
        ({"MOTLAN_PUBLIC_URL": "https://kho.example.gov.vn/path"}, "without a path"),
        ({"MOTLAN_PUBLIC_URL": "ftp://kho.example.gov.vn"}, "bare http"),
        ({"MOTLAN_PORT": "eighty"}, "MOTLAN_PORT"),
        ({"MOTLAN_PRODUCTION": "yes"}, "MOTLAN_PRODUCTION"),
        ({"MOTLAN_CITIZEN_CLIENT": "citizens"}, "all or none"),
        ({"MOTLAN_METRICS": "9464"}, "MOTLAN_METRICS"),
        ({"MOTLAN_METRICS": "localhost:9464"}, "MOTLAN_METRICS"),
        ({"MOTLAN_METRICS": "127.0.0.1:65536"}, "MOTLAN_METRICS"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsRefused, match=named):
        read_settings(given)


def test_a_value_may_lie_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://motlan_app:hunter2@db/motlan\n")
    settings = read_settings(
        {**dict.fromkeys(FIVE[1:], "postgresql://x:hunter2@db/x"), "DATABASE_URL_FILE": str(secret)}
    )
    assert settings.servers is not None
    assert settings.servers.url == "postgresql+asyncpg://motlan_app:hunter2@db/motlan"
    assert "hunter2" not in repr(settings)


def test_a_refusal_names_the_variable_and_not_its_value() -> None:
    with pytest.raises(SettingsRefused) as refused:
        read_settings({"MOTLAN_PORT": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_a_clock_offset_is_for_demonstrations() -> None:
    assert read_settings({"MOTLAN_CLOCK_OFFSET_SECONDS": "-60"}).clock_offset == timedelta(minutes=-1)
    assert Settings(data=Path("/x"), public_url="http://127.0.0.1").clock_offset == timedelta(0)


def test_origins_are_named_as_browsers_name_them() -> None:
    assert read_settings({}).cors_origins == frozenset()
    given = "https://app.example.vn, https://app.example.vn:8443,http://127.0.0.1:5173"
    assert len(read_settings({"MOTLAN_CORS_ORIGINS": given}).cors_origins) == 3


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "https://*.example.vn", "https://App.example.vn", "https://app.example.vn/", "app.example.vn",
     "https://app.example.vn:443", "http://app.example.vn", "https://a@app.example.vn", "https://app.example.vn?"],
)  # fmt: skip
def test_what_is_no_origin_or_more_than_one_is_refused(origin: str) -> None:
    with pytest.raises(SettingsRefused, match="MOTLAN_CORS_ORIGINS"):
        read_settings({"MOTLAN_CORS_ORIGINS": f"https://app.example.vn,{origin}"})


def test_figures_are_told_where_the_operator_says_and_else_nowhere() -> None:
    assert read_settings({}).metrics is None
    assert read_settings({**SOUND, "MOTLAN_METRICS": "10.0.0.7:9464"}).metrics == ("10.0.0.7", 9464)
    assert read_settings({"MOTLAN_METRICS": "[::1]:9464"}).metrics == ("::1", 9464)


def test_proxies_are_addresses_or_networks() -> None:
    assert read_settings({"MOTLAN_PROXIES": "127.0.0.1, 10.0.0.0/8"}).proxies == (
        "127.0.0.1/32",
        "10.0.0.0/8",
    )
    assert read_settings({}).proxies == ()
    with pytest.raises(SettingsRefused, match="MOTLAN_PROXIES"):
        read_settings({"MOTLAN_PROXIES": "the proxy"})
