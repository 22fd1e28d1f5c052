"""Query and Mutation, assembled from the nouns; the schema printed from them is `schema.graphql`."""

from asyncio import gather
from collections.abc import Callable, Sequence

import strawberry
from graphql import GraphQLError, build_schema, lexicographic_sort_schema, print_schema
from strawberry.extensions import SchemaExtension
from strawberry.schema import Schema

from resolvers import document as documents
from resolvers import document_type as paper_types
from resolvers import dossier as dossiers
from resolvers import planning
from resolvers import procedure as law
from resolvers import viewer as viewers
from resolvers.agencies import access
from resolvers.agencies import erasures as erasing
from resolvers.citizen import consent as consents
from resolvers.citizen import depositing, exporting, filing, sharing, usage, wards
from resolvers.citizen import mandates as proxies
from resolvers.connections import MAX_PAGE, read_uuid, split_id
from resolvers.context import AppInfo
from resolvers.desk import assisting, moves, papers
from resolvers.indicators import once_only as promises
from resolvers.node import Node
from resolvers.phones import api_info as about
from resolvers.phones import changes as feed
from resolvers.phones import devices
from resolvers.phones import notices as told
from resolvers.problems import PROBLEM_TYPES, BadInput
from resolvers.proofs import attesting, withdrawing
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
    # Together, so that each kind's loader answers all of them at once.
    return list(await gather(*(find_node(info, one) for one in ids)))


