"""Every coordinate of the schema against every kind of caller, over HTTP on a planted world.

What each may see is written by hand in `matrix/*.toml`, and what they then see in `matrix/planted.py`; neither is
derived from the policy or the code. Allowed cells must hold the planted value, denied ones must hold nothing and
must have changed nothing.
"""

import tomllib
from collections.abc import AsyncIterator, Mapping

import pytest

from tests.attacks.matrix.acts import Act, Notices, acts
from tests.attacks.matrix.planted import Values, reading
from tests.attacks.matrix.queries import reads
from tests.attacks.matrix.refused import refusals
from tests.attacks.matrix.rows import HERE, VALUE, Scene, deeds, outcome, scenes
from tests.attacks.matrix.selection import Ask, Seen, coordinates, is_leaf, payload_of
from tests.attacks.matrix.stage import Print, Stage, open_stage
from tests.attacks.matrix.world import CALLERS, NAMES, OF_PERMIT, Planted, in_place_of_lan, secrets_of
from tests.conftest import NewDatabase
from vault.safe import Safe

READS = scenes("public", "documents", "dossiers", "persons")
DEEDS = deeds("mutations")
REFUSALS = deeds("refusals", refused=True)
ACQUAINTED = {
    ("mandates", "owner"): frozenset({"stranger"}),
    ("mandates", "stranger"): frozenset({"owner"}),
    ("mandates", "spouse"): frozenset({"owner"}),
}
"""Whose name a scene tells whom: the two sides of a mandate know each other's."""
RECORDED = {"ledger", "dossier_events", "number_tries"}
"""An attempt worth knowing of is written down, whatever came of it."""

FILINGS = frozenset({"dossier asked", "dossier birth", "dossier done", "dossier draft", "dossier refused",
    "dossier withdrawn", "myDossiers", "node Dossier"})  # fmt: skip
PAPERS = frozenset({"document issued", "document own", "myDocuments", "node Document", "nodes"})
BY_WORDS: Mapping[str, frozenset[str]] = {
    "FILE": FILINGS,
    "READ": PAPERS,
    # Which consents there are; what is in the papers they are about is another word's.
    "CONSENT": frozenset(),
    "FILE READ CONSENT": FILINGS | PAPERS | {"filingPlan", "myConsents", "node Consent"},
}
"""Where Minh reads anything of Lan's, by the words of her mandate."""

NEVER: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "Deprecation.announcedOn",
            "Deprecation.coordinate",
            "Deprecation.goneOn",
            "Deprecation.reason",
            "ApiInfo.deprecations",
        ),
        "nothing is deprecated today",
    ),
    "AccessRequest.agreedBy": "no child of seven is asked anything in these scenes",
    "OpenedEvidence.logIndex": "a line is sealed after the answer: `Dossier.openings` has it then",
    **{
        f"{problem}.{one}": "said of refusals that need no more than their code"
        for problem in (
            "AlreadyHeld",
            "EvidenceMissing",
            "StaleVersion",
            "SituationsOpen",
            "FormIncomplete",
            "ObjectUndeclared",
            "ConsentStale",
            "ConsentOutstanding",
            "QuotaExceeded",
        )
        for one in ("path", "retryAfterSeconds")
    },
}
"""Coordinates nobody gets a value of, each with why."""
NEVER_REFUSED = frozenset(
    f"{payload}.errors"
    for payload in {payload_of(name) for name in coordinates()["Mutation"]}
    - {payload_of(name.partition(" ")[0]) for name in REFUSALS}
)
"""Payloads of mutations that are refused in none of the scenes: their `errors` are the same type everywhere."""


@pytest.fixture(scope="module")
async def stage(new_database: NewDatabase, safe: Safe) -> AsyncIterator[Stage]:
    async with open_stage(await new_database(), safe) as opened:
        yield opened


@pytest.fixture(scope="module")
async def notices(stage: Stage) -> tuple[Notices, str]:
    """The hashes people read before they agree, and the one of the filing that waits for somebody else."""
    query = "query($code: String!) { dossier(code: $code) { notice { sha256 } } }"
    found = []
    for state in ("ready", "birth"):
        code = {"code": stage.planted.id("Dossier", state)}
        notice = (await stage.face.ask("owner", query, code)).data["dossier"]["notice"]
        found.append(notice["sha256"] if notice else "")
    asked = "{ accessRequests(first: 1) { edges { node { notice { sha256 } } } } }"
    edges = (await stage.face.ask("spouse", asked)).data["accessRequests"]["edges"]
    return Notices(found[0], edges[0]["node"]["notice"]["sha256"]), found[1]


def test_every_coordinate_has_an_expectation() -> None:
    named = tomllib.loads((HERE / "coordinates.toml").read_text("utf-8"))
    assert {name: frozenset(fields.split()) for name, fields in named.items()} == coordinates()


