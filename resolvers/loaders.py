"""Batched reads: one statement per kind and request, however many rows a list shows. Each batch opens its own
transaction under the caller's own row-level security."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from dossiers import views
from dossiers.records import Dossier as DossierRow
from dossiers.records import DossierEvidence, DossierOverride, DossierRequirement
from procedures.agencies import agencies_by_id
from procedures.records import Agency
from resolvers.document import Document
from store.database import Tx
from vault.documents import claims_of, documents_by_id, documents_issued

if TYPE_CHECKING:
    from resolvers.context import Context
    from resolvers.dossier import Dossier

V = TypeVar("V")


class Loaders:
    """The loaders of one request. Nothing outlives it, so nobody sees what another was allowed to."""

    def __init__(self, context: "Context") -> None:
        self._context = context
        self.agency: DataLoader[UUID, Agency | None] = self._loader(agencies_by_id, None)
        self.document: DataLoader[UUID, Document | None] = DataLoader(self._documents)
        self.issued: DataLoader[UUID, Document | None] = DataLoader(self._issued)
        self.claims: DataLoader[UUID, Mapping[str, Any]] = self._loader(
            lambda tx, ids: claims_of(tx, context.caller, ids, context.office.safe), {}
        )
        self.dossier_row: DataLoader[UUID, DossierRow | None] = self._loader(
            lambda tx, ids: views.find_dossiers(tx, context.caller, ids), None
        )
        self.requirements: DataLoader[UUID, list[DossierRequirement]] = self._loader(
            views.requirements_of, []
        )
        self.evidence: DataLoader[UUID, list[DossierEvidence]] = self._loader(views.evidence_of, [])
        self.overrides: DataLoader[UUID, list[DossierOverride]] = self._loader(views.overrides_of, [])
        self.results: DataLoader[UUID, list[UUID]] = self._loader(views.results_of, [])
        self.supplement: DataLoader[UUID, list[views.AskLine]] = self._loader(
            lambda tx, ids: views.supplements_of(tx, ids, context.office), []
        )
        self.dossier: DataLoader[UUID, Dossier | None] = DataLoader(self._dossiers)

    def _loader(
        self, fetch: Callable[[Tx, Sequence[UUID]], Awaitable[Mapping[UUID, V]]], absent: V
    ) -> "DataLoader[UUID, V]":
        async def load(ids: list[UUID]) -> list[V]:
            async with self._context.reading() as tx:
                found = await fetch(tx, ids)
            return [found.get(one, absent) for one in ids]

        return DataLoader(load)

    async def _documents(self, ids: list[UUID]) -> list[Document | None]:
        async with self._context.reading() as tx:
            found = await documents_by_id(tx, self._context.caller, ids)
        law, language = self._context.law, self._context.language
        return [Document.of(found[one], law, language) if one in found else None for one in ids]

    async def _issued(self, ids: list[UUID]) -> list[Document | None]:
        """Papers the caller's agency issued or digitised: what they are, never what they state."""
        async with self._context.reading() as tx:
            found = await documents_issued(tx, self._context.caller, ids)
        law, language = self._context.law, self._context.language
        return [Document.of(found[one], law, language) if one in found else None for one in ids]

    async def _dossiers(self, ids: list[UUID]) -> list["Dossier | None"]:
        from resolvers.dossier import Dossier

        rows = await self.dossier_row.load_many(ids)
        return [Dossier.of(row, self._context) if row is not None else None for row in rows]
