"""The last six steps: what the platform refuses, withstands, takes back and proves. Written for any plot."""

from datetime import date
from typing import Final

from sandbox.agencies import AGENCIES
from sandbox.story.browser import Refused
from sandbox.story.catalogue import Facts
from sandbox.story.citizen import with_outcome
from sandbox.story.report import PromiseBroken, promise, recount
from sandbox.story.telling import Filed, Teller

CHOSEN_CLAIMS: Final = 3
AFTER_THE_RESOLUTION: Final = date(2027, 3, 1)
"""Resolution 66.7/2025 ends on 28/02/2027: rules that rest on it are gone."""
LEGAL_REASON: Final = "suspected_forgery"


async def ask_again(teller: Teller) -> None:
    """5. Nobody may ask for what is held, unless a law says so, and then she sees it."""
    plot = teller.plot
    teller.begin("enforcement", f"An officer asks for {plot.digitised.paper} again")
    async with teller.without(plot.digitised.off):
        filed = await teller.file(plot.digitised.procedure, about=plot.digitised.paper)
        line = _served_by(filed, plot.digitised.paper)
        promise("digitised-reused", line, f"{plot.digitised.paper} did not serve again")
        taken = await teller.desk.take_in(filed.agency, filed.dossier)
        await _try_ask(teller, filed, taken, line)
        await _try_upload(teller, filed, line)
    current = await teller.citizen.look(filed.id)
    asked = await teller.desk.override(filed.agency, current, line["id"], LEGAL_REASON)
    told, _ = await teller.citizen.feed()
    shown = [one for one in told if one["code"] == "override" and one["dossier"] == filed.id]
    promise("override-shown", shown, "her feed says nothing of it")
    current = await teller.citizen.look(filed.id)
    promise("override-shown", current["overrides"], "the dossier says nothing of it")
    await teller.desk.ask_for(filed.agency, asked, line["id"])
    figures = await recount(teller.citizen, [filed.id])
    promise("override-shown", figures["withReason"] >= 1, "the recount does not count it")
    teller.say(f"override for a legal reason [{current['overrides'][0]['article']}]: in her feed, counted")


async def wait_for_a_register(teller: Teller) -> None:
    """6. Down is not missing."""
    plot = teller.plot
    teller.begin("outage", f"{', '.join(plot.waiting.off)} down")
    async with teller.without(plot.waiting.off):
        filed = await teller.file(plot.waiting.procedure)
        waiting = with_outcome(filed.dossier, "PENDING_FETCH")
        promise("down-is-not-missing", waiting, "the filing did not wait for the register")
        runs = filed.dossier["dueDate"] or not filed.procedure["timeLimit"]
        promise("down-is-not-missing", runs, "the clock does not run")
        teller.say(
            f"accepted as {filed.dossier['code']}, due {filed.dossier['dueDate']}; the register owes its answer"
        )

    async def healed() -> Facts | None:
        found = await teller.citizen.look(filed.id)
        return None if with_outcome(found, "PENDING_FETCH") else found

    found = await teller.until("the register's answer", healed)
    lines = [one["requirement"]["id"] for one in waiting]
    fetched = [
        one
        for one in with_outcome(found or {"requirements": []}, "FETCH")
        if one["requirement"]["id"] in lines
    ]
    promise("down-is-not-missing", len(fetched) == len(waiting), "the answer never came")
    teller.say("the register is back and has answered; she was asked for nothing")


async def verify_elsewhere(teller: Teller) -> None:
    """7. Another agency's software verifies the result by a token for her code, until she takes it back."""
    plot = teller.plot
    document = await _current_result(teller)
    claims = sorted(await teller.citizen.claims(document["id"]))
    chosen = sorted(plot.lot.sample(claims, min(CHOSEN_CLAIMS, len(claims))))
    issuer = teller.issuers[document["id"]]["code"]
    other = plot.lot.choice([one for one in AGENCIES if one.code != issuer])
    agency = {"code": other.code, "name": other.name_en}
    teller.begin("verification", f"{other.name_en} verifies {plot.issued.result} by a token")
    share = await teller.citizen.share(document["id"], chosen, other.code)
    page = await teller.citizen.public_page(share["url"])
    software = teller.desk.software(agency)
    grant = await software.exchange(share["code"])
    if grant is None:
        raise PromiseBroken("token-verified", "the code got no token")
    verdict = await software.verify(grant)
    seen = sorted(one["name"] for one in verdict["claims"])
    promise("token-verified", verdict["valid"], f"the verdict was {verdict}")
    promise("token-verified", seen == chosen, f"the agency saw {seen}, chosen were {chosen}")
    # When it was issued and until when it stands is the page's business; what it says of anybody is not. A permit
    # may state the day it lapses among its claims as well.
    standing = {document["issuedAt"], document["validUntil"]}
    content = [
        one
        for one in verdict["claims"]
        if not one["name"].startswith("document.") and one["value"] not in standing
    ]
    shown = [one for one in content if str(one["value"]) in page and len(str(one["value"])) > 5]
    promise("token-verified", not shown, f"the public page shows {[one['name'] for one in shown]}")
    teller.report.found["token_verified"] = True
    teller.say(f"valid; seen: {', '.join(seen)}; the public page shows no content")
    await teller.citizen.take_back(share["id"])
    after = await software.verify(grant)
    promise("withdrawn-read-refused", not after["valid"] and not after["claims"], f"the verdict was {after}")
    another = await software.exchange(share["code"])
    promise("withdrawn-read-refused", another is None, "the code still got a token")
    teller.report.found["withdrawn_read_refused"] = True
    teller.say(f"she takes the code back; the next read: refused ({after['reason']})")


