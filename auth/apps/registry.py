"""The apps the operator registered: public clients (RFC 6749, section 2.1), known by id and exact addresses.

A public client keeps no secret; what ties its tokens to it is the key each installation makes for itself. So
the addresses are what stands between a code and a thief, and they are compared letter by letter (RFC 9700, 4.1.3).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from auth.errors import AppRefused


@dataclass(frozen=True, slots=True)
class App:
    """One registered app. `name` is what people read in their list of sessions."""

    id: str
    name: str
    redirect_uris: frozenset[str]


class Apps:
    """The registered apps by id. Raises ValueError for a registration that would not be safe."""

    def __init__(self, registered: Iterable[App] = ()) -> None:
        self._apps: dict[str, App] = {}
        for app in registered:
            fault = _fault(app)
            if fault or app.id in self._apps:
                raise ValueError(f"app {app.id[:100]!r}: {fault or 'registered twice'}")
            self._apps[app.id] = app

    def find(self, app_id: str) -> App:
        """Raises AppRefused("invalid_client")."""
        app = self._apps.get(app_id)
        if app is None:
            raise AppRefused("invalid_client")
        return app

    def name_of(self, app_id: str) -> str:
        """The app's name; its id when it is registered no longer but its sessions are still there."""
        app = self._apps.get(app_id)
        return app.name if app is not None else app_id


def read_apps(given: object) -> tuple[App, ...]:
    """Registrations as the operator writes them: `[{"id", "name", "redirectUris": [...]}]`. Raises ValueError."""
    match given:
        case [*entries]:
            return tuple(_app(entry) for entry in entries)
    raise ValueError("not a list of apps")


_ID = re.compile(r"[A-Za-z0-9._-]{3,60}")
# RFC 8252, section 7.1: a scheme of one's own is a domain name the other way round, so it has a dot.
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def _app(given: object) -> App:
    match given:
        case {"id": str(app), "name": str(name), "redirectUris": [*uris], **rest} if not rest:
            if all(isinstance(uri, str) for uri in uris):
                return App(app, name, frozenset(uris))
    raise ValueError("an app has exactly id, name and redirectUris")


def _fault(app: App) -> str | None:
    if not _ID.fullmatch(app.id) or not 0 < len(app.name) <= 100 or not app.name.isprintable():
        return "needs an id of letters and digits and a name"
    if not app.redirect_uris or not all(_is_safe(uri) for uri in app.redirect_uris):
        return "needs redirect URIs: https, loopback http, or a scheme of its own"
    return None


def _is_safe(uri: str) -> bool:
    if not uri.isascii() or not uri.isprintable() or " " in uri or len(uri) > 300:
        return False
    parts = urlsplit(uri)
    if parts.fragment or "#" in uri or parts.username or parts.query:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    if parts.scheme == "http":
        return parts.hostname in _LOOPBACK
    return _OWN_SCHEME.fullmatch(parts.scheme) is not None
