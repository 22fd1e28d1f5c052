"""What the platform publishes: procedures, paper types, competent agencies. Asked once each, for everybody."""

from collections.abc import Mapping
from typing import Any, Final

from sandbox.story.browser import Device, Stumbled

Facts = Mapping[str, Any]

REQUIREMENT: Final = "id name documentType accepts registers minLevel subjectRole objectKind mandatory"

_PROCEDURE: Final = f"""query($code: String!, $slug: String!) {{
  procedure(code: $code) {{ ...it }} other: procedure(slug: $slug) {{ ...it }}
}}
fragment it on Procedure {{ slug code name resultTypes timeLimit requirements {{ {REQUIREMENT} }} }}"""

_ALL: Final = f"""query($after: String) {{
  procedures(first: 50, after: $after) {{
    edges {{ node {{ slug code name resultTypes timeLimit requirements {{ {REQUIREMENT} }} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}"""

_PAPER: Final = """query($id: ID!) {
  documentType(id: $id) { id name objectKind depositable caseBound claims { name label valueType identifying } }
}"""

_AGENCIES: Final = "query($procedure: String!) { agencies(procedure: $procedure) { id code name } }"


class Catalogue:
    """The public catalogue through the API, read with any device; nothing needs a sign-in."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._procedures: dict[str, Facts] = {}
        self._papers: dict[str, Facts] = {}
        self._agencies: dict[str, list[Facts]] = {}

    async def procedure(self, key: str) -> Facts:
        """By national code or slug."""
        if key not in self._procedures:
            said = await self._device.ask(_PROCEDURE, code=key, slug=key)
            found = said["procedure"] or said["other"]
            if found is None:
                raise Stumbled(f"no procedure {key} is published")
            self._procedures[key] = found
        return self._procedures[key]

    async def procedures(self) -> list[Facts]:
        """Every procedure in force today."""
        found: list[Facts] = []
        after = None
        while True:
            page = (await self._device.ask(_ALL, after=after))["procedures"]
            found += [edge["node"] for edge in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        self._procedures |= {one["slug"]: one for one in found}
        return found

    async def paper(self, document_type: str) -> Facts:
        if document_type not in self._papers:
            found = (await self._device.ask(_PAPER, id=document_type))["documentType"]
            if found is None:
                raise Stumbled(f"no paper type {document_type} is published")
            self._papers[document_type] = found
        return self._papers[document_type]

    async def paper_for(self, requirement: Facts) -> Facts:
        """A paper a person can bring for the requirement: the one the law names, or one it lets stand in."""
        for document_type in (requirement["documentType"], *requirement["accepts"]):
            paper = await self.paper(document_type)
            if paper["depositable"]:
                return paper
        raise Stumbled(f"nothing can be brought for {requirement['id']}")

    async def agencies(self, procedure: str) -> list[Facts]:
        if procedure not in self._agencies:
            said = await self._device.ask(_AGENCIES, procedure=procedure)
            self._agencies[procedure] = said["agencies"]
        return self._agencies[procedure]
