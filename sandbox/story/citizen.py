"""A citizen's side of filing any procedure of the catalogue, knowing no more of it than the API says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sandbox.people import MARK, Person
from sandbox.story import papers
from sandbox.story.browser import Device, Refused, Stumbled
from sandbox.story.catalogue import REQUIREMENT, Catalogue, Facts

PLANNED: Final = f"""requirements {{
  outcome satisfied reason legalBasis
  requirement {{ {REQUIREMENT} }}
  evidence {{ register claims document {{ id version type origin }} }}
}}
questions {{ id answer declaresAbsent }}"""

DOSSIER: Final = f"""id code version status dueDate flaggedAt
{PLANNED}
notice {{ sha256 text }}
form {{ key type required value options }}
overrides {{ requirement article }}"""

_DOCUMENTS: Final = """query($type: String) {
  myDocuments(first: 100, type: $type) { edges { node {
    id type origin status version issuedAt validUntil
  } } }
}"""

MOST_ROUNDS: Final = 6
"""Of asking and answering in one filing: papers can lead to further papers, never without end."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person sets out to file. `objects`: kind to the held document it is about."""

    procedure: str
    agency: str | None = None
    parties: tuple[Facts, ...] = ()
    objects: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    supplies: bool = True
    """False: brings nothing whatever is asked."""


