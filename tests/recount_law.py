"""A made-up law of one procedure: a component for each rule the recount must keep, and little else."""

from collections.abc import Mapping
from datetime import date
from typing import Any

LAPSES = date(2026, 12, 31)
"""The last day of every rule of this law that ends."""

ADDRESS = "premises.address@premises"


def component(name: str, paper: str, **fields: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"alternative_group": None, "requirement": "mandatory", "equivalence_ids": []}
    return {"id": f"shop.{name}", "document_type_id": paper, **asked, **fields}


def note(outcome: str = "evidence", *claims: str, **fields: Any) -> dict[str, Any]:
    rules = {"subject_role": "applicant", "rank": 1, "whole": False, "min_level": 3, "max_age_days": None}
    needs = [dict(zip(("concept", "role"), one.split("@"), strict=True)) for one in claims]
    return {"outcome_class": outcome, "claims": needs, "self_object": False, **rules, **fields}


def paper(kind: str = "person", *members: str) -> dict[str, Any]:
    return {"object_kind": kind, "satisfied_by_document_type_ids": list(members)}


LAW: Mapping[str, Mapping[str, Any]] = {
    "procedures": {
        "shop": {
            "executing_agency_type_ids": ["commune"],
            "components": [
                component("form", "shop-form"),
                component("licence", "licence"),
                component("card", "card", equivalence_ids=["card-read"]),
                component("health", "health"),
                component("photo", "photo"),
                component("statement", "statement"),
                component("deed", "deed"),
                component("shown", "deed"),
                component("own", "deed"),
                component("handed-in", "licence"),
                component("note", "birth-note", alternative_group="birth"),
                component("oath", "oath", alternative_group="birth"),
                component("seller", "card"),
                component("buyer", "card"),
            ],
        }
    },
    "component_annotations": {
        "shop.form": note("form"),
        "shop.licence": note("evidence", ADDRESS, "person.id@holder"),
        "shop.card": note("evidence", "person.id@holder"),
        "shop.health": note("evidence", min_level=2, max_age_days=180),
        "shop.photo": note(fresh=True),
        "shop.statement": note(),
        "shop.deed": note(self_object=True, min_level=2),
        "shop.shown": note("show", min_level=2),
        "shop.own": note("show", self_object=True, min_level=2),
        "shop.handed-in": note("surrender"),
        "shop.note": note(),
        "shop.oath": note(rank=2),
        "shop.seller": note("evidence", subject_role="seller"),
        "shop.buyer": note("evidence", subject_role="buyer"),
    },
    "conditions": {"shop.oath": {"kind": "fallback"}},
    "document_types": {
        "shop-form": paper(),
        "licence": paper("premises", "old-licence", "trade-card"),
        "old-licence": paper("premises"),
        "trade-card": paper(),
        "card": paper(),
        "e-card": paper(),
        "passport": paper(),
        "health": paper(),
        "photo": paper(),
        "statement": paper("case"),
        "deed": paper("land_parcel"),
        "deed-copy": paper("land_parcel"),
        "birth-note": paper(),
        "oath": paper(),
    },
    "document_claims": {
        "card": {"claims": [{"concept": "person.card_number", "role": "holder"}]},
    },
    "document_substitutions": {
        "e-card-for-card": {
            "effects": ["stand_in"],
            "scope": "all",
            "in_place_of_document_type_id": "card",
            "accepted_document_type_id": "e-card",
            "effective_to": LAPSES.isoformat(),
        },
        "copy-for-deed": {
            "effects": ["stand_in"],
            "scope": "all",
            "in_place_of_document_type_id": "deed",
            "accepted_document_type_id": "deed-copy",
        },
    },
    "database_substitutions": {
        "card-read": {
            "database_id": "population",
            "document_type_ids": ["card"],
            "effective_to": LAPSES.isoformat(),
        }
    },
    "concepts": {"person.id": {}, "person.card_number": {"broader": "person.id"}},
    "forms": {
        "shop-form": {
            "fields": [
                {
                    "key": "address",
                    "concept": "premises.address",
                    "subject_role": "premises",
                    "prefill": "held",
                },
                {"key": "home", "concept": "person.home", "subject_role": "applicant", "prefill": "held"},
                {
                    "key": "name",
                    "concept": "person.full_name",
                    "subject_role": "applicant",
                    "prefill": "account",
                },
                {
                    "key": "child-name",
                    "concept": "person.full_name",
                    "subject_role": "child",
                    "prefill": "account",
                },
                {"key": "child", "concept": "person.home", "subject_role": "child", "prefill": "held"},
                {"key": "wish", "concept": "person.home", "subject_role": "applicant", "prefill": "declare"},
            ]
        }
    },
    "roles": {"premises": {"about": "object"}},
}
