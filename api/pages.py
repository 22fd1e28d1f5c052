"""Pages for people: rendered from `templates`, in their language, with nothing loaded from elsewhere."""

import secrets
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.signin import language_of


class Pages:
    """`sandbox` marks every page of a demonstration."""

    def __init__(self, *, sandbox: bool) -> None:
        folder = Path(__file__).parent / "templates"
        self._templates = Environment(
            loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._sandbox = sandbox

    def page(self, request: Request, name: str, status: int = 200, **values: object) -> Response:
        nonce, language = secrets.token_urlsafe(16), language_of(request)
        body = self._templates.get_template(name).render(
            language=language, nonce=nonce, sandbox=self._sandbox, path=request.url.path, **values
        )
        headers = {
            "Content-Security-Policy": f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self';"
            " frame-ancestors 'none'; base-uri 'none'",
            "Content-Language": language,
            "Vary": "Accept, Accept-Language",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            # The address may carry a code: it must not travel to whatever is clicked next.
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        return HTMLResponse(body, status, headers)
