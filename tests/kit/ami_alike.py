"""What our parser and asterisk-ami made of the same message, in one form."""

from __future__ import annotations

from typing import NamedTuple

from asterisk.ami import Event, Response

from dialer.channels.asterisk.ami import Message, Parser
from tests.kit.ami import second_reading


class Alike(NamedTuple):
    """Kind and name (or a response's status), and the headers after it."""

    name: str
    headers: dict[str, str | dict[str, str]]


def ours(stream: bytes) -> list[Alike]:
    return [_ours(message) for message in Parser().feed(stream)]


def theirs(stream: bytes) -> list[Alike]:
    return [_theirs(message) for message in second_reading(stream)]


def _ours(message: Message) -> Alike:
    (kind, name), *headers = message.headers()
    found = dict[str, str | dict[str, str]](headers)
    if "ChanVariable" in found:  # asterisk-ami makes a mapping of these
        pairs = (one.partition("=") for one in message.all("ChanVariable"))
        found["ChanVariable"] = {name: value for name, _, value in pairs}
    if "Output" in found:  # and one text, without the space around lines, of these
        found["Output"] = "\n".join(one.strip() for one in message.all("Output"))
    return Alike(f"{kind} {name}", found)


def _theirs(message: Event | Response) -> Alike:
    if isinstance(message, Event):
        return Alike(f"Event {message.name}", message.keys)
    return Alike(f"Response {message.status}", message.keys)
