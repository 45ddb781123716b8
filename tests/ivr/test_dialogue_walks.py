"""Random conversations: what must hold whatever a callee says, presses or omits."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from itertools import product

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
    Option,
    Position,
    Pressed,
    Say,
    Silent,
    Understood,
)
from ivr.script import COMMITMENTS, NODES_NEEDED, RIGHTS_NEEDED
from ivr.template import LANGUAGES, PRODUCTS
from tests.templates.cases import CASES, MEDIATION, OPTIONS, SHOP, library

UNEVEN = Decimal(1364)
LONGEST = 75  #: turns, hand-overs and silences included
OFFERS: tuple[tuple[Option, ...], ...] = (
    OPTIONS,
    (),
    OPTIONS[:1],
    (OPTIONS[2], MEDIATION),
    (OPTIONS[0], OPTIONS[1], MEDIATION),
)


@cache
def cases(language: str) -> tuple[CaseFacts, ...]:
    """Every product and role, first calls and later ones from every stage."""
    found = []
    for kind, role, stage in product(PRODUCTS, ("debtor", "guarantor"), range(6)):
        for offers in OFFERS:
            case = replace(CASES[language], product=kind, role=role, options=offers)
            if offers == OPTIONS:
                uneven = Option("instalments", 9, Decimal(1367), Decimal(12300), UNEVEN)
                case = replace(case, others=(uneven,), bargain=SHOP)
            later = replace(case, first_call=False, stage=stage)
            found.append(later if stage else replace(case, due=None))
            found += [] if stage else [case]
    return tuple(found)


@cache
def known(case: CaseFacts) -> frozenset[str]:
    return frozenset(fill.all_clips(library(), case))


@cache
def secrets(case: CaseFacts) -> tuple[str, ...]:
    spoken = set(fill.spoken_values(library(), case)) - {case.name}
    return (*spoken, case.creditor, str(case.amount), case.account_tail)


def slots(dice: random.Random, case: CaseFacts) -> dict[str, str]:
    day = case.today.date() + timedelta(days=dice.randint(-3, 120))
    then = case.today + timedelta(minutes=dice.randint(-600, 60_000))
    every = {
        "date": day.isoformat(),
        "callback_at": then.isoformat(),
        "option": str(dice.randint(0, 5)),
        "months": str(dice.randint(1, 12)),
        "amount": str(dice.choice((100, 500, 1800, 2050, 2500, 20_000))),
    }
    return {k: v for k, v in every.items() if dice.random() < 0.6}


def turn(
    dice: random.Random, case: CaseFacts, position: Position, stubborn: str
) -> tuple[Position, tuple[Action, ...]]:
    """One random thing heard. `stubborn`: an intent this callee likes to repeat."""
    luck = dice.random()
    if luck < 0.06:
        seconds = dice.uniform(2, 12)
        return dialogue.step(library(), case, position, Silent(seconds))
    if luck < 0.12:
        key = dice.choice("0123456789*#")
        return dialogue.step(library(), case, position, Pressed(key))
    if luck < 0.125:
        return dialogue.step(library(), case, position, Beeped())
    admitted = sorted(dialogue.admissible(library(), position) | {"unknown"})
    answers = ("identity_yes", "yes", "choose_option", "propose_date")
    likely = [i for i in answers if i in admitted]
    polite = sorted(set(admitted) - LEGAL - {"busy_now", "callback_time", "goodbye"})
    intent = dice.choice(admitted if dice.random() < 0.2 else polite)
    if luck < 0.5 and likely:
        intent = dice.choice(likely)
    elif luck < 0.7 and stubborn in admitted:
        intent = stubborn
    guess = dice.choice(admitted) if intent == "unknown" and luck < 0.9 else ""
    meant = Understood(intent, 0.9, "classifier", slots(dice, case), guess)
    return dialogue.respond(library(), case, position, meant)


def walk(
    dice: random.Random, case: CaseFacts
) -> Iterator[tuple[Position, tuple[Action, ...]]]:
    """A whole conversation; a hand-over is never taken, so all go on to an end."""
    position, actions = dialogue.begin(library(), case)
    yield position, actions
    stubborn = dice.choice(sorted({"unknown", "repeat_please", "no", "unsure", "yes"}))
    while not position.over:
        if any(isinstance(a, HandOver) for a in actions):
            position, actions = dialogue.step(library(), case, position, NotTaken())
        else:
            position, actions = turn(dice, case, position, stubborn)
        if not position.over and dice.random() < 0.15:
            position, actions = cut(dice, position, actions)
        yield position, actions


def cut(
    dice: random.Random, position: Position, actions: tuple[Action, ...]
) -> tuple[Position, tuple[Action, ...]]:
    """They speak over one of our sentences: it and those after it are not heard."""
    says = [a for a in actions if isinstance(a, Say)]
    if not says:
        return position, actions
    lost = says[dice.randrange(len(says)) :]
    gone = {right for say in lost for right in say.rights}
    told = tuple(right for right in position.rights if right not in gone)
    names = tuple(say.template for say in lost) if lost[1:] else ()
    position = dialogue.cut_short(position, told, names)
    return position, tuple(a for a in actions if a not in lost)


def broken(case: CaseFacts, dice: random.Random) -> Iterator[str]:
    """What does not hold in one random conversation."""
    nodes: list[str] = []
    rights: set[str] = set()
    last: tuple[object, ...] = ()
    flags: list[str] = []
    repeats = 0
    for steps, (position, actions) in enumerate(walk(dice, case), 1):
        if steps > LONGEST:
            yield f"no end after {LONGEST} turns, at {position.state}"
            return
        offers = dict(position.visits).get("times:rights_rest", 0)
        for action in actions:
            match action:
                case Flag(flag):
                    flags.append(flag)
                case Confirmed(node):
                    nodes.append(node)
                case Say():
                    rights |= set(action.rights)
                    yield from _say(case, action, nodes, rights, offers)
                case HangUp():
                    yield from _end(action, nodes, flags, case)
                case _:
                    pass
        yield from _order(actions, over=position.over)
        here = (position.state, *(a for a in actions if isinstance(a, Say)))
        repeats = repeats + 1 if here == last and here[1:] else 1
        last = here
        if repeats > 3:
            yield f"the same answer {repeats} times in a row at {position.state}"


def _say(
    case: CaseFacts, say: Say, nodes: list[str], rights: set[str], offers: int
) -> Iterator[str]:
    if "identity" not in nodes:
        told = [s for s in secrets(case) if s in say.text]
        if told or say.stage > 1:
            yield f"{say.template} tells {told} at stage {say.stage} before identity"
    few = len(rights) < RIGHTS_NEEDED and not offers  # said again on entering
    if say.stage >= 3 and case.first_call and few:
        yield f"stage {say.stage} with rights {rights}"
    unknown = [clip for clip in say.clips if clip not in known(case)]
    if unknown or not say.clips:
        yield f"{say.template}: clips not rendered ahead: {unknown}"


def _end(
    end: HangUp, nodes: list[str], flags: list[str], case: CaseFacts
) -> Iterator[str]:
    if end.disposition in COMMITMENTS and len(set(nodes)) < NODES_NEEDED:
        yield f"{end.disposition} with nodes {nodes}"
    wanted = {"opted_out": "do_not_call", "wrong_number": "wrong_number"}
    flag = wanted.get(end.disposition)
    if flag and flag not in flags:
        yield f"{end.disposition} without the flag {flag}"
    if end.callback_at and end.callback_at <= case.today:
        yield f"a call-back in the past: {end.callback_at}"


def _order(actions: tuple[Action, ...], *, over: bool) -> Iterator[str]:
    kinds = [type(a) for a in actions]
    firsts = [i for i, kind in enumerate(kinds) if kind is Flag]
    if firsts and firsts != list(range(len(firsts))):
        yield f"a flag is not first: {kinds}"
    ends = [i for i, kind in enumerate(kinds) if kind is HangUp]
    if ends and ends != [len(kinds) - 1]:
        yield f"something after the end: {kinds}"
    if over != bool(ends):
        yield f"over is {over}, actions {kinds}"


def check(language: str, conversations: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    for number in range(conversations):
        dice = random.Random(f"{seed}:{number}")
        case = dice.choice(cases(language))
        problems = list(broken(case, dice))
        assert not problems, f"seed {seed}, conversation {number}: {problems}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_random_conversations(language: str) -> None:
    check(language, 200)


LATER = (pytest.param(n, marks=pytest.mark.long) for n in range(1, 5))


@pytest.mark.slow
@pytest.mark.parametrize("part", [0, *LATER])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hundred_thousand_random_conversations(language: str, part: int) -> None:
    """In parts, each with a seed of its own, that all cores share them; `make walks`
    walks those that `make test` does not."""
    check(language, 10_000)
