"""One way to write a value, and a commitment that binds without telling."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from hashlib import sha256

import pytest

from dialer.evidence.entry import canonical, commitment, leaf
from dialer.evidence.proof import leaf_of
from tests.kit.journal import rows


def test_keys_are_sorted_by_utf16_and_nothing_is_spaced() -> None:
    # U+1F600 is two surrogates from D83D: before U+FB33 in UTF-16, after it by point
    body = {"\ufb33": 1, "\U0001f600": 2, "€": 3, "ö": 4, "1": 5, "\r": 6}
    assert canonical(body) == ('{"\\r":6,"1":5,"ö":4,"€":3,"\U0001f600":2,"\ufb33":1}')


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-9, "1.5e-9"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992, "9007199254740992"),
        (333333333.33333329, "333333333.3333333"),
        (-4.5, "-4.5"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
        ('\x08\x0c\n\x1f\x7f/"\\', '"\\b\\f\\n\\u001f\x7f/\\"\\\\"'),
    ],
)
def test_values_as_rfc_8785_writes_them(value: object, written: str) -> None:
    assert canonical({"x": value}) == f'{{"x":{written}}}'


def test_any_value_is_read_back_the_same() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)

    def value(depth: int) -> object:
        pick = chance.randrange(8 if depth else 6)
        leaves: list[object] = [
            chance.uniform(-1e9, 1e9),
            chance.randrange(-(2**53), 2**53),
            "".join(chr(chance.choice((65, 0x4E00, 0x1F600, 10))) for _ in range(5)),
            chance.choice((True, False, None)),
            chance.random() * 10.0 ** chance.randrange(-30, 15),
            "",
        ]
        if pick < 6:
            return leaves[pick]
        if pick == 6:
            return [value(depth - 1) for _ in range(chance.randrange(4))]
        return {str(chance.random()): value(depth - 1) for _ in range(3)}

    for _ in range(200):
        body = {"body": value(3)}
        text = canonical(body)
        assert json.loads(text) == body
        assert canonical(json.loads(text)) == text


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (2**53 + 1, ValueError),
        ("\ud800", ValueError),
        ({1: 2}, TypeError),
        (b"x", TypeError),
        ({"x"}, TypeError),
    ],
)
def test_what_json_cannot_hold_is_refused(value: object, error: type) -> None:
    with pytest.raises(error):
        canonical({"x": value})


def test_a_commitment_depends_on_every_part() -> None:
    salt = bytes(range(16))
    expected = sha256(b"accord/entry/v1\0\x10" + salt + "{姓}".encode()).digest()
    assert commitment(salt, "{姓}") == expected
    assert len({commitment(salt, "{}"), commitment(salt, "{ }"), expected}) == 3
    assert commitment(salt + b"{", "}") != commitment(salt, "{}")
    with pytest.raises(ValueError, match="salt"):
        commitment(b"short", "{}")


def test_a_leaf_is_small_canonical_and_without_the_words() -> None:
    (row,) = rows(1)
    entry = json.loads(leaf(row))
    assert set(entry) == {"v", "seq", "at", "kind", "subject", "commit"}
    assert canonical(entry).encode() == leaf(row)
    assert row.body.encode() not in leaf(row)
    assert leaf(replace(row, body=row.body + " ")) != leaf(row)


def test_the_verifier_builds_the_same_leaf_on_its_own() -> None:
    odd = replace(rows(1)[0], subject='a"\u2028\x7f\U0001f600', kind="k\\n")
    assert [leaf_of(r) for r in [*rows(50), odd]] == [leaf(r) for r in [*rows(50), odd]]
