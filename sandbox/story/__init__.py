"""The story: ten steps of one family's life, told over HTTP against a running platform (once-only.md).

A client like any other: it signs in through the identity provider's pages, speaks the public GraphQL API and sends
files. It imports no room. What it promises it can break, and then says which promise; every figure it prints comes
from the platform's own recount.
"""
