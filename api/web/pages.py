"""Pages for people: rendered from `templates`, in their language, with nothing loaded from elsewhere."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response


def language_of(request: Request) -> str:
    """`vi` unless English is asked for, by `?lang=` or first in Accept-Language."""
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return "en" if asked.strip().lower().startswith("en") else "vi"


def _templates() -> Environment:
    folder = Path(__file__).parent / "templates"
    return Environment(loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True)


@dataclass(frozen=True, slots=True)
class Pages:
    """`sandbox` marks every page of a demonstration; `referrer` is what the address of a page may tell others."""

    sandbox: bool
    is_secure: bool
    referrer: str
    _templates: Environment = field(default_factory=_templates, repr=False)

    def page(
        self, request: Request, name: str, status: int = 200, *, script: bool = False, **values: object
    ) -> Response:
        """`script`: the page's own runs, and may speak to this origin."""
        nonce, language = secrets.token_urlsafe(16), language_of(request)
        body = self._templates.get_template(name).render(
            language=language, nonce=nonce, sandbox=self.sandbox, **values
        )
        mark = f"'nonce-{nonce}'"
        own = f" script-src {mark}; connect-src 'self';" if script else ""
        return self.harden(HTMLResponse(body, status), language=language, style=mark, script=own)

    def harden(
        self, response: Response, *, language: str | None = None, style: str = "'none'", script: str = ""
    ) -> Response:
        """Nothing runs but what `script` allows, nothing frames it, nothing keeps it."""
        response.headers.update(
            {
                "Content-Security-Policy": f"default-src 'none'; style-src {style};{script} form-action 'self';"
                " frame-ancestors 'none'; base-uri 'none'",
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": self.referrer,
                "Cross-Origin-Opener-Policy": "same-origin",
            }
        )
        if language is not None:
            response.headers["Content-Language"] = language
            response.headers["Vary"] = "Accept, Accept-Language, Cookie"
        if self.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        return response
