"""The analysts' store: each finished attempt exactly once, whatever is cut off when.

Run as `python -m tests.dialer.test_analysts HOME` it is a victim that follows the
journal in small steps until it is killed.
"""

from __future__ import annotations

import asyncio
import random
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dialer.reports import compact, manifest, parquet
from dialer.reports.columns import ATTEMPTS, TABLES
from dialer.reports.export import day, values
from dialer.reports.manifest import Damaged, Piece
from dialer.reports.query import Limits, Only, asked
from dialer.reports.sync import READER, sync
from dialer.store.port import AttemptRow, Stores
from tests.kit.leaks import find_leaks
from tests.kit.outcomes import end, finished, lived
from tests.kit.stores import NOW, contact, dialed, opened, personal, running

ROOT = Path(__file__).parents[2]
LATER = NOW + timedelta(days=90)
KILLS = 4


def seeded() -> random.Random:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    return random.Random(seed)


def rows(folder: Path, sql: str) -> list[dict[str, object]]:
    with asked(folder, sql, Only(), Limits()) as answer:
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def cut(value: object) -> object:
    """As the store has it: milliseconds."""
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return value


def complete(folder: Path, ledger: dict[str, AttemptRow]) -> None:
    """The store has the ledger's finished attempts, each once and whole, and no file
    that is not listed."""
    found = rows(folder, "SELECT * FROM attempts")
    assert len(found) == len(ledger)
    for row in found:
        wanted = values(ledger[str(row["attempt_id"])])
        assert row == {name: cut(value) for name, value in wanted.items()}
        assert list(row) == list(ATTEMPTS)
    listed = {piece.path for piece in manifest.load(folder).pieces}
    there = [p for p in folder.rglob("*") if p.suffix in {".parquet", ".part"}]
    assert {path.relative_to(folder).as_posix() for path in there} == listed


async def test_it_adds_up_to_the_ledger(tmp_path: Path) -> None:
    chance, folder = seeded(), tmp_path / "analysts"
    async with opened(tmp_path) as stores:
        complete(folder, {})
        await lived(stores, chance, 60)
        ledger = await finished(stores)
        done = await sync(folder, stores, NOW, most=chance.randint(1, 30))
        assert done.attempts == len(ledger)
        complete(folder, ledger)
        done = await sync(folder, stores, LATER)
        assert done.attempts == 0
        complete(folder, ledger)
        assert done.cursor == await stores.journal.cursor(READER)
        said = {a: (await stores.calls.show(a))[1] for a in ledger}
        agreed = [row async for row in stores.agreements.list()]
        assert len(agreed) > 2
    turns = rows(folder, "SELECT * FROM turns ORDER BY attempt_id, i")
    wanted = [(a, t.who, t.text, list(t.rights)) for a in sorted(said) for t in said[a]]
    assert [
        (t["attempt_id"], t["who"], t["text"], t["rights"]) for t in turns
    ] == wanted
    stands = rows(folder, "SELECT agreement_id, state, covered FROM agreements")
    assert {(r["agreement_id"], r["state"], r["covered"]) for r in stands} == {
        (row.agreement, row.state, row.covered) for row in agreed
    }
    assert any(r.ended_at and day(r) != r.ended_at.date() for r in ledger.values())


class Cut(BaseException):
    """The power goes."""


