"""Our AMI parser and asterisk-ami read the same; where they do not, ours is right."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

import asterisk.ami
import asterisk.config
import pytest
from asterisk.ami import SimpleAction

from dialer.channels.asterisk.ami import Message, Parser, action
from tests.kit.ami import SecondClient, second_reading
from tests.kit.ami_alike import ours, theirs

LEGAL = Path(__file__).parents[1] / "data" / "ami-legal.txt"
GREETING = b"Asterisk Call Manager/11.0.0\r\n"
CALL = "0b9a7f34-8a43-5a1e-b3a5-0a8f6a4c3d21"


def legal() -> bytes:
    return LEGAL.read_bytes().replace(b"\n", b"\r\n")


def one(data: bytes) -> Message:
    (found,) = Parser().feed(GREETING + data)
    return found


def test_both_read_what_is_legal_alike() -> None:
    assert ours(legal()) == theirs(legal())


def test_what_is_legal_is_read_as_it_was_meant() -> None:
    found = Parser().feed(legal())
    assert [message.event for message in found] == [
        *("", "FullyBooted", "", "Newchannel", "UserEvent", "", "Hangup")
    ]
    output, channel, hangup = found[2], found[3], found[6]
    assert output.all("Output")[3:] == ["Event: Hangup", ""]
    assert channel.get("CallerIDName") == '王小明, "Wáng" 👋'
    assert (channel.get("AccountCode", "?"), channel.get("Exten", "?")) == ("", "")
    assert channel.all("ChanVariable")[2:] == ["NAME=a=b: c", "EMPTY="]
    assert channel.get("Cause", "none") == "none"
    assert (hangup.get("Uniqueid"), hangup.get("Cause")) == (CALL, "17")


# --- where they differ


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c"])
def test_a_callers_name_forges_a_header_there_and_not_here(mark: str) -> None:
    name = f"Li{mark}Cause: 16"
    sent = f"Event: Hangup\r\nCause: 17\r\nCallerIDName: {name}\r\n\r\n".encode()
    (second,) = second_reading(GREETING + sent)
    assert second.keys == {"Cause": "16", "CallerIDName": "Li"}
    assert one(sent).headers()[1:] == [("Cause", "17"), ("CallerIDName", name)]


def test_a_header_that_repeats_loses_its_first_there_and_nothing_here() -> None:
    sent = b"Event: X\r\nVariable: A=1\r\nVariable: B=2\r\n\r\n"
    (second,) = second_reading(GREETING + sent)
    assert second.keys == {"Variable": "B=2"}
    assert one(sent).all("Variable") == ["A=1", "B=2"]


def test_a_header_without_a_space_is_lost_there_and_not_here() -> None:
    sent = b"Event: X\r\nAccountCode:\r\nCause:17\r\n\r\n"
    (second,) = second_reading(GREETING + sent)
    assert second.keys == {}
    assert one(sent).headers()[1:] == [("AccountCode", ""), ("Cause", "17")]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_value_begins_a_header_there_and_not_here(end: str) -> None:
    evil = f"Li{end}Application: System"
    assert f"{end}Application: System" in str(SimpleAction("Originate", CallerID=evil))
    with pytest.raises(ValueError, match="control character"):
        action("Originate", "a-1", [("CallerID", evil)])
    with pytest.raises(ValueError, match="line break"):
        SecondClient(0).ask("Originate", CallerID=evil)


# --- asterisk-ami as the tests use it


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    """A port of 127.0.0.1 that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_the_second_client_waits_out_a_silence(manager: socket.socket) -> None:
    client = SecondClient(manager.getsockname()[1])
    client.connect()
    far, _ = manager.accept()
    with far:
        assert client._socket.gettimeout() is None
        far.sendall(GREETING + b"Event: X\r\nNote: y\r\n\r\n")
    client._thread.join()
    assert [event.name for event in client.events] == ["X"]
    assert client.finished.is_set()


def test_the_second_client_forgets_what_is_not_answered(
    manager: socket.socket,
) -> None:
    client = SecondClient(manager.getsockname()[1], timeout=0.01)
    client.connect()
    far, _ = manager.accept()
    with far:
        far.sendall(GREETING)
        with pytest.raises(TimeoutError, match="Ping was not answered"):
            client.ask("Ping")
    client._thread.join()
    assert client._futures == {}


def test_both_packages_are_there_though_they_share_a_file() -> None:
    """pip lets both own `asterisk/__init__.py`; the later one's is there."""
    shared = {
        package: {str(path) for path in files(package) or ()}
        for package in ("asterisk-ami", "pyst2")
    }
    assert "asterisk/__init__.py" in set.intersection(*shared.values())
    assert asterisk.ami.AMIClient.__module__ == "asterisk.ami.client"
    assert asterisk.config.Config.__module__ == "asterisk.config"
