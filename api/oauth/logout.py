"""`/oauth/backchannel-logout`: whoever signs out at the identity provider is signed out here (OpenID Connect
Back-Channel Logout 1.0). The provider's word, signed; nothing else ends somebody's sessions from outside.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.door.front import FrontDoor
from api.oauth.forms import read_form
from api.web.answers import json_answer
from auth.errors import AppRefused, SignInFailed, TokenRefused
from auth.provider.login import STARTER, Door
from auth.sessions import end_sessions_of_account


@dataclass(frozen=True, slots=True)
class BackChannel:
    """Takes logout tokens for the clients of citizens and officers."""

    door: FrontDoor

    async def log_out(self, request: Request) -> Response:
        """200 once everything is ended, and for accounts that are nowhere signed in; else 400, without a reason."""
        try:
            token = (await read_form(request)).get("logout_token", "")
            await self._end(token)
        except (AppRefused, TokenRefused):
            return json_answer({"error": "invalid_request"}, 400)
        except SignInFailed:
            return json_answer({"error": "temporarily_unavailable"}, 503)
        return json_answer({}, 200)

    async def _end(self, token: str) -> None:
        now = self.door.now()
        for side in (Door.CITIZEN, Door.OFFICER):
            provider = self.door.providers[side]
            try:
                account = await provider.ended_account(token, now)
            except TokenRefused:
                continue
            async with self.door.database.writing(STARTER) as tx:
                # Bears repetition, so a token that comes twice does no harm and needs no list.
                await end_sessions_of_account(tx, provider.client.issuer, account, now)
            return
        raise TokenRefused


def routes(door: FrontDoor) -> list[Route]:
    return [Route("/oauth/backchannel-logout", BackChannel(door).log_out, methods=["POST"])]
