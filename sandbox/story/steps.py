"""The first four steps: a paper digitised, a permit, its extension, a birth, a stall. Written for any plot."""

from sandbox.story.citizen import Wish, with_outcome
from sandbox.story.plot import Plot
from sandbox.story.report import promise
from sandbox.story.telling import Filed, Teller, nothing_asked

BIRTH = "1.001193"
ELECTRICITY = "3.000001"


async def digitise_at_the_counter(teller: Teller) -> None:
    """1. A register is off. An officer digitises a paper, once."""
    one = teller.plot.digitised
    teller.begin("digitise", f"{', '.join(one.off) or 'No register'} is off: a counter digitises {one.paper}")
    agency = (await teller.catalogue.agencies(one.procedure))[0]
    await teller.desk.digitise(agency, teller.citizen.person, one.paper)
    kept = await teller.citizen.documents(one.paper)
    promise("digitised-once", [each["origin"] for each in kept] == ["DIGITISED"], f"her vault has {kept}")
    told, _ = await teller.citizen.feed()
    promise("digitised-once", any(each["code"] == "digitised" for each in told), "she was not told")
    teller.say(f"{agency['name']}: {one.paper} version {kept[0]['version']}, certified against its original")


async def file_for_the_result(teller: Teller) -> None:
    """2. One filing asks only what nobody holds; its signed result enters her vault."""
    plot = teller.plot
    teller.begin("producer", "A first filing, with what was digitised and what only she has")
    if plot.digitised.procedure != plot.issued.producer:
        await teller.decide(await _with_the_digitised(teller))
        filed = await teller.file(plot.issued.producer)
    else:
        filed = await _with_the_digitised(teller)
    await teller.decide(filed)


async def file_with_the_result(teller: Teller) -> None:
    """3. The result serves the next procedure."""
    plot = teller.plot
    teller.begin("consumer", f"A second procedure asks for {plot.issued.result}")
    async with teller.without(plot.issued.off):
        held = await teller.citizen.documents(plot.issued.result)
        consumer = await teller.catalogue.procedure(plot.issued.consumer)
        plan = await teller.citizen.plan(Wish(consumer["slug"]))
        missing = [one["requirement"]["documentType"] for one in with_outcome(plan, "SUPPLY")]
        issued = [one for one in held if one["origin"] == "ISSUED"]
        promise(
            "result-deposited",
            issued,
            f"her vault has no {plot.issued.result}; she would be asked for {missing}",
        )
        filed = await teller.file(plot.issued.consumer, about=plot.issued.result)
    promise("result-reused", nothing_asked(filed), f"she had to bring {filed.brought}")
    promise("result-reused", _reuses(filed, plot.issued.result), "the result was not what served")
    await teller.decide(filed)


async def live_on(teller: Teller) -> None:
    """4. A birth and electricity from registers; a second certificate from the papers of the first."""
    plot = teller.plot
    teller.begin("life", "Her child is registered, the house gets electricity, the stall its certificates")
    mother = {"role": "mother", "subject": teller.citizen.subject}
    birth = await teller.file(BIRTH, parties=(mother, {"role": "child"}), form=_birth_form(plot))
    promise("nothing-asked", nothing_asked(birth), f"for the birth she had to bring {birth.brought}")
    await teller.decide(birth, plot.person.newborn)
    power = await teller.file(ELECTRICITY)
    promise("nothing-asked", nothing_asked(power), f"for electricity she had to bring {power.brought}")
    await teller.decide(power)
    first = await teller.file(plot.kept.first)
    promise("supplied-once", first.brought, f"{plot.kept.first} took nothing of hers")
    second = await teller.file(plot.kept.second)
    promise("self-reused", nothing_asked(second), f"she had to bring {second.brought} again")
    again = [one for one in first.brought if _reuses(second, one)]
    promise("self-reused", again, f"none of {first.brought} served")


async def _with_the_digitised(teller: Teller) -> Filed:
    plot = teller.plot
    async with teller.without(plot.digitised.off):
        filed = await teller.file(plot.digitised.procedure, about=plot.digitised.paper)
    _promise_digitised(plot, filed)
    return filed


def _promise_digitised(plot: Plot, filed: Filed) -> None:
    used = _reuses(filed, plot.digitised.paper)
    promise(
        "digitised-reused", used, f"{plot.digitised.paper} was not what served {plot.digitised.procedure}"
    )


def _reuses(filed: Filed, document_type: str) -> bool:
    return any(
        evidence["document"] and evidence["document"]["type"] == document_type
        for one in with_outcome(filed.dossier, "REUSE")
        for evidence in one["evidence"]
    )


def _birth_form(plot: Plot) -> dict[str, object]:
    """What a mother declares of her child; the rest the notification and the registers tell."""
    newborn = plot.person.newborn
    return {} if newborn is None else {"child_full_name": newborn.intended_name, "copies_requested": False}
