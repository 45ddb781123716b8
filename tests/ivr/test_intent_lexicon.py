"""The lexicon files: complete, and refused with every problem named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ivr.classifier import load_classifier, train
from ivr.intent import LANGUAGES, folder
from ivr.inventory import INTENTS
from ivr.rules import LexiconError, load_rules


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_has_its_examples(language: str) -> None:
    path = folder() / f"examples-{language}.toml"
    examples = tomllib.loads(path.read_text("utf-8"))
    assert examples.keys() == INTENTS
    for intent, said in examples.items():
        assert len(said) == len(set(said)) >= (80 if intent == "unknown" else 25), (
            intent
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_sentences_are_not_examples(language: str) -> None:
    examples = tomllib.loads(
        (folder() / f"examples-{language}.toml").read_text("utf-8")
    )
    known = {text for said in examples.values() for text in said}
    data = Path(__file__).parents[1] / "data" / f"intents-{language}.tsv"
    held = {line.split("\t")[1] for line in data.read_text("utf-8").splitlines()[1:]}
    assert len(held & known) <= len(held) * 0.01  # single words are said by everyone


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


def test_a_bad_examples_file_names_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "examples.toml"
    path.write_text('hum = ["a", "b", "c", "d", "e"]\nyes = ["y"]\nno = "n"\n', "utf-8")
    with pytest.raises(LexiconError) as error:
        load_classifier(path, "en", INTENTS)
    assert len(error.value.problems) == 3


def test_training_is_deterministic_and_unsure_of_what_it_never_saw() -> None:
    examples = {
        "yes": ["yes", "yes sure", "oh yes", "sure thing", "yes of course"],
        "no": ["no", "no never", "oh no", "not at all", "no way"],
        "unknown": ["rain", "some rain today", "the dog", "a dog barks", "rain again"],
    }
    one, two = train(examples, "en"), train(examples, "en")
    assert (one.weights == two.weights).all()
    assert one.decide("yes sure", INTENTS)[0] == "yes"
    assert one.decide("purple elephants", INTENTS)[0] == "unknown"
    assert one.decide("yes sure", INTENTS, rule="no")[0] == "unknown"
