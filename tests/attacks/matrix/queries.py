"""The scenes of the tables that only read, as they are asked."""

import json
from collections.abc import Mapping

from tests.attacks.matrix.selection import Ask
from tests.attacks.matrix.world import LAND_TYPE, PERMIT, Planted

PERMIT_SLUG = "cap-giay-phep-xay-dung-nha-o-rieng-le"


def reads(planted: Planted) -> Mapping[str, Ask]:
    """By scene."""
    asks = {
        "procedure": Ask("procedure", f'(slug: "{PERMIT_SLUG}")'),
        "node Procedure": _node("Procedure", planted.id("Procedure", "birth")),
        "procedures": Ask("procedures", '(first: 1, search: "giay phep xay dung", field: "xay-dung")'),
        "agencies": Ask("agencies", f'(procedure: "{PERMIT}")'),
        "documentType": Ask("documentType", f'(id: "{LAND_TYPE}")'),
        "apiInfo": Ask("apiInfo"),
        "viewer": Ask("viewer"),
        "filingPlan": Ask("filingPlan", f"(input: {_plan(planted)})"),
        "desk": Ask("desk", "(first: 15)"),
        "onceOnly": Ask("onceOnly"),
        "erasures": Ask("erasures", "(first: 20)"),
    }
    for name, paper in (("own", "land"), ("issued", "permit"), ("spouse", "spouse"), ("child", "child")):
        asks[f"document {name}"] = Ask("document", f'(id: "{planted.id("Document", paper)}")')
    for name in ("draft", "asked", "done", "refused", "withdrawn", "child", "birth"):
        asks[f"dossier {name}"] = Ask("dossier", f'(code: "{planted.id("Dossier", name)}")')
    three = json.dumps([planted.id("Document", paper) for paper in ("land", "spouse", "child")])
    asks["nodes"] = Ask("nodes", f"(ids: {three})", "Document")
    for kind, name in (
        ("Document", "land"),
        ("Dossier", "asked"),
        ("Consent", "owner"),
        ("AccessRequest", "spouse"),
        ("Share", "anybody"),
        ("Notice", "owner"),
    ):
        asks[f"node {kind}"] = _node(kind, planted.id(kind, name))
    for own in ("Documents", "Consents", "DataUsage", "Notices", "Proofs"):
        asks[f"my{own}"] = Ask(f"my{own}", "(first: 50)")
    for name, given in planted.cursors.items():
        asks[name] = Ask("changes", f'(first: 50, after: "{given}")')
    # With everything a dossier has, a larger page costs more than one operation may.
    asks["myDossiers"] = Ask("myDossiers", "(first: 15)")
    asks["mandates"] = Ask("mandates", "(first: 20)")
    asks["accessRequests"] = Ask("accessRequests", "(first: 20)")
    return asks


def _node(kind: str, given: str) -> Ask:
    return Ask("node", f'(id: "{given}")', kind)


def _plan(planted: Planted) -> str:
    land = planted.id("Document", "land")
    return (
        f'{{procedure: "{PERMIT}", agency: "{planted.id("Agency", "own")}",'
        f' onBehalfOf: "{planted.id("Subject", "owner")}",'
        ' situations: [{id: "co-cong-trinh-lien-ke", value: false}],'
        f' objects: [{{kind: LAND_PARCEL, document: "{land}"}}, {{kind: BUILDING, document: null}}]}}'
    )
