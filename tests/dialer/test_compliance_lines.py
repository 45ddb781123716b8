"""One JSON line in, one verdict out; no line ends the run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.compliance import lines
from tests.dialer.test_gate import BOOK

CALL = {
    "at": "2026-11-20T10:00:00+08:00",
    "direction": "out",
    "outcome": "unanswered",
    "number": "+8613800138000",
    "account": "A1",
}
GOOD: dict[str, Any] = {
    "id": "x1",
    "at": "2026-11-23T20:30:00+08:00",
    "packs": ["cn"],
    "number": "+8613800138000",
    "zones": ["Asia/Shanghai"],
    "locations": ["CN-32"],
    "account": "A1",
    "person": "P1",
    "sources": ["court_document", "filed_contract", "business_registration"],
    "reviewers": ["r1", "r2"],
    "importer": "i1",
    "history": [CALL],
    "consents": [
        {
            "scope": "night",
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-06-01T00:00:00Z",
        }
    ],
    "flags": [],
    "purpose": "collection",
}


def check(**change: Any) -> dict[str, Any]:
    return lines.check(json.dumps({**GOOD, **change}).encode(), BOOK)


def rules(result: dict[str, Any]) -> list[str]:
    return [reason["rule"] for reason in result["reasons"]]


def test_an_allowed_line() -> None:
    assert check() == {"id": "x1", "allowed": True, "reasons": [], "next_allowed": None}


def test_a_refused_line_says_why_and_until_when() -> None:
    result = check(at="2026-11-23T22:30:00+08:00")
    assert result["allowed"] is False
    (reason,) = result["reasons"]
    assert set(reason) == {"rule", "citation", "detail"}
    assert reason["rule"] == "cn.hours"
    assert "22:30:00 in Asia/Shanghai" in reason["detail"]
    opens = datetime.fromisoformat(result["next_allowed"])
    assert opens == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_field_refuses(name: str) -> None:
    without = {key: value for key, value in GOOD.items() if key != name}
    result = lines.check(json.dumps(without).encode(), BOOK)
    assert result["allowed"] is False
    assert result["next_allowed"] is None
    assert rules(result)[0] == f"accord.facts.{name}"
    assert "is missing" in result["reasons"][0]["detail"]
    assert result["id"] == (None if name == "id" else "x1")


@pytest.mark.parametrize("name", sorted(GOOD))
@pytest.mark.parametrize(
    "value", [None, 5, True, {}, {"a": 1}, [None], [[]], "\ud800", 1e999]
)
def test_an_odd_field_refuses(name: str, value: Any) -> None:
    result = check(**{name: value})
    if value == "\ud800" and name in {"id", "person", "account", "importer"}:
        return  # any text will do there
    assert result["allowed"] is False
    assert any(rule.startswith(f"accord.facts.{name}") for rule in rules(result)) or (
        name == "purpose"
    )
    json.dumps(result).encode()


@pytest.mark.parametrize("key", sorted(CALL))
@pytest.mark.parametrize("value", [None, 5, [], "soon", ...])
def test_an_odd_call_refuses(key: str, value: Any) -> None:
    call = {k: v for k, v in CALL.items() if k != key}
    if value is not ...:
        call[key] = value
    if (key, value) == ("account", "soon"):
        return  # any text will do there
    result = check(history=[CALL, call])
    assert rules(result) == ["accord.facts.history"]
    assert "history[1]" in result["reasons"][0]["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "all"},
        {"from": "2026-01-01T00:00:00"},
        {"to": "2025-01-01T00:00:00Z"},
        {"to": None},
        {"until": "2027-01-01T00:00:00Z"},
    ],
)
def test_an_odd_consent_refuses(change: dict[str, Any]) -> None:
    assert rules(check(consents=[{**GOOD["consents"][0], **change}])) == [
        "accord.facts.consents"
    ]


def test_a_consent_may_last_for_ever() -> None:
    endless = {**GOOD["consents"][0], "to": "9999-12-31T23:59:59-05:00"}
    assert check(consents=[endless], at="2026-11-23T23:00:00+08:00")["allowed"] is True


def test_an_unknown_field_refuses_and_none_overrides() -> None:
    for name in ("override", "force", "allow", "bypass", "now"):
        result = check(**{name: True})
        assert rules(result) == ["accord.facts.fields"]


def test_the_rest_of_an_odd_line_is_judged_all_the_same() -> None:
    result = check(zones=None, flags=["cease"], at="noon")
    assert set(rules(result)) == {
        "accord.facts.zones",
        "accord.facts.at",
        "accord.flags.cease",
    }
    assert len(rules(result)) == 3


def test_a_number_is_the_same_with_separators() -> None:
    tries = [
        {**CALL, "at": f"2026-11-23T1{n}:00:00+08:00", "number": "+86 138-0013-8000"}
        for n in range(6)
    ]
    assert rules(check(history=tries)) == ["cn.attempts"]
    assert rules(check(number="13800138000")) == ["accord.facts.number"]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b'{"id": "x", "id": "x"}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_object_refuses(line: bytes) -> None:
    result = lines.check(line, BOOK)
    assert result["allowed"] is False
    assert result["id"] is None
    assert rules(result) == ["accord.facts.line"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*CALL, "scope", "from", "to"]), inner, max_size=5
        )
    ),
    max_leaves=6,
)


WRITTEN = [
    *("2026-11-23T20:30:00+08:00", "2026-11-23T12:30:00Z", "2026-11-23T12:30:00"),
    *("2026-11-23t12:30:00z", "2026-11-23 12:30:00+00:00", "2026-W48-1T10:00Z"),
    *("20261123T123000Z", "2026-11-23", "1901-01-01T00:00:00Z", "24:00"),
    *("9999-12-31T23:59:59-05:00", "2026-11-23T23:59:60Z", "2026-02-30T00:00:00Z"),
    *("2026-11-23T12:30:00.123456789Z", "2026-11-23T12:30:00,5+01:00", ""),
    *("2026-11-23T12:30:00+0800", "2026-11-23T12:30+08:00", "1700-01-01T00:00:00Z"),
    *("2026-11-23T12:30:00+23:59", "2026-11-23T12:30:00-00:00", "2026-11-23T12:30z"),
]
TIMES = st.sampled_from(WRITTEN)
#: Nearly right: values that two readers could take differently.
ALMOST = (
    TIMES
    | st.lists(
        st.fixed_dictionaries(
            {**{k: st.just(v) for k, v in CALL.items()}, "at": TIMES}
        ),
        max_size=2,
    )
    | st.lists(
        st.fixed_dictionaries(
            {
                "scope": st.sampled_from(["night", "any", "x"]),
                "from": TIMES,
                "to": TIMES,
            }
        ),
        max_size=2,
    )
    | st.sampled_from([["r1"], ["r1", "r2", " "], "+86 138", "n_a", "", " "])
)
#: Changes of the text itself: a key twice, an unknown one, blanks, an escape.
RAW = st.sampled_from(
    [
        *(
            ("", ""),
            ('"id"', '"id": 1, "id"'),
            ('"at"', '"at" '),
            ('"at"', '"a\\u0074"'),
        ),
        *(('"flags": []', '"flags": [], "force": true'), ("]", "] "), ("A1", "")),
        *(('"out"', '"in"'), ('"direction"', '"outcome"'), ("}", ', "x": 1}')),
        *(("A1", "é"), ("A1", "a\\u0000"), ('"A1"', "1e400"), ("[", "[null,")),
    ]
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON, max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_line_raises_and_what_is_odd_is_never_allowed(
    change: dict[str, Any],
) -> None:
    result = check(**change)
    assert set(result) == {"id", "allowed", "reasons", "next_allowed"}
    assert result["allowed"] is not bool(result["reasons"])
    json.dumps(result).encode()


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON | ALMOST, max_size=3), RAW)
@settings(max_examples=1500, deadline=None)
def test_the_quick_reader_answers_as_the_thorough_one(
    change: dict[str, Any], raw: tuple[str, str]
) -> None:
    line = json.dumps({**GOOD, **change}).replace(*raw, 1).encode()
    assert lines.check(line, BOOK) == lines._checked(line, BOOK, "")


@pytest.mark.parametrize("written", WRITTEN)
def test_both_readers_read_times_alike(written: str) -> None:
    given = {"scope": "any", "from": written, "to": "2029-01-01T00:00:00Z"}
    for change in (
        {"at": written},
        {"history": [{**CALL, "at": written}]},
        {"consents": [given]},
        {"consents": [{**given, "from": "1980-01-01T00:00:00Z", "to": written}]},
    ):
        line = json.dumps({**GOOD, **change}).encode()
        assert lines.check(line, BOOK) == lines._checked(line, BOOK, "")


@pytest.mark.slow
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=1500, deadline=None)
def test_any_bytes_are_answered(line: bytes) -> None:
    result = lines.check(line, BOOK, 3)
    assert rules(result)[0].startswith("accord.facts.")
    json.dumps(result)
