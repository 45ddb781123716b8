"""The Twilio driver against our stand-in: lost answers, late webhooks, what an engine
left behind, people, machines, prices; and nothing personal in logs or files."""

from __future__ import annotations

import asyncio
import logging
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.channels.port import (
    About,
    Audio,
    Cause,
    ChannelDown,
    Line,
    Machine,
    NotAnswered,
    Order,
    Unsure,
)
from dialer.channels.tries import call_id
from dialer.channels.twilio import bills
from dialer.channels.twilio.channel import TwilioChannel
from dialer.channels.twilio.left import OVER, Left
from dialer.channels.twilio.placing import LIMIT
from dialer.channels.twilio.record import Noted, open_record
from dialer.channels.twilio.rest import Account, Patience, Rest, account_state
from dialer.clock import SystemClock
from tests.contract.twilio_rig import ROOT, SOON, TAKERS, opened
from tests.kit import twilio
from tests.kit.clock import FakeClock
from tests.kit.leaks import no_leaks
from tests.kit.twilio import Callee, Faults, Twilio

NUMBER = "+8617000000001"
QUICK = replace(SOON, looks=(0.05, 0.1, 0.2), poll=0.3, stream=0.5)
ABOUT = About("want_person", 3, "zh")
CLOCK = SystemClock()


def order(attempt: str = "a", ring_seconds: float = 5.0) -> Order:
    return Order(attempt, NUMBER, ring_seconds, twilio.OURS, "t")


@dataclass
class Bed:
    there: Twilio
    channel: TwilioChannel
    record: Path

    async def call(self, attempt: str = "a", ring_seconds: float = 5.0) -> str:
        """How it ends, of a call that nobody talks in."""
        try:
            async with self.channel.place(order(attempt, ring_seconds)):
                return "answered"
        except NotAnswered as no:
            return no.cause.value
        except (ChannelDown, Unsure) as no:
            return type(no).__name__


@asynccontextmanager
async def bed(
    folder: Path,
    callee: Callee | None = None,
    *,
    faults: Faults | None = None,
    machine: str = "",
    people: dict[str, str] | None = None,
    patience: Patience = QUICK,
) -> AsyncIterator[Bed]:
    record = folder / "calls.jsonl"
    async with (
        Twilio({NUMBER: callee or Callee()}, faults) as there,
        opened(
            there, record, machine=machine, people=people, patience=patience
        ) as channel,
    ):
        yield Bed(there, channel, record)


async def until(true: Callable[[], object]) -> None:
    async with CLOCK.timeout(5):
        while not true():
            await CLOCK.sleep(0.01)


def always(fault: str) -> Faults:
    return Faults(create=lambda: fault)


# --- placing: one request, whatever becomes of it


@pytest.mark.parametrize(
    ("fault", "ends", "calls", "requests"),
    [
        ("lost", "answered", 1, 1),  # a webhook, the stream or the list tells
        ("500 placed", "answered", 1, 1),
        ("unsent", "Unsure", 0, 1),  # nobody can know that it was not
        ("500", "Unsure", 0, 1),
        ("429", "not_dialed", 0, 4),  # it says that it did not look at it
    ],
)
async def test_a_call_is_asked_for_once(
    tmp_path: Path, fault: str, ends: str, calls: int, requests: int
) -> None:
    async with bed(tmp_path, faults=always(fault)) as it:
        assert await it.call() == ends
        assert len(it.there.calls) == calls
        assert it.there.requests["create"] == requests
        assert it.there.up() == 0


@pytest.mark.slow
async def test_a_call_whose_answer_and_webhooks_are_lost_is_found_in_the_list(
    tmp_path: Path,
) -> None:
    lost = Faults(create=lambda: "lost", webhook=lambda status: "lost")
    callee = Callee(rings=1.0, answer="busy", sip="486")
    async with bed(tmp_path, callee, faults=lost) as it:
        assert await it.call() == "busy"  # by its status: SIP codes are not listed
        assert it.there.requests["list"] >= 1
        assert len(it.there.calls) == 1


async def test_what_cannot_be_sent_is_no_call(tmp_path: Path) -> None:
    async with Twilio({}) as there, opened(there, tmp_path / "r") as channel:
        pass
    async with opened(there, tmp_path / "r", patience=QUICK) as channel:
        with pytest.raises(ChannelDown, match="cannot be reached"):
            async with channel.place(order()):
                pytest.fail("nobody is there")
        assert not (await channel.reachable())[0]