class Citizen:
    """A demo person signed in: files, deposits, looks into her own feed."""

    def __init__(self, device: Device, person: Person, catalogue: Catalogue, on: date) -> None:
        self._device = device
        self._catalogue = catalogue
        self._on = on
        self.person = person
        self.subject = ""

    async def arrive(self) -> None:
        await self._device.sign_in("citizen", self.person.key)
        self.subject = (await self._device.ask("{ viewer { id } }"))["viewer"]["id"]

    async def plan(self, wish: Wish, on: date | None = None) -> Facts:
        """What filing it would need, today or on another day, with every question answered."""
        query = f"query($input: FilingPlanInput!) {{ filingPlan(input: $input) {{ toSupply {PLANNED} }} }}"
        given = {
            "procedure": wish.procedure,
            "agency": wish.agency,
            "parties": list(wish.parties),
            "on": on.isoformat() if on else None,
        }
        first: Facts = (await self._device.ask(query, input=given))["filingPlan"]
        if not first["questions"]:
            return first
        answers = [_answer(one) for one in first["questions"]]
        answered: Facts = (await self._device.ask(query, input={**given, "situations": answers}))[
            "filingPlan"
        ]
        return answered

    async def documents(self, document_type: str | None = None) -> list[Facts]:
        """Her documents, newest first."""
        said = await self._device.ask(_DOCUMENTS, type=document_type)
        return [edge["node"] for edge in said["myDocuments"]["edges"]]

    async def open(self, wish: Wish) -> Facts:
        """A draft with its questions answered. Names an object when the platform asks which one is meant."""
        objects = dict(wish.objects)
        for _ in range(MOST_ROUNDS):
            try:
                opened = await self._device.act(
                    "openDossier", f"dossier {{ {DOSSIER} }}",
                    procedure=wish.procedure, agency=wish.agency, parties=list(wish.parties),
                    objects=[{"kind": kind, "document": one} for kind, one in objects.items()],
                )  # fmt: skip
                return await self._answer_questions(opened["dossier"])
            except Refused as refused:
                if refused.code != "OBJECT_UNDECLARED":
                    raise
                for kind in (one.upper() for one in refused.told["kinds"]):
                    objects[kind] = await self._thing(wish.procedure, kind)
        raise Stumbled(f"{wish.procedure} asks without end which object is meant")

    async def supply(self, dossier: Facts) -> tuple[Facts, list[str]]:
        """Bring every paper the plan asks for; the dossier afterwards, and the types brought."""
        brought: list[str] = []
        for _ in range(MOST_ROUNDS):
            missing = unmet(dossier)
            if not missing:
                return dossier, brought
            for one in missing:
                paper = await self._catalogue.paper_for(one["requirement"])
                await self.bring(dossier["id"], one["requirement"]["id"], paper)
                brought.append(paper["id"])
            dossier = await self.look(dossier["id"])
        raise Stumbled(f"{[one['requirement']['id'] for one in unmet(dossier)]}: nothing brought will do")

    async def bring(self, dossier: str, requirement: str, paper: Facts) -> None:
        """Photograph a paper and hand it in for one requirement. Raises Refused, for one: when it is held."""
        upload = await self._device.send_file(
            papers.photograph(), papers.PNG, paper["id"], dossier=dossier, requirement=requirement
        )
        claims = papers.written_on(self.person, paper["id"], paper["claims"], self._on)
        await self._device.act(
            "addDocument", "document { id }",
            upload=upload, type=paper["id"], claims=claims, dossier=dossier, requirement=requirement,
        )  # fmt: skip

    async def submit(self, dossier: Facts, form: Mapping[str, Any] | None = None) -> Facts:
        """Agree to the notice as shown and submit, declaring what the platform then says is missing. Raises Refused.

        Nothing is declared that was not asked for: a form shows some fields only after others.
        """
        met: list[str] = []
        while len(met) < 2 * MOST_ROUNDS:
            notice = dossier["notice"]
            try:
                done = await self._device.act(
                    "submitDossier", f"dossier {{ {DOSSIER} }}",
                    dossier=dossier["id"], expectedVersion=dossier["version"],
                    consent={"noticeSha256": notice["sha256"]} if notice else None,
                )  # fmt: skip
                submitted: Facts = done["dossier"]
                return submitted
            except Refused as refused:
                met.append(refused.code)
                if refused.code == "FORM_INCOMPLETE":
                    dossier = await self._fill(dossier, form or {}, refused.told["missing"])
                elif refused.code == "SITUATIONS_OPEN":
                    dossier = await self._answer_questions(await self.look(dossier["id"]))
                elif refused.code in ("CONSENT_STALE", "CONSENT_REQUIRED", "STALE_VERSION"):
                    dossier = await self.look(dossier["id"])
                else:
                    raise
        raise Stumbled(f"{dossier['id']} cannot be submitted: {', '.join(met)}")

    async def look(self, dossier: str) -> Facts:
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on Dossier {{ {DOSSIER} }} }} }}"
        said = await self._device.ask(query, id=dossier)
        if said["node"] is None:
            raise Stumbled("her own dossier is out of her sight")
        found: Facts = said["node"]
        return found

    async def counts(self, dossiers: Sequence[str], figures: Sequence[str]) -> list[Mapping[str, int]]:
        """What the recount says of each of these dossiers of hers."""
        wanted = f"... on Dossier {{ onceOnly {{ {' '.join(figures)} }} }}"
        query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {wanted} }} }}"
        said = await self._device.ask(query, ids=list(dossiers))
        return [one["onceOnly"] for one in said["nodes"]]

    async def feed(self) -> tuple[list[Facts], list[Facts]]:
        """What she was told, and who looked at her data: both newest first."""
        said = await self._device.ask(
            """{ myNotices(first: 100) { edges { node { code dossier text } } }
              myDataUsage(first: 100) { edges { node { kind outcome purpose agency claims logIndex } } } }"""
        )
        return tuple([edge["node"] for edge in said[name]["edges"]] for name in ("myNotices", "myDataUsage"))  # type: ignore[return-value]

    async def share(self, document: str, claims: Sequence[str], audience: str) -> Facts:
        made = await self._device.act(
            "createShare", "share { id code url }",
            document=document, claims=list(claims), audience=audience, maxUses=5,
        )  # fmt: skip
        found: Facts = made["share"]
        return found

    async def take_back(self, share: str) -> None:
        await self._device.act("revokeShare", "share { id }", share=share)

    async def results(self, dossier: str) -> list[str]:
        """Ids of the documents issued in it."""
        query = "query($id: ID!) { node(id: $id) { ... on Dossier { results { id } } } }"
        return [one["id"] for one in (await self._device.ask(query, id=dossier))["node"]["results"]]

    async def public_page(self, url: str) -> str:
        """What anybody sees at a shared address."""
        page = await self._device.read_page(url)
        if page.status_code != 200:
            raise Stumbled(f"the public page answers {page.status_code}")
        return page.text

    async def claims(self, document: str) -> list[str]:
        said = await self._device.ask(
            "query($id: ID!) { document(id: $id) { claims { name } } }", id=document
        )
        return [one["name"] for one in said["document"]["claims"]]

    async def _answer_questions(self, dossier: Facts) -> Facts:
        for _ in range(MOST_ROUNDS):
            still_open = [one for one in dossier["questions"] if one["answer"] is None]
            if not still_open:
                return dossier
            answered = await self._device.act(
                "answerSituations", f"dossier {{ {DOSSIER} }}",
                dossier=dossier["id"], expectedVersion=dossier["version"],
                situations=[_answer(one) for one in still_open],
            )  # fmt: skip
            dossier = answered["dossier"]
        raise Stumbled(f"{dossier['id']} asks without end")

    async def _fill(self, dossier: Facts, form: Mapping[str, Any], missing: Sequence[str]) -> Facts:
        patch = {
            one["key"]: form.get(one["key"], _declared(one, self.person, self._on))
            for one in dossier["form"] or ()
            if one["key"] in missing
        }
        filled = await self._device.act(
            "updateDossierForm", f"dossier {{ {DOSSIER} }}",
            dossier=dossier["id"], expectedVersion=dossier["version"], patch=patch,
        )  # fmt: skip
        found: Facts = filled["dossier"]
        return found

    async def things(self, procedure: Facts, document_type: str) -> dict[str, str]:
        """What the filing is about, if it is about what her newest paper of this type is: by kind of thing."""
        held = [one for one in await self.documents(document_type) if one["status"] == "VALID"]
        kinds = {
            one["objectKind"]
            for one in procedure["requirements"]
            if document_type in (one["documentType"], *one["accepts"])
        }
        return dict.fromkeys(kinds - {"PERSON", "CASE"}, str(held[0]["id"])) if held else {}

    async def _thing(self, procedure: str, kind: str) -> str:
        """Which parcel, building or premises is meant: that of her newest paper the procedure takes for one."""
        published = await self._catalogue.procedure(procedure)
        about = [one for one in published["requirements"] if one["objectKind"] == kind]
        taken = {paper for one in about for paper in (one["documentType"], *one["accepts"])}
        for document in await self.documents():
            if document["type"] in taken and document["status"] == "VALID":
                return str(document["id"])
        raise Stumbled(f"she holds no paper about a {kind.lower()}")


def unmet(plan: Facts) -> list[Facts]:
    """What the plan still asks of the person."""
    return [one for one in plan["requirements"] if one["outcome"] == "SUPPLY" and not one["satisfied"]]


def with_outcome(plan: Facts, *outcomes: str) -> list[Facts]:
    return [one for one in plan["requirements"] if one["outcome"] in outcomes]


def _answer(question: Facts) -> Facts:
    """No, as in most lives; but nobody declares that a paper does not exist who has not looked for it."""
    return {"id": question["id"], "value": bool(question["declaresAbsent"])}


def _declared(one: Facts, person: Person, on: date) -> Any:
    match one["type"]:
        case "boolean":
            return True
        case "integer" | "vnd" | "area_m2":
            return 1
        case "date":
            return on.isoformat()
        case "enum":
            return one["options"][0]
        case "address":
            return person.residence
    return f"Người nộp tự khai {MARK}"
