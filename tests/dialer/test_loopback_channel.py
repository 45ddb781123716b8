"""The carrier in memory: what the contract does not ask, and a call between the two."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dialer.channels.loopback.actor import beep
from dialer.channels.loopback.callee import Callee, Speech, Turn, Voicemail
from dialer.channels.loopback.channel import LoopbackChannel, PlacedTwice
from dialer.channels.port import Audio, Cause, ChannelDown, Line, NotAnswered, Order
from dialer.clock import Clock, SystemClock
from speech.audio import level_db, telephone
from speech.port import SpeechError
from tests.contract.loopback_rig import settle
from tests.contract.rig import loud_seconds, run, tone
from tests.kit.clock import FakeClock

NUMBER = "+8617000000001"
THERE = Callee(NUMBER, ring_seconds=1.0)


class Net:
    """A rig of one callee."""

    def __init__(self, callee: Callee, **more: object) -> None:
        self.clock = FakeClock()
        self.channel = LoopbackChannel({NUMBER: callee}, self.clock, **more)  # type: ignore[arg-type]

    async def pass_time(self, seconds: float) -> None:
        await settle()
        await self.clock.advance(seconds)


async def hear(line: Line, seconds: float) -> bytes:
    pcm = b""
    async for heard in line.hear():
        pcm += heard.pcm if isinstance(heard, Audio) else b""
        if len(pcm) >= seconds * 16000:
            break
    return pcm


async def sound_of(net: Net, seconds: float) -> bytes:
    async def call() -> bytes:
        async with net.channel.place(Order("a1", NUMBER)) as line:
            return await hear(line, seconds)

    async with net.channel:
        return await run(net, call())


async def test_noise_is_as_loud_as_asked() -> None:
    pcm = await sound_of(Net(replace(THERE, noise_snr_db=15.0)), 3.0)
    assert level_db(pcm) == pytest.approx(-35.0, abs=0.5)


async def test_the_line_is_silent_without_noise() -> None:
    assert not any(await sound_of(Net(THERE), 1.0))


async def test_lost_frames_are_lost_whole_both_ways() -> None:
    heard: list[bytes] = []

    def note(pcm: bytes) -> str:
        heard.append(pcm)
        return ""

    talks = Speech(pcm=tone(8.0))
    callee = replace(THERE, packet_loss=0.25, greeting=talks)
    pcm = await sound_of(Net(callee), 8.0)
    assert 0.65 * 7.7 < loud_seconds(pcm) < 0.85 * 7.7

    async def call() -> None:
        async with net.channel.place(Order("a1", NUMBER)) as line:
            line.say(tone(8.0))
            await hear(line, 9.5)

    net = Net(replace(THERE, packet_loss=0.25), understands=note)
    async with net.channel:
        await run(net, call())
    assert 0.65 * 8 < loud_seconds(b"".join(heard)) < 0.85 * 8


async def test_sound_passes_through_g711() -> None:
    pcm = await sound_of(Net(replace(THERE, greeting=Speech(pcm=tone(0.5)))), 1.0)
    said = tone(0.5)
    assert said not in pcm
    assert telephone(said) in pcm


async def test_a_voicemail_beeps_and_waits() -> None:
    machine = Voicemail(Speech(pcm=tone(1.0)), beep_seconds=0.4)
    pcm = await sound_of(Net(replace(THERE, voicemail=machine)), 6.0)
    assert loud_seconds(pcm) == pytest.approx(1.4, abs=0.05)
    assert telephone(beep(1000.0, 0.4)) in pcm


async def test_early_media_is_what_was_heard_before_it_failed() -> None:
    early = Speech(pcm=tone(4.0))
    net = Net(replace(THERE, answer="no_answer", early=early))

    async def call(ring_seconds: float) -> NotAnswered:
        with pytest.raises(NotAnswered) as told:
            async with net.channel.place(
                Order(f"a{ring_seconds}", NUMBER, ring_seconds)
            ):
                pytest.fail("the block was entered")
        return told.value

    async with net.channel:
        whole = await run(net, call(30.0))
        part = await run(net, call(3.0))
    assert whole.early == telephone(tone(4.0))
    assert part.early == telephone(tone(4.0))[: 2 * 16000]


async def test_a_number_nobody_has_is_unallocated() -> None:
    net = Net(THERE)

    async def call() -> Cause:
        with pytest.raises(NotAnswered) as told:
            async with net.channel.place(Order("a1", "+8617099999999")):
                pytest.fail("the block was entered")
        return told.value.cause

    async with net.channel:
        assert await run(net, call()) is Cause.UNALLOCATED


async def placed(net: Net, attempt_id: str) -> None:
    async with net.channel.place(Order(attempt_id, NUMBER, ring_seconds=5)):
        pass


async def test_a_second_placing_is_refused_and_on_record(tmp_path: Path) -> None:
    record = tmp_path / "carrier" / "placed.jsonl"
    net = Net(THERE, record=record)
    async with net.channel:
        await run(net, placed(net, "a1"))
        with pytest.raises(PlacedTwice, match="attempt a1 was placed before"):
            await placed(net, "a1")
    later = Net(THERE, record=record)  # as after a crash
    async with later.channel:
        with pytest.raises(PlacedTwice):
            await placed(later, "a1")
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [line["attempt"] for line in lines] == ["a1", "a1", "a1"]
    digest = hashlib.sha256(NUMBER.encode()).hexdigest()
    assert lines[0]["number_sha256"] == digest
    assert lines[0]["at"] == "2026-01-05T09:00:00+00:00"
    assert NUMBER not in record.read_text()


async def test_a_record_cut_off_by_a_crash_goes_on(tmp_path: Path) -> None:
    record = tmp_path / "placed.jsonl"
    record.write_text('{"attempt": "a0"}\n{"attempt": "a')
    net = Net(THERE, record=record)
    async with net.channel:
        await run(net, placed(net, "a1"))
    last = record.read_text().splitlines()[-1]
    assert json.loads(last)["attempt"] == "a1"


async def test_what_was_not_dialed_is_not_on_record(tmp_path: Path) -> None:
    record = tmp_path / "placed.jsonl"
    net = Net(replace(THERE, answer="not_dialed"), record=record)
    async with net.channel:
        with pytest.raises(NotAnswered):
            await placed(net, "a1")
    assert not record.exists()


async def test_a_carrier_that_is_not_open_dials_nobody() -> None:
    net = Net(THERE)
    with pytest.raises(ChannelDown):
        await placed(net, "a1")
    async with net.channel:
        pass
    with pytest.raises(ChannelDown):
        await placed(net, "a1")


async def test_the_blocks_own_error_leaves_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with Net(THERE).channel:
            raise KeyError


@dataclass
class Sung:
    pcm: bytes


class Studio:
    """Sings every text; remembers who asked for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, list[str]]] = []

    async def prepare(
        self,
        language: str,
        texts: Iterable[str],
        progress: Callable[[int, int], None] | None = None,
        *,
        voice: str = "",
    ) -> None:
        said = list(texts)
        self.asked.append((language, voice, said))
        for n in range(len(said)):
            if progress is not None:
                progress(n + 1, len(said))

    def get(self, language: str, text: str, *, voice: str = "") -> Sung:
        return Sung(tone(0.5))


