"""A headless Chromium, spoken to by its own DevTools protocol: no driver in between."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.programs import found


@dataclass
class Page:
    """One page. `said` are its console's and its security policy's complaints."""

    wire: ClientConnection
    session: str
    said: list[str] = field(default_factory=list)
    _sent: int = 0

    async def do(self, method: str, **given: Any) -> dict[str, Any]:
        self._sent += 1
        await self.wire.send(
            json.dumps({"id": self._sent, "method": method, "params": given, "sessionId": self.session})
        )
        while True:
            told = json.loads(await self.wire.recv())
            if told.get("id") == self._sent:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result
            if told.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.said.append(json.dumps(told["params"]))

    async def go(self, address: str) -> None:
        await self.do("Page.navigate", url=address)
        await self.until("document.readyState === 'complete'")

    async def evaluate(self, script: str) -> Any:
        found = await self.do("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script: str) -> None:
        async with asyncio.timeout(30.0):
            while True:
                if await self.evaluate(script):
                    return
                await asyncio.sleep(0.05)  # a page of another process


@asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    """A page of a browser with no history, closed with the block."""
    with tempfile.TemporaryDirectory(prefix="motlan-chromium-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            found("chromium"), "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}",
            "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
            *(["--no-sandbox"] if os.geteuid() == 0 else []), "about:blank",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            address = await _address(Path(profile) / "DevToolsActivePort")
            async with connect(address, max_size=None, proxy=None) as wire:
                page = Page(wire, "")
                target = (await _ask(wire, "Target.createTarget", url="about:blank"))["targetId"]
                attached = await _ask(wire, "Target.attachToTarget", targetId=target, flatten=True)
                page.session = attached["sessionId"]
                for domain in ("Page", "Runtime", "Log"):
                    await page.do(f"{domain}.enable")
                yield page
        finally:
            process.terminate()
            await process.wait()


async def _ask(wire: ClientConnection, method: str, **given: Any) -> dict[str, Any]:
    await wire.send(json.dumps({"id": 0, "method": method, "params": given}))
    while True:
        told = json.loads(await wire.recv())
        if told.get("id") == 0:
            result: dict[str, Any] = told["result"]
            return result


async def _address(note: Path) -> str:
    async with asyncio.timeout(60.0):
        while True:
            lines = _lines(note)
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(0.05)  # a file of another process


def _lines(note: Path) -> list[str]:
    return note.read_text("ascii").splitlines() if note.exists() else []
