"""Nothing personal rests or travels in clear: planted words are looked for in everything the platform writes.

The product runs as its operator runs it. After one life with a planted word in every field, its whole data folder
(heap, write-ahead log, temporary files, logs, keys, sealed files; the sandbox's folders apart, which are the
State's systems and not ours) and all it printed are searched, and every row of both databases is read out.
"""

import base64
import json
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
import pytest
from sqlalchemy import make_url

from tests.attacks.canaries import CHUNK_BYTES, Search, Sighting, forms_of_text
from tests.attacks.killing import Product, free_port
from tests.attacks.planting import Planted, live
from tests.flows.stage import Person
from tests.size import seed

WORD: Final = "Hoàng yến đậu thử"
NUMBER: Final = "194812739465"


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="motlan-canary-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def product(folder: Path) -> AsyncIterator[Product]:
    made = Product(folder, {"MOTLAN_METRICS": f"127.0.0.1:{free_port()}"})
    try:
        await made.start()
        yield made
    finally:
        await made.end()


async def test_nothing_planted_is_found_in_clear(product: Product) -> None:
    """Nor in what it answers to those who may not know. The same search then finds a control planted in clear."""
    planted = Planted(random.Random(drawn := seed()))
    async with AsyncExitStack() as stack:
        citizen, officer, clerk, stranger = [await _browse(stack, product) for _ in range(4)]
        await live(citizen, officer, clerk, planted)
        answers = await _ask_as_a_stranger(stranger, planted)
        answers["the figures"] = await _figures(stranger, product)
    search = Search(planted.words, planted.files, planted.digests)
    print(
        f"seed {drawn}: {len(planted.words)} words, {len(planted.files)} files, {len(search.needles)} forms"
    )
    assert len(planted.words) > 40
    rows = await _every_row(product)
    sightings = [one for place, answer in answers.items() for one in search.in_stream([answer], place)]
    sightings += search.in_stream(rows, "the rows")
    sightings += search.in_files(product.roots, apart=[product.data / "sandbox"])
    print(*sightings, sep="\n")
    assert sightings == []
    await _plant_control(product, planted)
    found = search.in_files(product.roots, apart=[product.data / "sandbox"])
    assert {"base", "pg_wal", "control"} <= {part for one in found for part in Path(one.path).parts}


@pytest.mark.parametrize("form", sorted(forms_of_text(WORD)))
def test_every_form_is_found_wherever_it_lies(form: str, tmp_path: Path) -> None:
    """At the start, across the border of two chunks, at the end, in a file name; never where it is not."""
    search, sought = Search({"it": WORD}), forms_of_text(WORD)[form]
    border = CHUNK_BYTES - len(sought) // 2
    for start in (0, border, 2 * CHUNK_BYTES + 5):
        path = tmp_path / "searched"
        with path.open("wb") as file:
            file.seek(start)
            file.write(sought)
        assert Sighting("it", form, str(path), start) in search.in_files([tmp_path])
        path.write_bytes(b"\0" * start + sought[:-1] + bytes([sought[-1] ^ 1]))
        assert form not in {one.form for one in search.in_files([tmp_path])}


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_base64_is_found_at_any_alignment(before: str) -> None:
    encoded = base64.b64encode(f"{before}{WORD}, và thêm".encode())
    assert Search({"it": WORD}).in_stream([encoded], "x")
    assert Search({"it": WORD}).in_stream([base64.urlsafe_b64encode(encoded)], "x") == []


def test_a_file_name_and_a_folder_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "apart").mkdir()
    (tmp_path / "apart" / "secret").write_text(WORD)
    (tmp_path / WORD).touch()
    found = Search({"it": WORD}).in_files([tmp_path], apart=[tmp_path / "apart"])
    assert {one.path for one in found} == {f"the name of {tmp_path / WORD}"}


async def _browse(stack: AsyncExitStack, product: Product) -> Person:
    browser = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=30.0))
    return Person(browser, origin=product.origin)


