"""Single proofs, and the auditor's command that needs nothing of ours."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dialer.evidence import audit
from dialer.evidence.layout import WIDTH
from dialer.evidence.proof import Broken, check_proof
from dialer.store.port import JournalRow
from tests.dialer.test_verify import logged
from tests.kit.journal import rows

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("count", [1, 2, 255, 257, WIDTH * 3 + 1])
async def test_proofs_of_every_kind_of_entry(tmp_path: Path, count: int) -> None:
    log, found = await logged(tmp_path, count), rows(count)
    for index in {0, count // 2, count - 1}:
        proved = check_proof(log.prove(found[index]), log.vkey)
        assert (proved.index, proved.head.size) == (index, count)
        assert proved.body == found[index].body
        sealed = log.prove(found[index], sealed=True)
        assert check_proof(sealed, log.vkey).body is None
        assert found[index].salt.hex() not in sealed


@pytest.mark.parametrize("count", [1, 3, pytest.param(130, marks=pytest.mark.slow)])
async def test_a_changed_byte_in_a_proof_is_found(tmp_path: Path, count: int) -> None:
    log, found = await logged(tmp_path, count), rows(count)
    text = log.prove(found[0])
    other = log.prove(found[-1])
    for at, character in enumerate(text):
        wrong = text[:at] + ("A" if character != "A" else "B") + text[at + 1 :]
        with pytest.raises(Broken):
            check_proof(wrong, log.vkey)
    if count > 1:
        index = other.splitlines()[2]
        with pytest.raises(Broken):
            check_proof(text.replace("\nindex 0\n", f"\n{index}\n"), log.vkey)


# --- the auditor's command


def ledger(path: Path, found: list[JournalRow]) -> Path:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE journal (seq, at, kind, subject, body, salt)")
        values = [(r.seq, r.at, r.kind, r.subject, r.body, r.salt) for r in found]
        db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", values)
    db.close()
    return path


def audited(kit: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "dialer.evidence.audit", *words]
    done = subprocess.run(command, cwd=kit, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_four_files_and_cryptography_are_the_whole_verifier(tmp_path: Path) -> None:
    log = asyncio.run(logged(tmp_path / "archive", 30))
    room = tmp_path / "kit" / "dialer" / "evidence"
    room.mkdir(parents=True)
    for name in ("audit", "verify", "layout", "proof"):
        shutil.copy(ROOT / "dialer" / "evidence" / f"{name}.py", room)
    words = [str(tmp_path / "archive"), "--vkey", log.vkey]
    words += ["--ledger", str(ledger(tmp_path / "ledger.db", rows(30)))]
    code, said = audited(tmp_path / "kit", *words)
    assert "30 entries of accord.test/log: verified" in said
    assert "30 journal rows opened" in said
    assert code == 0
    (tmp_path / "archive/tile/0/000.p/30").write_bytes(b"\0" * 960)
    code, said = audited(tmp_path / "kit", *words)
    assert (code, "tile/0/000.p/30" in said) == (1, True)


async def test_the_auditors_command_checks_proofs_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await logged(tmp_path / "archive", 9)
    proof = tmp_path / "entry.tlog-proof"
    proof.write_text(log.prove(rows(9)[4]), "utf-8")
    assert audit.main(["--proof", str(proof), "--vkey", log.vkey]) == 0
    assert "entry 5 of accord.test/log: proved" in capsys.readouterr().out
    kept = tmp_path / "kept"
    kept.write_text(log.checkpoint(), "utf-8")
    archive = ["--vkey", log.vkey, str(tmp_path / "archive")]
    assert audit.main([*archive, "--remembered", str(kept)]) == 0
    assert audit.main([*archive, "--ledger", str(tmp_path / "none.db")]) == 1
    assert "none.db: unable to open" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        audit.main(["--vkey", log.vkey])