async def test_no_order_is_placed_twice(tmp_path: Path) -> None:
    async with bed(tmp_path) as it:
        assert await it.call() == "answered"
        assert await it.call() == "Unsure"
        assert len(it.there.calls) == 1
    async with opened(it.there, it.record) as channel:
        with pytest.raises(Unsure):
            async with channel.place(order()):
                pytest.fail("it was placed by another life of ours")


# --- webhooks: lost, late, twice, out of order


@pytest.mark.parametrize("fault", ["lost", "twice", "late"])
async def test_webhooks_may_come_as_they_like(tmp_path: Path, fault: str) -> None:
    rang = list[str]()
    wrong = Faults(webhook=lambda status: fault)
    async with bed(tmp_path, Callee(answer="busy", sip="486"), faults=wrong) as it:
        asked = replace(order(), ringing=lambda: rang.append("rang"))
        with pytest.raises(NotAnswered) as no:
            async with it.channel.place(asked):
                pytest.fail("it is busy")
        assert no.value.cause is Cause.BUSY
        if fault != "late":  # unknown counts as rang: no other trunk
            assert len(rang) == (fault == "lost")


@pytest.mark.parametrize(
    ("callee", "cause", "rang"),
    [
        (Callee(answer="failed", sip="503"), "congestion", 0),
        (Callee(answer="failed", sip="503", alerts=True), "congestion", 1),
        (Callee(answer="failed", sip="404"), "unallocated", 0),
        (Callee(answer="failed", sip="599"), "failed", 0),
        (Callee(answer="busy", sip="603"), "declined", 0),
        (Callee(error=21211), "unallocated", 0),
        (Callee(error=21215), "not_dialed", 0),
    ],
)
async def test_what_twilio_says_is_what_asterisk_would_say(
    tmp_path: Path, callee: Callee, cause: str, rang: int
) -> None:
    lost = Faults(webhook=lambda status: "lost" if status == "ringing" else "")
    told = list[str]()
    async with bed(tmp_path, callee, faults=lost) as it:
        with pytest.raises(NotAnswered) as no:
            async with it.channel.place(
                replace(order(), ringing=lambda: told.append("rang"))
            ):
                pytest.fail("nobody answers")
        assert no.value.cause == cause
        assert len(told) == rang  # though that webhook was lost


async def test_answered_without_a_stream_is_ended(tmp_path: Path) -> None:
    async with bed(tmp_path) as it:
        it.channel.claim = lambda stream, sid, token: False  # type: ignore[assignment,method-assign]
        assert await it.call() == "failed"
        (call,) = it.there.calls.values()
        assert call.said  # the apology
        assert call.status == "completed"


async def test_a_stream_that_breaks_ends_the_call(tmp_path: Path) -> None:
    async with (
        bed(tmp_path, faults=Faults(cut=lambda: 0.3)) as it,
        it.channel.place(order()) as line,
    ):
        count = len([heard async for heard in line.hear()])
    assert 5 < count < 25
    assert it.there.up() == 0


async def test_what_nobody_wants_any_more_is_ended_when_it_is_known(
    tmp_path: Path,
) -> None:
    slow = Faults(create=lambda: "lost", webhook=lambda status: "lost")
    async with bed(tmp_path, Callee(rings=30.0), faults=slow) as it:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(it.call())
            await until(lambda: it.there.calls)
            task.cancel()
        await until(lambda: not it.there.up())


@pytest.mark.slow
async def test_an_api_that_is_gone_keeps_nobody_on_the_line(tmp_path: Path) -> None:
    patience = replace(QUICK, answer=3.0)
    async with bed(tmp_path, patience=patience) as it:
        async with it.channel.place(order()):
            it.there.faults.rest = lambda: "500"
            it.channel.rest._patience = replace(patience, again=3.0)
            began = CLOCK.elapsed()
        assert CLOCK.elapsed() - began < 2.5
        await until(lambda: not it.there.up())  # the end of the stream ended it
        it.there.faults.rest = lambda: ""


class Torn:
    """A connection that breaks in a way that its library does not tell as its own."""

    async def request(self, **given: object) -> None:
        raise ConnectionResetError

    async def close(self) -> None:
        pass


