"""One turn of the conversation in the making.

Position.facts holds what was agreed, and notes of our own: `ending` (how the call ends
if it ends now), `silence` (seconds spent), `handover` (why a person was asked for),
`no_person` (one could not be brought), `pace` (`slow`: they asked for it) and `ponder`
(the silence now is for thinking). Position.visits counts `@state` entered,
`state:intent` stayed, `times:family` asked for, `say:template` and `#turns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ivr import fill, turn
from ivr.library import Library
from ivr.port import (
    Action,
    CaseFacts,
    Confirmed,
    Fact,
    Flag,
    HandOver,
    HangUp,
    Position,
    Say,
    Understood,
)
from ivr.script import (
    COMMITMENTS,
    ENDING,
    KEPT,
    NODES_NEEDED,
    RESUME,
    Handler,
    Script,
    State,
)
from ivr.select import choose, stays
from ivr.technique import SilenceBudget
from ivr.template import DEBT_SLOTS, Template, slots
from ivr.variants import Context, pick

MAX_TURNS = 50  #: a call that has not ended by then goes to a person
MAX_SILENT = 3  #: silences in a row
THINK = 10.0  #: seconds of silence to allow where people think


class DebtDetailRefused(Exception):
    """A script would tell of a debt before identity is confirmed: a bug in the data.
    Nothing is said (R13)."""


@dataclass(slots=True)
class Talk:
    """One turn in the making: the position moves on, actions pile up in order."""

    library: Library
    case: CaseFacts
    script: Script
    position: Position  # but for visits and facts, which are:
    actions: list[Action] = field(default_factory=list)
    visits: dict[str, int] = field(init=False)
    facts: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.visits = dict(self.position.visits)
        self.facts = dict(self.position.facts)

    def done(self) -> tuple[Position, tuple[Action, ...]]:
        """Where the conversation stands now, and what is to be done."""
        visits, facts = tuple(self.visits.items()), tuple(self.facts.items())
        return replace(self.position, visits=visits, facts=facts), tuple(self.actions)

    # --- what was heard

    def respond(self, understood: Understood) -> None:
        script = self.script
        position = replace(self.position, understood=understood, silent=0)
        self.position = position
        self.facts.pop("ponder", None)
        if self.count("#turns") > MAX_TURNS:
            self.apply(script.failures.stuck)
            return
        state = script.states[position.state]
        usable = turn.usable(understood, self.case)
        intent = turn.single_option(understood.intent, state, self.case, usable)
        choice = choose(script, self.position, intent, usable)
        also = [i for i in usable.get("also", "").split(",") if i in script.any]
        if "stop_calling" in also and stays(choice.handler):
            choice = choose(script, self.position, "stop_calling")
        unknown = choice.intent == "unknown"
        self.move(misunderstood=position.misunderstood + 1 if unknown else 0)
        if stays(choice.handler):
            self.count(f"{position.state}:{choice.intent}")
        for other in also:  # what else was heard is stored too: R4 above all
            self.flag(script.any[other].flag)
        self.apply(choice.handler, usable)

    def silence(self, seconds: float) -> None:
        script, position = self.script, self.position
        budget = SilenceBudget(
            script.silence_budget, float(self.facts.get("silence", "0"))
        )
        budget = budget.spend(seconds)
        self.facts["silence"] = f"{budget.spent:.1f}"
        self.move(silent=position.silent + 1, understood=None)
        state = script.states[position.state]
        thinking = self.facts.pop("ponder", "")
        if "silent" in state.on:
            self.apply(state.on["silent"])
        elif budget.exhausted or position.silent + 1 >= MAX_SILENT:
            ending = self.facts.get("ending", "") or script.failures.silent.hang_up
            handler = script.failures.silent
            self.apply(handler.model_copy(update={"hang_up": ending}))
        elif (state.ponder or thinking) and position.silent == 0:
            self.say(script.failures.ponder)
        else:
            self.say(script.failures.still_there)
            self.ask(state)

    def not_taken(self) -> None:
        reason = self.facts.get("handover", "stuck")
        self.move(understood=None)
        self.facts["no_person"] = "yes"
        self.apply(self.script.not_taken[reason])

    # --- what is done about it

    def apply(self, handler: Handler, found: Mapping[str, str] | None = None) -> None:
        """Flags first, then what was agreed, then words, then where to go."""
        self.flag(handler.flag)
        for node in handler.confirm:
            self.confirm(node)
        for name in handler.forget:
            self.facts.pop(name, None)
        self.note(handler, found or {})
        if handler.ending:
            self.facts["ending"] = handler.ending
        if handler.slower:
            self.facts["pace"] = "slow"
        if handler.hand_over:
            self.hand_over(handler)
            return
        for name in handler.say:
            self.say(name)
        if handler.hang_up:
            self.hang_up(handler.hang_up)
        elif handler.next:
            self.enter(handler.next)
        elif not handler.quiet:
            state = self.script.states[self.position.state]
            self.ask(state, whole=handler.whole)
            self.leave_time(handler)

    def leave_time(self, handler: Handler) -> None:
        """After what makes people think, the silence budget is theirs."""
        last = self.actions[-1] if self.actions else None
        if handler.ponder and isinstance(last, Say):
            self.actions[-1] = replace(last, wait=max(last.wait, THINK))
            self.facts["ponder"] = "yes"

    def note(self, handler: Handler, found: Mapping[str, str]) -> None:
        kept = {KEPT[slot]: found[slot] for slot in handler.keep if slot in found}
        for name, value in {**kept, **handler.fact}.items():
            self.facts[name] = value
            self.actions.append(Fact(name, value))

    def hand_over(self, handler: Handler) -> None:
        """Bring a person; who could not be brought once is not tried again."""
        if self.facts.get("no_person", ""):
            self.apply(self.script.not_taken[handler.hand_over])
            return
        for name in handler.say:
            self.say(name)
        self.facts["handover"] = handler.hand_over
        self.actions.append(HandOver(handler.hand_over))

    def hang_up(self, disposition: str) -> None:
        if disposition == ENDING:
            disposition = self.facts.get("ending", "no_commitment")
        nodes = len(set(self.position.confirmed))
        if disposition in COMMITMENTS and nodes < NODES_NEEDED:
            disposition = "no_commitment"  # R12: it does not count
        then = fill.callback(self.facts.get("callback_at", ""), self.case.today)
        asked = disposition in {"callback", "person_absent", "third_party"}
        self.actions.append(HangUp(disposition, then if asked else None))
        self.move(over=True, stage=max(self.position.stage, self.case.stage))

    def enter(self, name: str) -> None:
        name = self.target(name)
        state = self.script.states[name]
        if self.count(f"@{name}") > state.visits:
            self.apply(state.then or self.script.failures.stuck)
            return
        self.move(state=name, stage=state.stage or self.position.stage)
        for template in state.prompt:
            self.say(template)

    def target(self, name: str) -> str:
        """The state that `name` means for this case, now."""
        case = self.case
        if name == RESUME:
            name = self.script.resume[1 if case.first_call else case.stage]
        for condition, other in self.script.states[name].instead.items():
            chosen = self.facts.get("option", "")
            option = case.options[int(chosen) - 1].name if chosen.isdecimal() else ""
            day = fill.promise(self.facts.get("promise_date", ""), case.today)
            holds = {
                "no_options": not case.options,
                "option_mediation": option == "mediation",
                "date_known": day is not None,
            }
            if holds[condition]:
                return self.target(other)
        return name

    def ask(self, state: State, *, whole: bool = False) -> None:
        for name in state.prompt if whole else state.ask or state.prompt:
            self.say(name)

    def say(self, name: str) -> None:
        time = self.count(f"times:{name}")
        members = self.library.family(self.case.language, name)
        template = pick(members, self.context(time))
        if template is None:
            return
        if "identity" not in self.position.confirmed and _tells_debt(template):
            raise DebtDetailRefused(template.id)
        said = self.count(f"say:{template.id}")
        say = fill.say(
            self.library,
            self.case,
            template.id,
            again=said % 2 == 0,
            facts=self.facts,
            stage=self.position.stage,
        )
        if say.clips:
            slow = self.facts.get("pace", "") == "slow"
            self.actions.append(replace(say, slow=True) if slow else say)
            rights = dict.fromkeys((*self.position.rights, *say.rights))
            self.move(rights=tuple(rights))

    def context(self, time: int) -> Context:
        """What decides between variants, now."""
        case, position = self.case, self.position
        return Context(
            product=case.product,
            role=self.script.states[position.state].speaker or case.role,
            stage=position.stage,
            first_call=case.first_call,
            reached=case.stage,
            rights=bool(position.rights),
            time=time,
        )

    # --- small moves

    def flag(self, name: str) -> None:
        if name and Flag(name) not in self.actions:
            self.actions.append(Flag(name))

    def confirm(self, node: str) -> None:
        if node not in self.position.confirmed:
            self.actions.append(Confirmed(node))
            self.move(confirmed=(*self.position.confirmed, node))

    def count(self, key: str) -> int:
        self.visits[key] = self.visits.get(key, 0) + 1
        return self.visits[key]

    def move(self, **changes: object) -> None:
        self.position = replace(self.position, **changes)  # type: ignore[arg-type]


def _tells_debt(template: Template) -> bool:
    lines = (*template.text, *template.again)
    return any(not DEBT_SLOTS.isdisjoint(slots(line)) for line in lines)
