"""Exports: stable columns, safe cells, whole files; and the search for leaks."""

from __future__ import annotations

import base64
import csv
import json
import random
import re
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dialer.attempt import Phase
from dialer.cli.calls import between
from dialer.model import Disposition
from dialer.reports.columns import AGREEMENTS, ATTEMPTS, TURNS, VERSION
from dialer.reports.export import COLUMNS, Format, export, plain, record, safe
from dialer.settings import shipped
from dialer.store.port import AttemptRow
from tests.kit.leaks import find_leaks, no_leaks

AT = datetime(2026, 11, 24, 6, 0, 1, 250_000, tzinfo=UTC)
ROW = AttemptRow(
    attempt_id="3f9c" * 8,
    campaign_id="autumn",
    contact_id="c_1",
    n=2,
    phone="+86 138****8000",
    language="zh",
    phase=Phase.DONE,
    not_before=AT,
    dialing_at=AT,
    answered_at=AT,
    ended_at=AT,
    disposition=Disposition.PROMISED,
    cause="200",
    stage=5,
    node=None,
    verdict='{"allowed":true}',
    facts={"option": "instalments", "note": "[姓名]"},
    measures={"seconds": 61.5, "confirmations": 3.0, "other": 1.0},
)
NAME, PHONE, CARD = "欧阳建国", "+8613800138000", "32010219900101123X"