async def test_a_connection_that_tears_ends_a_call_and_no_engine(
    tmp_path: Path,
) -> None:
    async with bed(tmp_path) as it:
        http = it.channel.rest._client.http_client
        whole, http.session = http.session, Torn()
        assert await it.call() == "Unsure"
        http.session = whole
        assert await it.call("b") == "answered"


async def test_what_cannot_be_noted_is_not_placed(tmp_path: Path) -> None:
    async with bed(tmp_path) as it:
        it.record.unlink()
        it.record.mkdir()
        assert await it.call() == "ChannelDown"
        assert it.there.requests["create"] == 0


# --- an engine that died


def died(record: Path, **more: str | bool) -> None:
    """It had asked for attempt `a`, and no more."""
    lines = record.read_text().splitlines(keepends=True)
    record.write_text(lines[0])
    again = open_record(record, b"key", CLOCK.now())
    again.add(call_id(order()), **more)


@asynccontextmanager
async def left_ringing(folder: Path) -> AsyncIterator[tuple[Bed, str]]:
    """A call that rings, and its sid."""
    async with (
        bed(folder, Callee(rings=30.0)) as it,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(it.call())
        await until(lambda: it.there.calls)
        yield it, next(iter(it.there.calls))
        task.cancel()


@pytest.mark.parametrize("known", [True, False])
async def test_what_an_engine_left_ringing_is_found_and_ended(
    tmp_path: Path, known: bool
) -> None:
    async with left_ringing(tmp_path) as (it, sid):
        assert NUMBER not in it.record.read_text()
        died(it.record, **({"sid": sid} if known else {}))
        there = opened(it.there, it.record, patience=QUICK, shared=known)
        async with there as channel:
            orders = [Order("a", "", trunk="t"), Order("b", "", trunk="t")]
            others = {} if known else {"b": False}  # another node may have placed it
            assert await channel.left(orders) == {"a": False} | others
            assert it.there.up() == 0


async def test_a_list_that_does_not_reach_back_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock(CLOCK.now())
    async with bed(tmp_path) as it:
        for n in range(2):
            await it.call(f"later{n}")
        record = open_record(tmp_path / "other.jsonl", b"key", clock.now())
        before = clock.now() - timedelta(minutes=5)
        await record.place(
            Noted(call_id(order()), "a", "t", before, twilio.OURS, "of nobody")
        )
        left = Left(it.channel.rest, record, clock, shared=False)
        assert await left.of([order()]) == {"a": False}
        monkeypatch.setattr("dialer.channels.twilio.left.LIMIT", 2)
        assert await left.of([order()]) == {}
        await clock.advance(OVER)
        assert await left.of([order()]) == {"a": False}  # Twilio has ended it


async def test_another_nodes_call_is_over_when_twilio_has_ended_it(
    tmp_path: Path,
) -> None:
    clock, order = FakeClock(), Order("b", "", trunk="t")
    record = open_record(tmp_path / "calls.jsonl", b"key", clock.now())
    rest = Rest(Account("", "", "", ""), clock)  # it is not asked: we have no sid
    left = Left(rest, record, clock, shared=True)
    for seconds, told in ((0, {}), (OVER - 1, {}), (2, {"b": False})):
        await clock.advance(seconds)
        assert await left.of([order]) == told
    assert OVER > LIMIT + 600


@pytest.mark.parametrize(("taken", "told"), [(True, {"a": True}), (False, {})])
async def test_a_call_with_people_is_left_alone(
    tmp_path: Path, taken: bool, told: dict[str, bool]
) -> None:
    async with left_ringing(tmp_path) as (it, sid):
        died(it.record, sid=sid, people=True, taken=taken)
        async with opened(it.there, it.record, patience=QUICK) as channel:
            assert await channel.left([Order("a", "", trunk="t")]) == told
            assert it.there.up() == 1


async def test_what_twilio_does_not_tell_is_not_known(tmp_path: Path) -> None:
    async with bed(tmp_path) as it:
        await it.call()
        it.there.faults.rest = lambda: "500"
        async with opened(it.there, it.record, patience=QUICK) as channel:
            with pytest.raises(ChannelDown):
                await channel.left([Order("a", "", trunk="t")])


# --- people


async def transferred(line: Line) -> tuple[bool, int]:
    """Whether it was taken, and frames heard afterwards."""
    taken = await line.transfer("queue:people", ABOUT)
    count = 0
    async for heard in line.hear():
        count += isinstance(heard, Audio)
        if count == 10:
            break
    return taken, count


@pytest.mark.slow
@pytest.mark.parametrize(
    "where", ["sip:desk@pbx.example.com", "+862155550000", "queue:desk"]
)
async def test_people_take_over(tmp_path: Path, where: str) -> None:
    async with bed(tmp_path, people={"people": where}) as it:
        async with it.channel.place(order("7c")) as line:
            assert await line.transfer("queue:people", ABOUT)
        (call,) = it.there.calls.values()
        if where.startswith("sip"):
            assert twilio.headers_of(call.dialed[0]) == {
                "X-Accord-Attempt": "7c",
                "X-Accord-Reason": "want_person",
                "X-Accord-Stage": "3",
                "X-Accord-Language": "zh",
            }
        else:
            assert call.dialed == [where.removeprefix("queue:")]
        await until(lambda: call.whispered)
        heard = ET.fromstring(call.whispered[0]).findtext("Say", "")
        whispers = not where.startswith("sip")
        assert ("要求人工" in heard and "3" in heard) is whispers  # as ABOUT has it
        assert call.status == "in-progress"  # ours no longer: it is not hung up
        await until(lambda: call.status == "completed")


def test_reasons_of_scripts_have_words() -> None:
    named = {
        reason
        for path in (ROOT / "templates").glob("*/*script.toml")
        for reason in re.findall(r'hand_over = "(\w+)"', path.read_text("utf-8"))
    }
    assert named
    for told in TAKERS.values():
        assert named | {"other"} == told.reasons.keys()


async def test_nobody_takes_over_and_it_comes_back_twice(tmp_path: Path) -> None:
    async with (
        bed(tmp_path, Callee(people=False)) as it,
        it.channel.place(order()) as line,
    ):
        assert await transferred(line) == (False, 10)
        assert await transferred(line) == (False, 10)
        (call,) = it.there.calls.values()
        assert len(call.legs) == 3


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["lost", "500"])
async def test_people_that_cannot_be_asked_leave_us_the_line(
    tmp_path: Path, fault: str
) -> None:
    async with bed(tmp_path) as it, it.channel.place(order()) as line:
        it.there.faults.rest = lambda: fault
        assert not await line.transfer("queue:people", ABOUT)
        it.there.faults.rest = lambda: ""
        assert not await line.transfer("queue:nowhere", ABOUT)
        assert not it.there.calls[next(iter(it.there.calls))].dialed
        line.say(bytes(320))
        await until(lambda: not line.queued())


