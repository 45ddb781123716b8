"""Every way a conversation can take through a script, walked before any call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from ivr.asking import said_to_others
from ivr.script import (
    COMMITMENTS,
    ENDING,
    NODES_NEEDED,
    RESUME,
    RIGHTS_AT_MOST,
    RIGHTS_NEEDED,
    STUCK,
    Handler,
    Script,
    State,
    admissible,
    answer,
)
from ivr.template import DEBT_SLOTS, PRODUCTS, WEIGHED, Template, slots
from ivr.variants import Context, Families, families, pick

TIMES = (1, 2, 3, 4, 5, 6)  # how often a template is said in a call, for the walk


@dataclass(frozen=True, slots=True)
class Node:
    """Where a conversation may stand, and what has been passed on the way."""

    state: str
    stage: int
    first_call: bool
    confirmed: frozenset[str] = frozenset()
    rights: frozenset[str] = frozenset()


@dataclass(slots=True)
class Walk:
    """Follows every intent from every node; collects what was said and is wrong."""

    script: Script
    templates: Mapping[str, Template]
    early: tuple[str, ...] = ()
    families: Families = field(init=False)
    reached: set[str] = field(default_factory=set)  # templates
    problems: dict[tuple[str, str], None] = field(default_factory=dict)
    seen: set[Node] = field(default_factory=set)
    waiting: list[Node] = field(default_factory=list)
    possible: dict[tuple[str, str, int, bool, bool], tuple[Template, ...]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        self.families = families(self.templates.values())

    def run(self) -> Walk:
        for first in (True, False):
            self.enter(Node(self.script.start, 1, first), self.script.start, "start")
        while self.waiting:
            self.visit(self.waiting.pop())
        for name in self.script.states.keys() - {node.state for node in self.seen}:
            self.problem(f"states.{name}", "is never reached")
        return self

    def problem(self, place: str, what: str) -> None:
        self.problems[place, what] = None

    def visit(self, node: Node) -> None:
        state = self.script.states[node.state]
        place = f"states.{node.state}"
        for intent in sorted(admissible(state, node.stage) | {"unknown"}):
            found = answer(self.script, state, intent)
            if found:
                where = f"{place}.{found[0]}" if found[0][:2] == "on" else found[0]
                self.follow(node, found[1], where)
                self.check_turns(state, found[1], where)
            elif intent != "unknown":
                self.problem(place, f"nothing answers {intent!r} at stage {node.stage}")
        if "silent" in state.on:
            self.follow(node, state.on["silent"], f"{place}.on.silent")
        self.say(node, (*state.prompt, *state.ask, state.keys_prompt), place)
        if state.then:
            self.follow(node, state.then, f"{place}.then")
        self.fail(node)

    def fail(self, node: Node) -> None:
        failures = self.script.failures
        told = (failures.reprompt, failures.again, failures.still_there)
        self.say(node, (*told, failures.ponder), "failures")
        clarify = failures.clarify
        asked = (clarify.ask, clarify.denied, clarify.keys_prompt)
        self.say(node, asked, "failures.clarify")
        if node.stage >= 3:
            self.say(node, (self.script.rights,), "rights")
        for name in ("give_up", "stuck", "silent", "beep"):
            self.follow(node, getattr(failures, name), f"failures.{name}")

    def check_turns(self, state: State, handler: Handler, place: str) -> None:
        """What a handler turns an intent into must be answered too."""
        for intent in (handler.otherwise, handler.afterwards):
            known = intent in {"", "unknown", STUCK}
            if not known and not answer(self.script, state, intent):
                self.problem(place, f"nothing answers {intent!r}")

    def follow(self, node: Node, handler: Handler, place: str) -> None:
        confirmed = node.confirmed | set(handler.confirm)
        if handler.confirm:
            node = replace(node, confirmed=confirmed)
        node = self.say(node, handler.say, place)
        if handler.ending in COMMITMENTS:
            self.problem(place, "a commitment cannot be an early ending")
        if handler.hang_up in COMMITMENTS and len(confirmed) < NODES_NEEDED:
            nodes = ", ".join(sorted(confirmed)) or "none"
            self.problem(
                place,
                f"{handler.hang_up} with fewer than {NODES_NEEDED} confirmation "
                f"nodes ({nodes})",
            )
        if handler.hand_over:
            taken = self.script.not_taken[handler.hand_over]
            self.follow_once(node, taken, f"not_taken.{handler.hand_over}")
        if handler.next:
            for name in self.targets(node, handler.next):
                self.enter(node, name, place)

    def follow_once(self, node: Node, handler: Handler, place: str) -> None:
        if handler.hand_over:
            self.problem(place, "hands over again to a person who did not come")
            return
        self.follow(node, handler, place)

    def targets(self, node: Node, name: str) -> Iterator[str]:
        if name == RESUME:
            resume = self.script.resume
            names = {resume[1]} if node.first_call else set(resume.values())
        else:
            names = {name}
        for found in sorted(names):
            yield found
            for other in self.script.states[found].instead.values():
                yield from self.targets(node, other)

    def enter(self, node: Node, name: str, place: str) -> None:
        state = self.script.states[name]
        stage = state.stage or node.stage
        if stage >= 2 and "identity" not in node.confirmed:
            self.problem(place, f"leads to stage {stage} before identity is confirmed")
        here = replace(node, state=name, stage=stage)
        after = self.say(here, state.prompt, f"states.{name}.prompt")
        if after.first_call and stage >= 2:
            rights = len(after.rights)
            if not RIGHTS_NEEDED <= rights <= RIGHTS_AT_MOST:
                told = f"leads to stage {stage} ({name}) in a first call with {rights}"
                wanted = f"{RIGHTS_NEEDED} to {RIGHTS_AT_MOST}"
                self.problem(place, f"{told} rights explained, not {wanted}")
        if after not in self.seen:
            self.seen.add(after)
            self.waiting.append(after)

    def say(self, node: Node, names: tuple[str, ...], place: str) -> Node:
        """The node after these templates; what may not be said yet is a problem."""
        rights = node.rights
        speaker = self.script.states[node.state].speaker
        for name in names:
            here = (name, speaker, node.stage, node.first_call, bool(rights))
            if here not in self.possible:
                self.possible[here] = _possible(self.families[name], *here[1:])
            found = self.possible[here]
            for template in found:
                self.reached.add(template.id)
                lines = (*template.text, *template.again)
                for slot in said_to_others(self.script.states[node.state], lines):
                    self.problem(place, f"{template.id} tells somebody else {slot!r}")
                if "identity" not in node.confirmed:
                    for what in _tells(template, self.early):
                        told = f"{template.id} {what} before identity is confirmed"
                        self.problem(place, told)
            sure = [frozenset(template.rights) for template in found]
            rights |= frozenset.intersection(*sure) if sure else frozenset()
            self.explained(node, found, rights, place)
        return node if rights == node.rights else replace(node, rights=rights)

    def explained(
        self,
        node: Node,
        found: tuple[Template, ...],
        rights: frozenset[str],
        place: str,
    ) -> None:
        """In a first call the rights come before the debt is named (R9)."""
        if node.first_call and not rights and "identity" in node.confirmed:
            for template in found:
                if any(DEBT_SLOTS & set(slots(line)) for line in template.text):
                    self.problem(place, f"{template.id} comes before any right")


def _possible(
    members: tuple[Template, ...],
    speaker: str,
    stage: int,
    first_call: bool,
    rights: bool,
) -> tuple[Template, ...]:
    """Every member that some case may hear here."""
    roles = (speaker,) if speaker else ("debtor", "guarantor")
    reached = (1,) if first_call else (1, 2, 3, 4, 5)
    found: dict[str, Template] = {}
    named = WEIGHED & {member.when for member in members}
    after = [frozenset[str](), *(frozenset({name}) for name in sorted(named))]
    known = product(PRODUCTS, roles, reached, TIMES, after)
    for of_debt, role, before, time, weighed in known:
        context = Context(
            of_debt, role, stage, first_call, before, rights, time, weighed
        )
        if template := pick(members, context):
            found[template.id] = template
    return tuple(found.values())


def _tells(template: Template, early: tuple[str, ...]) -> Iterator[str]:
    for line in (*template.text, *template.again):
        for slot in sorted(DEBT_SLOTS & set(slots(line))):
            yield f"has the slot {slot!r}"
        for word in early:
            if word in line.lower():
                yield f"says {word!r}"


def legal_problems(script: Script) -> Iterator[tuple[str, str]]:
    """Opt-out, wrong number, a person and the truth about the machine: in every
    state, by voice and by key."""
    for name, state in script.states.items():
        for intent, want in LEGAL_DUTIES.items():
            found = answer(script, state, intent)
            if not found or not _does(found[1], want):
                yield f"states.{name}", f"{intent} must {want[0]} {want[1]}".rstrip()
    for key, intent in {"9": "stop_calling", "0": "want_person"}.items():
        if script.keys.get(key) != intent:
            yield f"keys.{key}", f"must be {intent}"


LEGAL_DUTIES = {
    "stop_calling": ("flag", "do_not_call"),
    "wrong_number": ("flag", "wrong_number"),
    "attorney": ("flag", "attorney"),
    "deceased": ("flag", "deceased"),
    "recording_objection": ("flag", "no_recording"),
    "want_person": ("hand_over", ""),
    "are_you_robot": ("say", ""),
    "complaint": ("say", ""),
    "fraud_suspicion": ("say", ""),
    "distress": ("say", ""),
}


def _does(handler: Handler, want: tuple[str, str]) -> bool:
    found = getattr(handler, want[0])
    ends = want[1] != "do_not_call" or handler.hang_up == "opted_out"
    return bool(found) and ends and (not want[1] or found == want[1])


def disposition_problems(
    handlers: Iterator[tuple[str, Handler]], known: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Ends that no analyst would know."""
    for place, handler in handlers:
        for name in (handler.hang_up, handler.ending):
            if name and name != ENDING and name not in known:
                yield place, f"no disposition {name!r}"
