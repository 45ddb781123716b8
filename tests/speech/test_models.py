"""The catalogue, joining, and fetching from a real server that breaks off."""

from __future__ import annotations

import hashlib
import io
import re
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from speech.fetch import fetch
from speech.models import (
    SUMS,
    Archive,
    File,
    Model,
    assemble,
    catalogue,
    check,
    list_models,
    named,
    shipped,
)
from speech.port import ModelMissing, SpeechError


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
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


# --- the catalogue


def test_the_shipped_catalogue_is_right() -> None:
    models = catalogue()
    assert {"whisper-base-int8", "vosk-model-small-cn-0.22"} <= set(models)
    for model in models.values():
        assert model.size > 0
        assert model.archive or model.file
        assert model.url == "", "addresses are the operator's"
    whisper = models["whisper-base-int8"]
    assert {f.path for f in whisper.file} >= {"model.bin", "tokenizer.json"}


def test_an_installation_adds_addresses_and_models(tmp_path: Path) -> None:
    own = tmp_path / "models.toml"
    own.write_text(
        f"""
        [address]
        "vosk-model-small-cn-0.22" = "https://mirror.invalid/cn.zip"
        [[model]]
        name = "mine"
        kind = "voice"
        languages = ["en"]
        licence = "own"
        file = [{{ path = "a.bin", size = 3, sha256 = "{sha(b"abc")}" }}]
        """,
        "utf-8",
    )
    models = catalogue(own, tmp_path / "absent.toml")
    assert models["vosk-model-small-cn-0.22"].url == "https://mirror.invalid/cn.zip"
    assert models["mine"].size == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[[model]\n", "models.toml"),
        ('[address]\nnope = "https://x.invalid/"', "address.nope: no such model"),
        ('[[model]]\nname = "../x"\nkind = "hat"\nlanguages = []', "model.0.name"),
        ('[[model]]\nname = "../x"\nkind = "hat"\nlanguages = []', "model.0.kind"),
        ('[[model]]\nname = "../x"\nkind = "hat"\nlanguages = []', "model.0.licence"),
    ],
)
def test_a_wrong_catalogue_is_told_with_every_place(
    tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "models.toml").write_text(content, "utf-8")
    with pytest.raises(SpeechError, match=re.escape(said)):
        catalogue(tmp_path / "models.toml")


def test_an_unknown_name_is_told_the_names() -> None:
    with pytest.raises(SpeechError, match="whisper-base-int8"):
        named("wisper", catalogue())


def test_the_catalogue_is_found_where_it_is_shipped() -> None:
    assert shipped().name == "models.toml"
    assert shipped().is_file()


# --- joining


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An importable package with a model in two parts."""
    name = "accord_test_parts"
    root = tmp_path / "site" / name
    root.mkdir(parents=True)
    (root / "__init__.py").write_text("", "utf-8")
    (root / "one").write_bytes(b"first ")
    (root / "two").write_bytes(b"second")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def parted(package: str, content: bytes = b"first second") -> Model:
    parts = (f"{package}/one", f"{package}/two")
    made = File(path="m.bin", size=len(content), sha256=sha(content), parts=parts)
    return Model(
        name="parted", kind="voice", languages=("en",), licence="x", file=(made,)
    )


def test_parts_are_joined_once_and_verified(tmp_path: Path, package: str) -> None:
    folder, model = tmp_path / "models", parted(package)
    (status,) = list_models(folder, {"parted": model})
    assert (status.ready, status.joinable, status.present) == (True, True, False)
    assert "m.bin: missing" in check(model, folder)[0]
    home = assemble(model, folder)
    assert (home / "m.bin").read_bytes() == b"first second"
    assert check(model, folder) == []
    before = (home / "m.bin").stat().st_mtime_ns
    assemble(model, folder)
    assert (home / "m.bin").stat().st_mtime_ns == before
    assert [p.name for p in home.iterdir()] == ["m.bin"]
    (status,) = list_models(folder, {"parted": model})
    assert (status.ready, status.joinable, status.present) == (True, False, True)


def test_a_changed_byte_is_found_and_mended_from_the_parts(
    tmp_path: Path, package: str
) -> None:
    model = parted(package)
    file = assemble(model, tmp_path) / "m.bin"
    file.write_bytes(b"first secund")
    (problem,) = check(model, tmp_path)
    assert "m.bin: sha256" in problem
    assemble(model, tmp_path)
    assert file.read_bytes() == b"first second"


def test_wrong_parts_are_refused_and_leave_nothing(
    tmp_path: Path, package: str
) -> None:
    with pytest.raises(ModelMissing, match="the parts are wrong"):
        assemble(parted(package, b"first thirds"), tmp_path / "models")
    assert [p for p in (tmp_path / "models").rglob("*") if p.is_file()] == []


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="no package accord_absent") as caught:
        assemble(parted("accord_absent"), tmp_path)
    assert "pip install" in caught.value.remedy


def test_joining_at_once_from_many_threads(tmp_path: Path, package: str) -> None:
    model, found = parted(package), list[Path]()
    threads = [
        threading.Thread(target=lambda: found.append(assemble(model, tmp_path)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert check(model, tmp_path) == []


# --- fetching


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
        thread = threading.Thread(target=server.serve_forever, daemon=True)
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
    "content", [ZIP[:-1] + b"x", ZIP + b"more", b"<html>", b""], ids=repr
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
