"""The sentences the models learn from: enough of each, and not those of the tests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.mishear import misheard
from bench.said import SaidError, heard, written
from bench.selection import DATA, run
from ivr.intent import LANGUAGES, normal
from ivr.inventory import INTENTS
from ivr.text import syllables


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_has_its_sentences(language: str) -> None:
    said = {(n.intent, normal(n.text, language)) for n in written(language)}
    count = Counter(intent for intent, _ in said)
    assert count.keys() == INTENTS
    assert min(count.values()) >= 40
    assert count["unknown"] >= 500


@pytest.mark.parametrize("language", LANGUAGES)
def test_heard_copies_keep_intent_and_group(language: str) -> None:
    said = written(language)
    homes = {(n.text, n.intent, n.group) for n in said}
    copies = heard(language, said)
    assert len(copies) >= 300
    assert {(n.source, n.intent, n.group) for n in copies} <= homes


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_learnt_is_not_tested(language: str) -> None:
    known = {normal(n.text, language) for n in written(language)}
    path = DATA / f"intents-{language}.tsv"
    tested = {normal(row.text, language) for row in run(language, path)}
    assert len(tested) > 380
    assert not tested & known


def test_a_bad_file_names_every_line(tmp_path: Path) -> None:
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "a.txt").write_text("喂\n[hum]\n嗯 | 哦\n", "utf-8")
    with pytest.raises(SaidError, match=r"a\.txt:1: .*\n.*a\.txt:2: no such intent"):
        written("zh", tmp_path)


@pytest.mark.model
def test_what_is_misheard_sounds_the_same() -> None:
    said = [normal(n.text, "zh") for n in written("zh")[::40]]
    copies = [misheard(text) for text in said]
    assert copies == [misheard(text) for text in said]
    assert sum(a != b for a, b in zip(said, copies, strict=True)) > len(said) / 2
    for text, copy in zip(said, copies, strict=True):
        changed = sum(a != b for a, b in zip(text, copy, strict=True))
        same = zip(syllables(text), syllables(copy), strict=True)
        # a word by itself may be read otherwise than in its sentence
        assert sum(a != b for a, b in same) <= max(2, changed / 4), (text, copy)
