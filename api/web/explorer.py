"""`/graphiql`, in development only: a page that asks the schema the registered documents, or anything else.

A page of our own: nothing comes from another host, nothing else than its own script runs, and it can speak to this
origin alone. What it sends is what any page of ours could send, as whoever is signed in here.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    type_from_ast,
)
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

SAMPLES: Final[Mapping[str, Any]] = {"Int": 10, "Float": 0, "Boolean": False, "UUID": "<new>"}
"""Values to begin with, by scalar; `<new>` is drawn anew each time the page sends it. Others begin as empty text."""


def routes(documents: Mapping[str, str], schema: GraphQLSchema) -> list[Route]:
    """`/graphiql` with these documents, by name, as its examples."""
    examples = [
        {"name": name.removesuffix(".graphql"), "query": text, "variables": variables_of(text, schema)}
        for name, text in documents.items()
    ]
    template = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
    ).get_template("explorer.html")

    async def show(request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        answer = HTMLResponse(template.render(examples=examples, nonce=nonce))
        answer.headers.update(
            {
                "Content-Security-Policy": f"default-src 'none'; script-src 'nonce-{nonce}';"
                f" style-src 'nonce-{nonce}'; connect-src 'self'; form-action 'none'; frame-ancestors 'none';"
                " base-uri 'none'",
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "same-origin",
                "Cross-Origin-Opener-Policy": "same-origin",
            }
        )
        return answer

    return [Route("/graphiql", show, methods=["GET"])]


def variables_of(text: str, schema: GraphQLSchema) -> dict[str, Any]:
    """What the document's variables could begin as: everything that must be given, of its type."""
    found = {}
    for operation in parse(text).definitions:
        if isinstance(operation, OperationDefinitionNode):
            for one in operation.variable_definitions or ():
                kind = type_from_ast(schema, one.type)
                if isinstance(kind, GraphQLNonNull):
                    found[one.variable.name.value] = _sample(kind)
    return found


def _sample(kind: GraphQLInputType) -> Any:
    """Ends: no input type requires itself, else no value of it could be written."""
    match kind:
        case GraphQLNonNull():
            return _sample(kind.of_type)
        case GraphQLList():
            return []
        case GraphQLInputObjectType():
            return {
                name: _sample(field.type)
                for name, field in kind.fields.items()
                if isinstance(field.type, GraphQLNonNull)
            }
        case GraphQLEnumType():
            return next(iter(kind.values))
        case _:
            return SAMPLES.get(kind.name, "")
