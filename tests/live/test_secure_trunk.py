"""A trunk over TLS and SRTP to a second Asterisk: nothing is to be read on the wire."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dialer.channels.port import Audio, ChannelDown, NotAnswered, Order
from dialer.trunks.routes import Routes
from speech.audio import level_db, ulaw_decode
from tests.kit import asterisk
from tests.kit.certs import write_certificates
from tests.kit.wire import TCP, UDP, Packet, sniffed
from tests.live.test_trunks import NUMBER, call, opened, trunk, world

pytestmark = [pytest.mark.live, pytest.mark.slow]
RTP_HEADER = 12
TONE = 440  # Hz; what the carrier plays (tests.contract.rig.tone)


def carrier(home: Path, port: int, certificate: str) -> dict[str, str]:
    """pjsip.conf of a carrier that takes calls by TLS and SRTP only."""
    files = {
        name: home / f"{certificate}{file}"
        for name, file in (("cert", "server.pem"), ("priv_key", "server.key"))
    }
    return {
        "pjsip.conf": f"""
[tls]
type = transport
protocol = tls
bind = 127.0.0.1:{port}
method = tlsv1_2
cert_file = {files["cert"]}
priv_key_file = {files["priv_key"]}
[ours](+)
media_encryption = sdes
"""
    }


def secure(port: int) -> str:
    lines = 'transport = "tls"\nsrtp = true\ncodecs = ["ulaw"]'
    return trunk("north", port, lines)


async def listen(routes: Routes) -> None:
    """Call, and hear 0.8 s of the tone, by what comes, not by a clock."""
    loud, order = 0, Order("a", NUMBER, ring_seconds=5)
    async with routes.seat(NUMBER, "") as seat, seat.place(order) as line:
        async for heard in line.hear():
            loud += isinstance(heard, Audio) and level_db(heard.pcm) > -30
            if loud == 40:
                return
    raise AssertionError("the tone was not heard")


def tonal(packets: list[Packet]) -> float:
    """How much of the loudest RTP stream's energy is the tone, as u-law; 0..1."""
    streams = dict[tuple[int, int], bytes]()
    for seen in packets:
        if seen.protocol == UDP and len(seen.payload) >= RTP_HEADER + 160:
            ends = seen.source, seen.to
            sound = seen.payload[RTP_HEADER : RTP_HEADER + 160]
            streams[ends] = streams.get(ends, b"") + sound
    assert streams, "no media passed"
    found = map(ulaw_decode, streams.values())
    return max(share(np.frombuffer(pcm, "<i2").astype(float)) for pcm in found)


def share(samples: np.ndarray) -> float:
    """Of the energy in one second, what lies within 20 Hz of the tone."""
    best = 0.0
    for start in range(0, max(1, len(samples) - 8000), 4000):
        part = samples[start : start + 8000]
        power = np.abs(np.fft.rfft(part)) ** 2
        hertz = np.fft.rfftfreq(len(part), 1 / 8000)
        near = power[np.abs(hertz - TONE) < 20].sum()
        best = max(best, float(near / (power.sum() + 1)))
    return best


async def test_signalling_and_sound_are_encrypted_and_heard(tmp_path: Path) -> None:
    write_certificates(tmp_path, "127.0.0.1")
    port = asterisk.free_tcp()
    with world(tmp_path, secure(port), carrier(tmp_path, port, "")) as made:
        with sniffed() as packets:
            async with opened(made) as (routes, _):
                await listen(routes)
        assert made.engine.channels() == 0
    words = [p.payload for p in packets if port in (p.source, p.to) and p.payload]
    assert words
    assert not any(b"INVITE" in payload or b"SIP/2.0" in payload for payload in words)
    hello = next(p for p in words if p[:1] == b"\x16" and p[5:6] == b"\x02")
    assert hello[9:11] == b"\x03\x03"  # ServerHello: TLS 1.2, or 1.3 in its guise
    assert {p.protocol for p in packets if port in (p.source, p.to)} == {TCP}
    assert tonal(packets) < 0.2


async def test_without_srtp_the_same_tone_is_to_be_read(tmp_path: Path) -> None:
    """That the other test can fail: the wire is looked at rightly."""
    plain = trunk("north", "@", 'codecs = ["ulaw"]')
    with world(tmp_path, plain, {}) as made, sniffed() as packets:
        async with opened(made) as (routes, _):
            await listen(routes)
    assert any(b"INVITE" in packet.payload for packet in packets)
    assert tonal(packets) > 0.8


async def test_a_carrier_whose_certificate_nobody_signed_gets_no_call(
    tmp_path: Path,
) -> None:
    write_certificates(tmp_path, "127.0.0.1")
    write_certificates(tmp_path, "127.0.0.1", "strange")
    port = asterisk.free_tcp()
    config = carrier(tmp_path, port, "strange")
    with world(tmp_path, secure(port), config) as made:
        async with opened(made) as (routes, _):
            with pytest.raises((NotAnswered, ChannelDown)):
                await call(routes, "a")
        assert made.carrier.channels() == 0
