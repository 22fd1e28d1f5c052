"""A citizen's errands with files, over HTTP: papers sent whole and in pieces, kept, read back, given up; and the
sweep.

A refusal because the disk failed must be typed and retryable; then `on_refusal` is called and the very request is
made again, which must succeed. Any other refusal fails.
"""

import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import httpx2

from auth.caller import LOOP
from store.database import Database
from tests import files
from tests.flows.stage import Person, Stage
from vault.errors import StorageFailed
from vault.sealing.blobs import LocalBlobs
from vault.sweeping import GRACE, sweep_blobs

PAPER: Final = "thuyet-minh-co-so-vat-chat-attp"
TUS: Final = {"Tus-Resumable": "1.0.0"}
PIECE: Final = {**TUS, "Content-Type": "application/offset+octet-stream"}
PIECES: Final = 3

Nothing = Callable[[], Awaitable[None]]


async def _nothing() -> None:
    return None


@dataclass
class Errands:
    """`papers`: what was acknowledged, the bytes by document."""

    stage: Stage
    person: Person
    blobs: LocalBlobs
    lot: random.Random
    on_refusal: Nothing = _nothing
    on_answer: Nothing = _nothing
    """Called whenever something was acknowledged."""
    papers: dict[str, bytes] = field(default_factory=dict)
    refusals: int = 0

    async def run(self) -> None:
        """Each errand once."""
        await self.send_whole()
        await self.send_in_pieces()
        await self.give_up()
        await self.read(list(self.papers)[-1])
        await self.sweep()

    async def send_whole(self) -> None:
        content = self._picture()
        upload = await self._announce(content)
        sent = await self._request(lambda: self.person.browser.put(upload["url"], content=content))
        assert sent.status_code == 201, sent.text
        await self.on_answer()
        await self._keep(upload["id"], content)

    async def send_in_pieces(self) -> None:
        content = self._picture()
        upload = await self._announce(content)
        step = len(content) // PIECES
        for end in (*range(step, step * PIECES, step), len(content)):
            await self._send_up_to(upload["url"], content, end)
            await self.on_answer()
        await self._keep(upload["id"], content)

    async def give_up(self) -> None:
        content = self._picture()
        upload = await self._announce(content)
        await self._send_up_to(upload["url"], content, len(content) // 2)
        ended = await self._request(lambda: self.person.browser.request("DELETE", upload["url"], headers=TUS))
        assert ended.status_code == 204, ended.text

    async def read(self, document: str) -> None:
        """The bytes are those that were acknowledged. A sending that breaks off is begun again, by a new address."""
        try:
            answer = await self._request(lambda: self._content(document))
        except ConnectionAbortedError:
            await self._refused()
            answer = await self._content(document)
        assert answer.status_code == 200, answer.text
        assert answer.content == self.papers[document]

    async def sweep(self) -> None:
        """Two rounds a day apart, as the loop makes them."""
        work = Database(self.stage.servers.work_url, pool_size=1)
        try:
            for moment in (timedelta(0), GRACE):
                try:
                    await self._sweep_once(work, moment)
                except StorageFailed:
                    await self._refused()
                    await self._sweep_once(work, moment)
        finally:
            await work.close()

    async def _sweep_once(self, work: Database, after: timedelta) -> None:
        tools = self.stage.platform.loops._tools
        async with work.reading(LOOP.actor) as tx:
            await sweep_blobs(tx, self.blobs, tools.now() + after)

    async def _announce(self, content: bytes) -> dict[str, Any]:
        given = {
            "fileName": "anh", "mediaType": "image/jpeg", "sizeBytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(), "type": PAPER,
        }  # fmt: skip
        upload: dict[str, Any] = (await self._act("createUpload", "upload { id url }", **given))["upload"]
        return upload

    async def _keep(self, upload: str, content: bytes) -> None:
        given = {"upload": upload, "type": PAPER, "claims": {}}
        added = await self._act("addDocument", "document { id }", **given)
        self.papers[added["document"]["id"]] = content
        await self.on_answer()

    async def _send_up_to(self, url: str, content: bytes, end: int) -> None:
        async def go_on() -> httpx2.Response:
            asked = await self.person.browser.head(url, headers=TUS)
            if asked.status_code != 200 or (start := int(asked.headers["upload-offset"])) >= end:
                return asked
            headers = {**PIECE, "Upload-Offset": str(start)}
            return await self.person.browser.patch(url, content=content[start:end], headers=headers)

        sent = await self._request(go_on)
        assert sent.status_code in (200, 204), sent.text
        assert int(sent.headers["upload-offset"]) == end

    async def _content(self, document: str) -> httpx2.Response:
        opened = await self._act("openDocument", "url", document=document)
        return await self.person.browser.get(opened["url"])

    async def _act(self, operation: str, selection: str, **given: Any) -> dict[str, Any]:
        given = {"idempotencyKey": str(uuid4()), **given}
        payload = await self.person.attempt(operation, selection, **given)
        if payload["errors"]:
            (error,) = payload["errors"]
            assert (error["code"], error["retryable"]) == ("STORAGE_FAILED", True), error
            await self._refused()
            payload = await self.person.attempt(operation, selection, **given)
        assert payload["errors"] == [], payload["errors"]
        return payload

    async def _request(self, do: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
        answer = await do()
        if answer.status_code == 503:
            if answer.content:
                (error,) = answer.json()["errors"]
                assert (error["code"], error["retryable"]) == ("STORAGE_FAILED", True), error
            await self._refused()
            answer = await do()
        return answer

    async def _refused(self) -> None:
        self.refusals += 1
        await self.on_refusal()

    def _picture(self) -> bytes:
        """Two segments and a bit, so that its pieces are cut within one."""
        return files.jpeg(scan=self.lot.randbytes(150_000).replace(b"\xff", b"\x00"))
