"""A published identity provider (npm oidc-provider) signs our people in, by settings alone: PAR, DPoP, nonce."""

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from api.app import open_platform
from api.process.serving import listen, serving
from api.settings import neighbours_of
from auth.assurance import SIGNED_IN, VAULT
from tests.attacks.killing import free_port
from tests.clients.conftest import HERE
from tests.flows.conftest import House

SECONDS = 120


@dataclass
class Foreign:
    """The provider as it runs; `told` is what it says it was asked."""

    issuer: str
    told: list[dict[str, Any]] = field(default_factory=list)


@asynccontextmanager
async def foreign(callback: str, acr: str) -> AsyncIterator[Foreign]:
    port = free_port()
    child = await asyncio.create_subprocess_exec(
        "node", "provider.mjs", str(port), callback, acr,
        cwd=HERE, env=dict(os.environ), stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL,
    )  # fmt: skip
    assert child.stdout is not None
    running = Foreign(f"http://127.0.0.1:{port}")
    async with asyncio.timeout(SECONDS):
        first = json.loads(await child.stdout.readline())
    assert first == {"listening": running.issuer}

    async def listen_on() -> None:
        assert child.stdout is not None
        async for line in child.stdout:
            running.told.append(json.loads(line))

    hearing = asyncio.create_task(listen_on())
    try:
        yield running
    finally:
        child.kill()
        await child.wait()
        hearing.cancel()
        with suppress(asyncio.CancelledError):
            await hearing


@asynccontextmanager
async def signing_in(house: House, acr: str) -> AsyncIterator[tuple[str, Foreign]]:
    """Our platform on a socket, with that provider named in its settings and nothing else changed."""
    with listen("127.0.0.1", 0) as listening:
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with foreign(f"{origin}/sign-in/callback", acr) as provider:
            settings = replace(
                house.settings,
                public_url=origin,
                clock_offset=timedelta(0),
                identity=(provider.issuer, "motlan-citizens", "motlan-officers"),
                untyped_tokens=True,
            )
            async with (
                open_platform(settings, house.servers, neighbours_of(settings)) as platform,
                serving(platform, listening, loops=False),
            ):
                yield origin, provider


async def walk(browser: httpx2.AsyncClient, origin: str) -> httpx2.Response:
    """Press "sign in" and follow every redirect, as a browser does."""
    answer = await browser.get(f"{origin}/sign-in", params={"role": "citizen"})
    for _ in range(10):
        if answer.status_code not in (302, 303):
            break
        answer = await browser.get(str(answer.url.join(answer.headers["location"])))
    return answer


async def test_a_published_provider_signs_a_person_in_by_settings_alone(
    furnished: House, packages: Path
) -> None:
    async with signing_in(furnished, VAULT) as (origin, provider):
        async with httpx2.AsyncClient(trust_env=False, timeout=SECONDS) as browser:
            arrived = await walk(browser, origin)
            assert arrived.status_code == 200, (arrived.text[:500], provider.told)
            asked = await browser.post(
                f"{origin}/graphql",
                json={"query": "{ viewer { kind name sessions { acr } } }"},
                headers={"Origin": origin},
            )
        viewer = asked.json()["data"]["viewer"]
        assert (viewer["kind"], viewer["name"]) == ("citizen", "Người Ngoài (thử nghiệm)")
        assert [one["acr"] for one in viewer["sessions"]] == [VAULT]
        assert {"pushed": True} in provider.told
        (bound,) = [one["bound"] for one in provider.told if "bound" in one]
        assert bound, "the code was redeemed without a proof of our key"
    print(f"oidc-provider: request pushed, code bound to {bound}")


async def test_a_sign_in_weaker_than_asked_for_is_refused(furnished: House, packages: Path) -> None:
    async with signing_in(furnished, SIGNED_IN) as (origin, provider):
        async with httpx2.AsyncClient(trust_env=False, timeout=SECONDS) as browser:
            arrived = await walk(browser, origin)
            assert arrived.status_code == 400, arrived.text[:300]
            asked = await browser.post(
                f"{origin}/graphql", json={"query": "{ viewer { kind } }"}, headers={"Origin": origin}
            )
        assert asked.json()["data"]["viewer"] is None
        assert any("bound" in one for one in provider.told)
