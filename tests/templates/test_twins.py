"""Every template file has a twin of sample turns; all of them are tried."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ivr import dialogue, fill
from ivr.inventory import LEGAL
from ivr.port import (
    Action,
    Beeped,
    CaseFacts,
    Confirmed,
    Flag,
    HandOver,
    HangUp,
    NotTaken,
    Position,
    Pressed,
    Said,
    Say,
    Silent,
    Understood,
)
from ivr.template import LANGUAGES
from tests.templates.cases import CASES, MEDIATION, SHOP, TEMPLATES, library

HERE = Path(__file__).parent
FLOOR = 0.85  #: of the sample sentences understood from their words alone


@dataclass(frozen=True, slots=True)
class Twin:
    language: str
    name: str
    number: int
    turn: dict[str, Any]

    @property
    def place(self) -> str:
        said = self.turn.get("said", self.turn.get("meant", ""))
        return f"{self.language}/{self.name}.toml turn {self.number}: {said}"


def turns(language: str) -> Iterator[Twin]:
    for path in sorted((HERE / language).glob("*.toml")):
        found = tomllib.loads(path.read_text("utf-8")).get("turn", [])
        for number, turn in enumerate(found, 1):
            yield Twin(language, path.stem, number, turn)


def flows(language: str) -> Iterator[dict[str, Any]]:
    yield from tomllib.loads((HERE / language / "script.toml").read_text("utf-8"))[
        "flow"
    ]


def given(twin: Twin) -> tuple[CaseFacts, Position]:
    """The case and the position a turn starts from."""
    want, case = twin.turn.get("given", {}), CASES[twin.language]
    case = replace(
        case,
        script=twin.turn.get("script", case.script),
        first_call=want.get("first_call", True),
        stage=want.get("case_stage", 1),
        product=want.get("product", "loan"),
        role=want.get("role", "debtor"),
        bargain=SHOP if want.get("bargain") else None,
    )
    facts = {"handover": twin.turn.get("not_taken", "")}
    facts |= {"ponder": "yes"} if want.get("ponder") else {}
    facts |= {"wish": want["asked"]} if "asked" in want else {}
    if option := want.get("option"):
        facts["option"] = option if option.isdecimal() else "1"
        case = case if option.isdecimal() else replace(case, options=(MEDIATION,))
    facts |= {"promise_date": want["date"]} if "date" in want else {}
    facts |= {"callback_at": want["callback"]} if "callback" in want else {}
    script = library().script(case.language, case.script)
    name = twin.turn.get("state", script.start)
    state = script.states[name]
    stage = state.stage or want.get("at", 2)
    told = want.get("rights", stage > 1)
    passed = want.get("passed", ["identity"] if stage > 1 else [])
    return case, Position(
        name,
        stage,
        misunderstood=want.get("misunderstood", 0),
        silent=want.get("silent", 0),
        visits=tuple(counted(twin.turn).items()),
        confirmed=tuple(passed),
        rights=("stop_calls", "mediation", "person") if told else (),
        guess=_guess(want.get("asked", "")),
        facts=tuple(facts.items()),
    )


def _guess(intent: str) -> Understood | None:
    """What was asked back about just now."""
    return Understood("unknown", 0.4, "none", guess=intent) if intent else None


def counted(turn: dict[str, Any]) -> dict[str, int]:
    """What the conversation has counted so far: turns, words said, times stayed."""
    want = turn.get("given", {})
    said = {f"times:{name}": times for name, times in want.get("times", {}).items()}
    meant = turn.get("meant", turn.get("intent", ""))
    stayed = {f"{turn.get('state', '')}:{meant}": want.get("stayed", 0)}
    return {"#turns": turn.get("turns", 0), **said, **stayed}


def take(twin: Twin) -> tuple[Position, tuple[Action, ...]]:
    turn = twin.turn
    case, position = given(twin)
    if turn.get("begin"):
        return dialogue.begin(library(), case)
    if "said" in turn or "meant" in turn:
        intent = turn["meant"] if "meant" in turn else turn["intent"]
        guess = turn.get("guess", "")
        meant = Understood(intent, 1.0, "rule", turn.get("slots", {}), guess)
        return dialogue.respond(library(), case, position, meant)
    if "key" in turn:
        return dialogue.step(library(), case, position, Pressed(turn["key"]))
    if "silent" in turn:
        return dialogue.step(library(), case, position, Silent(turn["silent"]))
    heard = Beeped() if turn.get("beep") else NotTaken()
    return dialogue.step(library(), case, position, heard)


def wrong(twin: Twin) -> Iterator[str]:
    turn = twin.turn
    after, actions = take(twin)
    said = [a.template for a in actions if isinstance(a, Say)]
    if said != turn["says"]:
        yield f"says {said}, expected {turn['says']}"
    if "next" in turn and after.state != turn["next"]:
        yield f"goes to {after.state}, expected {turn['next']}"
    for key, kind in (("hang_up", HangUp), ("hand_over", HandOver), ("flag", Flag)):
        found = [a for a in actions if isinstance(a, kind)]
        values = [_value(a) for a in found]
        if values != ([turn[key]] if key in turn else []):
            yield f"{key} {values}, expected {turn.get(key)}"
    if "confirmed" in turn and Confirmed(turn["confirmed"]) not in actions:
        yield f"does not confirm {turn['confirmed']}"


def _value(action: Flag | HandOver | HangUp) -> str:
    match action:
        case Flag(flag):
            return flag
        case HandOver(reason):
            return reason
        case HangUp(disposition):
            return disposition


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_turn_is_answered_as_its_twin_says(language: str) -> None:
    problems = [f"{t.place}: {what}" for t in turns(language) for what in wrong(t)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_twin_says_every_template_of_its_file(language: str) -> None:
    expected: dict[str, set[str]] = {}
    for twin in turns(language):
        expected.setdefault(twin.name, set()).update(twin.turn["says"])
    missing = [
        f"{file}: {name}"
        for (lang, name), file in library().places.items()
        if lang == language and not name.startswith("script ")
        if name not in expected.get(Path(file).stem, set())
    ]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_alone_are_understood(language: str) -> None:
    """No sentence is taken for another intent than its own; legal ones never pass
    unnoticed; of the rest at least FLOOR is understood, the others are asked again."""
    samples = [twin for twin in turns(language) if "said" in twin.turn]
    problems, right = [], 0
    for twin in samples:
        case, position = given(twin)
        said = Said(twin.turn["said"])
        after, _ = dialogue.step(library(), case, position, said)
        meant = after.understood.intent if after.understood else ""
        want = twin.turn["intent"]
        right += meant == want
        if meant != want and (meant != "unknown" or want in LEGAL):
            problems.append(f"{twin.place}: {meant}, expected {want}")
    share = right / len(samples)
    if share < FLOOR:
        problems.append(f"{share:.0%} understood, at least {FLOOR:.0%} expected")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whole_conversations_end_as_they_should(language: str) -> None:
    problems = []
    for flow in flows(language):
        case = CASES[language]
        position, _ = dialogue.begin(library(), case)
        actions: tuple[Action, ...] = ()
        for turn in flow["turns"]:
            meant = Understood(turn["intent"], 1.0, "rule", turn.get("slots", {}))
            position, actions = dialogue.respond(library(), case, position, meant)
        ends = [a.disposition for a in actions if isinstance(a, HangUp)]
        if ends != [flow["ends"]] or len(position.confirmed) < flow["nodes"]:
            nodes = position.confirmed
            problems.append(f"{language} {flow['name']}: {ends}, nodes {nodes}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_agreed_in_the_call_is_read_back(language: str) -> None:
    path = HERE / language / "fragments.toml"
    problems = []
    for row in tomllib.loads(path.read_text("utf-8"))["spoken"]:
        facts = {k: row[k] for k in ("callback_at", "promise_date") if k in row}
        say = fill.say(library(), CASES[language], row["template"], facts=facts)
        if say.text != row["text"]:
            problems.append(f"{path.name}: {say.text!r}, expected {row['text']!r}")
    assert not problems, "\n".join(problems)


def test_every_file_has_its_twin_and_no_twin_is_alone() -> None:
    ours = {p.relative_to(TEMPLATES) for n in LANGUAGES for p in _toml(TEMPLATES / n)}
    twins = {p.relative_to(HERE) for n in LANGUAGES for p in _toml(HERE / n)}
    assert ours == twins


def _toml(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))
