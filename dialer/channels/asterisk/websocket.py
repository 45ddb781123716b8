"""WebSocket media: Asterisk paces what we say, and gives back what it did not play.

Asterisk (chan_websocket, 22.8 or newer) connects as a WebSocket client with the call's
UUID in its URI, and tells us first in what form sound goes (MEDIA_START). Binary
messages are sound both ways, text messages its events and our commands: JSON or plain
words, and we answer in the form it began with. (docs.asterisk.org: WebSocket.)

Up to a second is handed over ahead, so a pause of ours is not heard. After each portion
goes a mark; when it comes back that portion has been played, and only then is there
room for more. FLUSH_MEDIA takes back all that was handed over and not played. When
there is nothing to say silence is handed over the same way, and taken back for what
comes: with an empty queue Asterisk sends the callee nothing (asterisk#1788, measured).

The library's own core without I/O does the protocol (RFC 6455); its asyncio server
would need two tasks a call and timers of its own, where ours is the ticker.
"""

from __future__ import annotations

import json
import logging
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from dialer.channels.ahead import Ahead
from dialer.channels.asterisk.media import Media, Sound
from dialer.channels.line import BadFrame
from dialer.clock import Clock
from speech.port import FRAME_BYTES, RATE

log = logging.getLogger(__name__)
quiet = logging.getLogger(f"{__name__}.library")
quiet.setLevel(logging.WARNING)  # it would log messages, which may be personal

PROTOCOL = Subprotocol("media")  #: `protocols` in websocket_client.conf
FORMAT = {"format": "slin", "optimal_frame_size": str(FRAME_BYTES)}  #: 8 kHz, 20 ms
LONGEST = 1 << 16  #: bytes of a message; an event with all its variables has 2,000
AHEAD = 50 * FRAME_BYTES  #: bytes handed over and not played (1 s); it takes 900 frames
PORTION = 10 * FRAME_BYTES  #: bytes of a message of ours, and between two marks
STUCK = 250  #: ticks (5 s) without a mark: Asterisk plays no more


class Event(NamedTuple):
    kind: str
    values: dict[str, str]


def event(said: str) -> Event:
    """What Asterisk says, in either form. BadFrame: it is neither."""
    if not said.startswith("{"):
        kind, *words = said.split() or [""]
        return Event(kind, dict(_pair(word) for word in words))
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        raise BadFrame("an event that is not JSON") from None
    values = {k: str(v) for k, v in found.items() if isinstance(v, str | int)}
    return Event(values.pop("event", ""), values)


def _pair(word: str) -> tuple[str, str]:
    name, colon, value = word.partition(":")
    return (name, value) if colon else ("correlation_id", word)


def command(name: str, mark: str = "", *, plain: bool = False) -> bytes:
    """What we say to Asterisk; it takes 128 bytes at most."""
    if plain:
        return f"{name} {mark}".rstrip().encode()
    more = {"correlation_id": mark} if mark else {}
    return json.dumps({"command": name, **more}).encode()


def asked(path: str) -> UUID | None:
    """The call that a request's path names."""
    try:
        (name,) = parse_qs(urlsplit(path).query)["uuid"]
        return UUID(name)
    except (KeyError, ValueError):
        return None


