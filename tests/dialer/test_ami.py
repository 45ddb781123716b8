"""AMI bytes to messages and back."""

from __future__ import annotations

import random

import pytest

from dialer.channels.asterisk.ami import LONGEST, Message, NotAmi, Parser, action

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
HANGUP = (
    b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/t-00000001\r\n"
    b"CallerIDName: <unknown>\r\nUniqueid: 6f1c\r\nCause: 17\r\n"
    b"Cause-txt: User busy\r\n"
    b"TechCause: SIP 486 Busy Here\r\n\r\n"
)


def parsed(data: bytes) -> list[Message]:
    return Parser().feed(GREETING + data)


def test_an_event_and_a_response() -> None:
    hangup, response = parsed(
        HANGUP
        + b"Response: Success\r\nActionID: a-1\r\nMessage: Originate queued\r\n\r\n"
    )
    assert hangup.event == "Hangup"
    assert (hangup.get("Cause"), hangup.get("Cause-txt")) == ("17", "User busy")
    assert (response.event, response.get("ActionID")) == ("", "a-1")
    assert response.get("Uniqueid", "none") == "none"


@pytest.mark.parametrize(
    "mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\n"]
)
def test_no_name_can_forge_a_header(mark: str) -> None:
    name = f"Li{mark}Cause: 16{mark}Event: Hangup"
    (found,) = parsed(
        f"Event: NewCallerid\r\nCallerIDName: {name}\r\nUniqueid: x\r\n\r\n".encode()
    )
    assert found.get("Cause", "none") == "none"
    assert found.event == "NewCallerid"
    assert found.get("CallerIDName") == name
    assert [n for n, _ in found.headers()] == ["Event", "CallerIDName", "Uniqueid"]


def test_headers_that_repeat_are_all_there() -> None:
    (found,) = parsed(
        b"Response: Success\r\nOutput: one\r\nOutput: \r\nOutput:  three\r\nodd\r\n\r\n"
    )
    assert found.all("Output") == ["one", "", " three"]
    assert found.headers()[-1] == ("odd", "")


def test_the_same_messages_however_the_stream_is_cut() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    stream = GREETING + (HANGUP + "Event: X\r\nName: 王小明\r\n\r\n".encode()) * 40
    parser, found = Parser(), list[Message]()
    while stream:
        size = chance.randrange(1, 300)
        found += parser.feed(stream[:size])
        stream = stream[size:]
    assert [m.event for m in found] == ["Hangup", "X"] * 40
    assert {m.get("Name") for m in found[1::2]} == {"王小明"}
    assert parser.greeting == "Asterisk Call Manager/11.0.0"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"Asterisk Call Manager/" + b"x" * 200,
        b"\r\n",
        GREETING + b"x" * (LONGEST + 1),
    ],
)
def test_another_protocol_is_told_at_once(data: bytes) -> None:
    with pytest.raises(NotAmi):
        Parser().feed(data)


def test_a_message_shows_no_values() -> None:
    (found,) = parsed(HANGUP)
    assert "486" not in repr(found)
    assert "TechCause" in repr(found)


def test_an_action_is_read_back_as_it_was_meant() -> None:
    sent = action(
        "Originate", "a-1", [("Async", "true")], [("NAME", "王, 小明=x"), ("N2", "")]
    )
    (found,) = parsed(sent)
    assert found.headers() == [
        ("Action", "Originate"),
        ("ActionID", "a-1"),
        ("Async", "true"),
        ("Variable", "NAME=王, 小明=x"),
        ("Variable", "N2="),
    ]


@pytest.mark.parametrize(
    "evil", ["a\r\nAction: Hangup", "a\nb", "a\rb", "a\0b", "\x7f"]
)
def test_nothing_from_outside_can_begin_a_header(evil: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        action("Originate", "a-1", [("CallerID", evil)])
    with pytest.raises(ValueError, match="control character"):
        action("Originate", "a-1", variables=[("NAME", evil)])
    with pytest.raises(ValueError, match="identifier"):
        action("Originate", "a-1", variables=[(f"N{evil}", "x")])
