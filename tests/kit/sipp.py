"""SIPp as the network of a bench: hundreds of calls, for less than an Asterisk takes.

The machine's own `sipp`, else Debian's, unpacked into the cache as Asterisk is.
`python -m tests.kit.sipp` fetches it.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.kit.asterisk import CACHE, download, free_udp, program, unpack

PREFIX = CACHE / "sipp"
DONE = PREFIX / ".complete"
START = 10.0  #: seconds to answer its first OPTIONS; it takes 0.1

BACK = """SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag={tag}
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
"""
NO_BODY = "Content-Length: 0\n\n"
SOUND = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=network 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20
"""
TAG = "[pid]-[call_number]"
SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="network">
<recv request="OPTIONS" optional="true" next="options"/>
<recv request="INVITE"/>
{steps}
<nop next="end"/>
<label id="options"/>
{options}
<label id="end"/>
<nop/>
</scenario>
"""
GOODBYE = BACK.replace("\n[last_To:];tag={tag}", "\n[last_To:]")


def fetch() -> tuple[str, ...]:
    """How to start it; fetched first unless it is there."""
    if installed := shutil.which("sipp"):
        return (installed,)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "sipp.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another may be fetching
        if not DONE.exists():
            with tempfile.TemporaryDirectory() as folder:
                unpack(download(Path(folder), "sip-tester"), PREFIX)
            DONE.touch()
    return program(PREFIX, "usr/bin/sipp")


def answers() -> str:
    """A scenario: every call is answered, and the other side hangs up."""
    taken = _send("200 OK", SOUND, again=True)
    ended = _said(GOODBYE.format(status="200 OK") + NO_BODY)
    return _scenario(f"{taken}{_wait('ACK')}{_wait('BYE')}{ended}")


def refuses(status: str) -> str:
    """A scenario: every call is refused with a status ("486 Busy Here")."""
    return _scenario(_send(status, NO_BODY, again=True) + _wait("ACK"))


def _scenario(steps: str) -> str:
    return SCENARIO.format(steps=steps, options=_send("200 OK", NO_BODY))


def _send(status: str, body: str, *, again: bool = False) -> str:
    return _said(BACK.format(status=status, tag=TAG) + body, again=again)


def _said(text: str, *, again: bool = False) -> str:
    repeated = ' retrans="500"' if again else ""  # until it is acknowledged
    return f"<send{repeated}><![CDATA[\n{text}]]></send>\n"


def _wait(request: str) -> str:
    return f'<recv request="{request}"/>\n'


@contextlib.contextmanager
def running(scenario: str) -> Iterator[int]:
    """-> its UDP port on loopback. It sends back whatever RTP it gets."""
    port, media = free_udp(), free_udp()
    with tempfile.TemporaryDirectory(prefix="sipp-") as folder:
        file = Path(folder) / "network.xml"
        file.write_text(scenario)
        host = "127.0.0.1"
        options = {"-sf": file, "-i": host, "-mi": host, "-p": port, "-mp": media}
        said = [str(word) for pair in options.items() for word in pair]
        with (Path(folder) / "out").open("wb") as out:
            process = subprocess.Popen(
                [*fetch(), *said, "-rtp_echo", "-nostdin", "-deadcall_wait", "1000"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )
        try:
            _answering(port, process)
            yield port
        finally:
            process.kill()
            process.wait()


def _answering(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until OPTIONS are answered."""
    until = time.monotonic() + START
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        end.settimeout(0.05)
        while process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError):
                end.sendto(_options(port, end.getsockname()[1]), ("127.0.0.1", port))
                if end.recv(65536).startswith(b"SIP/2.0 200"):
                    return
            time.sleep(0.01)
    raise RuntimeError("SIPp does not answer")


def _options(port: int, ours: int) -> bytes:
    name = f"probe-{time.monotonic_ns()}"
    lines = (
        f"OPTIONS sip:127.0.0.1:{port} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{ours};branch=z9hG4bK-{name}",
        "Max-Forwards: 70",
        f"From: <sip:bench@127.0.0.1:{ours}>;tag=1",
        f"To: <sip:127.0.0.1:{port}>",
        f"Call-ID: {name}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


if __name__ == "__main__":
    print(*fetch())  # noqa: T201
