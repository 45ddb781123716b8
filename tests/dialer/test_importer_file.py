"""Files as they come: every encoding and separator, and every wrong kind of file."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import random
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from dialer.contacts import table
from dialer.contacts.columns import mapping_of
from dialer.contacts.problem import FileRefused
from dialer.contacts.rules import load_rules
from dialer.settings import shipped

RULES = load_rules(shipped("config") / "import.toml")
HEADER = ["姓名", "手机", "账号", "债权人", "欠款金额（元）", "备注"]
ROWS = [
    ["王一鸣", "13800138000", "A-1", "青杉银行", "1,234.50", 'said "yes"; later'],
    ["李二白", "13800138001", "A-2", "青杉银行", "800", "两行\n备注"],
    ["欧阳三", "13800138002", "A-3", "青杉银行", "99", "a\tb"],
]
ENGLISH = "name,phone,account,creditor,amount\n"
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8-sig",
    "gb18030": "gb18030",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-16-be with mark": "utf-16",
}


def text_of(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    held = io.StringIO()
    csv.writer(held, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return held.getvalue()


def survey(path: Path, **mapping: str) -> table.Table:
    return table.survey(path, RULES, mapping)


def refused(path: Path, content: bytes, **mapping: str) -> list[str]:
    path.write_bytes(content)
    with pytest.raises(FileRefused) as caught:
        table.columns_of(survey(path, **mapping), RULES, mapping)
    return caught.value.problems


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("kind", ENCODINGS)
def test_every_encoding_and_separator(path: Path, kind: str, delimiter: str) -> None:
    text = text_of([HEADER, *ROWS], delimiter)
    content = text.encode("utf-16-be" if "be" in kind else kind)
    path.write_bytes(codecs.BOM_UTF16_BE + content if "mark" in kind else content)
    found = survey(path)
    assert (found.encoding, found.delimiter) == (ENCODINGS[kind], delimiter)
    assert found.header == tuple(HEADER)
    assert [list(row.cells) for row in found] == ROWS
    assert [row.line for row in found] == [2, 3, 5]
    assert found.rows == 3
    columns = table.columns_of(found, RULES, {})
    assert columns.places["amount"] == (4,)
    assert columns.unused == ("备注",)


@pytest.mark.slow
def test_chinese_only_late_in_a_long_file_is_still_found(path: Path) -> None:
    lines = "".join(f"Ann B,21255501{n % 100:02d},A{n},C,5\n" for n in range(60_000))
    text = f"{ENGLISH}{lines}张伟,13800138000,A,青杉,5\n"
    path.write_bytes(text.encode("gb18030"))
    assert survey(path).encoding == "gb18030"
    *_, last = survey(path)
    assert last.cells[0] == "张伟"


def test_excel_hints_and_empty_lines_are_passed_over(path: Path) -> None:
    path.write_text(f"sep=,\n\n{ENGLISH}\nAnn,1,2,3,4\n,,,,\nBo,1,2,3,4\n")
    found = survey(path)
    assert [row.cells[0] for row in found] == ["Ann", "Bo"]
    assert (found.rows, found.empty) == (2, 2)


WRONG = [
    (b"", "empty"),
    (b"  \r\n ", "empty"),
    (gzip.compress(b"name"), "gzip"),
    (b"%PDF-1.7 x", "a PDF"),
    (b"\xd0\xcf\x11\xe0" + bytes(600), "old Excel"),
    (bytes(range(256)) * 40, "binary"),
    (ENGLISH.encode(), "no row"),
    (b"Zhang,13800138000,x\n", "no header"),
    ("张三,13800138000\n李四,13800138001\n".encode(), "no header"),
    (f"{ENGLISH}Ann,1,2,3,\xff4\n".encode("latin-1"), "line 2: byte 0xFF"),
    (f"{ENGLISH}张伟,1,2,青杉银行,4\n".encode() + b"x\xe5,1\n", "line 3: byte 0xE5"),
    (f"{ENGLISH}张伟,1,2,青杉银行,4\n".encode()[:-5], "line 2"),
    (f"{ENGLISH}José Peñaso,1,2,Señora,4\n".encode("latin-1"), "Latin-1|neither"),
    (f"{ENGLISH}Ann,1,2,3,4\n".encode("utf-16-le")[:-1], "UTF-16"),
    (f'{ENGLISH}"Ann,1,2,3,4\n'.encode() + b"Bo,1,2,3,4\n" * 99, "line 2: a quote"),
    (f'{ENGLISH}Ann,1,2,3,4\nBo,"1,2,3,4\n'.encode(), "line 3: a quote"),
    (ENGLISH.encode() + b"x" * 2_000_000, "longer than"),
]


@pytest.mark.parametrize(("content", "reason"), WRONG, ids=[w[1] for w in WRONG])
def test_a_wrong_file_gets_one_message(path: Path, content: bytes, reason: str) -> None:
    problems = refused(path, content)
    assert len(problems) == 1
    assert any(word in problems[0] for word in reason.split("|")), problems
    assert "people.csv" in problems[0]
    assert "张" not in problems[0]
    assert "1380013" not in problems[0]


def test_a_spreadsheet_is_named_as_one(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    (problem,) = refused(path, path.read_bytes())
    assert "spreadsheet" in problem
    assert "save the sheet as CSV" in problem


def test_all_missing_columns_are_named_at_once(path: Path) -> None:
    problems = refused(path, b"name,note\nAnn,x\n")
    assert len(problems) == 4
    for field, problem in zip(RULES.required[1:], problems, strict=True):
        assert f"no column for {field}" in problem


def test_two_columns_for_one_field_are_refused_but_phones_are_not(path: Path) -> None:
    content = (
        b"name,full name,phone,phone2,mobile,account,creditor,amount\n" + b"x," * 7
    )
    (problem,) = refused(path, content)
    assert "2 columns for name" in problem
    found = table.columns_of(survey(path), RULES, {"full name": "ignore"})
    assert found.places["phone"] == (2, 3, 4)


def test_a_mapping_names_columns_and_wrong_ones_are_told(path: Path) -> None:
    path.write_text("Who,Ring,account,creditor,amount,name\nAnn,1,2,3,4,Bo\n")
    mapping = mapping_of(["who=name", "Ring=phone2", "name=ignore"])
    columns = table.columns_of(table.survey(path, RULES, mapping), RULES, mapping)
    assert columns.places["name"] == (0,)
    assert columns.places["phone"] == (1,)
    wrong = {"who": "nom", "Where": "phone"}
    with pytest.raises(FileRefused) as caught:
        table.columns_of(table.survey(path, RULES, {}), RULES, wrong)
    assert caught.value.usage
    assert any("who=nom: no such field" in p for p in caught.value.problems)
    assert any("Where=phone: no such column" in p for p in caught.value.problems)
    for pair in ["x", "=name", "x="]:
        with pytest.raises(FileRefused, match="expected column=field"):
            mapping_of([pair])


@pytest.mark.slow
def test_random_bytes_are_rows_or_one_refusal_never_a_crash(path: Path) -> None:
    seed = 20261124
    chance = random.Random(seed)
    signs = [*'",;\t\n\r', "\r\n", "a", "张", "\0", "\ufeff", "1", "é"]
    read = 0
    for _ in range(300):
        body = "".join(chance.choices(signs, k=chance.randint(0, 60)))
        content = (ENGLISH + body).encode(chance.choice(["utf-8", "gb18030", "utf-16"]))
        path.write_bytes(content[: len(content) - chance.randint(0, 1)])
        try:
            found = survey(path)
        except FileRefused:
            continue
        assert len(list(found)) == found.rows, seed
        read += 1
    assert read > 30, seed
