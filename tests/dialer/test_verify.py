"""Nothing can be changed unseen: every byte, every record, every file."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.evidence.log import Log, check
from dialer.evidence.verify import Report, verify
from dialer.store.port import JournalRow
from tests.kit.journal import ListedJournal, rows

Change = Callable[[list[JournalRow]], list[JournalRow]]


async def logged(folder: Path, count: int, *steps: int) -> Log:
    log = Log.open(folder, "accord.test/log")
    for size in (*steps, count):
        await log.append(ListedJournal(rows(size)))
    return log


def signed_files(folder: Path) -> list[Path]:
    found = [folder / "checkpoint", *(folder / "tile").rglob("*")]
    return sorted(path for path in found if path.is_file())


def places(report: Report) -> str:
    return "\n".join(map(str, report.problems))


def spoilt(path: Path, data: bytes, folder: Path, vkey: str) -> Report:
    """The report while `path` holds other bytes."""
    kept = path.read_bytes()
    path.write_bytes(data)
    try:
        return verify(folder, vkey)
    finally:
        path.write_bytes(kept)


@pytest.mark.slow
async def test_every_byte_of_every_file_is_guarded(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)
    log = await logged(tmp_path, 4, 2)
    assert not verify(tmp_path, log.vkey).problems
    count = 0
    for path in signed_files(tmp_path):
        data = path.read_bytes()
        for at in range(len(data)):
            wrong = bytearray(data)
            wrong[at] ^= 1 << chance.randrange(8)
            assert spoilt(path, bytes(wrong), tmp_path, log.vkey).problems, (path, at)
            count += 1
    assert count > 4 * 200


@pytest.mark.slow
async def test_a_changed_byte_anywhere_in_a_larger_log_is_found(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)
    log = await logged(tmp_path, 600, 100, 300)
    files = signed_files(tmp_path)
    for _ in range(25):
        path = chance.choice(files)
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        assert spoilt(path, bytes(data), tmp_path, log.vkey).problems


async def test_a_problem_names_the_entry_and_the_file(tmp_path: Path) -> None:
    log = await logged(tmp_path, 300)
    bundle = tmp_path / "tile/entries/000"
    data = bundle.read_bytes()
    at = data.index(b'"seq":77,')
    wrong = data[:at] + b'"seq":78,' + data[at + 9 :]
    found = places(spoilt(bundle, wrong, tmp_path, log.vkey))
    assert "tile/entries/000: entry 77 is not an entry with this number" in found
    assert "tile/0/000: hash 76 is not that of the entries from 77 on" in found
    assert "checkpoint: its root is not the root of these entries" in found


@pytest.mark.parametrize("cut", [1, 30, 200])
async def test_cut_and_grown_files_are_found(tmp_path: Path, cut: int) -> None:
    log = await logged(tmp_path, 300)
    for path in signed_files(tmp_path):
        data = path.read_bytes()
        assert spoilt(path, data[:-cut], tmp_path, log.vkey).problems, path
        assert spoilt(path, data + data[:cut], tmp_path, log.vkey).problems, path


async def test_missing_and_added_files_are_found(tmp_path: Path) -> None:
    log = await logged(tmp_path, 300)
    for path in signed_files(tmp_path):
        data = path.read_bytes()
        path.unlink()
        name = path.relative_to(tmp_path).as_posix()
        assert f"{name}: is missing" in places(verify(tmp_path, log.vkey))
        path.write_bytes(data)
    for name in ("tile/0/009", "tile/7/000", "tile/notes", "tile/0/x000/000"):
        stray = tmp_path / name
        stray.parent.mkdir(parents=True, exist_ok=True)
        stray.write_bytes(b"\0" * 32)
        assert name in places(verify(tmp_path, log.vkey))
        stray.unlink()


def rewritten(entries: list[JournalRow]) -> list[JournalRow]:
    """Numbered anew, as a forger would."""
    return [replace(row, seq=seq) for seq, row in enumerate(entries, 1)]


def removed(entries: list[JournalRow]) -> list[JournalRow]:
    return rewritten(entries[:10] + entries[11:])


def swapped(entries: list[JournalRow]) -> list[JournalRow]:
    pair = [entries[11], entries[10]]
    return rewritten(entries[:10] + pair + entries[12:])


@pytest.mark.parametrize("change", [removed, swapped])
async def test_a_forger_without_the_key_cannot_remove_or_swap(
    tmp_path: Path, change: Change
) -> None:
    """Even with all tiles made anew: the checkpoint would have to be signed."""
    log = await logged(tmp_path / "true", 40)
    forged = Log.open(tmp_path / "forged", "accord.test/log")
    await forged.append(ListedJournal(change(rows(40))))
    found = places(verify(tmp_path / "forged", log.vkey))
    assert "checkpoint: is not signed by accord.test/log" in found
    shutil.copy(tmp_path / "true/checkpoint", tmp_path / "forged/checkpoint")
    assert verify(tmp_path / "forged", log.vkey).problems


@pytest.mark.parametrize("change", [removed, swapped])
async def test_who_has_the_key_cannot_rewrite_what_was_remembered(
    tmp_path: Path, change: Change
) -> None:
    log = await logged(tmp_path, 40)
    kept = log.checkpoint()
    shutil.rmtree(tmp_path / "tile")
    (tmp_path / "checkpoint").unlink()
    await Log.open(tmp_path).append(ListedJournal(change(rows(50))))
    report = verify(tmp_path, log.vkey)
    assert not report.problems, "by itself the rewritten log is flawless"
    found = places(verify(tmp_path, log.vkey, remembered=kept))
    assert "the first 40 entries are not those that it signed" in found
    found = places(verify(tmp_path, log.vkey, rows(50)))
    assert "journal row 11: is not what was logged" in found


async def test_a_log_cut_back_to_an_older_checkpoint_is_found(tmp_path: Path) -> None:
    log = await logged(tmp_path, 40)
    shutil.copytree(tmp_path, tmp_path / "old")
    journal = ListedJournal(rows(300))
    await log.append(journal)
    kept, old = log.checkpoint(), tmp_path / "old"
    assert not verify(old, log.vkey).problems, "by itself the old log is flawless"
    found = places(verify(old, log.vkey, remembered=kept))
    assert "covers 300 entries, the log has 40: the log was cut short" in found
    found = places(await check(old, journal, vkey=log.vkey))
    assert "log: 300 entries were logged, 40 are there: it was cut short" in found
    shutil.copy(old / "checkpoint", tmp_path / "checkpoint")
    assert "the log was cut short" in places(verify(tmp_path, log.vkey))


async def test_an_earlier_checkpoint_is_contained(tmp_path: Path) -> None:
    log = await logged(tmp_path, 100)
    kept = log.checkpoint()
    await log.append(ListedJournal(rows(400)))
    assert not verify(tmp_path, log.vkey, rows(400), kept).problems
    wrong = kept.replace("\n100\n", "\n101\n")
    found = places(verify(tmp_path, log.vkey, remembered=wrong))
    assert "remembered checkpoint: carries a signature that does not hold" in found


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"body": '{"n":8,"text":"[姓名]"}'}, "body or salt differ"),
        ({"salt": bytes(16)}, "body or salt differ"),
        ({"salt": b""}, "body or salt differ"),
        ({"kind": "attempt.lost"}, "kind differ"),
        ({"at": "2026-01-05T09:00:00.000000Z"}, "at differ"),
        ({"subject": "x"}, "subject differ"),
    ],
)
async def test_a_changed_journal_row_is_found(
    tmp_path: Path, change: dict[str, str | bytes], what: str
) -> None:
    log, found = await logged(tmp_path, 20), rows(20)
    found[7] = replace(found[7], **change)  # type: ignore[arg-type]
    report = verify(tmp_path, log.vkey, found)
    assert places(report) == f"journal row 8: is not what was logged: {what}"
    assert report.opened == 19


async def test_a_cut_or_longer_journal_is_told_apart(tmp_path: Path) -> None:
    log = await logged(tmp_path, 20)
    found = places(verify(tmp_path, log.vkey, rows(12)))
    assert found == "journal: ends at row 12, the log has 20 entries"
    report = verify(tmp_path, log.vkey, rows(25))
    assert (report.problems, report.opened, report.pending) == ((), 20, 5)
    gap = [row for row in rows(20) if row.seq != 5]
    assert "journal row 6: row 5 is missing" in places(verify(tmp_path, log.vkey, gap))


async def test_an_empty_or_absent_archive(tmp_path: Path) -> None:
    assert "checkpoint: is missing" in places(verify(tmp_path))
    await Log.open(tmp_path).append(ListedJournal())
    report = verify(tmp_path)
    assert (report.problems, report.entries) == ((), 0)


async def test_the_wrong_key_verifies_nothing(tmp_path: Path) -> None:
    await logged(tmp_path / "a", 3)
    other = await logged(tmp_path / "b", 3)
    found = places(verify(tmp_path / "a", other.vkey))
    assert found == "checkpoint: is not signed by accord.test/log"
    for vkey in ("", "nonsense", other.vkey.replace("+", "-"), other.vkey[:-4]):
        assert "checkpoint: " in places(verify(tmp_path / "a", vkey))
