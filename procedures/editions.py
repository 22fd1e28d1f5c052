"""The catalogue as files and as effective-dated items, either of which can be rebuilt from the other.

Owns reading the folder, the digest of each item and what an import would change. Pure but for
`read_catalogue`; the rows themselves belong to `procedures.records`. Digests are taken over canonical JSON
(RFC 8785), so the same law always has the same digest, whatever the spacing or the order of keys in the file.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import rfc8785

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Where items of one kind lie: `file`, the key inside it (None: the file itself), and their shape.

    `shape`: `list` of objects named by `id_key`; `map` of id to object; `single` object without id.
    """

    kind: str
    file: str
    key: str | None = None
    shape: str = "list"
    id_key: str = "id"


TABLES: tuple[Table, ...] = (
    Table("procedures", "procedures.json"),
    Table("document_types", "document_types.json"),
    Table("principles", "equivalences.json", "principles"),
    Table("database_substitutions", "equivalences.json", "database_substitutions"),
    Table("procedure_substitutions", "equivalences.json", "procedure_substitutions"),
    Table("document_substitutions", "equivalences.json", "document_substitutions"),
    Table("register_rules", "equivalences.json", "register_rules"),
    Table("abolished_papers", "equivalences.json", "abolished_papers"),
    Table("fallback_rules", "equivalences.json", "fallback_rules"),
    Table("annex_statistics", "equivalences.json", "annex_statistics", "single"),
    Table("bundles", "bundles.json"),
    Table("agency_types", "agencies.json", "agency_types"),
    Table("ministry_identifier_codes", "agencies.json", "ministry_identifier_codes", id_key="code"),
    Table("provinces", "agencies.json", "provinces"),
    Table("databases", "agencies.json", "databases"),
    Table("fields", "agencies.json", "fields"),
    Table("administrative_levels", "agencies.json", "administrative_levels"),
    Table("model_note", "agencies.json", "model_note", "single"),
    Table("statuses", "dossier_statuses.json", "statuses"),
    Table("transitions", "dossier_statuses.json", "transitions", id_key="from_code,to_code,actor"),
    Table("status_groups", "dossier_statuses.json", "status_groups"),
    Table("submission_channels", "dossier_statuses.json", "submission_channels"),
    Table("dossier_code_formats", "dossier_statuses.json", "dossier_code_formats"),
    Table("identifier_formats", "dossier_statuses.json", "identifier_formats"),
    Table("deadline_rules", "dossier_statuses.json", "deadline_rules"),
    Table("public_holidays", "dossier_statuses.json", "public_holidays", "single"),
    Table("concepts", "concepts.json"),
    Table("document_claims", "document_claims.json", shape="map"),
    Table("condition_legend", "conditions.json", "legend", "single"),
    Table("situations", "conditions.json", "situations"),
    Table("conditions", "conditions.json", "components", "map"),
    Table("component_annotations", "component_annotations.json", shape="map"),
    Table("forms", "forms.json", shape="map"),
    Table("roles", "roles.json"),
)
FILES: tuple[str, ...] = tuple(dict.fromkeys(table.file for table in TABLES))
KINDS: Mapping[str, Table] = {table.kind: table for table in TABLES}


@dataclass(frozen=True)
class CatalogueFiles:
    """The parsed files by name. Treat every body as read-only: laws of several days share them."""

    documents: Mapping[str, Any]

    def table(self, kind: str) -> Mapping[str, Body]:
        """Items of one kind by id, in file order."""
        return self._tables[kind]

    @cached_property
    def version(self) -> str:
        """Names this content: SHA-256 over the items' digests, 16 hex digits."""
        whole = hashlib.sha256()
        for item in items(self):
            whole.update(f"{item.kind}\0{item.id}\0{item.digest}\n".encode())
        return whole.hexdigest()[:16]

    @cached_property
    def _tables(self) -> dict[str, dict[str, Body]]:
        return {table.kind: dict(_entries(self.documents, table)) for table in TABLES}


@dataclass(frozen=True, slots=True)
class Item:
    """One item of law. `position` is its place among the items of its kind; `digest` is SHA-256 in hex."""

    kind: str
    id: str
    position: int
    effective_from: date | None
    effective_to: date | None
    body: Body
    digest: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What an import would write, in catalogue order. `changed` holds the new editions."""

    added: tuple[Item, ...] = ()
    changed: tuple[Item, ...] = ()
    removed: tuple[tuple[str, str], ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def read_catalogue(folder: Path) -> CatalogueFiles:
    """The catalogue in `folder`.

    Raises FileNotFoundError or orjson.JSONDecodeError. What a well-formed file says is judged elsewhere.
    """
    return CatalogueFiles({name: orjson.loads((folder / name).read_bytes()) for name in FILES})


def items(files: CatalogueFiles) -> Iterable[Item]:
    """Every item of the catalogue, in file order."""
    for table in TABLES:
        for position, (key, body) in enumerate(_entries(files.documents, table)):
            yield Item(
                table.kind,
                key,
                position,
                day(body.get("effective_from")),
                day(body.get("effective_to")),
                body,
                hashlib.sha256(rfc8785.dumps(body)).hexdigest(),
            )


def files_from(stored: Iterable[Item]) -> CatalogueFiles:
    """The files those items came from; the order of items is their `position`."""
    by_kind: dict[str, list[Item]] = {}
    for item in stored:
        by_kind.setdefault(item.kind, []).append(item)
    documents: dict[str, Any] = {}
    for table in TABLES:
        rows = sorted(by_kind.get(table.kind, []), key=lambda item: item.position)
        content: Any = [row.body for row in rows]
        if table.shape == "map":
            content = {row.id: row.body for row in rows}
        if table.key is None:
            documents[table.file] = content
            continue
        inside = documents.setdefault(table.file, {})
        if table.shape != "single":
            inside[table.key] = content
        elif rows:
            inside[table.key] = rows[0].body
    return CatalogueFiles(documents)


def diff(stored: Iterable[Item], new: Iterable[Item]) -> Changes:
    """What turns `stored` into `new`. Empty when nothing was edited: an import is idempotent.

    A mere change of order counts as a change of the items that moved.
    """
    before = {(item.kind, item.id): item for item in stored}
    after = {(item.kind, item.id): item for item in new}
    added = tuple(item for key, item in after.items() if key not in before)
    changed = tuple(
        item
        for key, item in after.items()
        if key in before and (before[key].digest, before[key].position) != (item.digest, item.position)
    )
    return Changes(added, changed, tuple(key for key in before if key not in after))


def day(value: str | None) -> date | None:
    """An ISO date of the catalogue; None when it sets no limit."""
    return date.fromisoformat(value) if value else None


def in_force(body: Mapping[str, Any], on: date) -> bool:
    """Whether an item with `effective_from` and `effective_to` (both included) applies on that day."""
    start, end = day(body.get("effective_from")), day(body.get("effective_to"))
    return (start is None or start <= on) and (end is None or on <= end)


def _entries(documents: Mapping[str, Any], table: Table) -> Iterable[tuple[str, Body]]:
    content = documents[table.file]
    if table.key is not None:
        if table.key not in content:
            return
        content = content[table.key]
    if table.shape == "map":
        yield from content.items()
    elif table.shape == "single":
        yield table.kind, content
    else:
        for body in content:
            yield "-".join(str(body[part]) for part in table.id_key.split(",")), body
