"""What telephony admins ask of trunks: how they are, read this again, call my phone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from dialer import app, switches
from dialer.call.disposition import BY_CAUSE
from dialer.campaign.retry import Policy
from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.asterisk.link import LinkLost
from dialer.channels.causes import Causes
from dialer.channels.port import (
    Audio,
    Cause,
    ChannelDown,
    Digit,
    Line,
    Machine,
    NotAnswered,
    Order,
    Unsure,
)
from dialer.channels.twilio.rest import Rest, account_state, calls_up
from dialer.clock import Clock
from dialer.contacts import phone
from dialer.contacts.problem import Bad
from dialer.settings import Settings
from dialer.store.port import Refused
from dialer.trunks.model import Trunks, load
from dialer.trunks.render import FILES
from dialer.trunks.routes import NETWORK
from dialer.trunks.select import candidates
from speech.audio import level_db
from speech.port import FRAME, RATE
from speech.vad import Vad

SAYS = {
    "zh": "您好，这是一次线路测试。请说一句话，或者按一个键。",
    "en": "Hello, this is a test of the line. Please say something, or press a key.",
}
WRITTEN = "the files are written, but Asterisk has not read them"
BY_HAND = "there, run: asterisk -rx 'core reload'"
OTHERS = {Cause.FAILED: "any other"}
REGION = "CN"
VOICE = 0.5  #: of the detector's probability


async def reload(
    found: Trunks, name: str, written: Iterable[str], clock: Clock
) -> None:
    """Have Asterisk read what was rendered. Refused: a module will not, or it does not
    let us in (as before the first time)."""
    modules = dict.fromkeys(FILES[file][1] for file in written if file in FILES)
    try:
        async with switches.open_switch(found, name, clock) as asterisk:
            for module in modules:
                if why := await asterisk.reload(module):
                    raise Refused(f"{WRITTEN}: {module}: {why}")
    except (ChannelDown, LinkLost) as down:
        raise Refused(f"{WRITTEN}: {down}; {BY_HAND}") from down


async def look(found: Trunks, clock: Clock) -> dict[str, dict[str, Any]]:
    """By trunk: whether the carrier answers, the round trip, channels in use."""
    seen = dict[str, dict[str, Any]]()
    for name in found.asterisk:
        mine = [trunk for trunk, t in found.trunk.items() if t.asterisk == name]
        try:
            async with switches.open_switch(found, name, clock) as asterisk:
                used = await asterisk.in_use()
                for trunk in mine:
                    seen[trunk] = await _seen(asterisk, trunk) | {
                        "channels_in_use": used[trunk]
                    }
        except (ChannelDown, LinkLost) as down:
            for trunk in mine:
                told = str(down) or "the Asterisk did not answer"
                seen[trunk] = {"reachable": False, "carrier": told}
                seen[trunk]["channels_in_use"] = 0
    for name in found.twilio:
        seen |= await _account(found, name, clock)
    for trunk, row in seen.items():
        row["channels"] = found.trunk[trunk].channels
    return seen


async def _account(found: Trunks, name: str, clock: Clock) -> dict[str, dict[str, Any]]:
    """Of an account's trunks; it takes no port that an engine may have."""
    mine = {n: t for n, t in found.trunk.items() if t.switch == f"twilio.{name}"}
    rows = dict[str, dict[str, Any]]()
    async with Rest(switches.twilio_account(found, name), clock) as rest:
        began = clock.elapsed()
        there, why = await account_state(rest)
        ms = 1000 * (clock.elapsed() - began)
        for trunk, table in mine.items():
            used = await calls_up(rest, table.caller_ids) if there else 0
            told = f"answers in {ms:.1f} ms" if there else why
            rows[trunk] = {"reachable": there, "carrier": told, "channels_in_use": used}
            rows[trunk]["round_trip_ms"] = round(ms, 1) if there else None
    return rows


async def _seen(asterisk: AsteriskChannel, trunk: str) -> dict[str, Any]:
    peers = await asterisk.peers(trunk)
    there, why = switches.reach(peers)
    times = [peer.ms for peer in peers if peer.ms is not None]
    ms = min(times) if times else None
    told = f"answers in {ms:.1f} ms" if ms is not None else why
    return {"reachable": there, "carrier": told, "round_trip_ms": ms}


def cause_rows(known: Causes, policy: Policy) -> list[dict[str, str]]:
    """One row a cause: its codes, what it comes to, whether it is tried again."""
    rows = list[dict[str, str]]()
    for cause in Cause:
        disposition = BY_CAUSE[cause]
        rule = policy.rules.get(disposition)
        rows.append(
            {
                "sip": codes(known.sip, cause) or OTHERS.get(cause, "-"),
                "q850": codes(known.q850, cause) or OTHERS.get(cause, "-"),
                "twilio": twilio_codes(known, cause) or OTHERS.get(cause, "-"),
                "cause": cause.value,
                "disposition": disposition.value,
                "retry": rule.when.value if rule and rule.times else "no",
                "fail_over": "yes, unless it rang" if cause in NETWORK else "no: final",
            }
        )
    return rows


def twilio_codes(known: Causes, cause: Cause) -> str:
    """Its CallStatus, and its error codes for what it does not place."""
    words = [status for status, found in known.status.items() if found is cause]
    return " ".join(filter(None, (*words, codes(known.error, cause))))


def codes(known: Mapping[int, Cause], cause: Cause) -> str:
    return " ".join(str(code) for code, found in known.items() if found is cause)


# --- a call to a phone of one's own


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
    async with app.opened(settings) as stores:
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
    async with app.prompts(settings) as voices:
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
