"""`dialer templates`: what it prints and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dialer.cli.render import render
from dialer.cli.templates import templates
from dialer.settings import Settings
from tests.templates.cases import TEMPLATES, library

EN = ("--lang", "en")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(templates, list(arguments), standalone_mode=False)


def as_json(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def test_lint_of_the_shipped_library_is_clean() -> None:
    result = run("lint", "--json")
    assert result.return_value == 0
    data = json.loads(result.stdout)
    assert data["problems"] == []
    assert data["version"] == library().version
    assert data["templates"]["zh"] == data["templates"]["en"] >= 220


@pytest.mark.slow
def test_lint_tells_each_problem_on_a_line_and_fails(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))
    path = folder / "zh" / "debt.toml"
    spoilt = path.read_text("utf-8").replace("我理解", "上法院，我理解")
    path.write_text(spoilt, "utf-8")
    result = run("lint", "--folder", str(folder))
    assert result.return_value == 1
    first = "zh/debt.toml: hardship_heard.text: forbidden '法院' (threat): "
    assert result.stdout.splitlines()[0].startswith(first)
    data = json.loads(run("lint", "--folder", str(folder), "--json").stdout)
    assert [p["place"] for p in data["problems"]] == ["hardship_heard.text"]


def test_list_by_language_and_stage() -> None:
    rows = as_json("list", "--lang", "en", "--stage", "1")["templates"]
    assert {row["lang"] for row in rows} == {"en"}
    assert {row["stage"] for row in rows} == {1}
    assert "ask_identity" in {row["id"] for row in rows}
    assert "ask_identity" in run("list", "--stage", "1").stdout


def test_list_by_intent_product_and_role() -> None:
    asked = ("--intent", "ask_amount", "--lang", "zh")
    rows = as_json("list", *asked, "--product", "card", "--role", "debtor")["templates"]
    ids = {row["id"] for row in rows}
    assert {"answer_amount", "answer_amount_options"} <= ids
    assert "answer_amount_guarantor" not in ids
    assert all("ask_amount" in row["answers"] for row in rows)


def test_show_tells_words_rights_and_clauses() -> None:
    told = run("show", "rights_explained").stdout
    for part in ("您随时可以要求我们停止来电。", "right    stop_calls", "Art. 24"):
        assert part in told
    assert set(as_json("show", "rights_explained")) == {"zh", "en"}
    assert "no template 'nothing'" in str(run("show", "nothing").exception)


def test_show_and_list_tell_for_whom_a_template_is() -> None:
    told = run("show", "debt_statement").stdout
    assert "instead  debt_statement_guarantor_invoice: role guarantor, product" in told
    one = as_json("show", "debt_statement_card")["zh"]
    assert (one["products"], one["conditions"]) == (["card"], "product card")
    rows = as_json("list", "--lang", "zh", "--product", "rent")["templates"]
    kinds = {row["id"]: (row["products"], row["roles"]) for row in rows}
    assert kinds["debt_statement_rent"][0] == ["rent"]
    assert kinds["debt_statement_guarantor"][1] == ["guarantor"]


@pytest.mark.parametrize(
    ("asked", "variant"),
    [
        ((), "answer_amount_mediation"),
        (("--role", "guarantor"), "answer_amount_guarantor"),
        (("--role", "guarantor", "--product", "invoice"), "answer_amount_guarantor"),
    ],
)
def test_try_says_which_variant_who_hears(asked: tuple[str, ...], variant: str) -> None:
    found = as_json("try", "一共欠多少钱？", "--stage", "3", *asked)
    assert [said["variant"] for said in found["said"]] == [variant]
    assert found["template"] == "answer_amount"


def test_try_asks_back_about_a_guess() -> None:
    found = as_json("try", "something about hearing later", *("--stage", "2"), *EN)
    assert (found["intent"], found["clarify"]) == ("unknown", True)
    assert found["guess"]
    (said,) = found["said"]
    assert said["template"] == "ask_meant"
    wish = library().fragments["en"].wishes[found["guess"]]
    assert said["text"] == f"You mean that {wish}, is that right?"


def test_try_as_heard_must_be_surer(tmp_path: Path) -> None:
    """By the flag, for one and for all, and by the column, for some."""
    text, where = "你们领导呢", ("--stage", "2")
    assert as_json("try", text, *where)["intent"] == "want_person"
    far = as_json("try", text, *where, "--heard")
    assert (far["intent"], far["guess"]) == ("unknown", "want_person")
    path = tmp_path / "turns.tsv"
    lines = (f"{n}\tzh\t2\t{text}\t{heard}\n" for n, heard in enumerate("10"))
    path.write_text("id\tlang\tstage\ttext\theard\n" + "".join(lines), "utf-8")
    asked = [one["clarify"] for one in as_json("try", "--batch", str(path))]
    assert asked == [True, False]
    every = as_json("try", "--batch", str(path), "--heard")
    assert [one["clarify"] for one in every] == [True, True]


def test_try_one_sentence() -> None:
    found = as_json("try", "别再给我打电话了", "--stage", "2", "--lang", "zh")
    assert (found["intent"], found["template"]) == ("stop_calling", "stop_bye")
    assert found["clarify"] is False
    assert "stop_calling" in run("try", "别再给我打电话了").stdout


def test_try_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "turns.tsv"
    path.write_text(
        "id\tlang\tstage\ttext\n"
        "a\tzh\t3\t别再给我打电话了\n"
        'b\tzh\t1\t"\n'  # a lone quotation mark is text
        "\n",
        "utf-8",
    )
    first, second = as_json("try", "--batch", str(path))
    assert first["id"] == "a"
    assert set(first) >= {"id", "intent", "clarify", "template", "confidence"}
    assert (first["intent"], first["template"]) == ("stop_calling", "stop_bye")
    assert (second["intent"], second["clarify"]) == (None, True)
    assert second["template"] is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id\tlang\ttext\n", "line 1: no column stage"),
        ("", "line 1: no column id, lang, stage, text"),
        ("id\tlang\tstage\ttext\na\tfr\t9\thello\n", "line 2: lang 'fr', expected"),
        ("id\tlang\tstage\ttext\na\ten\t9\thello\n", "line 2: stage '9', expected 1"),
        ("id\tlang\tstage\ttext\na\tzh\n", "line 2: 2 columns, expected 4"),
        ("id\tlang\tstage\ttext\theard\na\ten\t2\thi\tyes\n", "line 2: heard 'yes'"),
    ],
)
def test_a_bad_batch_is_told_by_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "turns.tsv"
    path.write_text(text, "utf-8")
    assert expected in str(run("try", "--batch", str(path)).exception)


def test_try_needs_a_text_or_a_batch() -> None:
    assert "TEXT or --batch" in str(run("try").exception)
    assert "TEXT or --batch" in str(run("try", "x", "--batch", "y").exception)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "give --agency or --callees"),
        (("--agency", "x", "--callees", "."), "give --agency or --callees"),
        (("--callees", ".", "--lang", "en"), "--lang: callees say themselves"),
        (("--agency", "x", "--lang", "fr"), "'fr' is not one of"),
    ],
)
def test_render_asked_wrongly_renders_nothing(
    tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    result = CliRunner().invoke(render, arguments, obj=Settings(home=tmp_path))
    assert result.exit_code == 2
    assert why in result.output
