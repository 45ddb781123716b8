"""What a campaign adds up to: outcomes, why numbers were not called, the funnel."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from dialer.attempt import Phase
from dialer.model import SPOKE, Disposition
from dialer.store.port import AttemptRow, Status

#: Ends in which the person bound themselves to something.
COMMITTED = frozenset({Disposition.AGREED_PLAN, Disposition.PROMISED})
NODES = "confirmations"  # the measure that counts confirmation nodes
ENOUGH = 3  # nodes before a commitment counts (R12)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the outcome table. `share` is of all ended attempts, 0 to 1."""

    disposition: str
    attempts: int
    share: float


@dataclass(slots=True)
class Funnel:
    """How many attempts came how far; each step is part of the one before."""

    attempts: int = 0
    dialed: int = 0
    answered: int = 0
    spoke: int = 0  # a person, not a machine
    identified: int = 0  # the right person: the dialogue went beyond stage 1
    committed: int = 0  # with enough confirmation nodes passed

    def add(self, row: AttemptRow) -> None:
        """Count one attempt."""
        self.attempts += 1
        dialed = row.dialing_at is not None
        answered = dialed and row.answered_at is not None
        spoke = answered and row.disposition in SPOKE
        identified = spoke and row.stage > 1
        nodes = row.measures.get(NODES, 0)
        committed = identified and row.disposition in COMMITTED and nodes >= ENOUGH
        self.dialed += dialed
        self.answered += answered
        self.spoke += spoke
        self.identified += identified
        self.committed += committed

    def steps(self) -> list[tuple[str, int]]:
        """(name, attempts), in order."""
        names = ("attempts", "dialed", "answered", "spoke", "identified", "committed")
        return [(name, getattr(self, name)) for name in names]


@dataclass(slots=True)
class Figures:
    """Everything about one campaign's attempts, from one pass over them."""

    funnel: Funnel = field(default_factory=Funnel)
    dispositions: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)

    def add(self, row: AttemptRow) -> None:
        """Count one attempt."""
        self.funnel.add(row)
        self.phases[row.phase] += 1
        if row.phase is Phase.DONE and row.disposition:
            self.dispositions[row.disposition] += 1


async def figures(rows: AsyncIterable[AttemptRow]) -> Figures:
    """Count all attempts of a listing (`Calls.list`); memory does not grow with it."""
    found = Figures()
    async for row in rows:
        found.add(row)
    return found


def outcomes(status: Status) -> list[Outcome]:
    """The outcome table, the commonest first."""
    ended = sum(status.dispositions.values())
    ranked = sorted(status.dispositions.items(), key=lambda item: (-item[1], item[0]))
    return [Outcome(str(name), count, count / ended) for name, count in ranked if count]


def why_not_called(status: Status) -> list[tuple[str, int]]:
    """(rule id, attempts whose last verdict names it), the commonest first. An attempt
    that several rules refused counts under each."""
    return sorted(status.refusals.items(), key=lambda item: (-item[1], item[0]))
