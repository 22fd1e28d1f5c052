"""The pages of keys in a real browser, with a key its own developers' tools hold: nothing of the ceremony is ours.

An address of numbers has no keys, so the platform is `localhost` here. Chromium's key is attested by a certificate it
draws anew with each new credential; so the operator's list learns of it between the key's answer and its sending.
"""

import json
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import cbor2
import httpx2
import pytest

from sandbox.agencies import OFFICERS
from tests.attacks.killing import Product, run
from tests.authenticator import Maker, models_file, unb64
from tests.chromium import Page, browsing
from tests.programs import need

CITIZENS = ("minh-chau", "thanh-binh")
CODES = {one.login: one.code for one in OFFICERS}
CHROMIUMS = UUID("01020304-0506-0708-0102-030405060708")
"""The model Chromium's own keys say they are of."""
HELD_BACK = """{
const create = navigator.credentials.create.bind(navigator.credentials);
navigator.credentials.create = async (options) => {
  const key = await create(options);
  window.made = JSON.stringify(key.toJSON());
  await new Promise((go) => { window.go = go; });
  return key;
};
}"""
"""The page's own call, whose answer waits until the test lets it go on."""
WHO = "{ viewer { kind passkeys { name synced } sessions { acr current } } }"


class Site(Product):
    """The platform under a name, with the security keys officers may use."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.list = folder / "officer-keys.json"
        self.list.write_bytes(models_file(Maker(model=CHROMIUMS)))
        self.settings |= {"MOTLAN_PUBLIC_URL": self.address, "MOTLAN_OFFICER_KEYS": str(self.list)}

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="motlan-keys-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
async def site(folder: Path) -> AsyncIterator[Site]:
    need("chromium")
    made = Site(folder)
    try:
        await made.start()
        yield made
    finally:
        await made.end()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    need("chromium")
    async with browsing() as opened:
        await opened.do("WebAuthn.enable")
        yield opened


async def plug_in(page: Page, **more: Any) -> str:
    """A key with a PIN its holder knows; its name in the tools."""
    options = {
        "protocol": "ctap2", "transport": "usb", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True, **more,
    }  # fmt: skip
    return str((await page.do("WebAuthn.addVirtualAuthenticator", options=options))["authenticatorId"])


async def sign_in(page: Page, site: Site, role: str, login: str) -> None:
    """To the provider and back."""
    await page.go(f"{site.address}/sign-in?role={role}&next={quote('/passkeys')}")
    await page.until("document.title === 'SANDBOX'")
    await page.evaluate(f"document.querySelector('button[value=\"{login}\"]').click()")
    await page.until(f"location.origin === '{site.address}' && document.readyState === 'complete'")


async def code_for(site: Site, officer: str) -> str:
    """As the operator hands it over."""
    return (await run(site.command("officers", "enrol", CODES[officer]), site.settings))[1].split()[-1]


async def click(page: Page, id_: str) -> None:
    # Whole: before its script has run, a button does nothing.
    await page.until(f"document.readyState === 'complete' && document.getElementById('{id_}') !== null")
    await page.evaluate(f"document.getElementById('{id_}').click()")


async def add(page: Page, name: str, number: int) -> None:
    """The key that is plugged in, as the one of this number."""
    await page.until("location.pathname === '/passkeys' && document.readyState === 'complete'")
    await page.evaluate(f"document.getElementById('name').value = '{name}'")
    await click(page, "add")
    await page.until(f"document.querySelectorAll('li').length === {number}")


async def who(page: Page, site: Site) -> Any:
    """Whom the browser's cookies stand for."""
    cookies = (await page.do("Network.getCookies", urls=[site.address]))["cookies"]
    headers = {
        "Origin": site.address,
        "Cookie": "; ".join(f"{one['name']}={one['value']}" for one in cookies),
    }
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{site.origin}/graphql", json={"query": WHO}, headers=headers)
    return answer.json()["data"]["viewer"]


async def acr(page: Page, site: Site) -> str:
    viewer = await who(page, site)
    return next(str(one["acr"]) for one in viewer["sessions"] if one["current"])


