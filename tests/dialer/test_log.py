"""The log on disk: the layout, growth, crashes, other processes, other journals."""

from __future__ import annotations

import asyncio
import random
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.evidence import log as log_module
from dialer.evidence.checkpoint import LogError, load_signer
from dialer.evidence.entry import leaf
from dialer.evidence.log import Log, check
from dialer.evidence.merkle import leaf_hash
from dialer.evidence.proof import Broken, open_note, root_of
from dialer.evidence.tiles import Edge, Tiles
from dialer.evidence.verify import verify
from tests.kit.journal import ListedJournal, rows


async def logged(folder: Path, count: int, *, steps: tuple[int, ...] = ()) -> Log:
    """A log of `count` rows, with a checkpoint at each of `steps` on the way."""
    log = Log.open(folder, "accord.test/log")
    for size in (*steps, count):
        await log.append(ListedJournal(rows(size)))
    return log


def tree(folder: Path) -> dict[str, bytes]:
    found = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


async def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = Log.open(tmp_path / "evidence")
    key = tmp_path / "evidence" / "signer.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert Log.open(tmp_path / "evidence").vkey == first.vkey
    assert (tmp_path / "evidence" / "log.vkey").read_text().strip() == first.vkey
    assert Log.open(tmp_path / "other").vkey != first.vkey


def test_a_published_note_key_and_signature_are_understood() -> None:
    # Go's sumdb/note documentation: its key id follows from name, type and public key
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2p"
        "ZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    with pytest.raises(Broken, match="is not a checkpoint"):
        open_note(note.encode(), vkey)  # signed by it, but no checkpoint
    with pytest.raises(Broken, match="does not hold"):
        open_note(note.replace("answer", "Answer").encode(), vkey)


async def test_the_layout_of_a_log_of_70000(tmp_path: Path) -> None:
    """The example in the text of C2SP tlog-tiles, by the names of its files."""
    names = [name for name, _ in Edge().extend(b"%d" % i for i in range(70_000))]
    level0 = [n for n in names if n.startswith("0/") and ".p/" not in n]
    assert (len(level0), level0[0], level0[-1]) == (273, "0/000", "0/272")
    assert [n for n in names if ".p/" in n] == [
        "entries/273.p/112",
        "0/273.p/112",
        "1/001.p/17",
        "2/000.p/1",
    ]


def test_the_edge_gives_the_root_of_any_size() -> None:
    edge, leaves = Edge(), list[bytes]()
    for size in range(1, 600):
        entry = b"%d" % size
        leaves.append(leaf_hash(entry))
        list(edge.extend([entry]))
        assert edge.root() == root_of(leaves)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 513])
async def test_an_archive_of_any_size_verifies(tmp_path: Path, count: int) -> None:
    log = await logged(tmp_path, count)
    report = verify(tmp_path, log.vkey, rows(count))
    assert (report.problems, report.entries, report.opened) == ((), count, count)
    assert log.size == count
    assert log.checkpoint().splitlines()[:2] == ["accord.test/log", str(count)]


async def test_growing_in_steps_gives_the_same_tree(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    steps = tuple(sorted(random.Random(seed).sample(range(1, 600), 6)))
    log = await logged(tmp_path, 600, steps=steps)
    tiles = Tiles(tmp_path, 600)
    assert [tiles.entry(i) for i in range(600)] == [leaf(row) for row in rows(600)]
    report = verify(tmp_path, log.vkey, rows(600))
    assert not report.problems
    stray = [name for name in tree(tmp_path) if "/000.p/" in name]
    assert not [name for name in stray if name[:6] in ("tile/0", "tile/e")]


async def test_appending_nothing_changes_nothing(tmp_path: Path) -> None:
    log, journal = await logged(tmp_path, 300), ListedJournal(rows(300))
    before = tree(tmp_path)
    assert await log.append(journal) == 0
    assert tree(tmp_path) == before


async def test_more_than_a_chunk_is_logged_in_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "CHUNK", 10)
    journal = ListedJournal(rows(57))
    log = Log.open(tmp_path)
    assert await log.append(journal) == 57
    assert journal.cursors["evidence"] == 57
    assert not (await check(tmp_path, journal)).problems