async def listed(rows: list[AttemptRow]) -> AsyncIterator[AttemptRow]:
    for row in rows:
        yield row


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def read_csv(path: Path, rows: list[AttemptRow]) -> list[dict[str, str]]:
    await export(listed(rows), path, "csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


async def test_a_csv_has_the_documented_columns(tmp_path: Path) -> None:
    (row,) = await read_csv(tmp_path / "out.csv", [ROW])
    assert tuple(row) == COLUMNS
    assert (row["attempt_id"], row["n"], row["disposition"]) == (
        ROW.attempt_id,
        "2",
        "promised",
    )
    assert row["dialing_at"] == "2026-11-24T06:00:01.250+00:00"
    assert (row["seconds"], row["confirmations"], row["turns"]) == ("61.5", "3.0", "")
    assert json.loads(row["facts"]) == ROW.facts


async def test_json_lines_keep_types_and_order(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    refused = replace(
        ROW,
        phase=Phase.DUE,
        disposition=None,
        ended_at=None,
        verdict='{"allowed":false,"reasons":[{"rule":"cn.hours"},{"rule":"cap"}]}',
    )
    assert await export(listed([ROW, refused]), path, "jsonl") == 2
    first, second = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    assert tuple(first) == COLUMNS
    assert (first["seconds"], first["n"], first["refusals"]) == (61.5, 2, [])
    assert (second["disposition"], second["refusals"]) == (None, ["cn.hours", "cap"])


async def test_the_three_formats_say_the_same(tmp_path: Path) -> None:
    rows = [
        replace(ROW, zone="America/New_York", campaign="autumn", agreement="g_1"),
        replace(ROW, attempt_id="b", facts={"trunk": "a", "confirmed": "plan date"}),
        replace(ROW, attempt_id="c", answered_at=None, cause='=1 "x",\r\n'),
        replace(ROW, phase=Phase.DUE, disposition=None, ended_at=None, measures={}),
    ]
    wanted = [record(row) for row in rows]
    for form in ("csv", "jsonl", "parquet"):
        path = tmp_path / f"out.{form}"
        assert await export(listed(rows), path, form) == len(rows)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == wanted
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.column_names == list(COLUMNS)
    maps = ("facts", "measures")
    for got, want in zip(found.to_pylist(), wanted, strict=True):
        kept = {name: dict(got[name]) for name in maps}
        assert {n: plain(v) for n, v in {**got, **kept}.items()} == want
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    assert cells == [{n: safe(v) for n, v in row.items()} for row in wanted]
    assert wanted[0]["date"] == "2026-11-24"
    assert wanted[0]["dialing_local"] == "2026-11-24T01:00:01.250"
    assert wanted[1]["confirmed"] == ["plan", "date"]
    assert (wanted[0]["spoke"], wanted[2]["spoke"], wanted[3]["spoke"]) == (
        *(True, False),
        None,
    )


async def test_only_those_that_ended_on_some_days(tmp_path: Path) -> None:
    late = replace(ROW, attempt_id="late", ended_at=AT + timedelta(hours=19))
    there = replace(late, attempt_id="there", zone="America/New_York")
    due = replace(ROW, attempt_id="due", phase=Phase.DUE, ended_at=None)
    day = datetime(2026, 11, 24)  # noqa: DTZ001

    async def kept(*days: datetime | None) -> list[str]:
        rows = listed([ROW, late, there, due])
        return [row.attempt_id async for row in between(rows, *days)]

    first = ROW.attempt_id
    assert await kept(None, None) == [first, "late", "there", "due"]
    assert await kept(day, day) == [first, "there"]
    assert await kept(day + timedelta(days=1), None) == ["late"]
    assert await kept(None, day) == [first, "there"]


async def test_parquet_is_written_in_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer.reports.export.GROUP", 3)
    await export(listed([ROW] * 8), tmp_path / "x", "parquet")
    assert pq.ParquetFile(tmp_path / "x").metadata.num_row_groups == 3


def test_the_document_has_every_column_of_every_table() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text("utf-8")
    for name, columns in (
        ("attempts", ATTEMPTS),
        ("turns", TURNS),
        ("agreements", AGREEMENTS),
    ):
        told = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", docs, re.DOTALL)
        assert told
        rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", told[1], re.MULTILINE)
        assert rows == [(column, kind.value) for column, kind in columns.items()]
    assert f"schema version is **{VERSION}**" in docs
    ready = re.findall(r"^\| `(\w+)` \| [A-Z]", docs.partition("## Ready")[2], re.M)
    assert set(ready) == {p.stem for p in (shipped("config") / "queries").glob("*.sql")}


@pytest.mark.parametrize(
    "text", ["=1+1", "+86 1", "-1", "@x", "\tx", "\rx", " =1", "\n=1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"
    assert safe([text]).startswith("'")
    assert safe(-1.5) == "-1.5"
    assert safe("a=1") == "a=1"
    assert safe(None) == ""


async def test_a_cell_with_everything_in_it_comes_back(tmp_path: Path) -> None:
    cause = 'a "b", c\r\n=HYPERLINK("x")'
    (row,) = await read_csv(tmp_path / "out.csv", [replace(ROW, cause=cause)])
    assert row["cause"] == cause
    assert row["phone"] == "'+86 138****8000"


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
async def test_a_file_is_whole_or_not_there(tmp_path: Path, form: Format) -> None:
    async def breaks() -> AsyncIterator[AttemptRow]:
        yield ROW
        raise RuntimeError

    path = tmp_path / "out"
    with pytest.raises(RuntimeError):
        await export(breaks(), path, form)
    assert files(tmp_path) == []
    assert await export(listed([]), path, form) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_record_is_json() -> None:
    assert json.loads(json.dumps(record(ROW))) == record(ROW)


# --- leaks

NUMBER_FORMS = [
    "13800138000",
    "138-0013-8000",
    "138 0013 8000",
    "(138) 0013/8000",
    "008613800138000",
    '{"phone": "13800138000"}',
]
IN_UTF8 = ["１３８００１３８０００", "一三八零零一三八零零零", "幺三八〇〇幺三八〇〇〇"]
WRITTEN = [("utf-8", form) for form in NUMBER_FORMS + IN_UTF8]
WRITTEN += [("utf-16", form) for form in NUMBER_FORMS]


@pytest.mark.parametrize(("encoding", "form"), WRITTEN)
def test_a_number_is_found_in_every_form(
    tmp_path: Path, form: str, encoding: str
) -> None:
    (tmp_path / "log").write_bytes(f"x {form} y".encode(encoding))
    assert find_leaks(tmp_path, [PHONE]) == [("log", PHONE)]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", [NAME, "张伟", "John Smith", "josé"])
def test_a_name_is_found_in_every_encoding(
    tmp_path: Path, encoding: str, name: str
) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(f"您好{name}，再见\n".encode(encoding))
    assert find_leaks(tmp_path, [name, "王芳芳"]) == [("a/b/file", name)]


def test_a_name_is_found_escaped_and_in_base64(tmp_path: Path) -> None:
    (tmp_path / "json").write_text(json.dumps({"n": f"x{NAME}"}), "utf-8")
    for shift in range(3):
        code = base64.b64encode(b"\xff" * shift + f"{NAME}y".encode())
        (tmp_path / f"base{shift}").write_bytes(code)
    (tmp_path / "upper").write_text("\\u6B27\\u9633\\u5EFA\\u56FD JOHN SMITH", "utf-8")
    found = {file for file, _ in find_leaks(tmp_path, [NAME])}
    assert found == {"json", "base0", "base1", "base2", "upper"}
    assert ("upper", "John Smith") in find_leaks(tmp_path, ["John Smith"])


def test_masked_text_and_noise_hold_nothing(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    noise = random.Random(seed).randbytes(4_000_000)
    (tmp_path / "vault").write_bytes(noise)
    masked = "[姓名] +86 138****8000 [证件号] 2026-11-24T06:00:01.250+00:00"
    (tmp_path / "export").write_text(masked, "utf-8")
    no_leaks(tmp_path, [NAME, "张伟", "李娜", PHONE, CARD, "John Smith"])


def test_a_value_across_the_end_of_a_chunk_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer.reports.leaks.CHUNK", 4096)
    (tmp_path / "big").write_bytes(b"." * 4090 + f"{NAME} {CARD}".encode())
    found = find_leaks(tmp_path, [NAME, CARD])
    assert found == [("big", CARD), ("big", NAME)]
    with pytest.raises(AssertionError, match="in clear"):
        no_leaks(tmp_path, [NAME])
