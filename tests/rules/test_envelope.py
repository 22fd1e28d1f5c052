"""What sealed bytes promise, held against Tink, against frozen vectors, and against an attacker with the disk."""

import base64
import io
import json
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import tink
from hypothesis import given, settings
from hypothesis import strategies as st
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from tests.size import seed, sized
from vault.errors import TamperedContent
from vault.sealing import envelope
from vault.sealing.envelope import SEGMENT_BYTES, Context, OpeningStream, SealingStream

KEY = bytes(range(32))
PLACE = Context(
    instance="instance-a",
    subject=UUID("01890000-0000-7000-8000-000000000001"),
    document=UUID("01890000-0000-7000-8000-000000000002"),
    version=UUID("01890000-0000-7000-8000-000000000003"),
    key_id="key-1",
    purpose="content",
)
ELSEWHERE = (
    replace(PLACE, instance="instance-b"),
    replace(PLACE, tenant="tenant"),
    replace(PLACE, subject=UUID("01890000-0000-7000-8000-00000000000f")),
    replace(PLACE, document=UUID("01890000-0000-7000-8000-00000000000f")),
    replace(PLACE, document=None),
    replace(PLACE, version=UUID("01890000-0000-7000-8000-00000000000f")),
    replace(PLACE, version=None),
    replace(PLACE, document=PLACE.version, version=PLACE.document),
    replace(PLACE, key_id="key-2"),
    replace(PLACE, purpose="claims"),
)
FIRST = SEGMENT_BYTES - 40 - 16
"""Plaintext of the first segment: header and tag off. Later ones hold SEGMENT_BYTES - 16."""
NEXT = SEGMENT_BYTES - 16
SIZES = (
    0,
    1,
    FIRST - 1,
    FIRST,
    FIRST + 1,
    FIRST + NEXT - 1,
    FIRST + NEXT,
    FIRST + NEXT + 1,
    100_000,
    5_000_000,
)
VECTORS = Path(__file__).parents[1] / "vectors"


def sealed(plaintext: bytes, context: Context = PLACE, key: bytes = KEY) -> bytes:
    stream = SealingStream(key, context)
    return stream.update(plaintext) + stream.finish()


def opened(content: bytes, context: Context = PLACE, key: bytes = KEY) -> bytes:
    stream = OpeningStream(key, context)
    return stream.update(content) + stream.finish()


def plaintext_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def associated_by_hand(context: Context, form: bytes) -> bytes:
    """The context list of the design, written out again independently of `Context.encode`."""
    assert context.document is not None
    assert context.version is not None
    fields = [form, context.instance.encode(), context.tenant.encode()]
    fields += [context.subject.bytes, context.document.bytes, context.version.bytes]
    fields += [context.key_id.encode(), context.purpose.encode()]
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


@pytest.fixture(scope="module")
def oracle() -> Any:
    """Tink, with a keyset made by hand from the raw key."""
    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(version=0, key_value=KEY)
    key.params.ciphertext_segment_size = SEGMENT_BYTES
    key.params.derived_key_size = 32
    key.params.hkdf_hash_type = common_pb2.SHA256
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW)
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
    entry.key_data.value = key.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_what_we_seal(oracle: Any, size: int) -> None:
    plaintext = plaintext_of(size)
    associated = associated_by_hand(PLACE, b"motlan-stream-1")
    with oracle.new_decrypting_stream(io.BytesIO(sealed(plaintext)), associated) as stream:
        assert stream.read() == plaintext


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_tink_seals(oracle: Any, size: int) -> None:
    plaintext = plaintext_of(size)
    written = io.BytesIO()
    written.close = lambda: None  # type: ignore[method-assign]
    with oracle.new_encrypting_stream(written, associated_by_hand(PLACE, b"motlan-stream-1")) as stream:
        stream.write(plaintext)
    assert opened(written.getvalue()) == plaintext


@settings(max_examples=sized(30, 300), deadline=None)
@given(size=st.integers(0, 3 * SEGMENT_BYTES), step=st.integers(1, 2 * SEGMENT_BYTES))
def test_a_stream_is_the_same_however_it_is_cut(size: int, step: int) -> None:
    plaintext = plaintext_of(size)
    sealing = SealingStream(KEY, PLACE)
    pieces = [sealing.update(plaintext[start : start + step]) for start in range(0, size, step)]
    content = b"".join(pieces) + sealing.finish()
    opening = OpeningStream(KEY, PLACE)
    back = [opening.update(content[start : start + step]) for start in range(0, len(content), step)]
    assert b"".join(back) + opening.finish() == plaintext


