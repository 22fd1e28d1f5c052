"""Forms as OAuth clients send them (RFC 6749, section 3.2): one answer for whatever is wrong with one."""

from typing import Final

from starlette.requests import Request

from api.web import forms
from api.web.forms import Form, FormRefused
from auth.errors import AppRefused

__all__ = ["Form", "read_form"]

MOST_BYTES: Final = 16 * 1024


async def read_form(request: Request) -> Form:
    """The parameters, none of them empty. Raises AppRefused("invalid_request")."""
    try:
        return await forms.read_form(request, MOST_BYTES)
    except FormRefused:
        raise AppRefused("invalid_request") from None
