"""Documents known in advance: the operations of our own clients, read from a folder once, at the start.

A client sends `documentId` in place of the text. Where they are mandatory, a script that got into the portal can
run what the portal runs and nothing else.
"""

from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2] / "docs" / "clients" / "operations"
SHIPPED = _SOURCE if _SOURCE.is_dir() else Path(__file__).resolve().parent / "shipped"
"""The documents of this repository; where Motlan was installed from a wheel, they lie beside this module."""


def read_documents(folder: Path) -> dict[str, str]:
    """Name to text of every `*.graphql` file, one document each, exactly as it lies there. Raises OSError."""
    return {
        path.name: path.read_text("utf-8") for path in sorted(folder.iterdir()) if path.suffix == ".graphql"
    }
