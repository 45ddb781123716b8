"""Messages of a media stream, both ways; no I/O.

JSON text: `connected` and `start` first, then `media` (20 ms of mu-law in base64),
`dtmf`, `mark`, and `stop`. We send `media`, `mark` and `clear`.
(twilio.com/docs/voice/media-streams/websocket-messages.)
"""

from __future__ import annotations

import binascii
from base64 import b64encode

import msgspec

from dialer.channels.line import BadFrame
from speech.audio import ulaw_decode, ulaw_encode

LONGEST = 1 << 14  #: bytes of a message; 20 ms make 400, a `start` about 1,000
LOUDEST = 8000  #: octets of sound in one message (1 s); Twilio sends 160
FORMAT = ("audio/x-mulaw", 8000, 1)


class Format(msgspec.Struct, rename="camel"):
    encoding: str = ""
    sample_rate: int = 0
    channels: int = 0


class Start(msgspec.Struct, rename="camel"):
    account_sid: str
    call_sid: str
    media_format: Format
    custom_parameters: dict[str, str] = {}


class Media(msgspec.Struct):
    payload: str
    track: str = "inbound"


class Dtmf(msgspec.Struct):
    digit: str


class Mark(msgspec.Struct):
    name: str


class Message(msgspec.Struct, rename="camel"):
    """What Twilio says. Members that its event does not have are None."""

    event: str
    stream_sid: str = ""
    sequence_number: str = ""
    start: Start | None = None
    media: Media | None = None
    dtmf: Dtmf | None = None
    mark: Mark | None = None

    @property
    def number(self) -> int:
        """Its place in the stream. BadFrame: it has none."""
        text = self.sequence_number
        if not (text.isascii() and text.isdecimal() and len(text) < 12):
            raise BadFrame("a message without its number")
        return int(text)


_decoder = msgspec.json.Decoder(Message)


def read(text: str | bytes) -> Message:
    """BadFrame: not a message of a media stream."""
    if len(text) > LONGEST:
        raise BadFrame("a message that is too long")
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise BadFrame("not a message of a media stream") from None


def sound(payload: str) -> bytes:
    """8 kHz pcm. BadFrame: it is no base64, or too much."""
    try:
        octets = binascii.a2b_base64(payload, strict_mode=True)
    except (binascii.Error, ValueError):
        raise BadFrame("sound that is not base64") from None
    if len(octets) > LOUDEST:
        raise BadFrame(f"sound of {len(octets)} octets in one message")
    return ulaw_decode(octets)


def media(stream: str, pcm: bytes) -> str:
    payload = b64encode(ulaw_encode(pcm)).decode()
    return _said({"event": "media", "streamSid": stream, "media": {"payload": payload}})


def mark(stream: str, name: str) -> str:
    return _said({"event": "mark", "streamSid": stream, "mark": {"name": name}})


def clear(stream: str) -> str:
    return _said({"event": "clear", "streamSid": stream})


def _said(what: dict[str, object]) -> str:
    return msgspec.json.encode(what).decode()
