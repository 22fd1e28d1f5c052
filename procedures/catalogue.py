"""The catalogue as the law of one day.

`read_catalogue` reads the folder; `law_on` builds the `Law` of a day from files or from imported items.
Building takes tens of milliseconds and the result is immutable: callers keep one per version and day.
`procedures.checking.check` decides whether a catalogue may be imported at all; `law_on` expects one it passes.
"""

from collections.abc import Iterable
from datetime import date

from procedures.editions import (
    CatalogueFiles,
    Changes,
    Item,
    diff,
    files_from,
    in_force,
    items,
    read_catalogue,
)
from procedures.law import Law, Text
from procedures.law_book import concept_of, document_type_of, form_of, procedure_of, term_of

__all__ = ["CatalogueFiles", "Changes", "Item", "diff", "files_from", "items", "law_on", "read_catalogue"]


def law_on(source: CatalogueFiles | Iterable[Item], on: date) -> Law:
    """The whole catalogue as it stands on `on`: what is not in force that day is not in it."""
    files = source if isinstance(source, CatalogueFiles) else files_from(source)
    procedures = {
        key: procedure_of(files, body, on)
        for key, body in files.table("procedures").items()
        if in_force(body, on)
    }
    return Law(
        on=on,
        version=files.version,
        procedures=procedures,
        document_types={
            key: document_type_of(files, body) for key, body in files.table("document_types").items()
        },
        concepts={key: concept_of(body) for key, body in files.table("concepts").items()},
        databases=_names(files, "databases"),
        agency_types=_names(files, "agency_types"),
        fields=_names(files, "fields"),
        by_code={one.code: key for key, one in procedures.items() if one.code},
        forms={key: form_of(key, body) for key, body in files.table("forms").items()},
        supplement_term=term_of(files, "bo-sung-ho-so"),
    )


def _names(files: CatalogueFiles, kind: str) -> dict[str, Text]:
    return {key: Text(body["name_vi"], body["name_en"]) for key, body in files.table(kind).items()}
