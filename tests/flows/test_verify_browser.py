"""The page `/verify` in a real browser: files are read where they are, and only what must be is sent."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.process.serving import listen, serving
from tests.chromium import Page, browsing
from tests.flows.journeys import PERMIT_TYPE, keep
from tests.flows.stage import Stage
from tests.flows.strangers import NUMBER, attested
from tests.programs import need

VERDICT = "document.getElementById('verdict').innerText"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    need("chromium")
    async with browsing() as opened:
        yield opened


@pytest.fixture
async def address(stage: Stage) -> AsyncIterator[str]:
    listening = listen("127.0.0.1", 0)
    async with serving(stage.platform, listening, loops=False):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def choose(page: Page, id_: str, file: Path) -> None:
    """A file, as a person chooses it, and the page done with it."""
    root = (await page.do("DOM.getDocument"))["root"]["nodeId"]
    node = (await page.do("DOM.querySelector", nodeId=root, selector=f"#{id_}"))["nodeId"]
    await page.evaluate("document.getElementById('said').textContent = ''")
    await page.do("DOM.setFileInputFiles", files=[str(file)], nodeId=node)
    await page.until(
        "document.getElementById('said').textContent && !document.getElementById('check').disabled"
    )


async def send(page: Page) -> str:
    """Press the button; what the page then says."""
    await page.evaluate("document.getElementById('check').click()")
    await page.until("document.readyState === 'complete' && document.getElementById('verdict') !== null")
    return str(await page.evaluate(VERDICT))


async def test_a_paper_and_its_proof_are_opened_as_files_and_the_paper_stays_where_it_is(
    stage: Stage, address: str, page: Page, tmp_path: Path
) -> None:
    me = await stage.citizen("minh-chau")
    made = await attested(me, await keep(me, PERMIT_TYPE, {NUMBER: "tự khai"}))
    paper, proof, other = (tmp_path / name for name in ("permit.pdf", "permit.pdf.vna", "other.pdf"))
    paper.write_bytes((await me.browser.get(made["fileUrl"])).content)
    other.write_bytes(paper.read_bytes() + b" ")
    proof.write_text(made["text"] + "\n")
    for file, words in ((paper, "The owner declares this document"), (other, "does not speak of this file")):
        await page.go(f"{address}/verify?lang=en")
        await choose(page, "text", proof)
        await choose(page, "paper", file)
        sent = await page.evaluate("new URLSearchParams(new FormData(document.forms[0])).toString()")
        assert words in await send(page)
        # Two files of kilobytes went into a form of letters and one digest.
        assert len(sent) < 3 * len(made["text"])
    assert await page.evaluate("location.href") == f"{address}/verify?lang=en"
    assert page.said == []


async def test_without_scripts_text_is_judged_all_the_same(address: str, page: Page) -> None:
    await page.do("Emulation.setScriptExecutionDisabled", value=True)
    await page.go(f"{address}/verify?lang=vi")
    # The tools look at the page; nothing of its own runs.
    assert await page.evaluate("getComputedStyle(document.getElementById('files')).display") == "none"
    await page.evaluate("document.getElementById('shown').value = 'VNA1:ABC'")
    assert "không phải là bản chứng thực" in await send(page)
