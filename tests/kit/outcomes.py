"""A ledger with a life behind it: attempts that ended in many ways, by chance."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

from dialer.model import (
    SPOKE,
    Case,
    Commitment,
    Disposition,
    NextTry,
    Outcome,
    Reason,
    Turn,
    Verdict,
)
from dialer.store.port import AttemptRow, Stores
from tests.kit.agreements import FIRST, NODES, paid
from tests.kit.stores import LEASE, NODE, NOW, contact, running

PLACES = ((), ("Asia/Shanghai",), ("America/New_York", "America/Chicago"))
REFUSED = Verdict(False, (Reason("cn.consent", "law 1", "none"), Reason("cap", "", "")))
ENDS = [d for d in Disposition if d not in {Disposition.REFUSED, Disposition.CANCELLED}]
COMMITTED = (Disposition.AGREED_PLAN, Disposition.PROMISED)
SAID = ("您好，我是[姓名]", '=HYPERLINK("x")', 'yes, "that"\nis me', "[号码]")


async def lived(
    stores: Stores, chance: random.Random, people: int, name: str = "spring"
) -> None:
    """A campaign of so many people: some refused, some called, some of them again."""
    begun = [
        contact(i, zones=(chance.choice(PLACES),), language=chance.choice(("zh", "en")))
        for i in range(1, people + 1)
    ]
    await running(stores, begun, name)
    now = NOW
    for _ in range(people * 2):
        now += timedelta(minutes=chance.randrange(600))
        found = await stores.ledger.claim(name, 3, node=NODE, now=now, lease=LEASE)
        if not found:
            return
        for one in found:
            verdict = REFUSED if chance.random() < 0.1 else Verdict(True)

            def judge(case: Case, at: datetime, verdict: Verdict = verdict) -> Verdict:
                return verdict

            await stores.ledger.dialing(one.attempt_id, node=NODE, now=now, judge=judge)
            if verdict.allowed and chance.random() < 0.95:
                await end(stores, chance, one.attempt_id, now + timedelta(seconds=20))
    async for row in stores.agreements.list():
        if chance.random() < 0.5:
            await stores.agreements.append(
                row.agreement, [paid(FIRST, 1)], now, seq=row.events
            )


async def end(
    stores: Stores, chance: random.Random, attempt: str, now: datetime
) -> None:
    """Let a dialed attempt end in some way."""
    how = chance.choice((*ENDS, *COMMITTED * 5))
    over = now + timedelta(microseconds=chance.randrange(10**8))
    if how in SPOKE or how is Disposition.ABANDONED:
        await stores.ledger.answered(attempt, now)
    committed = how in COMMITTED and chance.random() < 0.7
    again = NextTry(0, over + timedelta(hours=chance.randrange(48)), "again")
    outcome = Outcome(
        how,
        over,
        cause=chance.choice(("busy", "200", "=1+1", "")),
        turns=talk(chance) if how in SPOKE else (),
        stage=chance.randint(1, 5),
        facts={"trunk": chance.choice("ab"), "confirmed": "identity plan"},
        measures={
            "seconds": chance.random() * 100,
            "confirmations": float(chance.randrange(5)),
            "other": 1.5,
        },
        next_try=again if chance.random() < 0.3 else None,
        commitment=agreed() if committed else None,
    )
    await stores.ledger.finish(attempt, outcome)


def talk(chance: random.Random) -> tuple[Turn, ...]:
    return tuple(
        Turn(
            chance.choice(("us", "them")),
            float(i),
            chance.random(),
            chance.choice(SAID),
            chance.randint(1, 5),
            intent=chance.choice(("", "agree")),
            rights=tuple(chance.sample(("record", "dispute", "stop"), 2)),
            key=chance.random() < 0.5,
        )
        for i in range(chance.randrange(5))
    )


def agreed() -> Commitment:
    due = (FIRST, date(2027, 1, 1))
    on = date(2026, 11, 24)
    return Commitment("instalments", due, 5, "CNY", "ab" * 32, NODES, on)


async def finished(stores: Stores) -> dict[str, AttemptRow]:
    """What the ledger says is over, by attempt."""
    return {row.attempt_id: row async for row in stores.calls.list() if row.ended_at}
