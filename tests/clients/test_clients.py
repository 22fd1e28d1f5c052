"""Published clients speak to the gateway unchanged: urql, Apollo, Relay's compiler, TypeScript's."""

import json
import re
from pathlib import Path

import pytest

from api.gateway.documents import SHIPPED, read_documents
from tests.clients.conftest import Node, run
from tests.flows.journeys import (
    DRAWING,
    DRAWING_TYPE,
    LAND_CLAIMS,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    digitise,
    scan,
)
from tests.flows.stage import Stage, agency_code, cookie
from tests.house.tree import ROOT

CLIENTS = ROOT / "docs" / "clients"
CORE = 14
"""At least so many different documents make up the journey."""


@pytest.mark.parametrize("client", ["urql", "apollo"])
async def test_a_published_client_files_from_the_procedure_to_the_desk(
    client: str, stage: Stage, server: str, node: Node, tmp_path: Path
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    land = await digitise(officer, "minh-chau", LAND_TYPE, LAND_CLAIMS)
    (tmp_path / "to-giay.pdf").write_bytes(scan())
    objects = [{"kind": "LAND_PARCEL", "document": land}]
    given = {
        "server": server,
        "procedure": PERMIT,
        "agency": agency_code("ubnd-mot"),
        "filing": {"situations": NO_NEIGHBOURS, "objects": objects},
        "supply": [{"requirement": DRAWING, "type": DRAWING_TYPE}],
        "file": str(tmp_path / "to-giay.pdf"),
    }
    cookies = {"citizen": cookie(me), "officer": cookie(officer)}
    ended = await node(
        f"{client}.mjs", f"{server}/graphql", JOURNEY=json.dumps(given), COOKIES=json.dumps(cookies)
    )
    found = ended.read()
    assert found["status"] == "RECEIVED"
    assert found["code"].startswith("H26.99.01-")
    assert len(set(found["done"])) >= CORE
    print(f"{client}: {len(found['done'])} operations of {len(set(found['done']))} documents")


async def test_relays_compiler_takes_the_schema_and_every_document(packages: Path, tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    for name, text in read_documents(SHIPPED).items():
        (source / name.replace(".graphql", ".ts")).write_text(f"graphql`\n{text}`;\n")
    (source / "Page.ts").write_text(PAGED)
    (tmp_path / "schema.graphql").write_text((ROOT / "schema.graphql").read_text("utf-8"))
    config = {
        "src": "./src",
        "schema": "./schema.graphql",
        "language": "typescript",
        "customScalarTypes": dict.fromkeys(("Date", "DateTime", "UUID", "VND", "JSON"), "string"),
    }
    (tmp_path / "relay.config.json").write_text(json.dumps(config))
    ended = await run(str(packages / ".bin" / "relay-compiler"), "relay.config.json", cwd=tmp_path)
    assert ended.code == 0, ended.out + ended.err
    compiled = {path.name for path in (source / "__generated__").iterdir()}
    assert compiled >= {f"{name.removesuffix('.graphql')}Query.graphql.ts" for name in _queries()}
    print(f"relay-compiler: {len(compiled)} artifacts")


async def test_types_made_from_the_schema_fit_the_example_client(
    packages: Path, node: Node, tmp_path: Path
) -> None:
    generated = tmp_path / "generated.ts"
    made = await node("types.mjs", str(ROOT / "schema.graphql"), str(SHIPPED), str(generated))
    assert made.code == 0, made.err
    example = (CLIENTS / "example.ts").read_text("utf-8")
    (tmp_path / "example.ts").write_text(example)
    (tmp_path / "node_modules").symlink_to(packages)
    compiler = str(packages / ".bin" / "tsc")
    assert (await run(compiler, *STRICT, "example.ts", cwd=tmp_path)).out == ""
    # And a field that is not there is found out: the types are no `any`.
    (tmp_path / "example.ts").write_text(example.replace("node.title", "node.titel"))
    assert "titel" in (await run(compiler, *STRICT, "example.ts", cwd=tmp_path)).out


STRICT = ("--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck")
PAGED = """
graphql`
  fragment Page_query on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" })
  @refetchable(queryName: "PagePaginationQuery") {
    myDossiers(first: $count, after: $cursor) @connection(key: "Page_myDossiers") {
      edges { node { id code ...Page_dossier } }
    }
  }
`;
graphql`
  fragment Page_dossier on Dossier @refetchable(queryName: "PageDossierQuery") { status version }
`;
graphql`
  query PageQuery { ...Page_query }
`;
"""
"""What Relay asks of a schema beyond plain documents: connections it can page through, nodes it can fetch again."""


def _queries() -> list[str]:
    return [name for name, text in read_documents(SHIPPED).items() if re.match("query ", text)]
