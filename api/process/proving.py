"""`motlan verify` and `motlan trust fetch`: proofs judged on any machine, without a database and without us.

What a verifier needs lies in one folder: the anchor they trust, the trust list it signed, and lists of standings. All
of it is public and signed; it may be fetched beforehand and carried to where there is no network.
"""

import argparse
import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2

from api.process.commands import show, tell
from api.proofs.telling import told
from auth.signing import KeyRefused, PublicKey, import_jwks
from vault.errors import ProofRefused
from vault.proofs.attestation import PREFIX
from vault.proofs.judging import Listed, Shelf, Shown, When, judge, read_list
from vault.proofs.selective import Meeting
from vault.proofs.trust import TrustList, read_trust

ANCHOR, TRUST, LISTS = "anchor.json", "trust.jwt", "lists"
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of anything fetched, and of a text or picture read."""
UNREADABLE: Final = 2


def add_proof_commands(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    common: argparse.ArgumentParser,
    now: Callable[[], datetime],
) -> None:
    """`verify WHAT` and `trust fetch URL`. `now`: the clock by which proofs are judged."""
    checking = verbs.add_parser(
        "verify", parents=[common], help="is this proof, or the file beside it, good?"
    )
    checking.add_argument(
        "what", help="a QR code's text, a picture of one, a .vna file, a credential, or a file"
    )
    checking.add_argument("--attestation", type=Path, help="the .vna of the file (else FILE.vna beside it)")
    checking.add_argument("--trust", type=Path, default=Path("trust"), help="folder of `motlan trust fetch`")
    checking.add_argument(
        "--on", type=_moment, metavar="DATETIME", help="was it good then? (ISO 8601, with offset)"
    )
    checking.add_argument("--audience", help="who the credential was shown to: its holder's key must say so")
    checking.add_argument("--nonce", help="the number drawn for that showing")
    checking.set_defaults(run=lambda given, settings: verify(given, now()))
    trust = verbs.add_parser("trust", help="what verifying needs").add_subparsers(required=True)
    fetching = trust.add_parser(
        "fetch", parents=[common], help="fetch anchor, trust list and lists of standings"
    )
    fetching.add_argument("url", help="the vault's address")
    fetching.add_argument("--into", type=Path, default=Path("trust"))
    fetching.add_argument("--anchor", help="the anchor's thumbprint, as published elsewhere")
    fetching.add_argument("--on", type=_moment, metavar="DATETIME", help="also the lists as they stood then")
    fetching.set_defaults(run=lambda given, settings: asyncio.run(fetch(given)))


def verify(given: argparse.Namespace, now: datetime) -> int:
    """Print the finding as JSON; 0 when the proof is good, 1 when it is not, 2 when there is nothing to judge."""
    read = _read(given)
    if read is None:
        tell("no proof there: give a QR code's text, a picture of one, a .vna file, or a file with its .vna")
        return UNREADABLE
    text, file = read
    on = int(given.on.timestamp()) if given.on is not None else None
    asked = given.audience is not None or given.nonce is not None
    meeting = Meeting(given.audience or "", given.nonce or "") if asked else None
    shown = Shown(text, hashlib.sha256(file).digest() if file is not None else None, meeting)
    found = judge(shown, shelf_in(given.trust), When(int(now.timestamp()), on))
    show(json.dumps(told(found), ensure_ascii=False, indent=1))
    return 0 if found.valid else 1


def shelf_in(folder: Path) -> Shelf:
    """What a folder holds; lists are named by the digest of their address and read only when asked for."""

    def lists(uri: str) -> Sequence[Listed]:
        found = sorted((folder / LISTS).glob(f"{_name(uri)}*.jwt"))
        return [
            path.read_text("utf-8", errors="replace") for path in found if path.stat().st_size <= MOST_BYTES
        ]

    return Shelf(_trust_in(folder), lists)


async def fetch(given: argparse.Namespace) -> int:
    """Everything public that verifying needs; 0 when all of it is there. The anchor is taken once; another one later
    is refused (1). Whatever else does not come, or not whole, leaves the folder as it was (2)."""
    try:
        async with httpx2.AsyncClient(timeout=30.0, follow_redirects=False) as wire:
            return await _Fetching(wire, given.into, given.on).fetch(given.url.rstrip("/"), given.anchor)
    except _UNFETCHED as fault:
        tell(f"nothing to verify with could be fetched: {type(fault).__name__}")
        return UNREADABLE


_UNFETCHED: Final = (
    httpx2.HTTPError, httpx2.InvalidURL, ProofRefused, KeyRefused, ValueError, KeyError, TypeError, AttributeError,
    RecursionError,
)  # fmt: skip
"""What may come of answers that are none: each is read as what it should be, and found not to be."""


@dataclass(frozen=True, slots=True)
class _Fetching:
    """Nothing is written before all of it was read and found signed."""

    wire: httpx2.AsyncClient
    folder: Path
    on: datetime | None

    async def fetch(self, home: str, expected: str | None) -> int:
        published = await self._get(f"{home}/.well-known/vn-trust-anchor")
        keys = import_jwks(json.loads(published))
        known = _anchors(self.folder)
        if (self.folder / ANCHOR).exists() and not known:
            tell(f"refused: {self.folder / ANCHOR} cannot be read; take it away by hand to trust anew")
            return 1
        if (expected is not None and set(keys) != {expected}) or (known and set(known) != set(keys)):
            tell(
                "refused: the anchor is another one; compare its thumbprint with what was published elsewhere"
            )
            return 1
        token = await self._get(f"{home}/.well-known/vn-trust-list")
        trust = read_trust(token, keys)
        every = await self._addresses(home, trust)
        kept = {name: text for uri in every for name, text in (await self._lists(uri, trust)).items()}
        (self.folder / LISTS).mkdir(parents=True, exist_ok=True)
        # The lists first: without its anchor a folder cut off here says nothing, and with a former one it says less.
        for name, text in {**kept, TRUST: token, ANCHOR: published}.items():
            (self.folder / name).write_text(text, "utf-8")
        show(f"anchor {', '.join(keys)}: compare it with what was published elsewhere; {len(every)} lists")
        return 0

    async def _addresses(self, home: str, trust: TrustList) -> Sequence[str]:
        every = json.loads(await self._get(f"{home}/status-lists"))["status_lists"]
        # This answer alone is not signed: whoever changed it must not send us anywhere else.
        if not isinstance(every, list) or not all(one.startswith(f"{trust.issuer}/") for one in every):
            raise ValueError
        return every

    async def _lists(self, uri: str, trust: TrustList) -> Mapping[str, str]:
        """As it stands and, where asked for, as it stood, by the names they are kept under."""
        asked = {uri: _name(uri)}
        if self.on is not None:
            second = int(self.on.timestamp())
            asked[f"{uri}?time={second}"] = f"{_name(uri)}@{second}"
        found = {f"{LISTS}/{name}.jwt": await self._get(address) for address, name in asked.items()}
        for one in found.values():
            read_list(one, uri, trust)
        return found

    async def _get(self, address: str) -> str:
        body = bytearray()
        async with self.wire.stream("GET", address) as answer:
            if answer.status_code != 200:
                raise ValueError
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    raise ValueError
        return body.decode("utf-8")


def _read(given: argparse.Namespace) -> tuple[str, bytes | None] | None:
    """The proof's text, and the file it should speak of."""
    if given.what.startswith(PREFIX) or "~" in given.what:
        return given.what.strip(), None
    path = Path(given.what)
    if not path.is_file():
        return None
    beside = given.attestation or path.with_name(path.name + ".vna")
    content = path.read_bytes()
    if beside.is_file():
        return beside.read_text("utf-8", errors="replace").strip(), content
    # A credential begins as every JWS does, with a JSON object's brace and quotation mark in base64url.
    if content[: len(PREFIX)] == PREFIX.encode() or content[:2] == b"ey":
        return content[:MOST_BYTES].decode("utf-8", errors="replace").strip(), None
    seen = _scanned(path)
    return (seen, None) if seen is not None else None


def _scanned(path: Path) -> str | None:
    """What a picture's QR code says, where a reader is installed (`pip install zxing-cpp`)."""
    try:
        import zxingcpp
        from PIL import Image
    except ImportError:
        tell("pictures are read where zxing-cpp is installed; give the text instead")
        return None
    try:
        with Image.open(path) as picture:
            found = zxingcpp.read_barcodes(picture.convert("L"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    texts = [one.text for one in found if one.text.startswith(PREFIX)]
    return texts[0] if len(texts) == 1 else None


def _trust_in(folder: Path) -> TrustList | None:
    try:
        return read_trust((folder / TRUST).read_text("utf-8"), _anchors(folder))
    except (OSError, UnicodeDecodeError, ProofRefused):
        return None


def _anchors(folder: Path) -> Mapping[str, PublicKey]:
    try:
        return import_jwks(json.loads((folder / ANCHOR).read_text("utf-8")))
    except (OSError, ValueError, KeyRefused):
        return {}


def _name(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()[:32]


def _moment(given: str) -> datetime:
    moment = datetime.fromisoformat(given)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
