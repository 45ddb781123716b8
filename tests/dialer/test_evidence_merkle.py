"""Hashes and proofs: published vectors, and every size up to 130."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from dialer.evidence import merkle
from dialer.evidence.merkle import consistency, consistent, inclusion, leaf_hash, root
from dialer.evidence.proof import included, root_of

SIZES = 130
#: The inputs and roots of the reference log that RFC 6962 implementations share.
INPUTS = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    bytes(range(0x60, 0x70)),
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(bytes([i])) for i in range(SIZES)]


def read(height: int, index: int) -> bytes:
    width = 1 << height
    found = LEAVES[index * width : (index + 1) * width]
    assert len(found) == width, "only whole subtrees may be asked for"
    return merkle.perfect(found)


def naive(leaves: list[bytes]) -> bytes:
    """MTH as the text of RFC 9162 2.1.1 defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive(leaves[:k]) + naive(leaves[k:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots(size: int) -> None:
    assert root_of([leaf_hash(d) for d in INPUTS[:size]]).hex() == ROOTS[size - 1]


def test_the_published_root_of_nothing() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([]).hex() == empty == merkle.EMPTY.hex()


def test_three_ways_to_the_same_root() -> None:
    for size in range(SIZES + 1):
        leaves = LEAVES[:size]
        assert root(read, size) == root_of(leaves) == naive(leaves)


@pytest.mark.slow
def test_every_inclusion_proof_holds_and_only_where_it_belongs() -> None:
    for size in range(1, SIZES + 1):
        top = root_of(LEAVES[:size])
        for index in range(size):
            path = inclusion(read, index, size)
            assert included(LEAVES[index], index, size, path, top)
            wrong = (index + 1) % size
            assert not included(LEAVES[wrong], index, size, path, top) or size == 1
            assert not included(LEAVES[index], index, size, [*path, top], top)
            if path:
                assert not included(LEAVES[index], index, size, path[:-1], top)


@pytest.mark.slow
def test_every_consistency_proof_holds_and_no_other() -> None:
    roots = [root_of(LEAVES[:size]) for size in range(SIZES + 1)]
    for new in range(1, SIZES + 1):
        for old in range(1, new + 1):
            proof = consistency(read, old, new)
            assert consistent(old, roots[old], new, roots[new], proof)
            assert not consistent(old, roots[old - 1], new, roots[new], proof)
            assert not consistent(old, roots[old], new, roots[new - 1], proof)
            if proof:
                assert not consistent(old, roots[old], new, roots[new], proof[1:])


def test_a_changed_bit_anywhere_in_a_proof_is_noticed() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)
    for _ in range(300):
        size = chance.randrange(2, SIZES)
        index = chance.randrange(size)
        path, top = inclusion(read, index, size), root_of(LEAVES[:size])
        at, bit = chance.randrange(len(path)), chance.randrange(256)
        changed = int.from_bytes(path[at]) ^ 1 << bit
        path[at] = changed.to_bytes(32)
        assert not included(LEAVES[index], index, size, path, top)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 3)])
def test_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no entry"):
        inclusion(read, index, size)
    with pytest.raises(ValueError, match="no proof"):
        consistency(read, 4, 3)
