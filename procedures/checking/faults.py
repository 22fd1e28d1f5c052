"""What a refused catalogue is told: kinds of fault, and where in which file.

Pure. Used by the two halves of the check; `procedures.checking.check` is what others call.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from procedures.editions import KINDS, Body, CatalogueFiles


class FaultKind(StrEnum):
    DANGLING_REFERENCE = "dangling_reference"
    DUPLICATE = "duplicate"
    OVERLAPPING_DATES = "overlapping_dates"
    UNKNOWN_CLAIM = "unknown_claim"
    UNKNOWN_ROLE = "unknown_role"
    UNKNOWN_FIELD_CONCEPT = "unknown_field_concept"
    UNKNOWN_VALUE = "unknown_value"
    UNCLASSIFIED_CONDITION = "unclassified_condition"
    COMPONENT_WITHOUT_ANNOTATION = "component_without_annotation"
    ALTERNATIVE_WITHOUT_RANK = "alternative_without_rank"
    TYPE_WITHOUT_OBJECT = "type_without_object"
    RULE_WITHOUT_ARTICLE = "rule_without_article"
    RULE_WITHOUT_EXCLUSIONS = "rule_without_exclusions"
    UNATTESTED_PAPER = "unattested_paper"
    DATABASE_WITHOUT_RULE = "database_without_rule"
    ROW_NOT_CITED = "row_not_cited"
    IMPOSSIBLE_REQUIREMENT = "impossible_requirement"
    ACCEPTANCE_THAT_CANNOT = "acceptance_that_cannot"


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason for refusal. `path` is a JSONPath inside `file`; `detail` says what is wrong, in English."""

    kind: FaultKind
    file: str
    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file} {self.path}: {self.kind}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Row:
    """One item and where it stands, so that whatever is wrong inside it can be pointed at."""

    kind: str
    id: str
    path: str
    body: Body

    def fault(self, kind: FaultKind, inside: str, detail: str) -> Fault:
        return Fault(kind, KINDS[self.kind].file, self.path + inside, detail)


def located(files: CatalogueFiles, kind: str) -> Iterator[Row]:
    """The items of one kind with their JSON paths, doubles included."""
    table = KINDS[kind]
    content, root = files.documents[table.file], "$"
    if table.key is not None:
        content, root = content[table.key], f"$.{table.key}"
    if table.shape == "map":
        yield from (Row(kind, key, f'{root}["{key}"]', body) for key, body in content.items())
    elif table.shape == "single":
        yield Row(kind, kind, root, content)
    else:
        for index, body in enumerate(content):
            name = "-".join(str(body.get(part)) for part in table.id_key.split(","))
            yield Row(kind, name, f"{root}[{index}]", body)


def components(files: CatalogueFiles) -> Iterator[tuple[Row, Row]]:
    """Every component with the procedure that asks for it."""
    for procedure in located(files, "procedures"):
        for index, body in enumerate(procedure.body["components"]):
            yield procedure, Row("procedures", body["id"], f"{procedure.path}.components[{index}]", body)
