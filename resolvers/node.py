"""The Node interface: anything with an opaque id, re-authorised by its own loader whenever it is asked for."""

import strawberry


@strawberry.interface(description="Anything with an opaque id.")
class Node:
    id: strawberry.ID