def cutting(monkeypatch: pytest.MonkeyPatch, after: int) -> Callable[[], int]:
    """Let the power go at the disk operation after so many; what is then being written
    is half there. -> how many there were"""
    count = 0
    real = {n: getattr(manifest, n) for n in ("sync_file", "rename", "remove")}

    def counted(name: str) -> Callable[..., None]:
        def operation(path: Path, *more: Path) -> None:
            nonlocal count
            count += 1
            if count > after:
                if path.suffix == ".part" and path.exists():
                    data = path.read_bytes()
                    path.write_bytes(data[: len(data) // 2])
                raise Cut
            real[name](path, *more)

        return operation

    for name in real:
        monkeypatch.setattr(manifest, name, counted(name))
    return lambda: count


@pytest.mark.slow
async def test_cut_off_anywhere_it_goes_on_to_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = seeded()
    async with opened(tmp_path) as stores:
        await lived(stores, chance, 8)
        ledger = await finished(stores)
        with monkeypatch.context() as patch:
            count = cutting(patch, sys.maxsize)
            await sync(tmp_path / "whole", stores, LATER, most=5)
        assert count() > 30
        for step in chance.sample(range(count()), 15):
            folder = tmp_path / f"analysts-{step}"
            with monkeypatch.context() as patch:
                cutting(patch, step)
                with pytest.raises(Cut):
                    await sync(folder, stores, LATER, most=5)
            found = [r["attempt_id"] for r in rows(folder, "SELECT * FROM attempts")]
            assert len(set(found)) == len(found)
            assert set(found) <= set(ledger)
            await sync(folder, stores, LATER, most=5)
            complete(folder, ledger)


async def test_a_rebuild_takes_the_place_of_what_was_there_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "analysts"
    async with opened(tmp_path) as stores:
        await lived(stores, seeded(), 12)
        ledger = await finished(stores)
        await sync(folder, stores, NOW)
        before = manifest.load(folder)
        for step in (0, 3, 9, 20):
            with monkeypatch.context() as patch:
                cutting(patch, step)
                with pytest.raises(Cut):
                    await sync(folder, stores, NOW, rebuild=True, most=2)
            assert manifest.load(folder) == before
        done = await sync(folder, stores, NOW, rebuild=True, most=2)
        assert done.attempts == len(ledger)
        complete(folder, ledger)
        (folder / "manifest.json").write_text('{"schema": 0}', "utf-8")
        with pytest.raises(Damaged, match="--rebuild"):
            await sync(folder, stores, NOW)
        await sync(folder, stores, NOW, rebuild=True)
        complete(folder, ledger)
    (tmp_path / "other").mkdir()
    async with opened(tmp_path / "other") as other:
        await running(other, [contact(i) for i in range(1, 200)])
        with pytest.raises(Damaged, match="journal is not the one"):
            await sync(folder, other, NOW)


@pytest.mark.slow
async def test_readers_see_each_row_once_while_files_are_merged(tmp_path: Path) -> None:
    folder, stop = tmp_path / "analysts", threading.Event()
    seen = list[tuple[int, int]]()

    def look() -> None:
        sql = "SELECT count(*) AS n, count(DISTINCT attempt_id) AS ids FROM attempts"
        while not stop.is_set():
            (found,) = rows(folder, sql)
            seen.append((int(str(found["n"])), int(str(found["ids"]))))

    async with opened(tmp_path) as stores:
        await lived(stores, seeded(), 40)
        ledger = await finished(stores)
        reader = threading.Thread(target=look)
        reader.start()
        for _ in range(2):  # the first one from nothing
            await sync(folder, stores, LATER, most=2)
            await sync(folder, stores, LATER, most=2, rebuild=True)
        stop.set()
        await asyncio.to_thread(reader.join)
        await sync(folder, stores, LATER)
        complete(folder, ledger)
    assert len(set(counts := [n for n, _ in seen])) > 2, "it saw it grow"
    assert all(n == ids for n, ids in seen)
    assert counts == sorted(counts)
    assert counts[-1] == len(ledger)


def test_while_somebody_reads_no_file_is_removed(tmp_path: Path) -> None:
    stray = tmp_path / "attempts" / "x.parquet"
    stray.parent.mkdir()
    stray.touch()
    (tmp_path / "mine.parquet").touch()
    manifest.sweep(tmp_path, manifest.Manifest())
    assert not stray.exists()
    assert (tmp_path / "mine.parquet").exists()
    stray.touch()
    with manifest.reading(tmp_path):
        assert manifest.sweep(tmp_path, manifest.Manifest()) == 0
        assert stray.exists()


async def test_it_is_for_us_alone_or_for_a_group(tmp_path: Path) -> None:
    modes = dict[str, set[int]]()
    for name, mode in (("ours", 0o700), ("theirs", 0o2750)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    async with opened(tmp_path) as stores:
        await lived(stores, seeded(), 8)
        for name in ("ours", "theirs"):
            await sync(tmp_path / name, stores, NOW)
            modes[name] = {
                stat.S_IMODE(path.stat().st_mode)
                for path in (tmp_path / name).rglob("*")
                if path.name != "writer"
            }
    assert modes == {"ours": {0o700, 0o600}, "theirs": {0o2750, 0o640}}


def pieces(sizes: Iterator[int] | list[int], day: date | None) -> list[Piece]:
    where = f"attempts/campaign=x/date={day}" if day else "agreements"
    return [Piece("attempts", f"{where}/{i:03}", n, 1) for i, n in enumerate(sizes)]


def test_what_is_merged() -> None:
    today = date(2026, 11, 24)
    assert list(compact.due(pieces([5] * 7, today), today)) == []
    (eight,) = compact.due(pieces([5] * 8 + [900], today), today)
    assert [piece.rows for piece in eight] == [5] * 8
    assert list(compact.due(pieces([5, 70, 600], today), today)) == []
    old = pieces([5, 70, 600], today - timedelta(days=2))
    assert list(compact.due(old, today)) == [old]
    assert list(compact.due(old[:1], today)) == []
    assert list(compact.due(pieces([5] * 7, None), today)) == []
    rewritten, held = 0, list[int]()
    for _ in range(4096):  # one row at a time
        held.append(1)
        while some := list(compact.due(pieces(held, today), today)):
            for merged in some:
                total = sum(piece.rows for piece in merged)
                rewritten += total
                for piece in merged:
                    held.remove(piece.rows)
                held.append(total)
    assert rewritten <= 4096 * 4  # log8(4096)
    assert len(held) < 8 * 5


async def test_only_one_writes_and_who_does_not_wait_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as stores:
        with manifest.writing(tmp_path / "analysts") as mine:
            assert mine
            done = await sync(tmp_path / "analysts", stores, NOW, wait=False)
            assert done.busy


async def test_parquet_holds_no_personal_value_and_the_search_would_see_one(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "analysts"
    async with opened(tmp_path) as stores:
        await stores.vault.put({f"c_{i:06d}": personal(i) for i in range(1, 13)})
        await lived(stores, seeded(), 12)
        await sync(folder, stores, LATER)
    people = [personal(i) for i in range(1, 13)]
    needles = {p.name for p in people} | {p.id_number for p in people}
    needles |= {phone for p in people for phone in p.phones}
    assert find_leaks(folder, needles) == []
    blank = dict.fromkeys(TABLES["turns"])
    leak = {**blank, "text": "我是测试人7", "clauses": [], "rights": ["+8617000000007"]}
    with parquet.written(folder / "leak.parquet", TABLES["turns"]) as file:
        file.add([leak])
    assert set(find_leaks(folder, needles)) == {
        ("leak.parquet", "测试人7"),
        ("leak.parquet", "+8617000000007"),
    }


# --- kill -9


async def victim(home: Path) -> None:
    async with opened(home) as stores:
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        while True:
            await sync(home / "analysts", stores, LATER, most=2)
            await sync(home / "analysts", stores, LATER, most=2, rebuild=True)


def kill(command: list[str], after: float) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as it:
        assert it.stdout is not None
        it.stdout.readline()
        killer = threading.Timer(after, it.send_signal, [signal.SIGKILL])
        killer.start()
        it.wait(60)
        killer.join()
    assert it.returncode == -signal.SIGKILL


@pytest.mark.slow
async def test_killed_at_any_moment_it_goes_on_to_the_same_rows(tmp_path: Path) -> None:
    chance, folder = seeded(), tmp_path / "analysts"
    async with opened(tmp_path) as stores:
        await lived(stores, chance, 60)
        ledger = await finished(stores)
    command = [sys.executable, "-m", "tests.dialer.test_analysts", str(tmp_path)]
    for _ in range(KILLS):
        kill(command, chance.random() * 0.5)
        found = [r["attempt_id"] for r in rows(folder, "SELECT * FROM attempts")]
        assert len(set(found)) == len(found)
        assert set(found) <= set(ledger)
    async with opened(tmp_path) as stores:
        one = await dialed_more(stores, chance)
        await sync(folder, stores, LATER)
        complete(folder, await finished(stores))
        assert one in await finished(stores)


async def dialed_more(stores: Stores, chance: random.Random) -> str:
    await running(stores, [contact(900)], "late")
    one = await dialed(stores, "late", datetime(2026, 12, 24, tzinfo=UTC))
    await end(stores, chance, one.attempt_id, datetime(2026, 12, 24, 1, tzinfo=UTC))
    return one.attempt_id


if __name__ == "__main__":
    asyncio.run(victim(Path(sys.argv[1])))