class Power(Exception):
    """The power went out."""


@pytest.mark.slow
async def test_cut_off_at_every_write_the_append_is_repeated_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await logged(tmp_path / "whole", 520, steps=(250,))
    secret = (tmp_path / "whole" / "signer.key").read_text()
    expected = {k: v for k, v in tree(tmp_path / "whole").items() if k != "unfinished"}
    original = Path.replace
    for survives in range(20):
        folder = tmp_path / f"cut{survives}"
        folder.mkdir()
        (folder / "signer.key").write_text(secret)
        (folder / "signer.key").chmod(0o600)
        log = await logged(folder, 250)
        left = survives

        def cut(source: Path, target: Path) -> Path:
            nonlocal left
            if left == 0:
                source.write_bytes(source.read_bytes()[:7])  # torn
                raise Power
            left -= 1
            return original(source, target)

        monkeypatch.setattr(Path, "replace", cut)
        try:
            await log.append(ListedJournal(rows(520)))
            finished = True
        except Power:
            finished = False
        monkeypatch.setattr(Path, "replace", original)
        assert log.size in (250, 520)
        await log.append(ListedJournal(rows(520)))
        found = {k: v for k, v in tree(folder).items() if k != "unfinished"}
        assert found == expected
        if finished:
            assert survives > 5, "the cuts hit every file"
            return
    pytest.fail("more writes than were cut")


async def test_several_appends_at_once_make_one_log(tmp_path: Path) -> None:
    log, journal = Log.open(tmp_path), ListedJournal(rows(40))
    counts = await asyncio.gather(*(log.append(journal) for _ in range(4)))
    assert sum(counts) == 40
    assert not verify(tmp_path, log.vkey, journal.rows).problems


async def test_another_journal_is_refused(tmp_path: Path) -> None:
    log = await logged(tmp_path, 20)
    with pytest.raises(LogError, match="row 20 is not what was logged"):
        await log.append(ListedJournal(rows(25, seed=8)))
    with pytest.raises(LogError, match="lacks row 20"):
        await log.append(ListedJournal(rows(15)))
    gap = [row for row in rows(25) if row.seq != 22]
    with pytest.raises(LogError, match="lacks row 22"):
        await log.append(ListedJournal(gap))
    assert log.size == 20


async def test_a_damaged_archive_is_not_signed_again(tmp_path: Path) -> None:
    log = await logged(tmp_path, 20)
    tile = tmp_path / "tile/0/000.p/20"
    tile.write_bytes(b"\0" + tile.read_bytes()[1:])
    with pytest.raises(LogError, match="do not fit the checkpoint"):
        await log.append(ListedJournal(rows(25)))


async def test_a_log_without_its_key_is_not_begun_anew(tmp_path: Path) -> None:
    await logged(tmp_path, 3)
    (tmp_path / "signer.key").unlink()
    with pytest.raises(LogError, match="is gone"):
        Log.open(tmp_path)


@pytest.mark.parametrize("text", ["", "junk", "PRIVATE+KEY+a+00000000+AAAA"])
def test_a_wrong_key_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signer.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(LogError, match=r"signer\.key: not a signing key"):
        load_signer(path)
    path.chmod(0o644)
    with pytest.raises(LogError, match="expected mode 0600"):
        load_signer(path)


@pytest.mark.parametrize("origin", ["two words", "a+b", "tab\t"])
def test_a_wrong_name_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(LogError, match="no spaces and no plus"):
        Log.open(tmp_path, origin)


async def test_only_what_is_logged_can_be_proved(tmp_path: Path) -> None:
    log = await logged(tmp_path, 3)
    with pytest.raises(LogError, match="not logged yet: 1 to 3 are"):
        log.prove(rows(4)[3])
    with pytest.raises(LogError, match="is not what was logged"):
        log.prove(replace(rows(3)[0], body="{}"))
