"""The settings, and the only reader of the environment.

Every variable may be given as `NAME_FILE` instead: the path of a file that holds the value, so that secrets need
not stand in the environment. Nothing here is a secret's default: what is missing in production stops the start.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from api.gateway.documents import SHIPPED
from api.settings.values import (
    SettingsRefused,
    addresses,
    contact,
    content,
    endpoint,
    flag,
    number,
    origins,
    refuse_odd_address,
    scanner,
    triple,
    version,
)
from api.settings.witnesses import witnesses_in
from auth.apps.registry import App, Apps, read_apps
from auth.passkeys.models import KeyModels, read_models
from auth.signing import KeyRefused, import_jwks
from connectors.malware import Address
from connectors.witnesses import Witness
from store.embedded import Servers

VERSION = "0.1.0"
"""Of the platform, as `pyproject.toml` has it: a checkout is no installed package that could be asked."""
DEFAULT_DATA = Path(".motlan")
DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The State systems around the platform: who vouches for people, and whom to ask for facts.

    `jwks` is the published key set of the registers, `audience` our name to them.
    """

    issuer: str
    citizen_client: str
    officer_client: str
    registers_url: str
    registers_issuer: str
    audience: str
    jwks: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """One deployment.

    `data` holds keys, sealed files and the embedded database. `public_url` is the address people use, never read
    from a header. `servers`: real PostgreSQL servers; None means the embedded one. `clock_offset` moves the
    platform's clock for demonstrations and tests. `operations` holds the registered documents, which
    `trusted_documents` makes the only ones for the portal. `metrics`: address and port where figures are told;
    nowhere when None. `cors_origins`: other origins whose apps may call from a browser. `scanner`: where clamd
    listens. `content_url`: the origin of originals, at another host than `public_url`; empty: there is none.
    `pkcs11`: the maker's library, the token's label and its PIN; without it the root key is in a file.
    """

    data: Path
    public_url: str
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    production: bool = False
    servers: Servers | None = field(default=None, repr=False)
    jwks_path: Path | None = None
    identity: tuple[str, str, str] | None = None
    untyped_tokens: bool = False
    registers: tuple[str, str, str] | None = None
    clock_offset: timedelta = timedelta(0)
    allow_local_key_ring: bool = False
    pkcs11: tuple[str, str, str] | None = field(default=None, repr=False)
    retired_keys_path: Path | None = None
    officer_keys_path: Path | None = None
    proxies: tuple[str, ...] = ()
    trusted_documents: bool = False
    operations: Path = SHIPPED
    apps: tuple[App, ...] = ()
    metrics: tuple[str, int] | None = None
    cors_origins: frozenset[str] = frozenset()
    min_client_version: str = "0"
    push_contact: str = ""
    push_loopback: bool = False
    witnesses: tuple[Witness, ...] = ()
    scanner: Address | None = None
    content_url: str = ""

    @property
    def is_secure(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def keys(self) -> Path:
        """Key ring, signing keys: nothing here belongs into a backup of the database."""
        return self.data / "keys"

    @property
    def log_origin(self) -> str:
        """The name of this deployment's access log, as its checkpoints sign it."""
        return f"{urlsplit(self.public_url).netloc}/log"


VARIABLES: Mapping[str, str] = {
    "MOTLAN_PRODUCTION": "1 where real people are served: refuses sandbox, clock offset and plain HTTP.",
    "MOTLAN_DATA": "Folder of keys, sealed files and the embedded database; .motlan by default.",
    "MOTLAN_PUBLIC_URL": "The address people use, without a path; http://127.0.0.1:8000 by default.",
    "MOTLAN_HOST": "Where to listen; 127.0.0.1 by default. A reverse proxy ends TLS in front of it.",
    "MOTLAN_PORT": "The port to listen at; 8000 by default.",
    "DATABASE_URL": "The main database as motlan_app. With it, the four below; without, PostgreSQL is embedded.",
    "OWNER_DATABASE_URL": "The main database as motlan_owner, for migrations and imports.",
    "WORK_DATABASE_URL": "The main database as motlan_work, for the loops.",
    "KEYS_DATABASE_URL": "The keys database as motlan_keys. A server of its own is best.",
    "KEYS_OWNER_DATABASE_URL": "The keys database as its owner, for migrations.",
    "MOTLAN_IDENTITY_ISSUER": "The identity provider (OpenID Connect issuer).",
    "MOTLAN_CITIZEN_CLIENT": "Our client there for citizens.",
    "MOTLAN_OFFICER_CLIENT": "Our client there for officers.",
    "MOTLAN_OFFICER_KEYS": "File with the security keys officers may use: JSON, [{name, aaguid, roots}]; without it"
    " officers show none, which production refuses.",
    "MOTLAN_REGISTERS_URL": "Where the State's registers answer.",
    "MOTLAN_IDENTITY_UNTYPED": "1: the provider writes no `typ` into its ID tokens.",
    "MOTLAN_REGISTERS_ISSUER": "The issuer their answers name.",
    "MOTLAN_REGISTERS_AUDIENCE": "Our name in their answers.",
    "MOTLAN_REGISTERS_JWKS": "File with the registers' public keys (JWK set).",
    "MOTLAN_RETIRED_KEYS": "File with earlier public keys of ours (JWK set): what they signed stays honoured.",
    "MOTLAN_APPS": "File with the apps that may sign people in: JSON, [{id, name, redirectUris}]; none by default.",
    "MOTLAN_MIN_CLIENT_VERSION": "The oldest version of the national app still served; apps read it in apiInfo.",
    "MOTLAN_PUSH_CONTACT": "Whom push services write to about us: mailto: or https; the public URL by default.",
    "MOTLAN_PUSH_LOOPBACK": "1 lets devices name push services on this machine, for tests; refused in production.",
    "MOTLAN_WITNESSES": "File with the witnesses of the access log: JSON, [{name, url, key}]; none by default.",
    "MOTLAN_CLOCK_OFFSET_SECONDS": "Moves the platform's clock, for demonstrations; refused in production.",
    "MOTLAN_PROXIES": "Addresses of our reverse proxies, comma-separated; only they are believed about callers.",
    "MOTLAN_TRUSTED_DOCUMENTS": "1 lets people signed in with a cookie run registered documents only.",
    "MOTLAN_OPERATIONS": "Folder of registered documents (*.graphql); those of docs/clients by default.",
    "MOTLAN_CORS_ORIGINS": "Origins of browser apps that may call from elsewhere, comma-separated; none by default.",
    "MOTLAN_METRICS": "Address and port where /metrics is served, 127.0.0.1:9464 for instance; nowhere by default.",
    "MOTLAN_SCANNER": "The malware scanner: the path of clamd's socket, or 127.0.0.1 and its port; none by default.",
    "MOTLAN_CONTENT_URL": "Where originals are fetched, another host than MOTLAN_PUBLIC_URL's; none by default.",
    "MOTLAN_ALLOW_NO_SCANNER": "1 lets production take papers no malware scanner has seen.",
    "MOTLAN_ALLOW_ONE_ORIGIN": "1 lets production serve originals at MOTLAN_PUBLIC_URL.",
    "MOTLAN_ALLOW_EMBEDDED_DATABASE": "1 lets production keep its databases in the embedded server.",
    "MOTLAN_PKCS11_MODULE": "The maker's PKCS#11 library; with it, the two below: the root key is in a token.",
    "MOTLAN_PKCS11_TOKEN": "The label of the token that holds the root key.",
    "MOTLAN_PKCS11_PIN": "The PIN of its user; best as MOTLAN_PKCS11_PIN_FILE.",
    "MOTLAN_ALLOW_LOCAL_KEY_RING": "1 lets production keep its root key in a file, where no HSM is to be had.",
}
"""Every variable, with what it is for."""

_DATABASES = (
    "DATABASE_URL",
    "KEYS_DATABASE_URL",
    "OWNER_DATABASE_URL",
    "KEYS_OWNER_DATABASE_URL",
    "WORK_DATABASE_URL",
)
_IDENTITY = ("MOTLAN_IDENTITY_ISSUER", "MOTLAN_CITIZEN_CLIENT", "MOTLAN_OFFICER_CLIENT")
_PKCS11 = ("MOTLAN_PKCS11_MODULE", "MOTLAN_PKCS11_TOKEN", "MOTLAN_PKCS11_PIN")
_REGISTERS = ("MOTLAN_REGISTERS_URL", "MOTLAN_REGISTERS_ISSUER", "MOTLAN_REGISTERS_AUDIENCE")


def read_settings(
    environ: Mapping[str, str] = os.environ, *, data: Path | None = None, port: int | None = None
) -> Settings:
    """The settings of this environment; `data` and `port` from the command line win. Raises SettingsRefused."""
    given = _values(environ)
    _refuse_strangers(environ)
    if data is not None:
        given["MOTLAN_DATA"] = str(data)
    chosen = port or number(given, "MOTLAN_PORT", DEFAULT_PORT)
    jwks, retired = given.get("MOTLAN_REGISTERS_JWKS"), given.get("MOTLAN_RETIRED_KEYS")
    settings = Settings(
        data=Path(given.get("MOTLAN_DATA") or DEFAULT_DATA).absolute(),
        public_url=(given.get("MOTLAN_PUBLIC_URL") or f"http://127.0.0.1:{chosen}").rstrip("/"),
        host=given.get("MOTLAN_HOST") or "127.0.0.1",
        port=chosen,
        production=flag(given, "MOTLAN_PRODUCTION"),
        servers=_servers(given),
        jwks_path=Path(jwks) if jwks else None,
        identity=triple(given, _IDENTITY),
        untyped_tokens=flag(given, "MOTLAN_IDENTITY_UNTYPED"),
        registers=triple(given, _REGISTERS),
        clock_offset=timedelta(seconds=number(given, "MOTLAN_CLOCK_OFFSET_SECONDS", 0)),
        allow_local_key_ring=flag(given, "MOTLAN_ALLOW_LOCAL_KEY_RING"),
        pkcs11=triple(given, _PKCS11),
        retired_keys_path=Path(retired) if retired else None,
        officer_keys_path=Path(models) if (models := given.get("MOTLAN_OFFICER_KEYS")) else None,
        proxies=addresses(given, "MOTLAN_PROXIES"),
        trusted_documents=flag(given, "MOTLAN_TRUSTED_DOCUMENTS"),
        operations=Path(given.get("MOTLAN_OPERATIONS") or SHIPPED),
        apps=_apps(given.get("MOTLAN_APPS")),
        metrics=endpoint(given, "MOTLAN_METRICS"),
        cors_origins=origins(given, "MOTLAN_CORS_ORIGINS"),
        min_client_version=version(given, "MOTLAN_MIN_CLIENT_VERSION"),
        push_contact=contact(given, "MOTLAN_PUSH_CONTACT"),
        push_loopback=flag(given, "MOTLAN_PUSH_LOOPBACK"),
        witnesses=witnesses_in(given.get("MOTLAN_WITNESSES")),
        scanner=scanner(given, "MOTLAN_SCANNER"),
        content_url=(given.get("MOTLAN_CONTENT_URL") or "").rstrip("/"),
    )
    _refuse_odd_addresses(settings)
    if settings.production:
        _refuse_missing(given)
        _refuse_unfit_for_production(settings)
    return settings


def neighbours_of(settings: Settings) -> Neighbours:
    """The State systems the settings name. Those not named answer nobody: filing then waits, as for any that
    are down."""
    issuer, citizens, officers = settings.identity or (_NOBODY, "none", "none")
    registers, registers_issuer, audience = settings.registers or (_NOBODY, _NOBODY, "none")
    jwks = _key_set("MOTLAN_REGISTERS_JWKS", settings.jwks_path)
    return Neighbours(issuer, citizens, officers, registers, registers_issuer, audience, jwks)


def retired_keys_of(settings: Settings) -> object:
    """The JWK set of our earlier public keys, unread; empty when none are named. Raises SettingsRefused."""
    return _key_set("MOTLAN_RETIRED_KEYS", settings.retired_keys_path)


def officer_keys_of(settings: Settings) -> KeyModels | None:
    """The models of security keys officers may use; None when none is asked for. Raises SettingsRefused."""
    if settings.officer_keys_path is None:
        return None
    try:
        return read_models(orjson.loads(settings.officer_keys_path.read_bytes()))
    except (OSError, ValueError) as fault:  # orjson's own error is a ValueError
        raise SettingsRefused(f"MOTLAN_OFFICER_KEYS: {fault}") from None


def _key_set(name: str, path: Path | None) -> Any:
    if path is None:
        return {"keys": []}
    try:
        found = orjson.loads(path.read_bytes())
        import_jwks(found)
    except (OSError, orjson.JSONDecodeError, KeyRefused):
        raise SettingsRefused(f"{name} must name a readable JWK set of public keys") from None
    return found


_NOBODY = "https://not-configured.invalid"


def _values(environ: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for name in VARIABLES:
        path = environ.get(f"{name}_FILE")
        if path:
            values[name] = content(f"{name}_FILE", path)
        elif environ.get(name):
            values[name] = environ[name]
    return values


def _refuse_strangers(environ: Mapping[str, str]) -> None:
    """A misspelt setting would silently be none: MOTLAN_PRODUKTION=1 would serve the demo."""
    known = {*VARIABLES, *(f"{name}_FILE" for name in VARIABLES)}
    given = {name for name in environ if name.startswith("MOTLAN_")} - known
    unknown = sorted(name for name in given if not name.removeprefix("MOTLAN_").startswith("TEST_"))
    if unknown:
        raise SettingsRefused(
            f"{unknown[0]} is no setting: correct its name, docs/operations.md has them all"
        )


def _refuse_odd_addresses(settings: Settings) -> None:
    refuse_odd_address("MOTLAN_PUBLIC_URL", settings.public_url)
    if settings.content_url:
        refuse_odd_address("MOTLAN_CONTENT_URL", settings.content_url)
        # Cookies know no ports: another port of the same host would be the same place to them.
        if urlsplit(settings.content_url).hostname == urlsplit(settings.public_url).hostname:
            raise SettingsRefused("MOTLAN_CONTENT_URL must be at another host than MOTLAN_PUBLIC_URL")


_EITHER = (
    ("MOTLAN_SCANNER", "MOTLAN_ALLOW_NO_SCANNER", "and papers are judged by their content alone"),
    ("MOTLAN_CONTENT_URL", "MOTLAN_ALLOW_ONE_ORIGIN", "and originals come from the public address"),
)


def _refuse_missing(given: Mapping[str, str]) -> None:
    """Production relies on no default: somebody has decided each of these."""
    wanted = ("MOTLAN_DATA", "MOTLAN_PUBLIC_URL", *_IDENTITY, *_REGISTERS, "MOTLAN_REGISTERS_JWKS")
    missing = [name for name in (*wanted, "MOTLAN_PROXIES", "MOTLAN_OFFICER_KEYS") if not given.get(name)]
    if missing:
        raise SettingsRefused(f"missing in production, set each: {', '.join(missing)}")
    if not given.get("DATABASE_URL") and not flag(given, "MOTLAN_ALLOW_EMBEDDED_DATABASE"):
        raise SettingsRefused(
            "missing in production: DATABASE_URL and the four beside it; or, for a small place,"
            " MOTLAN_ALLOW_EMBEDDED_DATABASE=1"
        )
    for name, allowed, without in _EITHER:
        if not given.get(name) and not flag(given, allowed):
            raise SettingsRefused(f"missing in production: {name}; or {allowed}=1, {without}")


def _refuse_unfit_for_production(settings: Settings) -> None:
    if not settings.is_secure:
        raise SettingsRefused("MOTLAN_PUBLIC_URL must be https in production: a reverse proxy ends TLS")
    if settings.content_url.startswith("http:"):
        raise SettingsRefused("MOTLAN_CONTENT_URL must be https in production")
    if settings.clock_offset:
        raise SettingsRefused("MOTLAN_CLOCK_OFFSET_SECONDS is refused in production: take it away")
    if settings.push_loopback:
        raise SettingsRefused("MOTLAN_PUSH_LOOPBACK is refused in production: take it away")
    for names, given in ((_IDENTITY, settings.identity), (_REGISTERS, settings.registers)):
        if given is not None and not given[0].startswith("https://"):
            raise SettingsRefused(f"{names[0]} must be https in production")
    if any(ip_network(proxies).prefixlen == 0 for proxies in settings.proxies):
        raise SettingsRefused(
            "MOTLAN_PROXIES must name the proxies: whoever may come from anywhere is believed"
        )
    if any(origin.startswith("http:") for origin in settings.cors_origins):
        raise SettingsRefused("MOTLAN_CORS_ORIGINS must be https in production")
    if settings.metrics is not None and not _is_private(settings.metrics[0]):
        raise SettingsRefused("MOTLAN_METRICS must be a private address of this host in production")
    if not settings.allow_local_key_ring and settings.pkcs11 is None:
        raise SettingsRefused(
            "MOTLAN_ALLOW_LOCAL_KEY_RING must be 1 in production: the root key lies in a file; or name the token"
            " that holds it, MOTLAN_PKCS11_MODULE and the two beside it"
        )


def _is_private(address: str) -> bool:
    given = ip_address(address)
    return given.is_private and not given.is_unspecified


def _servers(given: Mapping[str, str]) -> Servers | None:
    named = [name for name in _DATABASES if given.get(name)]
    if not named:
        return None
    missing = [name for name in _DATABASES if name not in named]
    if missing:
        raise SettingsRefused(f"missing beside {named[0]}: {', '.join(missing)}")
    main, keys, owner, keys_owner, work = (_with_driver(given[name]) for name in _DATABASES)
    return Servers(url=main, keys_url=keys, owner_url=owner, keys_owner_url=keys_owner, work_url=work)


def _with_driver(url: str) -> str:
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return f"postgresql+asyncpg://{url.removeprefix(scheme)}"
    return url


def _apps(path: str | None) -> tuple[App, ...]:
    if path is None:
        return ()
    try:
        apps = read_apps(orjson.loads(Path(path).read_bytes()))
        Apps(apps)
    except (OSError, ValueError) as fault:  # orjson's own error is a ValueError
        raise SettingsRefused(f"MOTLAN_APPS: {fault}") from None
    return apps
