"""One turn of the conversation: what was heard, and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ivr import doubt, fill, turn
from ivr.port import Fact, HandOver, HangUp, Say, Understood
from ivr.saying import DebtDetailRefused, Saying
from ivr.script import (
    COMMITMENTS,
    ENDING,
    KEPT,
    NODES_NEEDED,
    RESUME,
    Handler,
)
from ivr.select import Choice, choose, stays
from ivr.technique import SilenceBudget
from ivr.weigh import weighed

__all__ = ["DebtDetailRefused", "Talk"]

MAX_TURNS = 50  #: a call that has not ended by then goes to a person
MAX_SILENT = 3  #: silences in a row
#: What counts only as an answer to a question that was heard.
ANSWERS = frozenset({"yes", "identity_yes"})
THINK = 10.0  #: seconds of silence to allow where people think


class Talk(Saying):
    """What answers a turn."""

    __slots__ = ()

    # --- what was heard

    def respond(self, understood: Understood) -> None:
        script, guess = self.script, self.position.guess
        understood = doubt.resolved(understood, guess)
        self.move(understood=understood, silent=0)
        position = self.position
        self.facts.pop("ponder", None)
        if self.count("#turns") > MAX_TURNS:
            self.apply(script.failures.stuck)
            return
        self.settle(understood)
        state = script.states[position.state]
        if guess and understood.intent == "no":
            self.say(script.failures.clarify.denied)
            self.ask(state)
            return
        usable = turn.usable(understood, self.case)
        intent = self.heard(understood.intent)
        intent = turn.single_option(intent, state, self.case, usable)
        choice = choose(script, self.position, intent, usable)
        also = [i for i in usable.get("also", "").split(",") if i in script.any]
        if "stop_calling" in also and stays(choice.handler):
            choice = choose(script, self.position, "stop_calling")
        unknown = choice.intent == "unknown"
        self.move(misunderstood=position.misunderstood + 1 if unknown else 0)
        if self.ask_back(choice, position.misunderstood, guess):
            return
        if guess and choice.intent in doubt.ASIDE:
            self.wonder(guess)
        if stays(choice.handler):
            self.count(f"{position.state}:{choice.intent}")
        for other in also:  # what else was heard is stored too: R4 above all
            self.flag(script.any[other].flag)
        self.apply(choice.handler, usable)

    def heard(self, intent: str) -> str:
        """A yes to a question that they cut off before it was asked is a murmur: it
        confirms nothing."""
        state = self.script.states[self.position.state]
        asked = self.of((state.ask or state.prompt)[-1]) if state.prompt else ()
        unasked = any(t.id in self.position.unsaid for t in asked)
        return "back_channel" if unasked and intent in ANSWERS else intent

    # --- what was not heard surely

    def settle(self, understood: Understood) -> None:
        """The guess that was asked about is answered, or left; see `ivr.doubt`."""
        intent = understood.intent
        self.move(guess=None)
        self.facts.pop("wish", None)
        if not doubt.stands(intent) or understood.by == "confirmed":
            self.facts.pop("doubt", None)

    def ask_back(
        self, choice: Choice, failures: int, before: Understood | None
    ) -> bool:
        """Ask about the guess if it is worth it. A doubt is asked about again rather
        than forgotten; an opt-out that nobody could ask about stands as one."""
        found, clarify = self.position.understood, self.script.failures.clarify
        if found is None or choice.intent != "unknown":
            return False
        standing = self.facts.get("doubt", "")
        if before and before.guess == standing and found.guess != doubt.OPT_OUT:
            found = before  # their noise does not take back what may protect them
        named = self.library.fragments[self.case.language].wishes
        then = replace(self.position, misunderstood=failures)
        if not doubt.worth_asking(self.script, then, found, choice.place, named):
            if found.guess == doubt.OPT_OUT:
                self.facts["doubt"] = doubt.OPT_OUT
            return False
        if failures:
            self.say(self.script.failures.again)
        self.wonder(found)
        self.say(clarify.ask)
        if failures:
            self.say(clarify.keys_prompt)
        return True

    def wonder(self, guess: Understood) -> None:
        """`guess` is what we ask about from here on."""
        self.move(guess=guess)
        self.facts["wish"] = guess.guess
        state = self.script.states[self.position.state]
        if doubt.protects(self.script, state, guess.guess):
            self.facts["doubt"] = guess.guess

    def protect(self) -> None:
        """It ends, or somebody else takes over: a doubt that was not taken back counts
        as said."""
        intent = self.facts.pop("doubt", "")
        if intent:
            state = self.script.states[self.position.state]
            self.flag(doubt.protects(self.script, state, intent))

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
        asked = position.guess.guess if position.guess else ""
        if asked in script.any and script.any[asked].hand_over:
            self.move(guess=None)  # they may need a person, and cannot say so
            self.apply(script.any[asked])
        elif "silent" in state.on and not asked:
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
        for name, value in {**weighed(kept, self.case), **handler.fact}.items():
            self.facts[name] = value
            if not value:
                del self.facts[name]
            elif name != "day":
                self.actions.append(Fact(name, value))

    def hand_over(self, handler: Handler) -> None:
        """Bring a person; who could not be brought once is not tried again."""
        self.protect()
        if self.facts.get("no_person", ""):
            self.apply(self.script.not_taken[handler.hand_over])
            return
        for name in handler.say:
            self.say(name)
        self.facts["handover"] = handler.hand_over
        self.actions.append(HandOver(handler.hand_over))

    def hang_up(self, disposition: str) -> None:
        self.protect()
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
        self.move(unsaid=())
        self.visits = {k: n for k, n in self.visits.items() if k[:5] != "here:"}
        self.explain_rights(state.stage)
        for template in state.prompt:
            self.say(template)

    def target(self, name: str) -> str:
        """The state that `name` means for this case, now."""
        case = self.case
        if name == RESUME:
            name = self.script.resume[1 if case.first_call else case.stage]
        for condition, other in self.script.states[name].instead.items():
            chosen = self.facts.get("option", "")
            plan = fill.plans(case)[int(chosen) - 1] if chosen.isdecimal() else None
            sum_ = self.facts.get("weighed", "")
            day = fill.promise(self.facts.get("promise_date", ""), case.today)
            holds = {
                "no_options": not case.options,
                "option_mediation": plan is not None and plan.name == "mediation",
                "option_full": chosen == "full",
                "date_known": day is not None,
                "day_person": self.facts.get("day", "") == "person",
                "amount_accepted": sum_ == "accepted",
                "amount_countered": sum_ in {"lighter", "nearest"},
                "amount_full": sum_ == "full",
            }
            if holds[condition]:
                return self.target(other)
        return name
