"""Scripts: five stages as tables of states, read from data, never changed after.

A state asks one thing. `on` says what follows an intent; what a state does not answer
itself, the script's `any` table answers for all of them. Three more keys may stand in a
state's `on` beside the intents: `silent`, `unknown` and `other` (anything that is no
legal or care intent).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ivr.inventory import ALWAYS, LEGAL, STAGED

PSEUDO = frozenset({"silent", "unknown", "other"})
RESUME = "@resume"  #: as `next`: the state where the case stands
COMMITMENTS = frozenset({"agreed_plan", "promised"})
STUCK = "stuck"  #: as `afterwards`: failures.stuck
ENDING = "@ending"  #: as `hang_up`: what `ending` said, else no_commitment
#: Slots that `keep` remembers, and the fact each becomes.
KEPT = {
    "date": "promise_date",
    "amount": "promise_amount",
    "option": "option",
    "callback_at": "callback_at",
}
NODES_NEEDED = 3  #: confirmation nodes before a commitment counts (R12)
RIGHTS_NEEDED = 3  #: explained in a first call on entering stage 2 (R9)
RIGHTS_AT_MOST = 5
RIGHTS_OFFERS = 2  #: how often what was cut short is said again


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Condition = Literal[
    "no_options",
    "option_mediation",
    "option_full",
    "date_known",
    "day_person",
    "amount_accepted",
    "amount_countered",
    "amount_full",
]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Handler(Part):
    """What follows one intent. No `next`, `hang_up` or `hand_over`: the state stays
    and asks again, unless `quiet`."""

    say: Names = ()
    next: str = ""
    quiet: bool = False
    whole: bool = False  # staying: the whole prompt again, not only the question
    slower: bool = False  # from here on we speak slower
    ponder: bool = False  # staying: the silence that follows is left to think
    flag: str = ""
    confirm: Names = ()
    keep: Names = ()  # slots of the turn to remember as facts, see KEPT
    forget: Names = ()  # facts to drop
    fact: dict[str, str] = {}
    needs: str = ""  # a slot; without it the turn counts as `otherwise`
    otherwise: str = ""
    times: int = Field(
        default=2, ge=1, le=3
    )  # how often a state may stay because of it
    afterwards: str = STUCK  # the intent it counts as from then on
    ending: str = ""  # the disposition if the call ends early from here on
    hang_up: str = ""  # a disposition, or ENDING
    hand_over: str = ""  # the reason


class State(Part):
    speaker: Literal["", "third_party"] = ""  # who is at the phone, if not our person
    stage: int = Field(default=0, ge=0, le=5)  # 0: the stage it was entered from
    prompt: Names = ()
    ask: Names = ()  # the question alone, when asked again; default: prompt
    expects: tuple[str, ...] | None = None  # instead of the stage's own intents
    keys: dict[str, str] = {}  # key -> intent
    keys_prompt: str = "offer_keys"
    on: dict[str, Handler] = {}
    instead: dict[Condition, str] = {}  # if so, enter this state in its place
    visits: int = Field(default=3, ge=1, le=3)
    then: Handler | None = None  # when entered more often; default: failures.stuck
    ponder: bool = False  # the first silence is left to think, without asking again


class Clarify(Part):
    """How we ask back about what was heard unsurely; see `ivr.doubt`."""

    ask: str  # names the guess: the slot `wish`
    denied: str  # after a no, before the question is asked again
    keys: dict[str, str]  # key -> yes or no
    keys_prompt: str


class Failures(Part):
    """Two failures to understand, then a person; and what to do when stuck."""

    clarify: Clarify  # instead of the first, where there is a guess
    reprompt: str
    again: str  # second failure: said before the keys are offered
    still_there: str  # after a silence, before asking again
    ponder: str  # after a silence in which they may be thinking
    give_up: Handler
    stuck: Handler
    silent: Handler
    beep: Handler


class Script(Part):
    id: str
    language: str = Field(pattern="^(zh|en)$")
    like: str = ""  # take everything from this language's script of the same id
    version: str
    start: str
    resume: dict[int, str]
    silence_budget: float = Field(default=30, gt=0, le=30)  # seconds a call (R12)
    keys: dict[str, str]
    rights: str  # said from stage 3 on in a first call if too few were heard before
    failures: Failures
    not_taken: dict[str, Handler]  # by reason of the hand-over; `other` for the rest
    any: dict[str, Handler]
    states: dict[str, State]


def admissible(state: State, stage: int) -> frozenset[str]:
    """What a turn may mean in this state, at this stage."""
    own = STAGED[state.stage or stage] if state.expects is None else state.expects
    return ALWAYS | frozenset(own) | (frozenset(state.on) - PSEUDO)


def answer(script: Script, state: State, intent: str) -> tuple[str, Handler] | None:
    """The handler for an intent here and where it was found; None: nobody answers."""
    if intent in state.on:
        return f"on.{intent}", state.on[intent]
    if intent in LEGAL and intent in script.any:
        return f"any.{intent}", script.any[intent]
    kept = intent in {"repeat_please", "speak_slower", "wait_moment", "back_channel"}
    if "other" in state.on and not kept:
        return "on.other", state.on["other"]
    return (f"any.{intent}", script.any[intent]) if intent in script.any else None
