"""A call to a phone of one's own: placed, something said, what comes back measured."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from dialer import speaking, switches
from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.asterisk.link import LinkLost
from dialer.channels.port import (
    Audio,
    ChannelDown,
    Digit,
    Line,
    Machine,
    NotAnswered,
    Order,
    Unsure,
)
from dialer.clock import Clock
from dialer.contacts import phone
from dialer.contacts.problem import Bad
from dialer.home import opened
from dialer.settings import Settings
from dialer.store.port import Refused
from dialer.trunks.model import load
from dialer.trunks.select import candidates
from speech.audio import level_db
from speech.port import FRAME, RATE
from speech.vad import Vad

SAYS = {
    "zh": "您好，这是一次线路测试。请说一句话，或者按一个键。",
    "en": "Hello, this is a test of the line. Please say something, or press a key.",
}
REGION = "CN"
VOICE = 0.5  #: of the detector's probability


@dataclass(frozen=True, slots=True)
class TestCall:
    number: str
    trunk: str
    seconds: float  # to listen, after the prompt
    language: str


async def test_call(
    settings: Settings, wanted: TestCall, clock: Clock
) -> dict[str, Any]:
    """Refused: the number is a contact's or on a list, or no trunk takes it."""
    found = load(settings.trunks_file, secrets=True)
    chosen = switches.choose(found, [wanted.trunk] if wanted.trunk else [])
    number = _number(wanted.number)
    names = candidates(chosen, number, "", random.random)
    if not names:
        raise Refused(f"none of {', '.join(chosen)} takes this number")
    async with opened(settings) as stores:
        token = stores.vault.token("number", number)
        if await stores.contacts.find(token):
            raise Refused("this number is a contact's: only campaigns call contacts")
        if any(row.scope != "all" for row in await stores.flags.of([token])):
            raise Refused("this number is on a do-not-call list")
    pcm = await _prompt(settings, wanted.language)
    trunk = chosen[names[0]]
    order = Order(str(uuid4()), number, caller_id=trunk.caller_ids[0], trunk=names[0])
    async with switches.open_any(found, trunk.switch, clock, [trunk]) as switch:
        return await measured(switch, order, pcm, wanted.seconds, clock)


def _number(text: str) -> str:
    try:
        return phone.read(text, REGION).e164
    except Bad as bad:
        raise Refused(f"{text}: {bad}") from bad


async def _prompt(settings: Settings, language: str) -> bytes:
    async with speaking.prompts(settings) as voices:
        await voices.prepare(language, [SAYS[language]])
        clip = voices.get(language, SAYS[language])
        assert clip is not None  # it was prepared
        return clip.pcm


async def measured(
    switch: switches.Opened, order: Order, pcm: bytes, seconds: float, clock: Clock
) -> dict[str, Any]:
    """Place it, say `pcm`, listen for so many seconds more, and tell all."""
    began = clock.elapsed()
    told: dict[str, Any] = {"trunk": order.trunk, "answered": False, "cause": ""}

    def since() -> float:
        return round(clock.elapsed() - began, 2)

    def ringing() -> None:
        told.setdefault("post_dial_delay", since())

    try:
        async with switch.place(replace(order, ringing=ringing)) as line:
            told |= {"answered": True, "answered_after": since()}
            told.setdefault("post_dial_delay", told["answered_after"])
            line.say(pcm)
            told["said_seconds"] = round(line.queued(), 1)
            told |= await heard(line, line.queued() + seconds, clock)
            if isinstance(switch, AsteriskChannel):
                told |= await _media(switch, order)
    except NotAnswered as no:
        told["cause"] = no.cause.value
    except Unsure:
        told["cause"] = "the Asterisk was lost"
    return told


async def heard(line: Line, seconds: float, clock: Clock) -> dict[str, Any]:
    """What came from the other end: how much, how loud, whether a voice, which keys."""
    sound, keys, voice, machine = bytearray(), "", 0, ""
    vad = Vad()
    with suppress(TimeoutError):
        async with clock.timeout(seconds):
            async for piece in line.hear():
                match piece:
                    case Digit(key):
                        keys += key
                    case Audio(frame):
                        sound += frame
                        voice += vad.probability(frame) > VOICE
                    case Machine(over):
                        machine = "left its message" if over else "answered"
    return {
        "heard_seconds": round(len(sound) / (2 * RATE), 1),
        "heard_level_db": round(level_db(bytes(sound)), 1) if sound else None,
        "voice_seconds": round(voice * FRAME / RATE, 1),
        "keys": keys,
        **({"machine": machine} if machine else {}),
    }


async def _media(asterisk: AsteriskChannel, order: Order) -> dict[str, Any]:
    """The codec on the wire, and RTP packets each way as Asterisk counts them."""
    names = {
        "codec": "CHANNEL(audionativeformat)",
        "packets_received": "CHANNEL(rtcp,rxcount)",
        "packets_sent": "CHANNEL(rtcp,txcount)",
        "encrypted": "CHANNEL(rtp,secure)",
    }
    with suppress(ChannelDown, LinkLost):
        found = {n: await asterisk.variable(order, v) for n, v in names.items()}
        return {n: int(v) if v.isdecimal() else v.strip("()") for n, v in found.items()}
    return {}