async def revoke_the_result(teller: Teller) -> None:
    """8. What relied on a revoked result says so."""
    plot = teller.plot
    teller.begin("revocation", f"{plot.issued.result} is revoked while a dossier relies on it")
    async with teller.without(plot.issued.off):
        filed = await teller.file(plot.issued.consumer, about=plot.issued.result)
    promise("result-reused", _served_by(filed, plot.issued.result), "the result did not serve again")
    await teller.desk.take_in(filed.agency, filed.dossier)
    document = _document_in(filed, plot.issued.result)
    await teller.desk.revoke(teller.issuers[document], document)

    async def flagged() -> str | None:
        return (await teller.citizen.look(filed.id))["flaggedAt"]  # type: ignore[no-any-return]

    at = await teller.until("the flag", flagged)
    promise("revocation-flagged", at, f"{filed.dossier['code']} relies on it and is not flagged")
    teller.say(f"{filed.dossier['code']} is flagged")


async def tamper_with_the_log(teller: Teller) -> None:
    """9. A row deleted by SQL is found, and named."""
    teller.begin("log", "A row of the access log is deleted, in a copy")
    operator = teller.operator
    sound, said = await operator.verify_log()
    promise("log-verified", sound, said)
    teller.report.found["log_verified"] = True
    teller.say(said.splitlines()[-1])
    await operator.copy_log()
    try:
        place = await operator.delete_line()
        sound, said = await operator.verify_log(copy=True)
        named = any(f"log index {place}" in line and line.startswith("deleted") for line in said.splitlines())
        promise("tamper-detected", not sound and named, f"line {place} was deleted; the check says {said}")
        teller.say(said.splitlines()[0])
        await operator.restore_line(place)
        sound, said = await operator.verify_log(copy=True)
        promise("tamper-detected", sound, f"restored, and the check says {said}")
    finally:
        await operator.drop_copy()
    teller.report.found["tamper_detected"] = True
    teller.say("restored: sound again")


async def count_again(teller: Teller) -> None:
    """10. The recount, and the law of another day."""
    teller.begin("recount", "The independent recount; and the plan of 2027-03-01")
    report = teller.report
    for step in report.steps:
        if step.dossiers:
            step.figures = await recount(teller.citizen, step.dossiers)
    report.totals = await recount(teller.citizen, [one for step in report.steps for one in step.dossiers])
    for name, count in report.totals.items():
        teller.say(f"{name}: {count}")
    totals = report.totals
    promise(
        "asked-again-zero", totals["askedAgain"] == 0, f"{totals['askedAgain']} asks were for what was held"
    )
    promise("supplied-once", totals["supplied"] >= 1, "nothing was supplied at all")
    for kind in ("reusedSelf", "reusedDigitised", "reusedIssued"):
        promise("kinds-reused", totals[kind] >= 1, f"{kind} is {totals[kind]}")
    for wish in {one.procedure: one for step in report.steps for one in step.wishes}.values():
        now = await teller.citizen.plan(wish)
        then = await teller.citizen.plan(wish, AFTER_THE_RESOLUTION)
        changed = _changed(now, then)
        teller.say(f"{wish.procedure} on {AFTER_THE_RESOLUTION}: {changed or 'as today'}")


def _changed(now: Facts, then: Facts) -> str:
    """What becomes of each requirement whose outcome another day's law changes."""
    before = {one["requirement"]["id"]: one["outcome"] for one in now["requirements"]}
    return ", ".join(
        f"{one['requirement']['documentType']} {was} → {one['outcome']}"
        for one in then["requirements"]
        if (was := before.get(one["requirement"]["id"])) != one["outcome"]
    )


async def _try_upload(teller: Teller, filed: Filed, line: Facts) -> None:
    paper = await teller.catalogue.paper(teller.plot.digitised.paper)
    try:
        await teller.citizen.bring(filed.id, line["id"], paper)
    except Refused as refused:
        promise(
            "upload-refused", refused.code == "ALREADY_HELD", f"it was refused for another reason: {refused}"
        )
        teller.say(f"her own second upload: refused ({refused.code})")
    else:
        promise("upload-refused", False, "it was taken")


async def _try_ask(teller: Teller, filed: Filed, taken: Facts, line: Facts) -> None:
    try:
        await teller.desk.ask_for(filed.agency, taken, line["id"])
    except Refused as refused:
        promise(
            "ask-refused", refused.code == "ALREADY_HELD", f"it was refused for another reason: {refused}"
        )
    else:
        promise("ask-refused", False, "the request went through")
    told, _ = await teller.citizen.feed()
    shown = [one for one in told if one["code"] == "refused_ask" and one["dossier"] == filed.id]
    promise("ask-refused", shown, "she was not told")
    teller.say("the officer's request: refused (ALREADY_HELD); she is told")


async def _current_result(teller: Teller) -> Facts:
    """The newest standing result of the plot's type that was issued in this story."""
    held = await teller.citizen.documents(teller.plot.issued.result)
    return next(one for one in held if one["id"] in teller.issuers and one["status"] == "VALID")


def _document_in(filed: Filed, document_type: str) -> str:
    """The very document of this type that served in the filing."""
    return next(
        str(each["document"]["id"])
        for one in with_outcome(filed.dossier, "REUSE")
        for each in one["evidence"]
        if each["document"] and each["document"]["type"] == document_type
    )


def _served_by(filed: Filed, document_type: str) -> Facts:
    """The requirement this paper serves in the filing; empty when none."""
    for one in with_outcome(filed.dossier, "REUSE"):
        if any(each["document"] and each["document"]["type"] == document_type for each in one["evidence"]):
            found: Facts = one["requirement"]
            return found
    return {}
