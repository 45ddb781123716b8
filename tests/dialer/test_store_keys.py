"""The tenant key's file: made once, for one reader, refused in any other shape."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dialer.cli.db import db
from dialer.cli.keys import keys as keys_command
from dialer.settings import Settings
from dialer.store import keys
from dialer.store.keys import TenantKey, load_key, new_key
from dialer.store.port import KeyMissing, Refused
from tests.kit.stores import opened


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_key_is_made_once_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "tenant.key"
    assert keys.absent(path, {})
    keys.create(path)
    first = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(Refused, match="never overwritten"):
        keys.create(path)
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == ["tenant.key"]
    assert not keys.absent(path, {})
    assert len(load_key(path, {}).secret) == 32


def test_two_keys_are_never_the_same() -> None:
    assert new_key().secret != new_key().secret


def test_without_a_key_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="run `dialer keys init`"):
        load_key(tmp_path / "none", {})


def b64(length: int) -> str:
    return base64.b64encode(bytes(length)).decode()


WRONG = [
    ("", "not a tenant key"),
    ("hello", "not a tenant key"),
    (f"accord-key:0:{b64(32)}", "not a tenant key"),
    (f"accord-key:x:{b64(32)}", "not a tenant key"),
    (f"accord-key:1:{b64(31)}", "has 31 bytes, 32 are expected"),
    (f"accord-key:1:{b64(33)}", "has 33 bytes"),
    ("accord-key:1:", "has 0 bytes"),
    ("accord-key:1:not base64!", "not base64"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_file_that_is_no_key_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path / "k", text)
    with pytest.raises(KeyMissing, match=message) as caught:
        load_key(path, {})
    assert str(path) in str(caught.value)
    with pytest.raises(KeyMissing):
        load_key(path, {"ACCORD_TENANT_KEY": text or "-"})


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_bytes(b"\xff" * 32)
    path.chmod(0o600)
    with pytest.raises(KeyMissing, match="not a tenant key"):
        load_key(path, {})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o601])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "k", new_key().text(), mode)
    with pytest.raises(KeyMissing, match="chmod 600"):
        load_key(path, {})


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "k", new_key().text())
    other = new_key(7)
    assert load_key(path, {"ACCORD_TENANT_KEY": other.text()}) == other
    assert not keys.absent(tmp_path / "none", {"ACCORD_TENANT_KEY": other.text()})


def test_the_next_key_has_a_higher_version(tmp_path: Path) -> None:
    path = written(tmp_path / "k", new_key(3).text())
    written(keys.next_file(path), new_key(3).text())
    with pytest.raises(KeyMissing, match="higher than 3"):
        load_key(path, {})


def test_sealed_files_open_with_their_name_and_key_only() -> None:
    key = TenantKey(1, bytes(32))
    box, other = keys.sealer(key), keys.sealer(new_key())
    name = box.name("王先生您好")
    sealed = box.seal(name, b"sound")
    assert box.unseal(name, sealed) == b"sound"
    assert name == keys.sealer(key).name("王先生您好") != other.name("王先生您好")
    assert b"sound" not in sealed
    assert box.unseal("other", sealed) is None
    assert other.unseal(name, sealed) is None
    assert box.unseal(name, sealed[:-1]) is None
    assert box.unseal(name, b"") is None


# --- the commands


def test_keys_init_and_rotate(tmp_path: Path) -> None:
    settings, cli = Settings(home=tmp_path), CliRunner()
    made = cli.invoke(keys_command, ["init", "--json"], obj=settings)
    assert json.loads(made.stdout) == {"key_file": str(settings.key_file), "version": 1}
    again = cli.invoke(keys_command, ["init"], obj=settings)
    assert isinstance(again.exception, Refused)
    before = settings.key_file.read_text()
    turned = cli.invoke(keys_command, ["rotate", "--json"], obj=settings)
    assert json.loads(turned.stdout) == {"records": 0}
    assert settings.key_file.read_text() != before
    assert load_key(settings.key_file, {}).version == 2


async def test_keys_init_refuses_beside_a_vault_of_another_key(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    async with opened(tmp_path / "vault"):
        pass
    done = CliRunner().invoke(keys_command, ["init"], obj=settings)
    assert done.exit_code == 1
    assert "another key" in done.stderr
    assert keys.absent(settings.key_file, {})


def test_db_upgrade_and_status(tmp_path: Path) -> None:
    settings, cli = Settings(home=tmp_path), CliRunner()
    empty = json.loads(cli.invoke(db, ["status", "--json"], obj=settings).stdout)
    assert {row["schema"] for row in empty.values()} == {None}
    assert list(tmp_path.iterdir()) == []
    done = json.loads(cli.invoke(db, ["upgrade", "--json"], obj=settings).stdout)
    assert {row["before"] for row in done.values()} == {None}
    again = cli.invoke(db, ["upgrade"], obj=settings).stdout
    assert again.count("is up to date") == 2
    full = json.loads(cli.invoke(db, ["status", "--json"], obj=settings).stdout)
    assert all(row["schema"] == row["wanted"] for row in full.values())
    assert "vault_1" in cli.invoke(db, ["status"], obj=settings).stdout
