"""The engine's end of a line gives no way to what the callee is made of."""

from __future__ import annotations

import gc
import json
import re
from dataclasses import replace
from pathlib import Path

from dialer.channels.loopback.actor import Machine, Person
from dialer.channels.loopback.callee import Callee, Expect, Speech, Turn
from dialer.channels.loopback.ears import Ears
from dialer.channels.loopback.line import Leg, LoopbackLine, Wire
from dialer.channels.loopback.plot import Plot
from dialer.channels.port import Audio, Order
from tests.contract.rig import run, tone
from tests.dialer.test_loopback_channel import NUMBER, THERE, Net


async def test_nothing_of_the_callee_is_within_reach_of_the_line() -> None:
    """Information flows from engine to callee as sound, and back as sound."""
    turns = (Turn(hears=("secret",), speech=Speech(pcm=tone(0.3))),)
    callee = replace(THERE, turns=turns, expect=Expect("promised"))
    net = Net(callee, understands=lambda pcm: "secret")
    hidden = (Callee, Turn, Speech, Expect, Person, Machine, Leg, Plot, Ears)
    code = (type, type(tone), type(json), type(net.clock.now))

    async def call() -> set[type]:
        async with net.channel.place(Order("a1", NUMBER)) as line:
            assert isinstance(line, LoopbackLine)
            assert {n for n in dir(line) if not n.startswith("_")} == {
                "clear",
                "hear",
                "queued",
                "say",
                "transfer",
            }
            await net.clock.sleep(0.1)  # some frames wait to be read
            seen: dict[int, object] = {}
            # who waits at the inbox holds the event loop, which holds everything alive
            (wire,) = vars(line).values()
            assert isinstance(wire, Wire)
            waiting: list[object] = [wire.down, wire.wish, wire.about]
            waiting += [wire.to, wire.over]
            waiting += list(wire.up._items)
            while waiting:
                one = waiting.pop()
                if id(one) in seen or isinstance(one, code):
                    continue
                seen[id(one)] = one
                waiting += gc.get_referents(one)
            return {type(one) for one in seen.values()}

    async with net.channel:
        types = await run(net, call())
    assert Audio in types  # the search does reach what there is
    assert not types & set(hidden)
    assert Wire.__dataclass_fields__.keys() == {
        *("up", "down", "wish", "to", "about", "over")
    }


async def test_expectations_are_not_the_channels_business() -> None:
    room = Path(__file__).parents[2] / "dialer" / "channels" / "loopback"
    files = [f for f in room.glob("*.py") if f.name not in ("callee.py", "callees.py")]
    assert len(files) >= 6
    reads = re.compile(r"\.expect\b|\bExpect\b")
    assert not [f.name for f in files if reads.search(f.read_text("utf-8"))]