async def test_a_citizen_adds_a_passkey_and_signs_in_with_it(site: Site, page: Page) -> None:
    citizen = CITIZENS[0]
    old = await plug_in(page)
    await sign_in(page, site, "citizen", citizen)
    await add(page, "Sold", 1)
    # One key is not added twice: the browser itself says so, and the page that nothing was changed.
    await click(page, "add")
    await page.until("document.getElementById('said').textContent.includes('again')")
    await page.do("WebAuthn.removeVirtualAuthenticator", authenticatorId=old)
    await plug_in(page)
    await add(page, "Laptop", 2)
    await click(page, await page.evaluate("document.querySelector('li button').id"))
    await page.until("document.readyState === 'complete' && document.querySelectorAll('li').length === 1")
    assert await page.evaluate("document.querySelector('li strong').textContent") == "Laptop"

    await page.go(f"{site.address}/")
    await page.evaluate("document.querySelector('form[action=\"/sign-out\"] button').click()")
    await page.until("document.querySelector('a[href*=\"role=passkey\"]') !== null")
    assert await who(page, site) is None

    await sign_in(page, site, "passkey", citizen)
    await page.until("location.pathname === '/passkeys'")
    assert await acr(page, site) == "urn:vn:eid:tk2:xt1"
    await click(page, "show")
    await page.until("document.getElementById('add') !== null")
    assert await acr(page, site) == "urn:vn:eid:tk2:xt2"
    assert page.said == []


async def test_a_key_that_does_not_ask_who_holds_it_raises_nobody(site: Site, page: Page) -> None:
    """Found or stolen, without its PIN."""
    citizen = CITIZENS[1]
    key = await plug_in(page)
    await sign_in(page, site, "citizen", citizen)
    await click(page, "add")
    await page.until("document.querySelector('li strong') !== null")
    await page.do("WebAuthn.setUserVerified", authenticatorId=key, isUserVerified=False)
    await sign_in(page, site, "passkey", citizen)
    await click(page, "show")
    await page.until("!document.getElementById('show').disabled")
    assert await page.evaluate("document.getElementById('said').textContent") != ""
    assert await acr(page, site) == "urn:vn:eid:tk2:xt1"


@pytest.mark.parametrize(
    ("copied", "why"),
    [(False, "response"), (True, "synced")],
    ids=["another maker's", "may be copied elsewhere"],
)
async def test_a_key_of_the_right_model_is_not_enough(site: Site, page: Page, copied: bool, why: str) -> None:
    """Any key may say it is of a model on the list; and one of it may be set up to leave its hardware."""
    await plug_in(page, defaultBackupEligibility=copied)
    await enrolling(site, page, "ubnd-hai.toan-quyen")
    await page.until("document.getElementById('said').textContent !== ''")
    await page.until("!document.getElementById('enrol').disabled")
    assert await who(page, site) is None
    assert f"a key was refused: {why}" in site.output.read_text("utf-8")


async def test_an_officer_signs_in_with_a_security_key_and_not_without(site: Site, page: Page) -> None:
    officer = "ubnd-mot.toan-quyen"
    await page.do("Page.addScriptToEvaluateOnNewDocument", source=HELD_BACK)
    await plug_in(page)
    await enrolling(site, page, officer)
    await page.until("window.made !== undefined")
    await _allow(site, json.loads(await page.evaluate("window.made")))
    await page.evaluate("window.go()")
    await page.until("location.pathname === '/passkeys'")
    viewer = await who(page, site)
    assert (viewer["kind"], [one["synced"] for one in viewer["passkeys"]]) == ("officer", [False])

    await page.do("Network.clearBrowserCookies")
    await sign_in(page, site, "officer", officer)
    assert await who(page, site) is None
    await click(page, "show")
    await page.until("location.pathname === '/passkeys'")
    assert (await who(page, site))["kind"] == "officer"


async def enrolling(site: Site, page: Page, officer: str) -> None:
    """An officer without a key, back from the provider, gives the code they were handed."""
    await sign_in(page, site, "officer", officer)
    # The provider's word alone signs nobody in.
    assert await page.evaluate("document.getElementById('show')") is None
    assert await who(page, site) is None
    code = await code_for(site, officer)
    await page.evaluate(f"document.getElementById('code').value = '{code}'")
    await click(page, "enrol")


async def _allow(site: Site, made: dict[str, Any]) -> None:
    """The operator writes the certificate of this key's maker into the list, and starts the platform again."""
    (leaf,) = cbor2.loads(unb64(made["response"]["attestationObject"]))["attStmt"]["x5c"]
    model = {"name": "Chromium's", "aaguid": str(CHROMIUMS), "roots": [ssl.DER_cert_to_PEM_cert(leaf)]}
    site.list.write_text(json.dumps([model]), "utf-8")
    await site.stop()
    await site.start()
