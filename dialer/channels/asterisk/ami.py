"""The Asterisk Manager Interface on the wire: bytes to messages and back, without I/O.

A message is lines `Name: value`, each ended by CR LF, and an empty line. Nothing else
ends a line: U+2028, U+0085 and their like are part of a value (a caller's name may hold
them), so no value can pose as a header. (docs.asterisk.org, AMI v2 specification.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

BLANK = b"\r\n\r\n"
GREETING = b"Asterisk Call Manager/"
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LONGEST = 1 << 20  # bytes of one message; a real one has 500, a long `Output` some KB


class NotAmi(Exception):
    """The peer does not speak AMI; `what` says how it showed."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Message:
    """One response or event. Headers are looked up when asked for: of the twenty that
    an event has, a dialer wants three."""

    __slots__ = ("_text",)

    def __init__(self, body: str) -> None:
        self._text = f"\r\n{body}\r\n"

    def get(self, name: str, missing: str = "") -> str:
        """The first header of that name, exactly as written."""
        mark = f"\r\n{name}:"
        start = self._text.find(mark)
        if start < 0:
            return missing
        start += len(mark)
        return self._text[start : self._text.index("\r\n", start)].removeprefix(" ")

    def all(self, name: str) -> list[str]:
        """Every header of that name: `Output`, `Variable`, `ChanVariable` repeat."""
        return [value for found, value in self.headers() if found == name]

    def headers(self) -> list[tuple[str, str]]:
        """In order; a line without a colon has an empty value."""
        lines = self._text[2:-2].split("\r\n")
        found = (line.partition(":") for line in lines if line)
        return [(name, value.removeprefix(" ")) for name, _, value in found]

    @property
    def event(self) -> str:
        """The event's name; empty for a response."""
        return self.get("Event") if self._text.startswith("\r\nEvent:") else ""

    def __repr__(self) -> str:  # never the values: some are numbers of people
        return f"Message({', '.join(name for name, _ in self.headers())})"


class Parser:
    """Fed what arrives, gives the whole messages in it. It begins with a greeting."""

    def __init__(self) -> None:
        self._rest = b""
        self.greeting = ""

    def feed(self, data: bytes) -> list[Message]:
        """NotAmi: no greeting, or a message without end."""
        self._rest += data
        if not self.greeting and not self._greeted():
            return []
        *whole, self._rest = self._rest.split(BLANK)
        if len(self._rest) > LONGEST:
            raise NotAmi(f"a message of more than {LONGEST} bytes")
        return [Message(body.decode("utf-8", "replace")) for body in whole]

    def _greeted(self) -> bool:
        line, ended, rest = self._rest.partition(b"\r\n")
        begun = (
            line.startswith(GREETING)
            if ended
            else GREETING.startswith(line[: len(GREETING)])
        )
        if not begun or len(line) > 100:
            raise NotAmi("the peer did not greet as an Asterisk manager does")
        if not ended:
            return False
        self.greeting, self._rest = line.decode("ascii", "replace"), rest
        return True


def action(
    name: str,
    action_id: str,
    headers: Iterable[tuple[str, str]] = (),
    variables: Iterable[tuple[str, str]] = (),
) -> bytes:
    """An action as it is sent. ValueError: a name or value holds a control character
    (it could begin a header of its own), or a variable has a name that is not one."""
    lines = [("Action", name), ("ActionID", action_id), *headers]
    for variable, value in variables:
        if not variable.isidentifier():
            raise ValueError("the name of a channel variable is not an identifier")
        lines.append(("Variable", f"{variable}={value}"))
    for header, value in lines:
        if CONTROL.search(header) or CONTROL.search(value):
            raise ValueError(f"{header}: a control character in its value")
    return "".join(f"{n}: {v}\r\n" for n, v in lines).encode() + b"\r\n"
