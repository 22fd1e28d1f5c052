"""Roots and proofs of the log's tree against the recursive definitions of RFC 6962, size by size."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import merkle
from tests.size import sized

SIZES = sized(257, 1025)


def leaves(size: int) -> list[bytes]:
    return [merkle.leaf_hash(b"leaf %d" % index) for index in range(size)]


ALL_LEAVES = leaves(SIZES + 1)
NODES = merkle.grown(0, {}, ALL_LEAVES)


def hashed(*parts: bytes) -> bytes:
    return sha256(b"\x01" + b"".join(parts)).digest()


def cut(size: int) -> int:
    half = 1
    while half * 2 < size:
        half *= 2
    return half


def defined_root(data: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over leaf hashes."""
    if not data:
        return sha256().digest()
    if len(data) == 1:
        return data[0]
    half = cut(len(data))
    return hashed(defined_root(data[:half]), defined_root(data[half:]))


def defined_path(index: int, data: Sequence[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(data) == 1:
        return []
    half = cut(len(data))
    if index < half:
        return [*defined_path(index, data[:half]), defined_root(data[half:])]
    return [*defined_path(index - half, data[half:]), defined_root(data[:half])]


def defined_proof(old: int, data: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if old == len(data):
        return [] if whole else [defined_root(data)]
    half = cut(len(data))
    if old <= half:
        return [*defined_proof(old, data[:half], whole), defined_root(data[half:])]
    return [*defined_proof(old - half, data[half:], False), defined_root(data[:half])]


def test_published_values_of_rfc_6962() -> None:
    # The eight inputs and roots of certificate-transparency's reference tests.
    inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    hashes = [merkle.leaf_hash(bytes.fromhex(given)) for given in inputs]
    nodes = merkle.grown(0, {}, hashes)
    expected = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    assert {size: merkle.root(size, nodes).hex() for size in expected} == expected


def test_roots_of_every_size_match_the_definition() -> None:
    for size in range(SIZES + 1):
        assert merkle.root(size, NODES) == defined_root(ALL_LEAVES[:size])


def test_every_inclusion_proof_matches_the_definition_and_verifies() -> None:
    counted = 0
    for size in [*range(1, sized(66, 130)), SIZES - 1, SIZES]:
        root = merkle.root(size, NODES)
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, NODES)
            assert proof == defined_path(index, ALL_LEAVES[:size])
            assert merkle.verifies_inclusion(ALL_LEAVES[index], index, size, proof, root)
            counted += 1
    print(f"{counted} inclusion proofs")


def test_inclusion_verifies_at_every_size_for_first_middle_and_last_leaf() -> None:
    for size in range(1, SIZES + 1):
        root = merkle.root(size, NODES)
        for index in {0, size // 3, size // 2, size - 1}:
            proof = merkle.inclusion_proof(index, size, NODES)
            assert merkle.verifies_inclusion(ALL_LEAVES[index], index, size, proof, root)


def test_every_consistency_proof_matches_the_definition_and_verifies() -> None:
    counted = 0
    for size in [*range(1, sized(66, 130)), SIZES - 1, SIZES]:
        root = merkle.root(size, NODES)
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(old, size, NODES)
            assert proof == defined_proof(old, ALL_LEAVES[:size])
            assert merkle.verifies_consistency(old, size, merkle.root(old, NODES), root, proof)
            counted += 1
    print(f"{counted} consistency proofs")


def test_growing_in_any_steps_makes_the_same_nodes() -> None:
    for step in (1, 2, 3, 7, 64):
        made: dict[merkle.Node, bytes] = {}
        for size in range(0, 130, step):
            peaks = {node: made[node] for node in merkle.nodes_of_root(size)}
            made |= merkle.grown(size, peaks, ALL_LEAVES[size : min(size + step, 130)])
        assert made == {node: NODES[node] for node in made}
        assert merkle.root(130, made) == defined_root(ALL_LEAVES[:130])


def test_proofs_read_no_more_nodes_than_they_name() -> None:
    for size in (1, 2, 100, 255, 256, 257):
        for index in {0, size // 2, size - 1}:
            named = {node: NODES[node] for node in merkle.nodes_of_inclusion(index, size)}
            assert merkle.inclusion_proof(index, size, named) == merkle.inclusion_proof(index, size, NODES)
            assert len(named) <= 2 * size.bit_length()
        for old in {1, size // 2 or 1, size}:
            named = {node: NODES[node] for node in merkle.nodes_of_consistency(old, size)}
            assert merkle.consistency_proof(old, size, named) == merkle.consistency_proof(old, size, NODES)


@given(st.data())
def test_no_altered_inclusion_proof_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 200))
    index = data.draw(st.integers(0, size - 1))
    root, proof = merkle.root(size, NODES), merkle.inclusion_proof(index, size, NODES)
    spoilt = data.draw(st.integers(0, len(proof) - 1))
    flipped = [bytes([value[0] ^ 1]) + value[1:] if at == spoilt else value for at, value in enumerate(proof)]
    other = data.draw(st.integers(0, size - 1).filter(lambda chosen: chosen != index))
    leaf = ALL_LEAVES[index]
    assert not merkle.verifies_inclusion(leaf, index, size, flipped, root)
    assert not merkle.verifies_inclusion(leaf, index, size, proof[:-1], root)
    assert not merkle.verifies_inclusion(leaf, index, size, [*proof, proof[0]], root)
    assert not merkle.verifies_inclusion(leaf, other, size, proof, root)
    assert not merkle.verifies_inclusion(ALL_LEAVES[other], index, size, proof, root)
    assert not merkle.verifies_inclusion(leaf, size, size, proof, root)


@given(st.data())
def test_no_rewritten_history_is_consistent(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 200))
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = list(ALL_LEAVES[:size])
    rewritten[changed] = merkle.leaf_hash(b"rewritten")
    nodes = merkle.grown(0, {}, rewritten)
    honest = merkle.root(old, NODES)
    proof = merkle.consistency_proof(old, size, nodes)
    assert not merkle.verifies_consistency(old, size, honest, merkle.root(size, nodes), proof)
    assert not merkle.verifies_consistency(old, size, honest, merkle.root(size, NODES), [*proof, honest])
    assert not merkle.verifies_consistency(size, old, honest, honest, [])


def test_a_proof_of_nothing_is_refused() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no such leaf"):
            merkle.inclusion_proof(index, size, NODES)
        assert not merkle.verifies_inclusion(ALL_LEAVES[0], index, size, [], merkle.EMPTY_ROOT)
    for old, size in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="no such smaller tree"):
            merkle.consistency_proof(old, size, NODES)
        assert not merkle.verifies_consistency(old, size, merkle.EMPTY_ROOT, merkle.EMPTY_ROOT, [])
    assert not merkle.verifies_consistency(3, 4, ALL_LEAVES[0], ALL_LEAVES[0], [])
