"""Real Asterisks for tests: fetched once, run on free loopback ports, ended by pid.

`python -m tests.kit.asterisk` fetches: Debian's asterisk with all it needs, unpacked
into a cache folder (ACCORD_CACHE, else ~/.cache/accord) and run by its own loader.
Nothing is installed, and the machine's own libraries stay as they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("ACCORD_CACHE") or Path.home() / ".cache" / "accord")
PREFIX = CACHE / "asterisk-22"
DONE = PREFIX / ".complete"
LIB = "usr/lib/x86_64-linux-gnu"


def program(prefix: Path, path: str) -> tuple[str, ...]:
    """How to start what is unpacked there: by its loader, with its libraries."""
    loader = str(prefix / "lib64" / "ld-linux-x86-64.so.2")
    return loader, "--library-path", str(prefix / LIB), str(prefix / path)


PROGRAM = program(PREFIX, "usr/sbin/asterisk")
SECRET = "of-the-test-bed"
START = 20.0  #: seconds to be fully booted; it takes one


# --- fetching


def fetch() -> str:
    """Unpack Asterisk 22 unless it is there. -> its version"""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "asterisk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another may be fetching
        if not DONE.exists():
            with tempfile.TemporaryDirectory() as folder:
                packages = download(Path(folder), "asterisk")
                unpack(packages, PREFIX)
            DONE.write_text(_version())
    version = DONE.read_text()
    if not version.startswith("Asterisk 22"):
        raise SystemExit(f"expected Asterisk 22, found {version}")
    return version


def download(folder: Path, package: str) -> list[Path]:
    """It and all it needs, from Debian's unstable suite: the stable one has no
    Asterisk. apt works on an empty state, so that it takes the libraries too."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    source = f"deb [signed-by={keys}] {_mirror()} sid main\n"
    (folder / "sources.list").write_text(source)
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
        "APT::Update::Post-Invoke-Success": "",
        "Acquire::Check-Valid-Until": "false",  # mirrors of the suite may lag
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "-qq", "-y", *(f"-o{k}={v}" for k, v in options.items())]
    _run(*apt, "update")
    _run(*apt, "--download-only", "install", package)
    return list((folder / "cache" / "archives").glob("*.deb"))


def _mirror() -> str:
    """Where this machine has its packages from."""
    found = [*Path("/etc/apt").rglob("*.sources"), *Path("/etc/apt").rglob("*.list")]
    for line in (line for path in found for line in path.read_text().splitlines()):
        if line.startswith(("URIs:", "deb ")):
            return next(word for word in line.split() if "://" in word)
    return "http://deb.debian.org/debian"


def unpack(packages: list[Path], prefix: Path) -> None:
    """Into a folder that has nothing else afterwards."""
    shutil.rmtree(prefix, ignore_errors=True)
    for name in ("bin", "sbin", "lib", "lib64"):  # merged /usr, as Debian has it
        (prefix / "usr" / name).mkdir(parents=True)
        (prefix / name).symlink_to(f"usr/{name}")
    for package in packages:
        _run("dpkg-deb", "-x", str(package), str(prefix))
    for unused in ("doc", "man", "locale", "info", "perl"):
        shutil.rmtree(prefix / "usr" / "share" / unused, ignore_errors=True)


def _version() -> str:
    return _run(*PROGRAM, "-V").strip()


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr[-2000:]}")
    return done.stdout


# --- running


def free_tcp() -> int:
    return _free(socket.SOCK_STREAM)


def free_udp() -> int:
    return _free(socket.SOCK_DGRAM)


def _free(kind: int) -> int:
    with contextlib.closing(socket.socket(socket.AF_INET, kind)) as end:
        end.bind(("127.0.0.1", 0))
        port: int = end.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Asterisk:
    """One that runs. `sip` is UDP on 127.0.0.1."""

    home: Path
    pid: int
    sip: int
    ami: int

    def command(self, text: str) -> str:
        """What its console says to a command."""
        config = self.home / "etc" / "asterisk.conf"
        return _run(*PROGRAM, "-C", str(config), "-rx", text)

    def channels(self) -> int:
        """Calls' legs that are up now."""
        lines = self.command("core show channels count").splitlines()
        return int(next(n for n in lines if "active channel" in n).split()[0])


MODULES = (
    *("pbx_config", "func_callerid", "func_channel", "func_logic", "func_strings"),
    *("func_timeout", "func_math", "app_dial", "app_playback", "app_echo", "app_stack"),
    "app_queue",
    *("app_audiosocket", "chan_audiosocket", "res_audiosocket", "app_chanspy"),
    *("app_record", "app_read", "app_senddtmf"),
    *("app_userevent", "app_verbose", "app_waitforsilence", "bridge_simple"),
    *("bridge_softmix", "bridge_holding", "codec_ulaw", "codec_alaw", "codec_resample"),
    *("format_pcm", "format_wav", "format_sln", "res_timing_timerfd", "res_crypto"),
    *("res_srtp", "res_rtp_asterisk", "res_sorcery_config", "res_sorcery_memory"),
    *("res_sorcery_astdb", "res_pjproject", "res_pjsip", "res_pjsip_acl"),
    *("res_pjsip_authenticator_digest", "res_pjsip_caller_id", "res_pjsip_rfc3326"),
    *("res_pjsip_endpoint_identifier_ip", "res_pjsip_endpoint_identifier_user"),
    *("res_pjsip_header_funcs", "res_pjsip_nat", "res_pjsip_sdp_rtp"),
    *("res_pjsip_outbound_authenticator_digest", "res_pjsip_pubsub"),
    *("res_pjsip_session", "res_pjsip_dtmf_info", "res_pjsip_config_wizard"),
    "chan_pjsip",
)
#: For modules.conf of one whose sound goes over WebSocket.
WEBSOCKET = """load = res_http_websocket.so
load = res_websocket_client.so
load = chan_websocket.so
"""


