"""One call's media stream without a socket: what comes, what goes, and what is refused;
the clock moved by hand."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.channels.line import BadFrame
from dialer.channels.port import Audio, Digit, Heard
from dialer.channels.twilio import wire
from dialer.channels.twilio.stream import AHEAD, NAMELESS, PORTION, STUCK, Stream
from speech.audio import ulaw_encode
from speech.port import FRAME_BYTES
from tests.kit.clock import FakeClock
from tests.kit.twilio import ACCOUNT

PCM = bytes(FRAME_BYTES)
CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
FORM = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
START: dict[str, object] = {
    "accountSid": ACCOUNT,
    "callSid": "CA1",
    "streamSid": "MZ1",
    "tracks": ["inbound"],
    "mediaFormat": FORM,
    "customParameters": {"token": "t"},
}


def say(event: str, number: int, sid: str = "MZ1", **more: object) -> str:
    told = {"event": event, "sequenceNumber": str(number), "streamSid": sid}
    return json.dumps(told | more)


def media(number: int, pcm: bytes = PCM, track: str = "inbound") -> str:
    payload = b64encode(ulaw_encode(pcm)).decode()
    body = {"track": track, "chunk": "1", "timestamp": "5", "payload": payload}
    return say("media", number, media=body)


def start(**more: object) -> str:
    return say("start", 1, start=START | more)


def marked(number: int, name: str) -> str:
    return say("mark", number, mark={"name": name})


class Bed:
    """A stream, and the call that waits for it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.claimed = 0
        self.stream = Stream(self, ACCOUNT, self.clock)

    def claim(self, stream: Stream, call_sid: str, token: str) -> bool:
        right = (call_sid, token) == ("CA1", "t") and not self.claimed
        self.claimed += right
        return right

    def tell(self, *said: str) -> None:
        for one in said:
            self.stream.told(one)

    def up(self) -> Bed:
        self.tell(json.dumps(CONNECTED), start())
        assert self.stream.named
        return self

    async def tick(self, count: int = 1) -> None:
        for _ in range(count):
            await self.clock.advance(0.02)
            self.stream.tick()

    def sent(self) -> list[str]:
        """What goes out, in short: sizes of sound in frames, names of marks."""
        found = list[str]()
        while self.stream._out:
            said = json.loads(self.stream._out.pop(0))
            match said["event"]:
                case "media":
                    found.append(str(len(said["media"]["payload"]) * 3 // 4 // 160))
                case "mark":
                    found.append(f"m{said['mark']['name']}")
                case other:
                    found.append(other)
        return found

    async def heard(self) -> list[Heard]:
        self.stream.end()
        return [one async for one in self.stream.hear()]


async def test_sound_and_keys_come_in_order() -> None:
    bed = Bed().up()
    bed.tell(media(2), say("dtmf", 3, dtmf={"track": "inbound_track", "digit": "5"}))
    bed.tell(media(4, PCM[:100]), media(5, PCM[100:]), media(6, track="outbound"))
    bed.tell(say("dtmf", 7, dtmf={"digit": "A"}), say("new-thing", 8))
    assert not bed.stream.over
    quiet = Audio(PCM)
    assert await bed.heard() == [quiet, Digit("5"), quiet]


async def test_no_more_is_handed_over_than_a_second_and_marks_make_room() -> None:
    bed = Bed().up()
    bed.stream.say(PCM * 200)
    await bed.tick(10)
    assert bed.sent() == ["10", "m1", "10", "m2", "10", "m3", "10", "m4", "10", "m5"]
    assert AHEAD == 5 * PORTION
    bed.tell(marked(2, "1"), marked(3, "nonsense"))
    await bed.tick()
    assert bed.sent() == ["10", "m6"]
    assert bed.stream.queued() == pytest.approx(3.8 - 0.02 - 0.02, abs=0.021)


async def test_a_barge_in_takes_back_what_was_not_played() -> None:
    bed = Bed().up()
    bed.stream.say(PCM * 200)
    await bed.tick()
    bed.sent()
    bed.stream.clear()
    assert bed.stream.queued() == 0
    bed.tell(marked(2, "1"), marked(3, "2"))  # Twilio gives them back at once
    await bed.tick(3)
    assert bed.sent() == ["clear"]
    bed.stream.clear()  # nothing is there
    bed.stream.say(PCM)
    await bed.tick()
    assert bed.sent() == ["1", "m6"]


async def test_a_piece_of_a_frame_waits_for_the_rest() -> None:
    bed = Bed().up()
    bed.stream.say(PCM * 5 + PCM[:100])
    await bed.tick()
    assert bed.sent() == ["5", "m1"]
    await bed.tick(5)
    assert bed.sent() == ["1", "m2"]
    with pytest.raises(ValueError, match="16-bit"):
        bed.stream.say(b"\0")


async def test_silence_stands_for_what_does_not_come() -> None:
    bed = Bed().up()
    bed.tell(media(2))
    await bed.tick(8)
    assert len(await bed.heard()) == 1 + 3  # less than five ticks are jitter


async def test_who_plays_nothing_or_never_says_who_it_is_has_to_go() -> None:
    bed = Bed().up()
    bed.stream.say(PCM)
    await bed.tick(STUCK + 3)
    assert bed.stream.why == "no sound was played for 5 s"
    bed = Bed()
    bed.tell(json.dumps(CONNECTED))
    await bed.tick(NAMELESS)
    assert not bed.stream.over
    await bed.tick()
    assert bed.stream.why == "no identity in 5 s"


@pytest.mark.parametrize(
    "said",
    [
        [media(2)],
        [start()],  # before `connected`
        [json.dumps(CONNECTED), json.dumps(CONNECTED)],
        [json.dumps(CONNECTED), say("stop", 1)],
        [json.dumps(CONNECTED), say("hello", 1)],
        [json.dumps(CONNECTED), start(accountSid="AC" + "f" * 32)],
        [json.dumps(CONNECTED), start(callSid="CA2")],
        [json.dumps(CONNECTED), start(customParameters={"token": "x"})],
        [json.dumps(CONNECTED), start(customParameters={})],
        [json.dumps(CONNECTED), start(mediaFormat={**FORM, "sampleRate": 16000})],
        [json.dumps(CONNECTED), start(mediaFormat={**FORM, "encoding": "pcm"})],
        [json.dumps(CONNECTED), say("start", 1)],
        ["up", start()],
        ["up", media(2).replace("MZ1", "MZ2")],
        ["up", media(3), media(3)],
        ["up", media(3), media(2)],
        ["up", media(2).replace('"2"', '"two"', 1)],
        ["up", say("media", 2)],
        ["up", say("media", 2, media={"payload": "no base64!"})],
        ["up", media(2, bytes(20000))],
        ["up", say("x", 2, x="y" * wire.LONGEST)],
        ["up", "{" * 5000],
        ["up", "[]"],
        ["up", ""],
        ["up", '{"event": 7}'],
    ],
)
async def test_what_is_not_agreed_ends_this_stream(said: list[str]) -> None:
    bed = Bed()
    if said[0] == "up":
        bed.up()
    bed.tell(*said[said[0] == "up" :])
    assert bed.stream.over
    assert bed.stream.why
    bed.tell(media(9))
    assert await bed.heard() == (
        [Audio(PCM)]
        if said[-1] in (media(2), media(3)) and said[0] == "up" and len(said) > 2
        else []
    )


def test_a_token_opens_one_stream() -> None:
    bed = Bed().up()
    other = Stream(bed, ACCOUNT, bed.clock)
    for one in (json.dumps(CONNECTED), start()):
        other.told(one)
    assert other.over
    assert not bed.stream.over


PIECES = st.one_of(
    st.just(json.dumps(CONNECTED)),
    st.builds(start),
    st.builds(media, st.integers(0, 9), st.sampled_from([PCM, PCM[:100], b""])),
    st.builds(marked, st.integers(0, 9), st.sampled_from(["1", "2", "x"])),
    st.builds(say, st.sampled_from(["stop", "dtmf", "?"]), st.integers(-1, 9)),
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda more: st.lists(more) | st.dictionaries(st.text(), more),
        max_leaves=5,
    ).map(json.dumps),
)


@settings(deadline=None)
@given(st.lists(PIECES | st.sampled_from(["tick", "say", "clear"]), max_size=30))
def test_no_messages_in_any_order_break_it(said: list[str]) -> None:
    async def feed() -> None:
        bed = Bed()
        for one in said:
            match one:
                case "tick":
                    bed.stream.tick()
                case "say":
                    bed.stream.say(PCM * 7)
                case "clear":
                    bed.stream.clear()
                case text:
                    bed.tell(text)
        assert bed.claimed <= 1
        assert bed.stream._handed.bytes <= AHEAD
        assert {len(h.pcm) for h in await bed.heard() if isinstance(h, Audio)} <= {320}
        assert bed.stream.queued() == 0

    asyncio.run(feed())


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        found = wire.read(data)
    except BadFrame:
        return
    assert isinstance(found.event, str)
