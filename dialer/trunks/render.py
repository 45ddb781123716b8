"""What an Asterisk needs to know of our trunks, as its own configuration files.

They are files of ours, each drawn in by one `#include` line of the file that Asterisk
reads, so that an operator's own configuration stays as it is. Pure, but for `install`.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from dialer.trunks.model import Asterisk, Trunk, Trunks

#: Our file -> the one that draws it in, and the module that reads it again.
FILES = {
    "accord-pjsip.conf": ("pjsip.conf", "res_pjsip.so"),
    "accord-pjsip-wizard.conf": ("pjsip_wizard.conf", "res_pjsip.so"),
    "accord-extensions.conf": ("extensions.conf", "pbx_config.so"),
    "accord-manager.conf": ("manager.conf", "manager"),
    "accord-websocket.conf": ("websocket_client.conf", "res_websocket_client.so"),
}
MODE = 0o640  # they hold secrets
HEAD = "; Made by `dialer trunks render`; changes here are lost.\n"
EVENTS = ("OriginateResponse", "Hangup", "DialState", "UserEvent", "FullyBooted")
SECRET = re.compile(
    r"^(\s*[\w/]*(?:secret|password|md5_cred)\s*=>?[ \t]*)\S.*$", re.I | re.M
)
Section = tuple[str, list[tuple[str, str]]]


def render(found: Trunks, name: str, dialplan: str) -> dict[str, str]:
    """The files of one Asterisk, by name. TrunksError: a secret cannot be read."""
    asterisk = found.asterisk[name]
    trunks = {n: t for n, t in found.trunk.items() if t.asterisk == name and t.enabled}
    wizard = (_wizard(n, trunk, found) for n, trunk in trunks.items())
    files = {
        "accord-pjsip.conf": text(_transports(asterisk, trunks.values())),
        "accord-pjsip-wizard.conf": text(wizard),
        "accord-extensions.conf": HEAD + dialplan,
        "accord-manager.conf": text([_manager(asterisk, found)]),
    }
    if any(trunk.media == "websocket" for trunk in trunks.values()):
        files["accord-websocket.conf"] = text([_websocket(asterisk)])
    return files


def text(sections: Iterable[Section]) -> str:
    """ValueError: a value would end its line, or begin a comment."""
    parts = [HEAD]
    for name, settings in sections:
        parts.append(f"\n[{name}]\n")
        for key, value in settings:
            if "\n" in value or "\r" in value:
                raise ValueError(f"{name}: {key} has more than one line")
            parts.append(f"{key} = {value.replace(';', chr(92) + ';')}\n")
    return "".join(parts)


def _transports(asterisk: Asterisk, trunks: Iterable[Trunk]) -> Iterator[Section]:
    for kind in sorted({trunk.transport for trunk in trunks}):
        port = asterisk.tls_port if kind == "tls" else asterisk.sip_port
        settings = [
            ("type", "transport"),
            ("protocol", kind),
            ("bind", f"{asterisk.bind}:{port}"),
        ]
        if asterisk.external:
            settings += [
                ("external_media_address", asterisk.external),
                ("external_signaling_address", asterisk.external),
                *(("local_net", net) for net in asterisk.local_net),
            ]
        if kind == "tls":
            settings += _tls(asterisk)
        yield f"accord-{kind}", settings


def _tls(asterisk: Asterisk) -> Iterator[tuple[str, str]]:
    """Version 1.2 or newer, and the carrier's certificate is looked at."""
    yield "method", "tlsv1_2"
    yield "verify_server", "yes"
    yield "ca_list_file", asterisk.ca_file
    if asterisk.cert_file:
        yield "cert_file", asterisk.cert_file
        yield "priv_key_file", asterisk.key_file