@contextlib.contextmanager
def running(
    files: Mapping[str, str],
    *,
    sip: int,
    calls: int = 100,
    deaths: list[int] | None = None,
) -> Iterator[Asterisk]:
    """Start one with these files (pjsip.conf gets its transport and manager.conf its
    user `accord` here), kill it at the end. `calls`: so many may have sound at once.
    `deaths`: one that dies is begun anew, as a service manager does, with another pid;
    the signals it died of are put there."""
    fetch()
    ami = free_tcp()
    with tempfile.TemporaryDirectory(prefix="asterisk-") as folder:
        home = Path(folder)
        for part in ("etc", "lib", "spool", "run", "log"):
            (home / part).mkdir()
        for name, text in (*_files(home, sip, ami, calls).items(), *files.items()):
            with (home / "etc" / name).open("a") as file:
                file.write(text)
        process = _start(home)
        with contextlib.ExitStack() as stack:
            stack.callback(_end, process)
            there = Asterisk(home, process.pid, sip, ami)
            _booted(there, process)
            if deaths is not None:
                stack.pop_all()
                stack.enter_context(_kept(home, process, deaths))
            yield there


@contextlib.contextmanager
def _kept(
    home: Path, process: subprocess.Popen[bytes], deaths: list[int]
) -> Iterator[None]:
    """Begun anew whenever it dies within the block."""
    over = threading.Event()

    def keep() -> None:
        now = process
        while not over.wait(0.2):
            if (code := now.poll()) is not None:
                deaths.append(-code)
                now = _start(home)
        _end(now)

    keeper = threading.Thread(target=keep, name="asterisk-keeper")
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


def _start(home: Path) -> subprocess.Popen[bytes]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)

    def allow_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    with (home / "log" / "out").open("wb") as out:
        return subprocess.Popen(
            [*PROGRAM, "-f", "-C", str(home / "etc" / "asterisk.conf")],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=allow_files,
        )


def _booted(there: Asterisk, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(SystemExit):
            if "fully booted" in there.command("core waitfullybooted"):
                return
        time.sleep(0.05)
    log = (there.home / "log" / "out").read_text(errors="replace")
    raise RuntimeError(f"Asterisk did not start: {log[-2000:]}")


def _files(home: Path, sip: int, ami: int, calls: int = 100) -> dict[str, str]:
    folders = {
        "astetcdir": home / "etc",
        "astmoddir": PREFIX / LIB / "asterisk" / "modules",
        "astvarlibdir": home / "lib",
        "astdbdir": home / "lib",
        "astkeydir": home / "lib",
        "astdatadir": PREFIX / "usr" / "share" / "asterisk",
        "astagidir": home / "lib",
        "astspooldir": home / "spool",
        "astrundir": home / "run",
        "astlogdir": home / "log",
    }
    listed = "\n".join(f"{name} => {path}" for name, path in folders.items())
    modules = "\n".join(f"load = {name}.so" for name in MODULES)
    rtp = 10_000 + sip % 250 * 200
    return {
        "asterisk.conf": f"[directories]\n{listed}\n[options]\nnocolor = yes\n",
        "modules.conf": f"[modules]\nautoload = no\n{modules}\n",
        "logger.conf": "[general]\n[logfiles]\nmessages = notice,warning,error\n",
        "rtp.conf": f"[general]\nrtpstart = {rtp}\nrtpend = {rtp + 2 * calls - 2}\n",
        "manager.conf": f"""[general]
enabled = yes
bindaddr = 127.0.0.1
port = {ami}
[accord]
secret = {SECRET}
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read = call,user,system
write = originate,call,system,reporting
eventfilter(action(include),name(OriginateResponse)) =
eventfilter(action(include),name(Hangup)) =
eventfilter(action(include),name(UserEvent)) =
eventfilter(action(include),name(DialState)) =
eventfilter(action(include),name(FullyBooted)) =
""",
        "pjsip.conf": f"""[udp]
type = transport
protocol = udp
bind = 127.0.0.1:{sip}
""",
    }


def endpoint(
    name: str, port: int, context: str, *, match: bool = True, user: str = ""
) -> str:
    """pjsip.conf of a peer on loopback. `match`: calls that come from there are its;
    `user`: whom to call there, if it is always the same."""
    identify = f"[{name}]\ntype = identify\nendpoint = {name}\nmatch = 127.0.0.1\n"
    return f"""
[{name}]
type = endpoint
context = {context}
disallow = all
allow = ulaw
aors = {name}
direct_media = no
[{name}]
type = aor
contact = sip:{user}{"@" if user else ""}127.0.0.1:{port}
{identify if match else ""}"""


if __name__ == "__main__":
    print(fetch(), "in", PREFIX)  # noqa: T201
