"""The catalogue, joining, and fetching from a real server that breaks off."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from pathlib import Path

import pytest

from speech.models import (
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