async def _procedure(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await law.procedure(info, slug=key)


async def _document(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await documents.document(info, given)


async def _dossier(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await dossiers.find_dossier(info.context, read_uuid(given, "Dossier"))


async def _consent(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await consents.own_consent(info.context, read_uuid(given, "Consent"))


async def _access_request(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await consents.own_request(info.context, read_uuid(given, "AccessRequest"))


async def _share(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await sharing.own_share(info.context, read_uuid(given, "Share"))


async def _notice(info: AppInfo, given: strawberry.ID, key: str) -> Node | None:
    return await told.own_notice(info.context, read_uuid(given, "Notice"))


_NODES = {
    "Procedure": _procedure,
    "Document": _document,
    "Dossier": _dossier,
    "Consent": _consent,
    "AccessRequest": _access_request,
    "Share": _share,
    "Notice": _notice,
}
"""Types `node` may answer for. An id of any other type opens nothing."""


@strawberry.type
class Query:
    api_info: about.ApiInfo = strawberry.field(resolver=about.api_info)
    viewer: viewers.Viewer | None = strawberry.field(resolver=viewers.viewer)
    node: Node | None = strawberry.field(resolver=find_node)
    nodes: list[Node | None] = strawberry.field(resolver=find_nodes)
    procedures: law.ProcedureConnection = strawberry.field(resolver=law.procedures)
    procedure: law.Procedure | None = strawberry.field(resolver=law.procedure)
    agencies: list[law.AgencyType] = strawberry.field(resolver=law.agencies)
    document_type: paper_types.DocumentType | None = strawberry.field(resolver=paper_types.document_type)
    filing_plan: planning.FilingPlan = strawberry.field(resolver=planning.filing_plan)
    my_documents: documents.DocumentConnection = strawberry.field(resolver=documents.documents)
    document: documents.Document | None = strawberry.field(resolver=documents.document)
    my_dossiers: dossiers.DossierConnection = strawberry.field(resolver=dossiers.my_dossiers)
    dossier: dossiers.Dossier | None = strawberry.field(resolver=dossiers.dossier)
    my_consents: consents.ConsentConnection = strawberry.field(resolver=consents.my_consents)
    access_requests: consents.AccessRequestConnection = strawberry.field(resolver=consents.access_requests)
    my_data_usage: usage.DataUsageConnection = strawberry.field(resolver=usage.data_usage)
    my_proofs: withdrawing.ProofConnection = strawberry.field(resolver=withdrawing.my_proofs)
    mandates: proxies.MandateConnection = strawberry.field(resolver=proxies.mandates)
    my_notices: told.NoticeConnection = strawberry.field(resolver=told.notices)
    changes: feed.ChangeFeed = strawberry.field(resolver=feed.changes)
    erasures: erasing.ErasureConnection = strawberry.field(resolver=erasing.erasures)
    desk: dossiers.DossierConnection = strawberry.field(resolver=dossiers.desk)
    once_only: promises.OnceOnlyFigures = strawberry.field(resolver=promises.once_only)


@strawberry.type
class Mutation:
    create_upload: depositing.CreateUploadPayload = strawberry.mutation(resolver=depositing.create_upload)
    add_document: depositing.AddDocumentPayload = strawberry.mutation(resolver=depositing.add_document)
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
    object_to_ask: filing.ObjectToAskPayload = strawberry.mutation(resolver=filing.object_to_ask)
    give_consent: consents.GiveConsentPayload = strawberry.mutation(resolver=consents.give_consent)
    refuse_consent: consents.RefuseConsentPayload = strawberry.mutation(resolver=consents.refuse_consent)
    acknowledge_erasure: erasing.AcknowledgeErasurePayload = strawberry.mutation(
        resolver=erasing.acknowledge_erasure
    )
    pause_consent: consents.PauseConsentPayload = strawberry.mutation(resolver=consents.pause_consent)
    withdraw_consent: consents.WithdrawConsentPayload = strawberry.mutation(
        resolver=consents.withdraw_consent
    )
    create_share: sharing.CreateSharePayload = strawberry.mutation(resolver=sharing.create_share)
    revoke_share: sharing.RevokeSharePayload = strawberry.mutation(resolver=sharing.revoke_share)
    attest_document: attesting.AttestDocumentPayload = strawberry.mutation(resolver=attesting.attest)
    issue_credential: attesting.IssueCredentialPayload = strawberry.mutation(resolver=attesting.issue)
    withdraw_proof: withdrawing.WithdrawProofPayload = strawberry.mutation(
        resolver=withdrawing.withdraw_proof
    )
    verify_document: sharing.VerifyDocumentPayload = strawberry.mutation(resolver=sharing.verify_document)
    request_access: access.RequestAccessPayload = strawberry.mutation(resolver=access.request_access)
    read_granted: access.ReadGrantedPayload = strawberry.mutation(resolver=access.read_granted)
    recognise_guardian: wards.RecogniseGuardianPayload = strawberry.mutation(
        resolver=wards.recognise_guardian
    )
    recognise_representative: wards.RecogniseRepresentativePayload = strawberry.mutation(
        resolver=wards.recognise_representative
    )
    grant_mandate: proxies.GrantMandatePayload = strawberry.mutation(resolver=proxies.grant_mandate)
    accept_mandate: proxies.AcceptMandatePayload = strawberry.mutation(resolver=proxies.accept_mandate)
    decline_mandate: proxies.DeclineMandatePayload = strawberry.mutation(resolver=proxies.decline_mandate)
    revoke_mandate: proxies.RevokeMandatePayload = strawberry.mutation(resolver=proxies.revoke_mandate)
    receive_dossier: moves.DeskPayload = strawberry.mutation(resolver=moves.receive_dossier)
    refuse_dossier: moves.DeskPayload = strawberry.mutation(resolver=moves.refuse_dossier)
    assign_dossier: moves.DeskPayload = strawberry.mutation(resolver=moves.assign_dossier)
    request_supplement: moves.DeskPayload = strawberry.mutation(resolver=moves.request_supplement)
    override_already_held: moves.DeskPayload = strawberry.mutation(resolver=moves.override_already_held)
    open_evidence: papers.OpenEvidencePayload = strawberry.mutation(resolver=papers.open_evidence)
    identify_subject: papers.IdentifySubjectPayload = strawberry.mutation(resolver=papers.identify_subject)
    prepare_assisted: assisting.PrepareAssistedPayload = strawberry.mutation(
        resolver=assisting.prepare_assisted
    )
    confirm_assisted: assisting.ConfirmAssistedPayload = strawberry.mutation(
        resolver=assisting.confirm_assisted
    )
    mark_original_seen: moves.DeskPayload = strawberry.mutation(resolver=papers.mark_original_seen)
    digitise_document: papers.DigitiseDocumentPayload = strawberry.mutation(resolver=papers.digitise_document)
    approve_dossier: moves.DeskPayload = strawberry.mutation(resolver=moves.approve_dossier)
    return_result: moves.DeskPayload = strawberry.mutation(resolver=moves.return_result)
    revoke_result: moves.RevokeResultPayload = strawberry.mutation(resolver=moves.revoke_result)
    mark_notices_read: told.MarkNoticesReadPayload = strawberry.mutation(resolver=told.mark_notices_read)
    register_device: devices.RegisterDevicePayload = strawberry.mutation(resolver=devices.register_device)
    forget_device: devices.ForgetDevicePayload = strawberry.mutation(resolver=devices.forget_device)
    notification_preferences: devices.NotificationPreferencesPayload = strawberry.mutation(
        resolver=devices.notification_preferences
    )
    export_my_data: exporting.ExportMyDataPayload = strawberry.mutation(resolver=exporting.export_my_data)
    end_session: viewers.EndSessionPayload = strawberry.mutation(resolver=viewers.end_session)
    remove_passkey: viewers.RemovePasskeyPayload = strawberry.mutation(resolver=viewers.remove_passkey)


class _Silent(strawberry.Schema):
    """By default the library logs every error with its message, which quotes what people sent."""

    def process_errors(self, errors: list[GraphQLError], execution_context: object = None) -> None:
        """Nothing here: whoever executes logs what may be logged."""


def build(extensions: Sequence[Callable[[], SchemaExtension]] = ()) -> Schema:
    return _Silent(Query, Mutation, config=config(), types=PROBLEM_TYPES, extensions=extensions)


def printed(schema: Schema) -> str:
    """The SDL as committed: sorted, so that a diff shows changes and not the order of modules."""
    return print_schema(lexicographic_sort_schema(build_schema(schema.as_str()))) + "\n"
