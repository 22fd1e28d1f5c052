"""Query and Mutation, assembled from the nouns; the schema printed from them is `schema.graphql`."""

import strawberry
from graphql import build_schema, lexicographic_sort_schema, print_schema
from strawberry.schema import Schema

from resolvers import consent as consents
from resolvers import desk as desks
from resolvers import document as documents
from resolvers import dossier as dossiers
from resolvers import filing, planning, sharing
from resolvers import procedure as law
from resolvers import viewer as viewers
from resolvers.connections import MAX_PAGE, read_uuid, split_id
from resolvers.context import AppInfo
from resolvers.node import Node
from resolvers.problems import PROBLEM_TYPES, BadInput
from resolvers.scalars import config


async def find_node(info: AppInfo, id: strawberry.ID) -> Node | None:  # noqa: A002
    """Any node the caller may see, by its own loader. Everything else is null, whatever the reason."""
    try:
        kind, key = split_id(id)
        return await _NODES[kind](info, id, key) if kind in _NODES else None
    except BadInput:
        return None


async def find_nodes(info: AppInfo, ids: list[strawberry.ID]) -> list[Node | None]:
    if len(ids) > MAX_PAGE:
        raise BadInput("ids")
    return [await find_node(info, one) for one in ids]


async def _procedure(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await law.procedure(info, slug=key)


async def _document(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await documents.document(info, given)


async def _dossier(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await info.context.load.dossier.load(read_uuid(given, "Dossier"))


async def _consent(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    view = await consents.consent_node(info.context, read_uuid(given, "Consent"))
    if view is None or view.subject not in info.context.caller.subjects:
        return None
    return consents.Consent.of(view, info.context)


async def _access_request(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    view = await consents.consent_node(info.context, read_uuid(given, "AccessRequest"))
    if view is None or view.subject not in info.context.caller.subjects:
        return None
    return consents.AccessRequest.of(view)


async def _share(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await sharing.share_node(info.context, read_uuid(given, "Share"))


_NODES = {
    "Procedure": _procedure,
    "Document": _document,
    "Dossier": _dossier,
    "Consent": _consent,
    "AccessRequest": _access_request,
    "Share": _share,
}
"""Types `node` may answer for. An id of any other type opens nothing."""


@strawberry.type
class Query:
    viewer: viewers.Viewer | None = strawberry.field(resolver=viewers.viewer)
    node: Node | None = strawberry.field(resolver=find_node)
    nodes: list[Node | None] = strawberry.field(resolver=find_nodes)
    procedures: law.ProcedureConnection = strawberry.field(resolver=law.procedures)
    procedure: law.Procedure | None = strawberry.field(resolver=law.procedure)
    agencies: list[law.AgencyType] = strawberry.field(resolver=law.agencies)
    filing_plan: planning.FilingPlan = strawberry.field(resolver=planning.filing_plan)
    my_documents: documents.DocumentConnection = strawberry.field(resolver=documents.documents)
    document: documents.Document | None = strawberry.field(resolver=documents.document)
    my_dossiers: dossiers.DossierConnection = strawberry.field(resolver=dossiers.my_dossiers)
    dossier: dossiers.Dossier | None = strawberry.field(resolver=dossiers.dossier)
    my_consents: consents.ConsentConnection = strawberry.field(resolver=consents.my_consents)
    access_requests: consents.AccessRequestConnection = strawberry.field(resolver=consents.access_requests)
    my_data_usage: consents.DataUsageConnection = strawberry.field(resolver=consents.data_usage)
    my_notices: viewers.NoticeConnection = strawberry.field(resolver=viewers.notices)
    desk: dossiers.DossierConnection = strawberry.field(resolver=dossiers.desk)


@strawberry.type
class Mutation:
    create_upload: documents.CreateUploadPayload = strawberry.mutation(resolver=documents.create_upload)
    add_document: documents.AddDocumentPayload = strawberry.mutation(resolver=documents.create_document)
    correct_claim: documents.CorrectClaimPayload = strawberry.mutation(resolver=documents.correct)
    open_document: documents.OpenDocumentPayload = strawberry.mutation(resolver=documents.open_document)
    open_dossier: filing.OpenDossierPayload = strawberry.mutation(resolver=filing.open_dossier)
    answer_situations: filing.AnswerSituationsPayload = strawberry.mutation(resolver=filing.answer_situations)
    update_dossier_form: filing.UpdateDossierFormPayload = strawberry.mutation(
        resolver=filing.update_dossier_form
    )
    decline_reuse: filing.DeclineReusePayload = strawberry.mutation(resolver=filing.decline_reuse)
    submit_dossier: filing.SubmitDossierPayload = strawberry.mutation(resolver=filing.submit_dossier)
    withdraw_dossier: filing.WithdrawDossierPayload = strawberry.mutation(resolver=filing.withdraw_dossier)
    answer_supplement: filing.AnswerSupplementPayload = strawberry.mutation(resolver=filing.answer_supplement)
    give_consent: consents.GiveConsentPayload = strawberry.mutation(resolver=consents.give_consent)
    withdraw_consent: consents.WithdrawConsentPayload = strawberry.mutation(resolver=consents.withdraw_consent)
    create_share: sharing.CreateSharePayload = strawberry.mutation(resolver=sharing.create_share)
    revoke_share: sharing.RevokeSharePayload = strawberry.mutation(resolver=sharing.revoke_share)
    verify_document: sharing.VerifyDocumentPayload = strawberry.mutation(resolver=sharing.verify_document)
    receive_dossier: desks.DeskPayload = strawberry.mutation(resolver=desks.receive_dossier)
    refuse_dossier: desks.DeskPayload = strawberry.mutation(resolver=desks.refuse_dossier)
    assign_dossier: desks.DeskPayload = strawberry.mutation(resolver=desks.assign_dossier)
    request_supplement: desks.DeskPayload = strawberry.mutation(resolver=desks.request_supplement)
    override_already_held: desks.DeskPayload = strawberry.mutation(resolver=desks.override_already_held)
    open_evidence: desks.OpenEvidencePayload = strawberry.mutation(resolver=desks.open_evidence)
    identify_subject: desks.IdentifySubjectPayload = strawberry.mutation(resolver=desks.identify_subject)
    digitise_document: desks.DigitiseDocumentPayload = strawberry.mutation(resolver=desks.digitise_document)
    approve_dossier: desks.DeskPayload = strawberry.mutation(resolver=desks.approve_dossier)
    return_result: desks.DeskPayload = strawberry.mutation(resolver=desks.return_result)
    revoke_result: desks.RevokeResultPayload = strawberry.mutation(resolver=desks.revoke_result)


def build() -> Schema:
    return strawberry.Schema(Query, Mutation, config=config(), types=PROBLEM_TYPES)


def printed(schema: Schema) -> str:
    """The SDL as committed: sorted, so that a diff shows changes and not the order of modules."""
    return print_schema(lexicographic_sort_schema(build_schema(schema.as_str()))) + "\n"
