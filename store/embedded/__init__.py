"""The private PostgreSQL for machines without a server of their own."""

from store.embedded.launcher import Embedded, Servers

__all__ = ["Embedded", "Servers"]