class Connection(Sound):
    def __init__(self, media: Media) -> None:
        super().__init__(media)
        self._wire = ServerProtocol(
            subprotocols=[PROTOCOL], max_size=LONGEST, logger=quiet
        )
        self._asked: UUID | None = None  # for which call it came
        self._message = bytearray()  # of which not all fragments are there
        self._text = False
        self._plain = False
        self._held = False  # by MEDIA_XOFF
        self._handed = Ahead(media.clock)
        self._still = 0  # ticks since a mark came
        self._silent = True  # what is handed over is

    # --- what comes

    def _feed(self, data: bytes) -> None:
        self._wire.receive_data(data)
        self._send()
        for came in self._wire.events_received():
            if self.over:
                return
            if isinstance(came, Request):
                self._greet(came)
            elif isinstance(came, Frame):
                self._take(came)
        wrong = self._wire.handshake_exc or self._wire.parser_exc
        if wrong:
            raise BadFrame(type(wrong).__name__)
        if self._wire.close_expected():
            self.end()

    def _greet(self, request: Request) -> None:
        self._asked = asked(request.path)
        there = self._media.waits(self._asked)
        wire = self._wire
        wire.send_response(
            wire.accept(request) if there else wire.reject(404, "No such call.\n")
        )
        self._send()
        if not there:
            raise BadFrame("a call that nobody waits for")

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._text = frame.opcode is Opcode.TEXT
            self._message = bytearray()
        elif frame.opcode is not Opcode.CONT:
            return  # the library answers
        self._message += frame.data
        if not frame.fin:
            return
        if self._text:
            self._told(bytes(self._message))
        elif self.call is None:
            raise BadFrame("sound before MEDIA_START")
        else:
            self._hear(bytes(self._message))

    def _told(self, message: bytes) -> None:
        said = message.decode(errors="replace")
        kind, values = event(said)
        if self.call is None:
            self._plain = not said.startswith("{")
            self._start(kind, values)
            return
        match kind:
            case "MEDIA_START":
                raise BadFrame("a second MEDIA_START")
            case "MEDIA_MARK_PROCESSED":
                self._played(values.get("correlation_id", ""))
            case "MEDIA_XOFF" | "MEDIA_XON":
                self._held = kind == "MEDIA_XOFF"
            case "DTMF_END":
                self._press(values.get("digit", ""))
            case "HANGUP":
                self.end()
            case "ERROR":
                log.warning("websocket: asterisk refuses a command")
            case _:
                pass  # it tells more than we ask

    def _start(self, kind: str, values: dict[str, str]) -> None:
        if kind != "MEDIA_START" or self._asked is None:
            raise BadFrame("no MEDIA_START at first")
        if not FORMAT.items() <= values.items():
            raise BadFrame("sound that is not 8 kHz slin")
        self._named(self._asked)

    def _played(self, mark: str) -> None:
        if self._handed.played(mark):
            self._still = 0

    # --- what goes

    def _play(self) -> None:
        self._still = self._still + 1 if self._handed else 0
        if self._still > STUCK:
            self._give_up("no sound was played for 5 s")
            return
        if self._playout.bytes and self._silent:
            self._flush()
        while size := self._due():
            self._hand_over(self._playout.take(size))
            self._silent = False
        if self._silent or not self._handed:
            self._silent = True
            while not self._held and self._handed.bytes <= PORTION:
                self._hand_over(bytes(PORTION))
        self._send()

    def _due(self) -> int:
        """Bytes to hand over now. A piece of a frame waits, while it can, for what it
        may be a piece of."""
        there, room = self._playout.bytes, AHEAD - self._handed.bytes
        if self._held or not there or room < FRAME_BYTES:
            return 0
        frames = min(there, room, PORTION) // FRAME_BYTES
        late = self._unplayed() <= 2 * FRAME_BYTES
        return (frames or late) * FRAME_BYTES

    def _hand_over(self, pcm: bytes) -> None:
        mark = self._handed.add(len(pcm))
        self._wire.send_binary(pcm)
        self._command("MARK_MEDIA", mark)

    def _command(self, name: str, mark: str = "") -> None:
        self._wire.send_text(command(name, mark, plain=self._plain))

    def _send(self) -> None:
        if data := self._wire.data_to_send():
            self._transport.write(b"".join(data))

    def _part(self) -> None:
        self._handed.drop()
        if self._wire.state is State.OPEN:
            self._wire.send_close(1000)
            self._send()

    # --- how much there is

    def _unplayed(self) -> float:
        """Bytes of speech."""
        return 0.0 if self._silent else self._handed.left()

    def clear(self) -> None:
        super().clear()
        if not self._silent:
            self._flush()
            self._send()

    def _flush(self) -> None:
        if self._handed.drop():
            self._command("FLUSH_MEDIA")

    def queued(self) -> float:
        return super().queued() + self._unplayed() / (2 * RATE)


class WebSocket(Media):
    """See `Media`. `client` is the section of websocket_client.conf whose URI has this
    host and port: Asterisk cannot be told by the call where to connect."""

    kind = "websocket"

    def __init__(
        self,
        clock: Clock,
        host: str = "127.0.0.1",
        port: int = 8787,
        *,
        client: str = "accord",
    ) -> None:
        super().__init__(clock, host, port)
        self._client = client

    def _connection(self) -> Connection:
        return Connection(self)

    @property
    def where(self) -> str:
        return self._client
