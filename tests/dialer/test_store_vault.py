"""The vault on disk: nothing readable or exchangeable, and only the right key."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3.dbapi2 as sqlite

from dialer.store import keys
from dialer.store.keys import TenantKey, load_key, new_key, next_file
from dialer.store.port import KeyMissing, Refused, Stores
from dialer.store.rotate import add_key, begin, move_all, move_some, rotate
from dialer.store.rows import plain_text, text
from dialer.store.runner import Runner
from dialer.store.seal import Tampered
from dialer.store.sqlite import prepared
from dialer.store.work import Work
from tests.kit.stores import KEY, opened, personal

PEOPLE = {f"c_{i}": personal(i) for i in range(1, 6)}


@contextmanager
def raw(home: Path, name: str = "vault.db") -> Iterator[Any]:
    with closing(sqlite.connect(str(home / name))) as connection:
        yield connection
        connection.commit()


async def filled(home: Path, key: TenantKey = KEY) -> str:
    async with opened(home, key) as stores:
        await stores.vault.put(PEOPLE)
        return stores.vault.token("number", "+8617000000001")


async def all_there(stores: Stores) -> bool:
    return all([await stores.vault.get(c) == p for c, p in PEOPLE.items()])


# --- what lies on the disk


def whole(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.iterdir())


async def test_no_file_holds_a_personal_word(tmp_path: Path) -> None:
    await filled(tmp_path)
    found = whole(tmp_path)
    one = personal(3)
    words = (one.name, *one.phones, one.phones[0][3:], one.id_number, one.account)
    for word in words:
        for encoding in ("utf-8", "gb18030", "utf-16-le"):
            assert word.encode(encoding) not in found
    assert KEY.secret not in found
    assert b"c_3" in found  # the search does see what is there


async def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "new"
    await filled(home)
    assert home.stat().st_mode & 0o077 == 0
    assert [p.name for p in home.iterdir() if p.stat().st_mode & 0o077] == []


async def test_the_same_record_never_looks_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as stores:
        await stores.vault.put({"c_1": personal(1), "c_2": personal(1)})
    with raw(tmp_path) as db:
        rows = db.execute("SELECT wrapped, ciphertext FROM records").fetchall()
    assert len({value for row in rows for value in row}) == 4


TAMPERING = [
    "UPDATE records SET ciphertext = zeroblob(length(ciphertext))",
    "UPDATE records SET ciphertext = substr(ciphertext, 1, 20)",
    "UPDATE records SET ciphertext = x''",
    "UPDATE records SET wrapped = zeroblob(length(wrapped))",
    "UPDATE records SET wrapped = x'00'",
    "UPDATE records SET ciphertext = (SELECT ciphertext FROM records"
    " WHERE contact_id = 'c_2'), wrapped = (SELECT wrapped FROM records"
    " WHERE contact_id = 'c_2')",
]


@pytest.mark.parametrize("change", TAMPERING)
async def test_a_changed_or_moved_record_does_not_open(
    tmp_path: Path, change: str
) -> None:
    await filled(tmp_path)
    with raw(tmp_path) as db:
        db.execute(f"{change} WHERE contact_id = 'c_1'")
    async with opened(tmp_path) as stores:
        with pytest.raises(Tampered, match="c_1") as caught:
            await stores.vault.get("c_1")
        assert personal(1).name not in str(caught.value)
        assert await stores.vault.get("c_2") == PEOPLE["c_2"]


@pytest.mark.parametrize("position", [0, 13, -1])
async def test_one_changed_bit_is_found(tmp_path: Path, position: int) -> None:
    await filled(tmp_path)
    with raw(tmp_path) as db:
        (old,) = db.execute("SELECT ciphertext FROM records LIMIT 1").fetchone()
        new = bytearray(old)
        new[position] ^= 1
        db.execute("UPDATE records SET ciphertext = ?", (bytes(new),))
    async with opened(tmp_path) as stores:
        with pytest.raises(Tampered):
            await stores.vault.get("c_1")


# --- the wrong key


@pytest.mark.parametrize("wrong", [new_key(), new_key(2)], ids=["same", "other"])
async def test_another_key_is_refused_when_opening(
    tmp_path: Path, wrong: TenantKey
) -> None:
    token = await filled(tmp_path)
    with pytest.raises(KeyMissing, match="right key"):
        async with opened(tmp_path, wrong):
            pass
    async with opened(tmp_path) as stores:
        assert stores.vault.token("number", "+8617000000001") == token
        assert await all_there(stores)


async def test_tokens_of_two_tenants_differ(tmp_path: Path) -> None:
    assert await filled(tmp_path / "a") != await filled(tmp_path / "b")


def test_a_key_does_not_show_itself() -> None:
    key = TenantKey(2, b"\x01" * 32, new_key(3))
    assert "\\x01" not in repr(key)
    assert repr(key) == "TenantKey(version=2)"


# --- rotation


async def test_rotation_keeps_records_and_tokens_and_ends_the_old_key(
    tmp_path: Path,
) -> None:
    file = tmp_path / "tenant.key"
    keys.create(file)
    old = load_key(file, {})
    token = await filled(tmp_path, old)
    assert await rotate(tmp_path / "vault.db", file, {}) == len(PEOPLE)
    new = load_key(file, {})
    assert (new.version, new.following) == (2, None)
    assert not next_file(file).exists()
    async with opened(tmp_path, new) as stores:
        assert await all_there(stores)
        assert stores.vault.token("number", "+8617000000001") == token
    with pytest.raises(KeyMissing):
        async with opened(tmp_path, old):
            pass
    assert await rotate(tmp_path / "vault.db", file, {}) == len(PEOPLE)


@pytest.mark.parametrize("stage", ["key written", "half moved", "all moved"])
async def test_a_rotation_cut_off_leaves_a_vault_that_opens_and_goes_on(
    tmp_path: Path, stage: str
) -> None:
    file, vault = tmp_path / "tenant.key", tmp_path / "vault.db"
    keys.create(file)
    token = await filled(tmp_path, load_key(file, {}))
    key = begin(file, {})
    assert key.following is not None
    async with Runner(*prepared(vault, "vault"), readers=1) as runner:
        if stage == "all moved":
            await move_all(runner, key)
        elif stage == "half moved":
            await half(runner, key)
    async with opened(tmp_path, load_key(file, {})) as stores:
        assert await all_there(stores)
        assert stores.vault.token("number", "+8617000000001") == token
        await stores.vault.put({"c_9": personal(9)})
    await rotate(vault, file, {})
    async with opened(tmp_path, load_key(file, {})) as stores:
        assert await all_there(stores)
        assert await stores.vault.get("c_9") == personal(9)
        assert load_key(file, {}).version == 2


async def half(runner: Runner, key: TenantKey) -> None:
    """Both keys in the ring, some records under each."""
    new = key.following
    assert new is not None

    def some(work: Work) -> None:
        add_key(work, key, new)
        assert move_some(work, key, new, limit=2) == 2

    await runner.write(some)


async def test_who_still_holds_the_old_key_is_told_to_start_anew(
    tmp_path: Path,
) -> None:
    file = tmp_path / "tenant.key"
    keys.create(file)
    await filled(tmp_path, load_key(file, {}))
    async with opened(tmp_path, load_key(file, {})) as stores:
        await rotate(tmp_path / "vault.db", file, {})
        with pytest.raises(KeyMissing, match="start this process anew"):
            await stores.vault.put({"c_9": personal(9)})
        with pytest.raises(KeyMissing, match="start this process anew"):
            await stores.vault.get("c_1")


async def test_a_key_from_the_environment_rotates_to_the_next_one_given(
    tmp_path: Path,
) -> None:
    old, new = new_key(1), new_key(2)
    await filled(tmp_path, old)
    vault, nowhere = tmp_path / "vault.db", tmp_path / "none"
    environ = {"ACCORD_TENANT_KEY": old.text()}
    with pytest.raises(Refused, match="ACCORD_TENANT_KEY_NEXT"):
        await rotate(vault, nowhere, environ)
    environ["ACCORD_TENANT_KEY_NEXT"] = new.text()
    assert await rotate(vault, nowhere, environ) == len(PEOPLE)
    async with opened(tmp_path, new) as stores:
        assert await all_there(stores)
    assert not nowhere.exists()
    assert os.environ.get("ACCORD_TENANT_KEY_NEXT") is None


def test_plain_text_is_what_text_writes() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    signs = [chr(n) for n in range(0x250)] + list('"\\/张ñ\u2028\U0001f600\uffff')
    for _ in range(500):
        words = ["".join(chance.choices(signs, k=chance.randint(0, 6))) for _ in "abc"]
        value = {words[0]: words, "b": None, "a": tuple(words), "n": chance.choice("x")}
        assert plain_text(value) == text(value), seed
        assert plain_text(words) == text(words), seed
