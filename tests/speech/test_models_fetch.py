"""Fetching a model from a real server that breaks off, and unpacking it safely."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from speech.fetch import fetch
from speech.models import SUMS, Archive, Model, assemble, catalogue, check
from speech.port import ModelMissing


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name), content)  # of no date
    return out.getvalue()


BODY = bytes(range(256)) * 4000
ZIP = zipped(
    {"vosk-small/conf/model.conf": b"--x=1\n", "vosk-small/am/final.mdl": BODY}
)


def vosk(content: bytes = ZIP) -> Model:
    archive = Archive(size=len(content), sha256=sha(content))
    return Model(
        name="small", kind="recogniser", languages=("zh",), licence="x", archive=archive
    )


@dataclass
class Site:
    """What the server sends, and what it was asked."""

    content: bytes
    breaks_at: int = 0  # close the connection after so many bytes, once
    ranges: bool = True
    status: int = 200
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            site.asked.append(asked)
            if site.status != 200:
                self.send_error(site.status)
                return
            start = int(asked[6:-1]) if asked and site.ranges else 0
            self.send_response(206 if start else 200)
            total = len(site.content)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            self.send_header("Content-Length", str(total - start))
            self.end_headers()
            rest = site.content[start:]
            if site.breaks_at:
                rest, site.breaks_at = rest[: site.breaks_at], 0
            self.wfile.write(rest)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}/small.zip"
        yield site
        server.shutdown()
        thread.join()


def left(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))


def test_a_model_is_fetched_verified_and_unpacked(tmp_path: Path) -> None:
    steps = list[tuple[int, int]]()
    with serving(Site(ZIP)) as site:
        home = fetch(vosk(), site.url, tmp_path, lambda a, b: steps.append((a, b)))
    assert home == tmp_path / "small"
    assert (home / "am/final.mdl").read_bytes() == BODY
    assert steps[-1] == (len(ZIP), len(ZIP))
    assert check(vosk(), tmp_path) == []
    assert [p.name for p in tmp_path.iterdir()] == ["small"]
    assert assemble(vosk(), tmp_path) == home


def test_an_interrupted_download_goes_on_where_it_broke(tmp_path: Path) -> None:
    with serving(Site(ZIP, breaks_at=300_000)) as site:
        with pytest.raises(ModelMissing, match="300000 of") as caught:
            fetch(vosk(), site.url, tmp_path)
        assert "again to continue" in caught.value.remedy
        assert not (tmp_path / "small").exists()
        fetch(vosk(), site.url, tmp_path)
    assert site.asked == ["", "bytes=300000-"]
    assert check(vosk(), tmp_path) == []


def test_a_server_without_ranges_is_read_from_the_start(tmp_path: Path) -> None:
    with serving(Site(ZIP, breaks_at=300_000, ranges=False)) as site:
        with pytest.raises(ModelMissing):
            fetch(vosk(), site.url, tmp_path)
        fetch(vosk(), site.url, tmp_path)
    assert check(vosk(), tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [ZIP[:-1] + b"x", ZIP + b"more", b"<html>", b""],
    ids=["changed", "longer", "html", "empty"],
)
def test_a_wrong_file_is_refused_and_removed(tmp_path: Path, content: bytes) -> None:
    short = len(content) < len(ZIP)
    with (
        serving(Site(content)) as site,
        pytest.raises(
            ModelMissing, match="broke off" if short else "is not this model"
        ),
    ):
        fetch(vosk(), site.url, tmp_path)
    assert not (tmp_path / "small").exists()
    assert short or left(tmp_path) == []


def test_a_leftover_of_another_file_is_found_out_and_removed(tmp_path: Path) -> None:
    part = tmp_path / ".small.zip.part"
    part.write_bytes(b"z" * 1000)
    with serving(Site(ZIP)) as site:
        with pytest.raises(ModelMissing, match="is not this model"):
            fetch(vosk(), site.url, tmp_path)
        assert not part.exists()
        fetch(vosk(), site.url, tmp_path)
    assert check(vosk(), tmp_path) == []


def test_fetching_again_replaces_what_was_there(tmp_path: Path) -> None:
    with serving(Site(ZIP)) as site:
        home = fetch(vosk(), site.url, tmp_path)
        (home / "am/final.mdl").write_bytes(b"changed")
        (problem,) = check(vosk(), tmp_path)
        assert "changed since it was unpacked" in problem
        (home / SUMS).unlink()
        assert "not there" in check(vosk(), tmp_path)[0]
        fetch(vosk(), site.url, tmp_path)
    assert check(vosk(), tmp_path) == []


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "C:\\evil"])
def test_a_zip_that_reaches_outside_is_refused(tmp_path: Path, name: str) -> None:
    content = zipped({"m/ok": b"1", name: b"2"})
    folder = tmp_path / "deep" / "models"
    with (
        serving(Site(content)) as site,
        pytest.raises(ModelMissing, match="unsafe entry"),
    ):
        fetch(vosk(content), site.url, folder)
    assert not (folder / "small").exists()
    assert not any(path.name == "evil" for path in tmp_path.rglob("*"))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        entry = zipfile.ZipInfo("m/link")
        entry.external_attr = 0o120777 << 16
        packed.writestr(entry, "/etc/passwd")
    with (
        serving(Site(out.getvalue())) as site,
        pytest.raises(ModelMissing, match="unsafe entry"),
    ):
        fetch(vosk(out.getvalue()), site.url, tmp_path)


def test_a_zip_that_swells_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("m/zeros", bytes(10_000_000))
    with (
        serving(Site(out.getvalue())) as site,
        pytest.raises(ModelMissing, match="unpack to more than"),
    ):
        fetch(vosk(out.getvalue()), site.url, tmp_path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no address is set"),
        ("file:///etc/passwd", "cannot fetch from"),
        ("ftp://x.invalid/a.zip", "cannot fetch from"),
    ],
)
def test_an_address_that_will_not_do(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ModelMissing, match=said):
        fetch(vosk(), url, tmp_path)


def test_a_server_that_refuses_and_one_that_is_not_there(tmp_path: Path) -> None:
    with (
        serving(Site(ZIP, status=404)) as site,
        pytest.raises(ModelMissing, match="answered 404"),
    ):
        fetch(vosk(), site.url, tmp_path)
    with pytest.raises(ModelMissing, match="again to continue"):
        fetch(vosk(), site.url, tmp_path)  # it is closed now


def test_a_packaged_model_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="comes with packages"):
        fetch(catalogue()["whisper-base-int8"], "http://127.0.0.1/", tmp_path)