def speakers() -> dict[str, Callee]:
    zh = Callee("+8617000000001", "zh", "kokoro:jm_kumo", greeting=Speech("喂？"))
    turns = (Turn(speech=Speech("Yes.")), Turn(speech=Speech("Yes.")))
    en = Callee("+12125550100", "en", "hibari:deep", turns=turns)
    return {zh.number: zh, en.number: en}


async def test_callees_speech_is_made_ahead_in_their_voices() -> None:
    seen: list[tuple[int, int]] = []
    studio = Studio()
    async with LoopbackChannel(speakers(), FakeClock()) as channel:
        with pytest.raises(ChannelDown, match="await prepare"):
            async with channel.place(Order("a1", "+12125550100")):
                pytest.fail("the block was entered")
        await channel.prepare(studio, lambda *at: seen.append(at))
    assert studio.asked == [
        ("zh", "kokoro:jm_kumo", ["喂？"]),
        ("en", "hibari:deep", ["Yes."]),
    ]
    assert seen == [(1, 2), (2, 2)]


async def test_a_voice_that_fails_is_told() -> None:
    class Mute(Studio):
        async def prepare(self, *args: object, **more: object) -> None:
            raise SpeechError("no voice today")

    async with LoopbackChannel(speakers(), FakeClock()) as channel:
        with pytest.raises(SpeechError, match="no voice today"):
            await channel.prepare(Mute())


class Hurried:
    """The system's clock, thirty times as fast: real waiting, no waiting for it."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self.now = self._real.now

    def elapsed(self) -> float:
        return self._real.elapsed() * 30

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds / 30)

    def timeout(self, seconds: float):  # type: ignore[no-untyped-def]
        return self._real.timeout(seconds / 30)


async def test_a_late_ticker_catches_up() -> None:
    clock: Clock = Hurried()
    async with (
        LoopbackChannel({NUMBER: THERE}, clock) as channel,
        channel.place(Order("a1", NUMBER)) as line,
    ):
        start = clock.elapsed()
        await hear(line, 3.0)
        assert clock.elapsed() - start == pytest.approx(3.0, rel=0.4)