def test_every_coordinate_is_somebodys(stage: Stage, notices: tuple[Notices, str]) -> None:
    """None is only ever asserted to be empty: for each, somebody gets its planted value, or NEVER says why not."""
    asked = {name: ask.field for name, ask in reads(stage.planted).items()}
    told: set[str] = set()
    for scene in (*READS.values(), *DEEDS.values(), *REFUSALS.values()):
        for name in scene.types:
            field = asked.get(scene.name, scene.name.partition(" ")[0])
            fields = {field} if name in ("Query", "Mutation") else coordinates()[name]
            told |= {
                f"{name}.{one}"
                for one in fields
                if any(scene.expected(f"{name}.{one}", caller) == VALUE for caller in CALLERS)
            }
    for act in refusals(stage.planted, notices[1]).values():
        told |= set(act.answers)
    for name, act in acts(stage.planted, notices[0]).items():
        row = [DEEDS[name].expected(f"Mutation.{act.operation}", caller) for caller in CALLERS]
        told |= set(act.answers) if VALUE in row else set()
    everything = {f"{name}.{one}" for name, fields in coordinates().items() for one in fields}
    assert everything - told == NEVER.keys() | (NEVER_REFUSED - told)


@pytest.mark.parametrize("name", READS)
async def test_each_caller_reads_what_the_table_says(stage: Stage, name: str) -> None:
    scene, ask = READS[name], reads(stage.planted)[name]
    assert ask.types("Query") == set(scene.types), "the table and the schema name different types"
    wrong: list[str] = []
    for caller in CALLERS:
        answer = await stage.face.ask(caller, ask.query)
        seen = ask.observe("Query", answer.data)
        wrong += wrong_cells(scene, ask, "Query", caller, seen, answer.codes)
        wrong += wrong_values(scene, ask, "Query", caller, seen, reading(stage.planted, name, caller))
        wrong += leaks(stage.planted, caller, answer.text, ACQUAINTED.get((name, caller), frozenset()))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", DEEDS)
async def test_each_caller_does_what_the_table_says(
    stage: Stage, notices: tuple[Notices, str], name: str
) -> None:
    wrong = await faults(stage, DEEDS[name], acts(stage.planted, notices[0])[name])
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_tells_only_whoever_may_act(
    stage: Stage, notices: tuple[Notices, str], name: str
) -> None:
    wrong = await faults(stage, REFUSALS[name], refusals(stage.planted, notices[1])[name])
    assert not wrong, "\n".join(wrong)