async def _ask_as_a_stranger(stranger: Person, planted: Planted) -> dict[str, bytes]:
    """What anybody is told: open pages, refusals, and errors provoked with planted words in every place."""
    word, code = planted.word("what a stranger typed"), planted.words["share code"]
    pages = [
        *(
            "/healthz",
            "/readyz",
            "/.well-known/jwks.json",
            "/log/checkpoint",
            "/log/proof/0",
            "/log/tile/0/000.p/1",
            "/log/tile/entries/000.p/1",
            "/",
            "/verify",
        ),
        *(f"/verify/{code}", f"/verify/{word}", f"/{word}", f"/documents/{word}/content?ticket={word}"),
        *(f"/sign-in?role={word}", f"/sign-in/callback?state={word}&code={word}&error={word}"),
    ]
    planted.secret("a number typed", NUMBER)
    answers = {}
    for page in pages:
        for accept in ("application/json", "text/html"):
            headers = {
                "Accept": accept,
                "User-Agent": planted.plain("agent"),
                "Referer": planted.plain("referer"),
            }
            answer = await stranger.browser.get(f"{stranger.origin}{page}", headers=headers)
            answers[f"{page.replace(word, '…').replace(code, '…')} as {accept}"] = answer.content
    put = await stranger.browser.put(f"{stranger.origin}/uploads/{word}?key={word}", content=word.encode())
    answers["upload"] = put.content
    for shown in (word, f"VNA1:{word}", f"{word}~", "é" + word):
        form = {"shown": shown, "audience": word, "nonce": word, "file_sha256": "0" * 64}
        judged = await stranger.browser.post(f"{stranger.origin}/verify?lang=en", data=form)
        answers[f"a proof {shown.replace(word, '…')}"] = judged.content
    for name, body in _broken_requests(word).items():
        answer = await stranger.browser.post(f"{stranger.origin}/graphql", content=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Origin": stranger.origin})  # fmt: skip
        answers[name] = answer.content
    return answers


async def _figures(operator: Person, product: Product) -> bytes:
    """What metrics tell after all that; what was asked by a stranger is in them, but for what they typed."""
    told = (await operator.browser.get(f"http://{product.settings['MOTLAN_METRICS']}/metrics")).content
    assert b'route="/graphql"' in told
    assert b'route="/verify/{code:path}"' in told
    assert b'outcome="BAD_VARIABLES"' in told
    return told


def _broken_requests(word: str) -> dict[str, dict[str, Any]]:
    plan = "query($input: FilingPlanInput!) { filingPlan(input: $input) { toSupply } }"
    return {
        "a variable of a wrong type": {"query": plan, "variables": {"input": word}},
        "an unknown field of an input": {"query": plan, "variables": {"input": {word: word}}},
        "a wrong value inside": {"query": plan, "variables": {"input": {"procedure": "x", "on": word}}},
        "a wrong enum": {
            "query": plan,
            "variables": {"input": {"procedure": "x", "objects": [{"kind": word}]}},
        },
        "an unknown procedure": {"query": plan, "variables": {"input": {"procedure": word}}},
        "an id of nothing": {
            "query": "query($id: ID!) { document(id: $id) { id } }",
            "variables": {"id": word},
        },
        "not signed in": {
            "query": "mutation($i: IdentifySubjectInput!) { identifySubject(input: $i) { subject } }",
            "variables": {"i": {"idempotencyKey": "01a2013d-ce4a-7ff2-ae13-fc26454c6847", "citizenId": word}},
        },
        "a value in the document": {"query": f'{{ procedures(first: "{word}") {{ edges {{ cursor }} }} }}'},
        "a number in the document": {"query": f"{{ documentType(id: {NUMBER}, x: [{NUMBER}]) {{ id }} }}"},
        "a scalar in the document": {"query": f'{{ procedure(on: "{word}") {{ id }} }}'},
        "a document that does not parse": {"query": f'{{ viewer("{word}") '},
        "another that does not": {"query": f"{{ viewer({NUMBER}) "},
        "not an object": {"query": word, "variables": word},
    }


async def _every_row(product: Product) -> list[bytes]:
    """All rows of both databases as text: a value packed or compressed in the heap stands here as it is."""
    rows: list[bytes] = []
    for database in ("motlan", "motlan_keys"):
        connection = await _superuser(product, database)
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
        for table in tables:
            found = await connection.fetch(f'SELECT t::text AS row FROM "{table["relname"]}" t')
            rows += [row["row"].encode() + b"\n" for row in found]
        await connection.execute("CHECKPOINT")
        await connection.close()
    assert len(rows) > 2000
    return rows


async def _plant_control(product: Product, planted: Planted) -> None:
    """One row and one file in clear."""
    word = planted.words["reason of the ask"]
    connection = await _superuser(product, "motlan")
    await connection.execute("CREATE TABLE control (word text)")
    await connection.execute("INSERT INTO control VALUES ($1)", word)
    await connection.execute("CHECKPOINT")
    await connection.close()
    (product.data / "control").write_text(word, "utf-8")


async def _superuser(product: Product, database: str) -> Any:
    passwords = json.loads((product.place / "passwords").read_text("utf-8"))
    host = make_url(product.servers.url).query["host"]
    return await asyncpg.connect(
        user="postgres", password=passwords["postgres"], host=host, database=database
    )
