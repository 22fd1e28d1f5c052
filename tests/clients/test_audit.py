"""The published audit of GraphQL over HTTP, against the server as it runs."""

from tests.clients.conftest import Node

AUDITS = 61


async def test_the_audit_of_graphql_over_http_passes_whole(server: str, node: Node) -> None:
    found = (await node("audit.mjs", f"{server}/graphql")).read()
    print(f"graphql-http audit: {found['ok']} of {AUDITS}")
    assert found == {"ok": AUDITS, "failed": []}