# --- machines, prices


async def test_a_machine_is_told_within_the_call(tmp_path: Path) -> None:
    callee = Callee(machine="machine_start")
    async with (
        bed(tmp_path, callee, machine="Enable") as it,
        it.channel.place(order()) as line,
        CLOCK.timeout(5),
    ):
        async for heard in line.hear():
            if isinstance(heard, Machine):
                assert not heard.over
                break


async def test_prices_come_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bills, "PAUSES", (0.05, 0.1, 0.1))
    found = list[bills.Bill]()
    async with bed(tmp_path) as it:
        it.channel.bills._told = found.append
        assert await it.call() == "answered"
        await until(lambda: found)
    (bill,) = found
    assert (bill.attempt, bill.trunk) == ("a", "t")
    assert (bill.price, bill.unit, bill.seconds) == ("-0.0130", "USD", 1)
    record = open_record(it.record, b"key", CLOCK.now())
    assert record.noted[call_id(order())].billed


# --- what is not to be seen


async def test_nothing_personal_or_secret_in_logs_files_and_errors(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for fault in ("", "lost", "429", "500"):
        async with bed(tmp_path, faults=always(fault)) as it:
            await it.call(f"a{fault}")
    async with bed(tmp_path, Callee(error=21211)) as it:
        await it.call("b")
        wrong = Account(twilio.ACCOUNT, twilio.KEY, "no", "no", api=it.there.api)
        async with Rest(wrong, CLOCK) as rest:
            state = await account_state(rest)
    assert state == (False, "Twilio refuses us (401, error 20003)")
    (tmp_path / "log.txt").write_text(caplog.text)
    (tmp_path / "shown.txt").write_text(f"{it.channel!r} {wrong!r} {order('c').trunk}")
    words = [NUMBER, NUMBER[1:], twilio.SECRET, twilio.TOKEN]
    no_leaks(tmp_path, words)
