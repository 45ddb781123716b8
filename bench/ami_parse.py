"""How many AMI events a second does our parser read on one core, and asterisk-ami?

A Newstate, a DialEnd and a Hangup as an Asterisk 22 sent them for 10,000 calls
(tests/data/ami-call.txt). Seconds are of the processor, the best of `--rounds` that all
take in turn. Ours is fed 64 KiB at a time; `channel`: what the channel looks at, `all`:
every header. asterisk-ami gets whole messages: cutting the stream, 1 KiB at a time, is
work of its own that is not counted.
Run: python -m bench.ami_parse [--events N] [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from asterisk.ami import AMIClient, Event

from bench.machine import described, machine
from dialer.channels.asterisk.ami import BLANK, Parser

CALL = Path(__file__).parents[1] / "tests" / "data" / "ami-call.txt"
GREETING = b"Asterisk Call Manager/11.0.0\r\n"
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Result:
    events: int
    bytes_an_event: int
    ours_channel_per_second: int
    ours_all_per_second: int
    asterisk_ami_per_second: int
    ratio_channel: float
    ratio_all: float


def stream(events: int) -> bytes:
    """The same for the same number."""
    call = CALL.read_text("utf-8").replace("\n", "\r\n")
    each = (call.format(n=n, call=UUID(int=n)) for n in range(events // 3))
    return "".join(each).encode()


def channel(sent: bytes) -> int:
    """-> Hangup events with all the channel wants of them"""
    parser, ends = Parser(), 0
    parser.feed(GREETING)
    for at in range(0, len(sent), CHUNK):
        for message in parser.feed(sent[at : at + CHUNK]):
            if message.event == "Hangup":
                wanted = [message.get(n) for n in ("Uniqueid", "Cause", "TechCause")]
                ends += all(wanted)
    return ends


def whole(sent: bytes) -> int:
    parser, ends = Parser(), 0
    parser.feed(GREETING)
    for at in range(0, len(sent), CHUNK):
        for message in parser.feed(sent[at : at + CHUNK]):
            ends += dict(message.headers()).get("TechCause") == "486"
    return ends


def second(sent: bytes) -> int:
    client, ends = AMIClient(), 0

    def heard(event: Event, source: AMIClient) -> None:
        nonlocal ends
        ends += event.keys.get("TechCause") == "486"

    client.add_event_listener(heard)
    for pack in sent.split(BLANK)[:-1]:
        client.fire_recv_pack(client._decode_pack(pack))
    return ends


def seconds(reader: Callable[[bytes], int], sent: bytes, ends: int) -> float:
    began = time.process_time()
    found = reader(sent)
    took = time.process_time() - began
    if found != ends:
        raise SystemExit(f"{reader.__name__}: {found} of {ends} calls ended")
    return took


def run(events: int, rounds: int) -> Result:
    sent, readers = stream(events), (channel, whole, second)
    count = events // 3 * 3
    best = [float("inf")] * len(readers)
    for _ in range(rounds):
        took = [seconds(reader, sent, count // 3) for reader in readers]
        best = [min(pair) for pair in zip(best, took, strict=True)]
    rates = [count / one for one in best]
    return Result(
        events=count,
        bytes_an_event=len(sent) // count,
        ours_channel_per_second=round(rates[0]),
        ours_all_per_second=round(rates[1]),
        asterisk_ami_per_second=round(rates[2]),
        ratio_channel=round(rates[0] / rates[2], 2),
        ratio_all=round(rates[1] / rates[2], 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args()
    result = run(asked.events, asked.rounds)
    if asked.as_json:
        print(json.dumps({**asdict(result), "machine": machine()}))
        return
    print(described())
    for name, value in asdict(result).items():
        print(f"{name:26} {value}")


if __name__ == "__main__":
    main()
