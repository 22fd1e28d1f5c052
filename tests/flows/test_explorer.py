"""The page for developers: its examples run, nothing foreign is loaded, and production has none."""

import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from graphql import build_schema

from api.__main__ import neighbours_in
from api.app import open_platform
from api.gateway.documents import SHIPPED, read_documents
from api.web.explorer import variables_of
from tests.attacks.killing import ROOT, Product
from tests.chromium import browsing
from tests.flows.conftest import House
from tests.flows.stage import ORIGIN, Stage
from tests.programs import need

SCHEMA = build_schema((ROOT / "schema.graphql").read_text("utf-8"))


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="motlan-explorer-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def product(folder: Path) -> AsyncIterator[Product]:
    need("chromium")
    made = Product(folder)
    try:
        await made.start()
        yield made
    finally:
        await made.end()


async def test_the_page_loads_nothing_from_elsewhere_and_runs_its_own_script_alone(stage: Stage) -> None:
    answer = await stage.anybody().browser.get(f"{ORIGIN}/graphiql")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    nonce = re.findall(r"script-src 'nonce-([\w-]+)'", policy)[0]
    assert policy.startswith("default-src 'none';")
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script([^>]*)>", answer.text) == [f' nonce="{nonce}"']
    assert re.findall(r"https?://", re.sub(r"const examples = .*", "", answer.text)) == []
    again = await stage.anybody().browser.get(f"{ORIGIN}/graphiql")
    assert nonce not in again.text


async def test_production_has_no_such_page(stage: Stage, furnished: House) -> None:
    """Nor does it tell its schema."""
    settings = replace(furnished.settings, production=True)
    neighbours = neighbours_in(furnished.sandbox.addresses)
    async with open_platform(settings, furnished.servers, neighbours) as platform:
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        browser = made.anybody().browser
        assert (await browser.get(f"{ORIGIN}/graphiql")).status_code == 404
        asked = await browser.post(f"{ORIGIN}/graphql", json={"query": "{ __schema { queryType { name } } }"})
        assert asked.json()["errors"][0]["extensions"]["code"] == "BAD_OPERATION"
        await made.close()


@pytest.mark.parametrize("name", sorted(read_documents(SHIPPED)))
def test_every_example_begins_with_the_variables_it_needs(name: str) -> None:
    text = read_documents(SHIPPED)[name]
    needed = set(re.findall(r"\$(\w+): [\w\[\]!]+!(?=[,)])", text))
    variables = variables_of(text, SCHEMA)
    assert set(variables) == needed
    if "idempotencyKey" in str(variables):
        assert variables["input"]["idempotencyKey"] == "<new>"


async def test_an_example_runs_in_a_browser(product: Product) -> None:
    async with browsing() as page:
        await page.go(f"{product.origin}/graphiql#Procedures")
        assert await page.evaluate("document.getElementById('status').textContent") == ""
        assert "ProceduresQuery" in await page.evaluate("document.getElementById('query').value")
        await page.evaluate("document.getElementById('run').click()")
        await page.until("document.getElementById('status').textContent === '200'")
        answer = await page.evaluate("JSON.parse(document.getElementById('answer').textContent)")
        assert len(answer["data"]["procedures"]["edges"]) == 10
        # A mutation for nobody: refused by the platform, and shown.
        await page.evaluate("document.getElementById('example').value = 'CreateShare'")
        await page.evaluate("document.getElementById('example').dispatchEvent(new Event('change'))")
        await page.evaluate("document.getElementById('run').click()")
        await page.until("document.getElementById('answer').textContent.includes('UNAUTHENTICATED')")
        # The policy holds: another host is not even asked.
        foreign = "fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'refused')"
        assert page.said == []
        assert await page.evaluate(foreign) == "refused"
        await page.until("true")
        assert any("Content Security Policy" in one for one in page.said)
