"""Batched reads: one statement per kind and request, however many rows a list shows.

Each batch opens its own transaction under the caller's own row-level security. Loaders hand out rows; the nouns
make types of them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from auth.caller import Caller
from dossiers import views
from dossiers.access.requests import SystemRequest, requests_by_id
from dossiers.case import Office
from dossiers.figures.recount import Counts, recount_dossiers
from dossiers.forms import FormState, forms_of
from dossiers.records import Dossier, DossierEvidence, DossierOverride, DossierRequirement, Notice
from procedures.agencies import agencies_by_id
from procedures.records import Agency
from store.database import Tx
from store.usage import OpeningRow, log_indexes, openings_of
from vault.documents import claims_of, documents_by_id, documents_issued
from vault.holding import Holding
from vault.permission.consent import ConsentView, consents_by_id
from vault.permission.erasure import ErasureView, erasures_of
from vault.permission.views import Asked, ConsentHappened, happened
from vault.sharing.shares import ShareView, my_shares

K = TypeVar("K")
V = TypeVar("V")
Reading = Callable[[], AbstractAsyncContextManager[Tx]]


class Loaders:
    """The loaders of one request. Nothing outlives it, so nobody sees what another was allowed to."""

    def __init__(self, reading: Reading, caller: Caller, office: Office, now: datetime) -> None:
        self._reading = reading
        self.agency: DataLoader[UUID, Agency | None] = self._loader(agencies_by_id, None)
        self.document: DataLoader[UUID, Holding | None] = self._loader(
            lambda tx, ids: documents_by_id(tx, caller, ids), None
        )
        self.issued: DataLoader[UUID, Holding | None] = self._loader(
            lambda tx, ids: documents_issued(tx, caller, ids), None
        )
        self.claims: DataLoader[UUID, Mapping[str, Any]] = self._loader(
            lambda tx, ids: claims_of(tx, caller, ids, office.safe), {}
        )
        self.consent: DataLoader[UUID, ConsentView | None] = self._loader(
            lambda tx, ids: consents_by_id(tx, caller, ids, now), None
        )
        self.happened: DataLoader[Asked, tuple[ConsentHappened, ...]] = self._loader(
            lambda tx, asked: happened(tx, caller, asked), ()
        )
        self.erasure: DataLoader[UUID, ErasureView | None] = self._loader(
            lambda tx, ids: erasures_of(tx, caller, ids), None
        )
        self.log_index: DataLoader[int, int | None] = self._loader(log_indexes, None)
        self.system_request: DataLoader[UUID, SystemRequest | None] = self._loader(
            lambda tx, ids: requests_by_id(tx, caller, ids, now), None
        )
        self.share: DataLoader[UUID, ShareView | None] = self._loader(
            lambda tx, ids: my_shares(tx, caller, ids), None
        )
        self.dossier: DataLoader[UUID, Dossier | None] = self._loader(
            lambda tx, ids: views.find_dossiers(tx, caller, ids), None
        )
        self.notice: DataLoader[UUID, Notice | None] = self._loader(
            lambda tx, ids: views.notices_by_id(tx, caller, ids), None
        )
        self.requirements: DataLoader[UUID, list[DossierRequirement]] = self._loader(
            views.requirements_of, []
        )
        self.parties: DataLoader[UUID, views.Parties] = self._loader(views.parties_of, {})
        self.evidence: DataLoader[UUID, list[DossierEvidence]] = self._loader(views.evidence_of, [])
        self.overrides: DataLoader[UUID, list[DossierOverride]] = self._loader(views.overrides_of, [])
        self.results: DataLoader[UUID, list[UUID]] = self._loader(views.results_of, [])
        self.supplement: DataLoader[UUID, list[views.AskLine]] = self._loader(
            lambda tx, ids: views.supplements_of(tx, caller, ids, office), []
        )
        self.openings: DataLoader[UUID, list[OpeningRow]] = self._loader(openings_of, [])
        self.refusal: DataLoader[UUID, Mapping[str, str] | None] = self._loader(
            lambda tx, ids: views.refusals_of(tx, caller, ids, office), None
        )
        self.revocation: DataLoader[UUID, Mapping[str, str] | None] = self._loader(
            lambda tx, ids: views.revocations_of(tx, caller, ids, office), None
        )
        self.withdrawal_reason: DataLoader[UUID, str | None] = self._loader(
            lambda tx, ids: views.withdrawal_reasons(tx, caller, ids, office), None
        )
        self.override_text: DataLoader[UUID, str] = self._loader(
            lambda tx, ids: views.override_texts(tx, caller, ids, office), ""
        )
        self.form: DataLoader[UUID, FormState | None] = self._loader(
            lambda tx, ids: forms_of(tx, caller, ids, office), None
        )
        self.once_only: DataLoader[UUID, Counts] = self._loader(
            lambda tx, ids: recount_dossiers(tx, caller, ids), {}
        )

    def _loader(
        self, fetch: Callable[[Tx, Sequence[K]], Awaitable[Mapping[K, Any]]], absent: V
    ) -> "DataLoader[K, V]":
        async def load(ids: list[K]) -> list[V]:
            async with self._reading() as tx:
                found = await fetch(tx, ids)
            return [found.get(one, absent) for one in ids]

        return DataLoader(load)
