"""What Asterisk and we say to each other beside the sound, in both forms."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.channels.asterisk.websocket import (
    Event,
    asked,
    command,
    event,
)
from dialer.channels.line import BadFrame
from tests.kit.websocket import (
    CALL,
    mark,
)


@pytest.mark.parametrize(
    ("plain", "found"),
    [
        ("MEDIA_XOFF", {"event": "MEDIA_XOFF"}),
        ("QUEUE_DRAINED", {"event": "QUEUE_DRAINED"}),
        (
            "DTMF_END digit:# channel_id:pbx-1.2",
            {"event": "DTMF_END", "digit": "#", "channel_id": "pbx-1.2"},
        ),
        (
            "MEDIA_START channel:WebSocket/a/0x1 optimal_frame_size:320",
            {
                "event": "MEDIA_START",
                "channel": "WebSocket/a/0x1",
                "optimal_frame_size": 320,
            },
        ),
        (
            "MEDIA_MARK_PROCESSED 7",
            {"event": "MEDIA_MARK_PROCESSED", "correlation_id": "7"},
        ),
        ("MEDIA_BUFFERING_COMPLETED", {"event": "MEDIA_BUFFERING_COMPLETED"}),
    ],
)
def test_both_forms_say_the_same(plain: str, found: dict[str, object]) -> None:
    values = {name: str(value) for name, value in found.items()}
    kind = values.pop("event")
    assert event(plain) == event(json.dumps(found, indent=1)) == Event(kind, values)


@pytest.mark.parametrize("said", ["{", '{"event"', "{]}", "{} {}", '{"a":' * 20_000])
def test_what_is_not_json_is_refused(said: str) -> None:
    with pytest.raises(BadFrame, match="not JSON"):
        event(said)


@settings(deadline=None)
@given(st.sampled_from(["", "{", '{"event": ']), st.binary())
def test_any_text_is_an_event_or_refused(begin: str, rest: bytes) -> None:
    said = begin + rest.decode(errors="replace")
    try:
        kind, values = event(said)
    except BadFrame:
        assert said.startswith("{")
    else:
        assert {type(one) for one in (kind, *values, *values.values())} == {str}


def test_values_that_are_no_words_are_left_out() -> None:
    said = '{"event": ["x"], "a": {"b": 1}, "c": null, "d": 1.5, "e": 3}'
    assert event(said) == Event("", {"e": "3"})


def test_commands_are_short() -> None:
    assert command("FLUSH_MEDIA", plain=True) == b"FLUSH_MEDIA"
    assert command("MARK_MEDIA", "7", plain=True) == b"MARK_MEDIA 7"
    assert json.loads(command("MARK_MEDIA", "7")) == mark(7)
    assert len(command("MARK_MEDIA", "9" * 10)) <= 128  # its MAX_TEXT_MESSAGE_LEN


@pytest.mark.parametrize(
    ("path", "call"),
    [
        (f"/media?uuid={CALL}", CALL),
        (f"/media?x=1&uuid={CALL}", CALL),
        (f"/media?uuid={CALL}&uuid={UUID(int=8)}", None),
        ("/media?uuid=7", None),
        ("/media?uuid=", None),
        ("/media", None),
        ("//[", None),
    ],
)
def test_the_uri_names_the_call(path: str, call: UUID | None) -> None:
    assert asked(path) == call