def _wizard(name: str, trunk: Trunk, found: Trunks) -> Section:
    over = "" if trunk.transport == "udp" else f";transport={trunk.transport}"
    address = f"sip:${{REMOTE_HOST}}{over}"
    settings = [
        ("type", "wizard"),
        ("accepts_registrations", "no"),
        ("accepts_auth", "no"),
        ("sends_registrations", yes(trunk.register_)),
        ("sends_auth", yes(bool(trunk.username))),
        ("remote_hosts", ",".join(trunk.hosts)),
        ("transport", f"accord-{trunk.transport}"),
        ("contact_pattern", address),
        ("server_uri_pattern", address),
    ]
    if trunk.password:
        settings += [
            ("outbound_auth/username", trunk.username),
            ("outbound_auth/password", trunk.password.read(found.folder)),
        ]
    settings += [
        ("endpoint/context", "accord-in"),
        ("endpoint/allow", ",".join(("!all", *trunk.codecs))),
        ("endpoint/direct_media", "no"),
        ("endpoint/rtp_symmetric", "yes"),
        ("endpoint/media_encryption", "sdes" if trunk.srtp else "no"),
        *((f"endpoint/{k}", v) for k, v in _from(trunk) if v),
        ("aor/qualify_frequency", str(trunk.qualify_seconds)),
    ]
    return name, settings


def _from(trunk: Trunk) -> list[tuple[str, str]]:
    return [("from_user", trunk.from_user), ("from_domain", trunk.from_domain)]


def _manager(asterisk: Asterisk, found: Trunks) -> Section:
    """A user that may place and end calls and read how they went; no commands."""
    settings = [
        ("secret", asterisk.secret.read(found.folder)),
        ("deny", "0.0.0.0/0.0.0.0"),
        ("permit", f"{asterisk.media_host}/255.255.255.255"),
        ("read", "call,user,system"),
        ("write", "originate,call,system,reporting"),
        ("writetimeout", "5000"),
        *((f"eventfilter(action(include),name({name}))", "") for name in EVENTS),
    ]
    return asterisk.user, settings


def _websocket(asterisk: Asterisk) -> Section:
    where = f"{asterisk.media_host}:{asterisk.websocket_port}"
    settings = [
        ("type", "websocket_client"),
        ("uri", f"ws://{where}/media"),
        ("protocols", "media"),
        ("connection_type", "per_call_config"),
        ("connection_timeout", "1000"),
        ("reconnect_attempts", "1"),
        ("tls_enabled", "no"),
    ]
    return "accord", settings


def yes(value: bool) -> str:
    return "yes" if value else "no"


# --- on disk


def wanted(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """All files as they should be: ours, and those of Asterisk that draw them in."""
    found = dict(files)
    for ours, (theirs, _) in FILES.items():
        if ours not in files:
            continue
        line = f"#include {ours}"
        there = read(folder / theirs)
        if line not in there.splitlines():
            end = "" if not there or there.endswith("\n") else "\n"
            found[theirs] = f"{there}{end}{line}\n"
    return found


def changes(folder: Path, files: Mapping[str, str]) -> str:
    """A unified diff of what is installed and what should be; no secret is in it."""
    lines = list[str]()
    for name, new in files.items():
        old = read(folder / name)
        before, after = (masked(part).splitlines(keepends=True) for part in (old, new))
        if before == after and old != new:
            lines.append(f"{name}: a secret changes\n")
        lines += difflib.unified_diff(
            before, after, f"installed/{name}", f"rendered/{name}"
        )
    return "".join(lines)


def masked(text: str) -> str:
    """Whatever stands after a key of a secret, ours or not."""
    return SECRET.sub(r"\1****", text)


def read(path: Path) -> str:
    with suppress(FileNotFoundError):
        return path.read_text("utf-8")
    return ""


def install(folder: Path, files: Mapping[str, str]) -> None:
    """Each file whole or not at all. A new one gets the folder's owner and group, so
    that Asterisk can read what root wrote."""
    made = {name: folder / f".{name}.new" for name in files}
    for name, path in made.items():
        there = folder / name
        like = there.stat() if there.exists() else folder.stat()
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(files[name], "utf-8")
        path.chmod(stat.S_IMODE(like.st_mode) if there.exists() else MODE)
        with suppress(PermissionError):
            os.chown(path, like.st_uid, like.st_gid)
    for name, path in made.items():
        path.replace(folder / name)
