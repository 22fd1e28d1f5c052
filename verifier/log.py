"""Checks a Motlan access log from outside: `python log.py --help`. One file; needs Python 3.11 and `cryptography`.

Reads the published tiles over HTTP, a folder written by `motlan log verify --export`, or the bundle a person took
along, and believes nothing but keys given on the command line, heads kept elsewhere and its own memory. What it
checks, and by which rules, is written down in docs/log/format.md; this program is one reading of that page.
"""

import argparse
import base64
import binascii
import hashlib
import json
import struct
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG_KEY, WITNESS_KEY = b"\x01", b"\x04"
MOST_BYTES = 256 * (65_535 + 2)


class Unreadable(Exception):
    """What was given cannot even be read as what it should be."""


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def decoded(words: str) -> bytes:
    try:
        return base64.b64decode(words, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("base64") from None


# --- Heads: C2SP signed-note, tlog-checkpoint, tlog-cosignature v1


@dataclass(frozen=True)
class Key:
    """`name+hash+base64(type ‖ Ed25519 key)`."""

    name: str
    kind: bytes
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode(), b"\n", self.kind, self.public)[:4]

    def holds(self, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


def read_key(words: str, kind: bytes) -> Key:
    name, _, rest = words.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    found = decoded(encoded)
    key = Key(name, found[:1], found[1:])
    if key.kind != kind or len(key.public) != 32 or key.id.hex() != key_id:
        raise Unreadable(f"no such key: {words}")
    return key


@dataclass(frozen=True)
class Head:
    """What a note signs, and which of the witnesses known here signed it too, each with the time it did."""

    origin: str
    size: int
    root: bytes
    cosigned: dict[str, int] = field(default_factory=dict)


def read_head(note: str, log: Key, witnesses: Sequence[Key] = ()) -> Head:
    """Raises Unreadable unless the log's key signs it. Signatures of others are passed over."""
    body, separator, lines = note.partition("\n\n")
    body += "\n"
    said = body.split("\n")
    if not separator or len(said) < 4 or said[0] != log.name or str(int_of(said[1])) != said[1]:
        raise Unreadable("a head of another form or of another log")
    signed, cosigned = False, {}
    for line in lines.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if dash != "—":
            raise Unreadable("a signature line of another form")
        given = decoded(encoded)
        if (name, given[:4]) == (log.name, log.id) and log.holds(given[4:], body.encode()):
            signed = True
        for witness in witnesses:
            if (name, given[:4]) == (witness.name, witness.id) and len(given) == 76:
                (at,) = struct.unpack(">Q", given[4:12])
                if witness.holds(given[12:], f"cosignature/v1\ntime {at}\n{body}".encode()):
                    cosigned[name] = at
    if not signed:
        raise Unreadable("a head the log's key did not sign")
    root = decoded(said[2])
    return Head(said[0], int(said[1]), root, cosigned)


def int_of(digits: object) -> int:
    words = str(digits)
    if not (words.isascii() and words.isdigit() and len(words) < 19):
        raise Unreadable("a number of another form")
    return int(words)


# --- The tree: RFC 6962, section 2.1; proofs checked as RFC 9162, section 2.1.3.2 and 2.1.4.2


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00", leaf)


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01", left, right)


class Growing:
    """A tree grown leaf by leaf, known by its whole subtrees from large to small."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)

    def grow(self, leaf: bytes) -> None:
        value, filled = leaf, self.size
        while filled & 1:
            value, filled = node_hash(self.peaks.pop(), value), filled >> 1
        self.peaks.append(value)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return sha256()
        value = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            value = node_hash(left, value)
        return value


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    if not 0 <= index < size:
        return False
    position, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            value = node_hash(sibling, value)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and value == root


def is_extended(old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    if old in (0, size):
        return not proof and (old_root == root if old == size else old_root == sha256())
    if not 0 < old < size:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    if not path:
        return False
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and before == old_root and after == root


# --- The lines behind the leaves, and the tree of everybody's heads


def canonical(value: Any) -> bytes:
    """JCS (RFC 8785) of what a line holds: no fractions, names in ASCII."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


COMMITTED = ("id", "at", "kind", "subject", "actor_kind", "actor", "agency", "dossier", "consent", "outcome")
LATER = {1: ("entry", "count"), 2: ("entry", "count", "query", "previous")}
"""What the commitment of each form has besides."""


def leaf_of(line: dict[str, Any]) -> bytes:
    """The leaf a line must have been sealed as."""
    form = line["form"]
    if form not in LATER:
        raise Unreadable(f"a line of an unknown form, {form}")
    said = {name: line[name] for name in (*COMMITTED, *LATER[form])}
    commitment = sha256(bytes.fromhex(line["salt"]), canonical(said))
    c = base64.urlsafe_b64encode(commitment).rstrip(b"=").decode()
    leaf = {"c": c, "h": line["at"][:13], "k": line["kind"], "v": form}
    if "public" in line["entry"]:
        leaf["d"] = line["entry"]["public"]
    return canonical(leaf)


def person_key(subject: str) -> bytes:
    return sha256(b"motlan subject\n", uuid.UUID(subject).bytes)


def person_leaf(key: bytes, count: int, head: bytes) -> bytes:
    return sha256(b"\x00", key, struct.pack(">Q", count), head)


def key_bit(key: bytes, depth: int) -> int:
    return key[depth // 8] >> (7 - depth % 8) & 1


def people_root(leaves: Sequence[tuple[bytes, bytes]], depth: int = 0) -> bytes:
    """The root over everybody: nobody is 32 zero bytes, one person is their leaf, more are hashed by halves."""
    if len(leaves) < 2:
        return leaves[0][1] if leaves else bytes(32)
    left, right = ([one for one in leaves if key_bit(one[0], depth) == side] for side in (0, 1))
    return node_hash(people_root(left, depth + 1), people_root(right, depth + 1))


def is_at_its_place(root: bytes, key: bytes, leaf: bytes, path: Sequence[bytes]) -> bool:
    value = leaf
    for depth in reversed(range(len(path))):
        value = node_hash(path[depth], value) if key_bit(key, depth) else node_hash(value, path[depth])
    return len(path) <= 256 and value == root


@dataclass
class Chains:
    """Everybody's lines so far: how many, and the last one's leaf hash. `find` is told of every fault."""

    find: Callable[[str], None]
    heads: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def meet(self, line: dict[str, Any], leaf: bytes) -> None:
        if (subject := line["subject"]) is None:
            return
        count, head = self.heads.get(subject, (0, None))
        where = f"log index {line['log_index']}"
        if line["count"] != count + 1:
            self.find(f"{where}: number {line['count']} of its person's lines after {count}")
        if line["form"] > 1 and line["previous"] != (head.hex() if head else None):
            self.find(f"{where}: does not follow its person's line before")
        self.heads[subject] = (line["count"] or count + 1, leaf_hash(leaf))

    def check_root(self, said: dict[str, Any], index: int) -> None:
        """A line `log.heads` at `index` against everybody's lines before it."""
        keys = {person_key(subject): head for subject, head in self.heads.items()}
        leaves = [(key, person_leaf(key, *head)) for key, head in keys.items()]
        stated = (said["root"], said["size"], said["subjects"])
        if stated != (people_root(leaves).hex(), index, len(leaves)):
            self.find(f"log index {index}: the heads it states are not those of the lines before it")


# --- Where a log is read from


class HttpLog:
    """The published log under a URL such as https://kho.example.gov.vn/log."""

    def __init__(self, url: str, fetch: Callable[[str], bytes] | None = None) -> None:
        self.url = url.rstrip("/")
        self._fetch = fetch or _fetch

    def note(self) -> str:
        return self._fetch(f"{self.url}/checkpoint").decode()

    def leaves(self, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
        """Each leaf with the hash the tiles state for it."""
        for number in range(start // 256, (size + 255) // 256):
            width = min(256, size - number * 256)
            hashes = self._fetch(f"{self.url}/tile/0/{tile_path(number, width)}")
            bundle = self._fetch(f"{self.url}/tile/entries/{tile_path(number, width)}")
            yield from list(zip(entries(bundle), split(hashes), strict=True))[max(start - number * 256, 0) :]

    def upper(self, level: int, size: int) -> Iterator[bytes]:
        """The hashes of the tiles of a higher level, up to `size` leaves."""
        count = size >> 8 * level
        for number in range((count + 255) // 256):
            width = min(256, count - number * 256)
            yield from split(self._fetch(f"{self.url}/tile/{level}/{tile_path(number, width)}"))


def _fetch(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise Unreadable("an address that is not on the web")
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the scheme is checked above
            found: bytes = answer.read(MOST_BYTES + 1)
            return found
    except (urllib.error.URLError, OSError) as error:
        raise Unreadable(f"{url}: {error}") from None


def tile_path(number: int, width: int) -> str:
    digits = f"{number:03}"
    digits = digits.rjust((len(digits) + 2) // 3 * 3, "0")
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    place = "/".join([*(f"x{one}" for one in groups[:-1]), groups[-1]])
    return place if width == 256 else f"{place}.p/{width}"


def entries(bundle: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 2], "big")
        found.append(bundle[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(bundle):
        raise Unreadable("a bundle of entries that breaks off")
    return found


def split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + 32] for at in range(0, len(hashes), 32)]


def rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    try:
        with (folder / f"{name}.jsonl").open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except (OSError, ValueError) as error:
        raise Unreadable(f"{name}.jsonl: {error}") from None


# --- The checks


@dataclass
class Trust:
    """`quorum` of the witnesses must have signed a head. `heads` are notes kept elsewhere."""

    log: Key
    witnesses: Sequence[Key] = ()
    quorum: int = 0
    heads: Sequence[str] = ()
    memory: Path | None = None


@dataclass
class Report:
    """Everything found wrong; `told` is what was looked at."""

    findings: list[str] = field(default_factory=list)
    told: str = ""

    @property
    def sound(self) -> bool:
        return not self.findings


class Check:
    """One pass over a log from its first leaf: every head known is met at its size."""

    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self.report = Report()
        self.find = self.report.findings.append
        self.tree = Growing()
        self.whole = True
        self.expected: dict[int, set[bytes]] = {}

    def expect(self, note: str, what: str) -> Head | None:
        try:
            head = read_head(note, self.trust.log, self.trust.witnesses)
        except Unreadable as fault:
            self.find(f"{what}: {fault}")
            return None
        self.expected.setdefault(head.size, set()).add(head.root)
        return head

    def expect_known(self) -> None:
        """Heads kept elsewhere, and the one remembered from the last time."""
        for number, note in enumerate(self.trust.heads, 1):
            self.expect(note, f"head {number} kept elsewhere")
        path = self.trust.memory
        if path is not None and path.exists():
            kept = json.loads(path.read_text("utf-8"))
            if kept["origin"] != self.trust.log.name:
                raise Unreadable("the memory is of another log")
            self.expected.setdefault(kept["size"], set()).add(bytes.fromhex(kept["root"]))

    def check_cosigned(self, head: Head) -> None:
        if len(head.cosigned) < self.trust.quorum:
            self.find(
                f"head of {head.size}: {len(head.cosigned)} witnesses signed it, not {self.trust.quorum}"
            )

    def meet(self, index: int, leaf: bytes, stated: bytes) -> None:
        if self.tree.size == 0 and index == 0:
            self._compare_roots()
        value = leaf_hash(leaf)
        if value != stated:
            self.find(f"leaf {index}: its hash is not the one stated")
        self.tree.grow(value)
        self._compare_roots()

    def _compare_roots(self) -> None:
        known = self.expected.pop(self.tree.size, set())
        if self.whole and known and known != {self.tree.root()}:
            # Every later head differs too, and would say nothing more.
            self.whole = False
            self.find(
                f"head of {self.tree.size}: signs another tree than these leaves make: rewritten or forked"
            )

    def conclude(self, told: str) -> Report:
        if self.tree.size == 0:
            self._compare_roots()
        for size in sorted(self.expected):
            self.find(f"head of {size}: the log ends at {self.tree.size}: cut off")
        self.report.told = told
        return self.report


def check_published(log: HttpLog, trust: Trust) -> Report:
    """The log as the world sees it: head, witnesses, every entry and tile, growth since the heads known."""
    check = Check(trust)
    head = check.expect(log.note(), "the published head")
    if head is None:
        return check.report
    check.check_cosigned(head)
    check.expect_known()
    row: list[bytes] = []
    above: list[bytes] = []
    for index, (leaf, stated) in enumerate(log.leaves(0, head.size)):
        check.meet(index, leaf, stated)
        check_own(leaf, index, check.find)
        row.append(leaf_hash(leaf))
        if len(row) == 256:
            above.append(_over(row))
            row = []
    _check_upper(log, head.size, above, check)
    report = check.conclude(f"{check.tree.size} leaves, signed by {len(head.cosigned)} witnesses")
    _remember(report, head, trust)
    return report


def check_own(leaf: bytes, index: int, find: Callable[[str], None]) -> None:
    """What the log says of itself must fit where it says it."""
    said = json.loads(leaf)
    if said.get("k") == "log.heads" and said["d"]["size"] != index:
        find(f"leaf {index}: states heads of {said['d']['size']} lines")


def _check_upper(log: HttpLog, size: int, hashes: list[bytes], check: Check) -> None:
    level = 1
    while hashes:
        if list(log.upper(level, size)) != hashes:
            check.find(f"tiles of level {level}: not what the leaves make")
        level += 1
        whole = len(hashes) // 256
        hashes = [_over(hashes[at * 256 : at * 256 + 256]) for at in range(whole)]


def _over(hashes: Sequence[bytes]) -> bytes:
    tree = Growing()
    for one in hashes:
        tree.grow(one)
    return tree.root()


def _remember(report: Report, head: Head, trust: Trust) -> None:
    """Only what was found sound, and never a smaller head than before."""
    if report.sound and trust.memory is not None:
        kept = {"origin": head.origin, "size": head.size, "root": head.root.hex()}
        draft = trust.memory.with_suffix(".new")
        draft.write_text(json.dumps(kept), "utf-8")
        draft.replace(trust.memory)


class FolderCheck(Check):
    """A whole log with the lines behind its leaves, as an operator or an auditor gets it."""

    def __init__(self, trust: Trust) -> None:
        super().__init__(trust)
        self.chains = Chains(self.find)
        self.lost: dict[int, int] = {}
        self.strays: dict[int, int | None] = {}

    def run(self, folder: Path) -> Report:
        newest = None
        for row in rows(folder, "heads"):
            newest = self.expect(row["note"], f"head of {row['size']}") or newest
        if newest is not None:
            self.check_cosigned(newest)
        self.expect_known()
        lines = _Ahead(rows(folder, "lines"))
        for leaf in rows(folder, "leaves"):
            index = leaf["log_index"]
            if index != self.tree.size:
                self.find(f"leaf {self.tree.size}: gone")
                self.whole = False
                self.tree.size = index
            self._meet_line(leaf, lines.until(index))
            self.meet(index, bytes.fromhex(leaf["leaf"]), bytes.fromhex(leaf["hash"]))
        for line in lines.until(None):
            self.strays[line["id"]] = line["log_index"]
        for line in rows(folder, "unsealed"):
            if line["id"] in self.lost:
                self.strays[line["id"]] = None
        self._judge_strays()
        if newest is not None and self.tree.size > newest.size:
            self.find(f"{self.tree.size} leaves, signed only up to {newest.size}")
        report = self.conclude(f"{self.tree.size} leaves with their lines")
        if newest is not None:
            _remember(report, newest, self.trust)
        return report

    def _meet_line(self, leaf: dict[str, Any], found: list[dict[str, Any]]) -> None:
        index, sealed = leaf["log_index"], bytes.fromhex(leaf["leaf"])
        mine = next((one for one in found if (one["log_index"], one["id"]) == (index, leaf["line"])), None)
        for other in found:
            if other is not mine:
                self.strays[other["id"]] = other["log_index"]
        if mine is None:
            self.lost[leaf["line"]] = index
            return
        if leaf_of(mine) != sealed:
            self.find(f"line {mine['id']}, log index {index}: edited since it was sealed")
        self.chains.meet(mine, sealed)
        if mine["kind"] == "log.heads":
            self.chains.check_root(mine["entry"]["public"], index)

    def _judge_strays(self) -> None:
        for line, index in self.lost.items():
            if line in self.strays:
                now = self.strays.pop(line)
                self.find(
                    f"line {line}: sealed at log index {index}, moved to {'none' if now is None else now}"
                )
            else:
                self.find(f"line {line}, log index {index}: deleted")
        for line, at in self.strays.items():
            self.find(f"line {line}: never sealed, put at log index {at}")


class _Ahead:
    def __init__(self, lines: Iterator[dict[str, Any]]) -> None:
        self._lines = lines
        self._next = next(lines, None)

    def until(self, index: int | None) -> list[dict[str, Any]]:
        """The lines up to this place, the place included; all that are left for None."""
        found = []
        while self._next is not None and (index is None or self._next["log_index"] <= index):
            found.append(self._next)
            self._next = next(self._lines, None)
        return found


def check_folder(folder: Path, trust: Trust) -> Report:
    return FolderCheck(trust).run(folder)


def check_bundle(bundle: dict[str, Any], trust: Trust) -> Report:
    """What a person took along: that each line stands in the log, and that there are no others up to a place."""
    check = Check(trust)
    if bundle["format"] != "motlan-log-bundle-1":
        raise Unreadable("a bundle of another format")
    head = check.expect(bundle["checkpoint"], "the bundle's head")
    if head is None:
        return check.report
    check.check_cosigned(head)
    check.expect_known()
    if len(check.expected[head.size]) > 1:
        check.find(f"head of {head.size}: signs another tree than a head kept elsewhere: forked")
    stated = _stated_heads(bundle["heads"], head, check.find)
    told = [_check_subject(one, head, stated, check.find) for one in bundle["subjects"]]
    others = sorted(check.expected.keys() - {head.size})
    if others:
        told.append(f"heads of {others} could not be compared: a bundle has one alone")
    check.report.told = "; ".join(told)
    return check.report


def _stated_heads(
    given: dict[str, Any] | None, head: Head, find: Callable[[str], None]
) -> dict[str, Any] | None:
    """What the line `log.heads` of the bundle states, if it stands in the log."""
    if given is None:
        return None
    leaf = given["leaf"].encode()
    proof = [decoded(one) for one in given["proof"]]
    if not is_included(leaf_hash(leaf), given["log_index"], head.size, proof, head.root):
        find("the heads it rests on are not in the log")
        return None
    check_own(leaf, given["log_index"], find)
    said = json.loads(leaf)
    if said["k"] != "log.heads":
        find("the heads it rests on are another line")
        return None
    stated: dict[str, Any] = said["d"]
    return stated


def _check_subject(
    given: dict[str, Any], head: Head, stated: dict[str, Any] | None, find: Callable[[str], None]
) -> str:
    chains = Chains(find)
    covered: tuple[int, bytes] | None = None
    last = -1
    for line in given["lines"]:
        index, leaf = line["log_index"], leaf_of(line)
        proof = [decoded(one) for one in line["proof"]]
        if line["subject"] != given["subject"] or index <= last:
            find(f"log index {index}: about somebody else, or out of order")
        if not is_included(leaf_hash(leaf), index, head.size, proof, head.root):
            find(f"log index {index}: not in the log as it stands here")
        chains.meet(line, leaf)
        last = index
        if stated is not None and index < stated["size"]:
            covered = chains.heads.get(given["subject"])
    count = len(given["lines"])
    if stated is None or given["path"] is None:
        # Said of somebody the log wrote nothing about until a moment ago; or by a log that hides it all.
        find("nothing proves that these are all lines about them: ask again after the log's next heads")
        return f"{count} lines, proven one by one"
    key = person_key(given["subject"])
    path = [decoded(one) for one in given["path"]]
    leaf_there = person_leaf(key, *covered) if covered else b""
    if not is_at_its_place(bytes.fromhex(stated["root"]), key, leaf_there, path):
        find(f"these are not all lines about them up to log index {stated['size']}")
    newer = count - (covered[0] if covered else 0)
    return f"{count} lines, complete up to log index {stated['size']}, {newer} newer ones"


# --- The command


def main(arguments: Sequence[str] | None = None) -> int:
    """0 sound, 1 something is wrong, 2 it could not be looked at."""
    parser = argparse.ArgumentParser(description="Check a Motlan access log from outside.")
    parser.add_argument(
        "what", help="https://…/log, a folder of `motlan log verify --export`, or a bundle (JSON)"
    )
    parser.add_argument("--key", required=True, help="the log's verifier key, name+hash+key")
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key")
    parser.add_argument("--quorum", type=int, help="how many witnesses must have signed; all by default")
    parser.add_argument(
        "--head", type=Path, action="append", default=[], help="a head kept elsewhere, or a bundle"
    )
    parser.add_argument("--memory", type=Path, help="where this program remembers the last sound head")
    given = parser.parse_args(arguments)
    try:
        witnesses = [read_key(words, WITNESS_KEY) for words in given.witness]
        trust = Trust(
            read_key(given.key, LOG_KEY),
            witnesses,
            len(witnesses) if given.quorum is None else given.quorum,
            [_note_in(path.read_text("utf-8")) for path in given.head],
            given.memory,
        )
        report = _check(given.what, trust)
    except (Unreadable, OSError, ValueError, KeyError, TypeError) as fault:
        sys.stdout.write(f"cannot be checked: {fault!r}\n")
        return 2
    for finding in report.findings:
        sys.stdout.write(f"{finding}\n")
    verdict = "sound" if report.sound else f"{len(report.findings)} fault(s)"
    sys.stdout.write(f"{report.told or 'nothing could be read'}: {verdict}\n")
    return 0 if report.sound else 1


def _note_in(words: str) -> str:
    """A head as kept: a note, or the bundle it came with."""
    return str(json.loads(words)["checkpoint"]) if words.startswith("{") else words


def _check(what: str, trust: Trust) -> Report:
    if what.startswith(("https://", "http://")):
        return check_published(HttpLog(what), trust)
    if Path(what).is_dir():
        return check_folder(Path(what), trust)
    return check_bundle(json.loads(Path(what).read_text("utf-8")), trust)


if __name__ == "__main__":
    sys.exit(main())
