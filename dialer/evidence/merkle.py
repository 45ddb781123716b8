"""Merkle trees after RFC 9162 section 2.1: proofs out of stored hashes. Pure.

`Read(height, index)` gives the hash of the perfect subtree over entries
[index * 2**height, (index + 1) * 2**height); only whole subtrees are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

Read = Callable[[int, int], bytes]
EMPTY = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def perfect(hashes: list[bytes]) -> bytes:
    """The hash over a power of two of hashes, which the list is used up for."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [node_hash(left, right) for left, right in pairs]
    return hashes[0]


def subtree(read: Read, start: int, end: int) -> bytes:
    """MTH of entries [start, end), as a tree of its own (RFC 9162 2.1.1). `start` is a
    multiple of the power of two that `end - start` rounds up to."""
    width = end - start
    if width == 0:
        return EMPTY
    if width & (width - 1) == 0:
        height = width.bit_length() - 1
        return read(height, start >> height)
    middle = start + split(width)
    return node_hash(subtree(read, start, middle), subtree(read, middle, end))


def split(width: int) -> int:
    """The largest power of two below `width` (2 or more)."""
    return 1 << (width - 1).bit_length() - 1


def root(read: Read, size: int) -> bytes:
    """The root of the tree over the first `size` entries."""
    return subtree(read, 0, size)


def inclusion(read: Read, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162 2.1.3.1, from the leaf's sibling up."""
    if not 0 <= index < size:
        raise ValueError(f"no entry {index} in a tree of {size}")
    path, start, end = list[bytes](), 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append(subtree(read, middle, end))
            end = middle
        else:
            path.append(subtree(read, start, middle))
            start = middle
    return path[::-1]


def consistency(read: Read, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 9162 2.1.4.1; empty when the sizes are equal."""
    if not 0 < old <= new:
        raise ValueError(f"no proof from a tree of {old} to one of {new}")
    proof, start, end, whole = list[bytes](), 0, new, True
    while old != end:
        middle = start + split(end - start)
        if old <= middle:
            proof.append(subtree(read, middle, end))
            end = middle
        else:
            proof.append(subtree(read, start, middle))
            start, whole = middle, False
    if not whole:
        proof.append(subtree(read, start, end))
    return proof[::-1]


def consistent(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]
) -> bool:
    """Does the proof show that the new tree begins with the old? (2.1.4.2)"""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new:
        return False
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(step, fr), node_hash(step, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and (fr, sr) == (old_root, new_root)
