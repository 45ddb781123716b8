"""What a turn of the conversation collects: words, flags, confirmations, in order.

Position.facts holds what was agreed, and notes of our own: `ending` (how the call ends
if it ends now), `silence` (seconds spent), `handover` (why a person was asked for),
`no_person` (one could not be brought), `pace` (`slow`: they asked for it), `ponder`
(the silence now is for thinking), `wish` (the guess asked about) and `doubt` (what they
may have said to protect themselves). Position.visits counts `@state` entered,
`state:intent` stayed, `times:family` asked for, `say:template`, `here:template` (since
the state was entered) and `#turns`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ivr import fill
from ivr.library import Library
from ivr.port import Action, CaseFacts, Confirmed, Flag, Position
from ivr.script import RIGHTS_NEEDED, RIGHTS_OFFERS, Script, State
from ivr.template import DEBT_SLOTS, Template, slots
from ivr.variants import Context, pick


class DebtDetailRefused(Exception):
    """A script would tell of a debt before identity is confirmed: a bug in the data.
    Nothing is said (R13)."""


@dataclass(slots=True)
class Saying:
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

    # --- words

    def ask(self, state: State, *, whole: bool = False) -> None:
        if self.position.guess is not None:
            self.say(self.script.failures.clarify.ask)
            return
        asked = state.prompt if whole else state.ask or state.prompt
        for name in self.unheard(state) or asked:
            self.say(name)

    def unheard(self, state: State) -> tuple[str, ...]:
        """What of the prompt was not heard whole; rights come later."""
        return tuple(
            name
            for name in state.prompt
            if any(t.id in self.position.unsaid and not t.rights for t in self.of(name))
        )

    def of(self, name: str) -> tuple[Template, ...]:
        """The template that a script names, and its variants."""
        return self.library.family(self.case.language, name)

    def explain_rights(self, stage: int) -> None:
        """Rights cut short in a first call are said again, in short, once the debt is
        clear: at least three are heard, or the record says that they were not (R9)."""
        name = self.script.rights
        said = self.visits.get(f"times:{name}", 0)
        few = len(self.position.rights) < RIGHTS_NEEDED and said < RIGHTS_OFFERS
        if stage >= 3 and self.case.first_call and few:
            self.say(name)

    def say(self, name: str) -> None:
        time = self.count(f"times:{name}")
        template = pick(self.of(name), self.context(time))
        if template is None:
            return
        if "identity" not in self.position.confirmed and _tells_debt(template):
            raise DebtDetailRefused(template.id)
        said = self.count(f"say:{template.id}")
        self.count(f"here:{template.id}")
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
            unsaid = (name for name in self.position.unsaid if name != template.id)
            self.move(rights=tuple(rights), unsaid=tuple(unsaid))

    def context(self, time: int) -> Context:
        """What decides between variants, now."""
        case, position = self.case, self.position
        day = self.facts.get("day", "")
        return Context(
            product=case.product,
            role=self.script.states[position.state].speaker or case.role,
            stage=position.stage,
            first_call=case.first_call,
            reached=case.stage,
            rights=bool(position.rights),
            time=time,
            weighed=frozenset({self.facts.get("weighed", ""), f"day_{day}"}),
        )

    # --- small moves

    def flag(self, name: str) -> None:
        """Stored before anything else is done, so it comes first."""
        if name and Flag(name) not in self.actions:
            first = sum(isinstance(action, Flag) for action in self.actions)
            self.actions.insert(first, Flag(name))

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