def segments(content: bytes) -> list[bytes]:
    return [content[start : start + SEGMENT_BYTES] for start in range(0, len(content), SEGMENT_BYTES)]


def altered(content: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Every way the disk can lie about one sealed stream: each segment, each pair, and random places."""
    parts = segments(content)
    for index in range(len(parts)):
        yield "dropped", b"".join(parts[:index] + parts[index + 1 :])
        yield "repeated", b"".join([*parts[: index + 1], *parts[index:]])
        yield "cut at a segment", b"".join(parts[:index])
        for other in range(index):
            exchanged = list(parts)
            exchanged[index], exchanged[other] = parts[other], parts[index]
            yield "exchanged", b"".join(exchanged)
    for _ in range(sized(300, 5_000)):
        at = chance.randrange(len(content))
        yield "flipped", content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
        yield "cut", content[: chance.randrange(len(content))]
        yield "followed", content + chance.randbytes(chance.randrange(1, 64))
    for bit in range(40 * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        yield "header flipped", bytes(flipped)


def test_every_altered_stream_is_refused() -> None:
    drawn = seed()
    content = sealed(plaintext_of(4 * SEGMENT_BYTES + 100))
    tried = 0
    for how, changed in altered(content, random.Random(drawn)):
        assert changed != content
        with pytest.raises(TamperedContent):
            pytest.fail(f"{how}: {len(opened(changed))} bytes came out, seed {drawn}")
        tried += 1
    print(f"altered streams: {tried} tried, all refused, seed {drawn}")
    assert tried > 1_000


def test_segments_of_two_streams_under_one_key_do_not_mix() -> None:
    mine, other = (segments(sealed(plaintext_of(3 * SEGMENT_BYTES + extra))) for extra in (0, 1))
    for index in range(len(mine)):
        with pytest.raises(TamperedContent):
            opened(b"".join([*mine[:index], other[index], *mine[index + 1 :]]))


def test_a_stream_cut_at_a_segment_gives_a_prefix_and_then_refuses() -> None:
    plaintext = plaintext_of(3 * SEGMENT_BYTES)
    opening = OpeningStream(KEY, PLACE)
    prefix = opening.update(b"".join(segments(sealed(plaintext))[:2]))
    assert prefix == plaintext[:FIRST]
    with pytest.raises(TamperedContent):
        opening.finish()


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_nothing_opens_in_another_place(elsewhere: Context) -> None:
    key = envelope.new_key()
    attempts: tuple[Callable[[], bytes], ...] = (
        lambda: opened(sealed(b"paper"), elsewhere),
        lambda: envelope.open_sealed(KEY, envelope.seal(KEY, b"name", PLACE), elsewhere),
        lambda: envelope.unwrap_key(KEY, envelope.wrap_key(KEY, key, PLACE), elsewhere),
    )
    for attempt in attempts:
        with pytest.raises(TamperedContent):
            attempt()


def test_nothing_opens_under_another_key() -> None:
    other = envelope.new_key()
    attempts: tuple[Callable[[], bytes], ...] = (
        lambda: opened(sealed(b"paper"), key=other),
        lambda: envelope.open_sealed(other, envelope.seal(KEY, b"name", PLACE), PLACE),
        lambda: envelope.unwrap_key(other, envelope.wrap_key(KEY, other, PLACE), PLACE),
    )
    for attempt in attempts:
        with pytest.raises(TamperedContent):
            attempt()


def test_what_was_sealed_opens_in_its_place() -> None:
    key = envelope.new_key()
    assert envelope.unwrap_key(KEY, envelope.wrap_key(KEY, key, PLACE), PLACE) == key
    assert envelope.open_sealed(KEY, envelope.seal(KEY, b"name", PLACE), PLACE) == b"name"
    assert envelope.wrapping_key_id(envelope.wrap_key(KEY, key, PLACE)) == PLACE.key_id


def test_every_flipped_bit_of_a_wrapped_key_or_value_is_refused() -> None:
    unwrap: Callable[[bytes], bytes] = lambda wrapped: envelope.unwrap_key(KEY, wrapped, PLACE)  # noqa: E731
    reveal: Callable[[bytes], bytes] = lambda value: envelope.open_sealed(KEY, value, PLACE)  # noqa: E731
    for content, attempt in (
        (envelope.wrap_key(KEY, envelope.new_key(), PLACE), unwrap),
        (envelope.seal(KEY, b"a name", PLACE), reveal),
    ):
        for bit in range(len(content) * 8):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(TamperedContent):
                attempt(bytes(flipped))
        for length in range(len(content)):
            with pytest.raises(TamperedContent):
                attempt(content[:length])


def test_a_wrapped_key_does_not_open_as_a_value_nor_a_value_as_a_key() -> None:
    wrapped = envelope.wrap_key(KEY, envelope.new_key(), PLACE)
    name = len(PLACE.key_id)
    with pytest.raises(TamperedContent):
        envelope.open_sealed(KEY, b"\x01" + wrapped[2 + name :], PLACE)
    value = envelope.seal(KEY, envelope.new_key(), PLACE)
    with pytest.raises(TamperedContent):
        envelope.unwrap_key(KEY, wrapped[: 2 + name] + value[1:], PLACE)


def test_two_contexts_never_share_associated_data() -> None:
    # Moving a letter between neighbouring fields must show: that is what the length prefixes are for.
    assert replace(PLACE, key_id="ab", purpose="c").encode(b"f") != replace(
        PLACE, key_id="a", purpose="bc"
    ).encode(b"f")
    assert replace(PLACE, instance="ab", tenant="").encode(b"f") != replace(
        PLACE, instance="a", tenant="b"
    ).encode(b"f")
    assert PLACE.encode(b"f") == associated_by_hand(PLACE, b"f")


def test_a_nonce_is_never_used_twice() -> None:
    count = sized(20_000, 1_000_000)
    start = 2 + len(PLACE.key_id)
    nonces = {envelope.wrap_key(KEY, KEY, PLACE)[start : start + 12] for _ in range(count)}
    assert len(nonces) == count
    print(f"nonces: {count} wraps, all distinct")


def test_a_stream_stops_before_its_segment_counter_wraps() -> None:
    stream = SealingStream(KEY, PLACE)
    stream._segments._index = 2**32 - 1
    assert stream.update(bytes(FIRST + 1))
    with pytest.raises(OverflowError):
        stream.finish()


def test_a_key_of_another_length_or_without_a_name_is_not_wrapped() -> None:
    for key, place in (
        (KEY[:16], PLACE),
        (KEY, replace(PLACE, key_id="")),
        (KEY, replace(PLACE, key_id="x" * 256)),
    ):
        with pytest.raises(ValueError, match="32 bytes"):
            envelope.wrap_key(KEY, key, place)


def test_sealing_and_opening_hold_a_few_segments_whatever_the_size() -> None:
    piece = bytes(SEGMENT_BYTES)
    peaks = []
    for pieces in (4, sized(256, 1_600)):
        sealing, opening = SealingStream(KEY, PLACE), OpeningStream(KEY, PLACE)
        tracemalloc.start()
        for _ in range(pieces):
            opening.update(sealing.update(piece))
        opening.update(sealing.finish())
        opening.finish()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    print(f"peak memory for 4 and {sized(256, 1_600)} segments: {peaks}")
    assert peaks[1] < peaks[0] + 256 * 1024


def frozen() -> list[Any]:
    vectors = json.loads((VECTORS / "envelopes.json").read_text("utf-8"))
    return [pytest.param(vector, id=vector["name"]) for vector in vectors["vectors"]]


@pytest.mark.parametrize("vector", frozen())
def test_frozen_vectors_keep_their_promise(vector: dict[str, Any]) -> None:
    """Never regenerated: a vector that no longer opens is a citizen's paper that no longer opens."""
    key, context = bytes.fromhex(vector["key"]), _context(vector["context"])
    attempt = {"stream": opened, "value": _value, "key": _unwrapped}[vector["form"]]
    if vector["expected"] == "opens":
        assert attempt(_content(vector), context, key) == _expected(vector)
        return
    assert vector["expected"] == "tampered"
    with pytest.raises(TamperedContent):
        attempt(_content(vector), context, key)


def _value(content: bytes, context: Context, key: bytes) -> bytes:
    return envelope.open_sealed(key, content, context)


def _unwrapped(content: bytes, context: Context, key: bytes) -> bytes:
    return envelope.unwrap_key(key, content, context)


def _context(fields: dict[str, Any]) -> Context:
    ids = {name: UUID(fields[name]) if fields[name] else None for name in ("subject", "document", "version")}
    return Context(**{**fields, **ids})


def _content(vector: dict[str, Any]) -> bytes:
    content = (
        (VECTORS / vector["file"]).read_bytes() if "file" in vector else base64.b64decode(vector["sealed"])
    )
    return _edited(content, vector.get("edit"))


def _expected(vector: dict[str, Any]) -> bytes:
    if "plaintext" in vector:
        return base64.b64decode(vector["plaintext"])
    # A long plaintext is a count of big-endian numbers: easy to make anywhere, and no two segments are alike.
    return b"".join(struct.pack(">I", number) for number in range(vector["numbers"]))


def _edited(content: bytes, edit: list[Any] | None) -> bytes:
    """The change a vector describes, in bytes from the start of the file."""
    match edit:
        case None:
            return content
        case ["flip", int(at), int(bit)]:
            return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
        case ["cut", int(length)]:
            return content[:length]
        case ["append", str(tail)]:
            return content + bytes.fromhex(tail)
        case ["drop", int(start), int(end)]:
            return content[:start] + content[end:]
        case ["exchange", int(start), int(middle), int(end)]:
            return content[:start] + content[middle:end] + content[start:middle] + content[end:]
    raise AssertionError(edit)


@pytest.mark.parametrize("size", SIZES)
def test_a_range_opens_without_what_lies_around_it(size: int) -> None:
    content, lot = plaintext_of(size), random.Random(size)
    stream = sealed(content)
    edges = {0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + NEXT, FIRST + NEXT + 1, size - 1, size}
    places = sorted(one for one in edges if 0 <= one <= size)
    ranges = [(start, stop) for start in places for stop in places if start <= stop]
    drawn = (sorted((lot.randint(0, size), lot.randint(0, size))) for _ in range(20))
    ranges += [(start, stop) for start, stop in drawn]
    for start, stop in ranges:
        assert opened_range(stream, start, stop, size) == content[start:stop], (start, stop)


def test_a_range_reads_its_segments_and_no_others() -> None:
    content = plaintext_of(1_000_000)
    stream = sealed(content)
    span = envelope.span_of(300_000, 400_000, len(content))
    header = stream[: envelope.HEADER_BYTES]
    alone = header + bytes(span.sealed_start - len(header)) + stream[span.sealed_start : span.sealed_stop]
    assert opened_range(alone, 300_000, 400_000, len(content)) == content[300_000:400_000]
    assert span.sealed_stop - span.sealed_start <= 100_000 + 3 * SEGMENT_BYTES


def test_a_range_of_altered_moved_or_shortened_segments_is_refused() -> None:
    content = plaintext_of(400_000)
    stream = sealed(content)
    second = slice(SEGMENT_BYTES, 2 * SEGMENT_BYTES)
    third = slice(2 * SEGMENT_BYTES, 3 * SEGMENT_BYTES)
    altered = bytearray(stream)
    altered[SEGMENT_BYTES + 7] ^= 1
    moved = bytearray(stream)
    moved[second], moved[third] = stream[third], stream[second]
    start, stop = FIRST + 10, FIRST + NEXT - 10
    for changed in (bytes(altered), bytes(moved), stream[: SEGMENT_BYTES + 100]):
        with pytest.raises(TamperedContent):
            opened_range(changed, start, stop, len(content))
    # Whoever says the stream ends sooner than it does is not believed at its end.
    for size in (FIRST + NEXT, len(content) - 1):
        with pytest.raises(TamperedContent):
            opened_range(stream, size - 10, size, size)


def test_a_range_outside_its_stream_is_no_range() -> None:
    for start, stop in ((-1, 2), (2, 1), (0, 11)):
        with pytest.raises(ValueError, match="range"):
            envelope.span_of(start, stop, 10)


def test_a_stream_cut_after_a_whole_segment_opens_that_far_and_never_as_a_whole() -> None:
    content = plaintext_of(FIRST + NEXT + 5)
    cut = sealed(content)[: 2 * SEGMENT_BYTES]
    stream = OpeningStream(KEY, PLACE)
    assert stream.update(cut) + stream.stop() == content[: FIRST + NEXT]
    for change in (cut[:-1], cut[: SEGMENT_BYTES + 5], cut[:20]):
        torn = OpeningStream(KEY, PLACE)
        torn.update(change)
        with pytest.raises(TamperedContent):
            torn.stop()
    with pytest.raises(TamperedContent):
        opened(cut)


def opened_range(stream: bytes, start: int, stop: int, size: int) -> bytes:
    span = envelope.span_of(start, stop, size)
    opening = OpeningStream(KEY, PLACE, span.first)
    opening.update(stream[: envelope.HEADER_BYTES])
    plain = opening.update(stream[span.sealed_start : span.sealed_stop])
    plain += opening.finish() if span.at_end else opening.stop()
    return plain[span.skip :][: stop - start]
