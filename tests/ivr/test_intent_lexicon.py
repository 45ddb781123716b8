"""The rule files: refused with every problem named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.inventory import INTENTS
from ivr.rules import LexiconError, load_rules


def test_a_bad_rule_file_names_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[words]\nme = "我"\n'
        '[[rule]]\nintent = "ask_the_moon"\nsays = ["月亮"]\n'
        '[[rule]]\nintent = "yes"\n'
        '[[rule]]\nintent = "no"\nsays = ["{you}不", "(不"]\n',
        "utf-8",
    )
    with pytest.raises(LexiconError) as error:
        load_rules(path, "zh", INTENTS)
    assert [
        p.removeprefix(f"{path}: ").split(":")[0] for p in error.value.problems
    ] == [
        "rule 1 (ask_the_moon)",
        "rule 2 (yes)",
        "rule 3 (no)",
        "rule 3 (no)",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[[rule]\n", "rules.toml: "),
        (
            '[words]\n[[rule]]\nintent = "yes"\nsay = ["好"]\n',
            "rule.0.say: Extra inputs",
        ),
    ],
)
def test_a_file_that_is_no_rule_file(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(LexiconError, match=r"rules\.toml") as error:
        load_rules(path, "zh", INTENTS)
    assert what in str(error.value)