async def test_a_hole_in_the_policy_is_found(
    stage: Stage, notices: tuple[Notices, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dossiers.desk.intake.require", lambda *asked: None)
    wrong = await faults(stage, DEEDS["receiveDossier"], acts(stage.planted, notices[0])["receiveDossier"])
    assert {"owner", "tham_dinh", "phe_duyet", "kiem_toan", "quan_tri"} == {
        one.partition(" ")[0] for one in wrong if "Mutation.receiveDossier" in one
    }


async def faults(stage: Stage, scene: Scene, act: Act) -> list[str]:
    """What is wrong when each caller tries; everything is as before afterwards.

    Whoever is denied tries first, one after the other: together they leave a line in the log for each whom the
    policy denied, and nothing else.
    """
    letters = {caller: scene.expected(f"Mutation.{act.operation}", caller) for caller in CALLERS}
    wrong: list[str] = []
    for caller in (one for one, letter in letters.items() if letter != VALUE):
        answer = await stage.face.ask(caller, act.ask.mutation, act.sent(caller))
        seen = act.ask.observe("Mutation", answer.data)
        wrong += wrong_cells(scene, act.ask, "Mutation", caller, seen, answer.codes)
        wrong += [
            f"{caller}: told {secret}" for secret in all_secrets(stage.planted) if secret in answer.text
        ]
    logged = sum(letter == "D" for letter in letters.values())
    changed = changes(stage.kept, await stage.fingerprint())
    wrong += [f"denied, and changed {changed}"] if changed != ({"ledger": logged} if logged else {}) else []
    await stage.restore()
    for caller in (one for one, letter in letters.items() if letter == VALUE):
        wrong += await allowed(stage, scene, act, caller)
    return wrong


async def allowed(stage: Stage, scene: Scene, act: Act, caller: str) -> list[str]:
    """What is wrong when somebody may: the thing is done, or refused with what stands in the way."""
    answer = await stage.face.ask(caller, act.ask.mutation, act.sent(caller))
    seen = act.ask.observe("Mutation", answer.data)
    wrong = wrong_cells(scene, act.ask, "Mutation", caller, seen, answer.codes)
    wrong += [
        f"{caller} {one}: got {seen.get(one)}"
        for one in act.answers
        if missing(scene, act, caller, one, seen)
    ]
    wrong += [f"{caller} {one}: unsaid" for one in unsaid(scene, act, caller)] if scene.name in DEEDS else []
    changed = changes(stage.kept, await stage.fingerprint())
    refused = bool((answer.data.get(act.operation) or {}).get("errors"))
    lawful = changed.keys() <= RECORDED if refused else changed
    wrong += [] if lawful else [f"{caller}: changed {changed}"]
    await stage.restore()
    return wrong


def changes(before: Print, after: Print) -> dict[str, int]:
    """Tables that are not as before, with how many rows more they have."""
    return {name: after[name][0] - before[name][0] for name in before if before[name] != after[name]}


def missing(scene: Scene, act: Act, caller: str, coordinate: str, seen: Seen) -> bool:
    name = coordinate.partition(".")[0]
    if name in scene.types and scene.expected(coordinate, caller) != VALUE:
        return False
    return not holds(seen.get(coordinate, []), act.answers, coordinate)


@pytest.mark.parametrize("words", BY_WORDS)
async def test_a_mandate_shows_the_grantors_things_alone_and_each_word_its_own(
    stage: Stage, words: str
) -> None:
    answers = {}
    async with in_place_of_lan(stage.planted, words.split()) as mandate:
        stage.face.mandate = mandate
        try:
            for name, ask in reads(stage.planted).items():
                answers[name] = await stage.face.ask("stranger", ask.query)
        finally:
            stage.face.mandate = None
    assert [name for name, answer in answers.items() if "MANDATE_NOT_IN_FORCE" in answer.codes] == []
    hers = (*secrets_of("owner"), OF_PERMIT)
    told = {name for name, answer in answers.items() if any(one in answer.text for one in hers)}
    assert told == BY_WORDS[words]
    # Nobody else's, Minh's own included.
    leaked = {name: leaks(stage.planted, "owner", answer.text) for name, answer in answers.items()}
    assert {name: found for name, found in leaked.items() if found} == {}


def unsaid(scene: Scene, act: Act, caller: str) -> list[str]:
    """Leaves of types that only mutations answer, for which nobody has said what they hold."""
    return [
        coordinate
        for name in new_types(act.ask)
        for one in coordinates()[name]
        if is_leaf(coordinate := f"{name}.{one}") and coordinate not in act.answers
        if name not in scene.types or scene.expected(coordinate, caller) == VALUE
        if coordinate not in NEVER
    ]


def new_types(ask: Ask) -> set[str]:
    """Types no query answers, but for the refusals, which have scenes of their own."""
    known = {name for scene in READS.values() for name in scene.types}
    problems = {name for name in coordinates() if "retryable" in coordinates()[name]} | {"Gap"}
    return set(ask.types("Mutation")) - known - problems - {"Mutation"}


def all_secrets(planted: Planted) -> list[str]:
    names = ("Dossier", "Document", "Subject", "Consent", "Share")
    ids = [planted.id(kind, name) for kind in names for name in planted.things(kind)]
    return [
        *(secret for name in NAMES for secret in secrets_of(name)),
        OF_PERMIT,
        *ids,
        *planted.codes.values(),
    ]


def leaks(planted: Planted, caller: str, text: str, known: frozenset[str] = frozenset()) -> list[str]:
    """Secrets of persons the caller is not and does not act for, but for the names of `known`."""
    own = {caller, "child"} if caller == "guardian" else {caller}
    others = [secret for name in NAMES if name not in own for secret in secrets_of(name)]
    others = [secret for secret in others if secret not in {NAMES[one] for one in known}]
    others += [] if caller == "owner" else [OF_PERMIT]
    return [f"{caller} reads {secret}" for secret in others if secret in text]


def wrong_cells(scene: Scene, ask: Ask, root: str, caller: str, seen: Seen, codes: list[str]) -> list[str]:
    """Coordinates that are not as their table says, for one caller."""
    return [
        f"{caller} {coordinate}: expected {wanted}, got {got}"
        for coordinate in sorted(cells(scene, ask, root))
        if (wanted := scene.expected(coordinate, caller)) != (got := outcome(seen.get(coordinate, []), codes))
    ]


def wrong_values(scene: Scene, ask: Ask, root: str, caller: str, seen: Seen, planted: Values) -> list[str]:
    """Allowed leaves that do not hold what was planted, or for which nobody has said what that is."""
    return [
        f"{caller} {coordinate}: {'expected ' + repr(planted[coordinate]) if coordinate in planted else 'unsaid'},"
        f" got {seen.get(coordinate)}"
        for coordinate in sorted(cells(scene, ask, root))
        if scene.expected(coordinate, caller) == VALUE and is_leaf(coordinate)
        if not holds(seen.get(coordinate, []), planted, coordinate)
    ]


def holds(seen: list[object], planted: Values, coordinate: str) -> bool:
    wanted = planted.get(coordinate)
    return any(wanted(one) for one in seen) if callable(wanted) else wanted is not None and wanted in seen


def cells(scene: Scene, ask: Ask, root: str) -> set[str]:
    fields = {f"{name}.{one}" for name in scene.types if name != root for one in coordinates()[name]}
    return fields | {f"{root}.{ask.field}"}
