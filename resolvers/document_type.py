"""Paper types as the catalogue publishes them: what each attests, and what it is about."""

import strawberry

from procedures import law
from resolvers import procedure as published
from resolvers.context import AppInfo

# `ObjectKind` is registered once, where requirements are described: a second registration would be a second type.
_REGISTERED = published.Requirement


@strawberry.type(
    description="A fact this paper attests, as concept@role. The `identifying` ones together name its object."
)
class ClaimType:
    name: str
    label: str
    value_type: str
    identifying: bool


@strawberry.type(
    description="A type of paper as the catalogue of the day describes it. `depositable`: a paper of its own,"
    " neither an application form nor a name for several papers."
)
class DocumentType:
    id: strawberry.ID
    name: str
    object_kind: law.ObjectKind
    depositable: bool
    case_bound: bool
    claims: list[ClaimType]

    @classmethod
    def of(cls, kind: law.DocumentType, book: law.Law, language: str) -> "DocumentType":
        return cls(
            id=strawberry.ID(kind.id),
            name=kind.name.in_language(language),
            object_kind=kind.object_kind,
            depositable=not (kind.application_form or kind.members),
            case_bound=kind.case_bound,
            claims=[
                ClaimType(
                    name=str(one),
                    label=book.concepts[one.concept].label.in_language(language),
                    value_type=book.concepts[one.concept].value_type,
                    identifying=one in kind.identifying,
                )
                for one in kind.claims
            ],
        )


async def document_type(info: AppInfo, id: strawberry.ID) -> DocumentType | None:  # noqa: A002
    """By its catalogue id; null for an unknown one."""
    book = info.context.law
    kind = book.document_types.get(id)
    return DocumentType.of(kind, book, info.context.language) if kind is not None else None
