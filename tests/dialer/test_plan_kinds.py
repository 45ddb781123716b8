"""Judging once for all of a kind says what judging one by one says."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dialer.compliance.gate import make_judge
from dialer.evidence.entry import canonical
from dialer.model import (
    Case,
    Consent,
    Contact,
    Disposition,
    KnowingJudge,
    Outcome,
    Verdict,
)
from dialer.store.port import Campaign, FlagRow, Planned, Stores
from dialer.store.work import new_ids
from tests.dialer.test_gate import BOOK
from tests.kit.stores import LEASE, NODE, NOW, allow, contact, imported, opened, planned

GATE = make_judge(BOOK)
PLACES = (
    (("CN-32",), ("Asia/Shanghai",)),
    (("US-NV",), ("America/Los_Angeles", "America/Denver")),
    (("AU-NSW",), ("Australia/Sydney",)),
    (("GB",), ("Europe/London",)),
    ((), ()),
)
PAPERS = (
    ("court_document", "filed_contract", "public_register"),
    ("court_document", "filed_contract"),
)
ENDS = (Disposition.NO_ANSWER, Disposition.NO_COMMITMENT, Disposition.ABANDONED)


def one_by_one(case: Case, now: datetime) -> Verdict:
    return GATE(case, now)


def drawn(chance: random.Random, count: int) -> list[Contact]:
    """Some share a person, some a number, some have two."""
    found = list[Contact]()
    for i in range(count):
        locations, zones = chance.choice(PLACES)
        numbers: tuple[str, ...] = (f"n_{chance.randrange(count * 3)}",)
        if chance.random() < 0.3:
            numbers += (f"n_x{i}",)
        consent = Consent("any", NOW - timedelta(days=9), NOW + timedelta(days=9))
        found.append(
            contact(
                i,
                person=f"p_{chance.randrange(count * 3)}",
                numbers=numbers,
                masked=("+86 1****1",) * len(numbers),
                zones=(zones,) * len(numbers),
                locations=locations,
                sources=chance.choice(PAPERS),
                consents=chance.choice(((), (consent,))),
            )
        )
    return found


async def call_some(stores: Stores, chance: random.Random) -> None:
    """A past for a third of them: of hours, of days, of weeks ago."""
    await stores.campaigns.create(Campaign("old", "old", "created", "{}", NOW))
    await stores.campaigns.set_state("old", "running", NOW)
    await planned(stores, "old", judge=allow)
    taken = await stores.ledger.claim("old", 200, node=NODE, now=NOW, lease=LEASE)
    for one in taken:
        if chance.random() < 0.6:
            continue
        at = NOW - timedelta(hours=chance.choice((1, 5, 23, 30, 100, 200, 700)))
        await stores.ledger.dialing(one.attempt_id, node=NODE, now=at, judge=allow)
        end = chance.choice(ENDS)
        if end is not Disposition.NO_ANSWER:
            await stores.ledger.answered(one.attempt_id, at)
        await stores.ledger.finish(one.attempt_id, Outcome(end, at))


def told(found: Sequence[Planned]) -> list[tuple[str, int, Verdict]]:
    return [(p.contact.contact_id, p.number, p.verdict) for p in found]


@pytest.mark.parametrize("flagged", ["none", "some", "a creditor"])
async def test_a_kind_is_judged_as_each_of_it(tmp_path: Path, flagged: str) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)
    assert isinstance(GATE, KnowingJudge)
    assert not isinstance(one_by_one, KnowingJudge)
    async with opened(tmp_path) as stores:
        await imported(stores, drawn(chance, 150), "one")
        await imported(stores, [contact(i) for i in range(900, 910)], "two")
        await call_some(stores, chance)
        rows = [
            FlagRow("do_not_call", "person", f"p_{i}", NOW, "op") for i in range(60)
        ]
        rows += [FlagRow("workplace", "number", "n_x7", NOW, "op")]
        if flagged == "a creditor":
            rows += [FlagRow("cease", "all", "", NOW - LEASE, "op", NOW + LEASE)]
        if flagged != "none":
            await stores.flags.add(rows)
        await stores.campaigns.create(Campaign("new", "new", "created", "{}", NOW))
        single = told(await planned(stores, "new", commit=False, judge=one_by_one))
        assert told(await planned(stores, "new", commit=False, judge=GATE)) == single
        assert told(await planned(stores, "new", judge=GATE)) == single
        kinds = {reason.rule for _, _, v in single for reason in v.reasons}
        assert {"open_attempt", "accord.sources"} <= kinds, kinds
        if flagged == "none":  # else every verdict rests on the flag
            assert any(verdict.allowed for _, _, verdict in single)
        written = [
            row for row in await stores.journal.after(0, 10_000) if '"new"' in row.body
        ]
        assert len(written) > 50
        assert all(canonical(json.loads(row.body)) == row.body for row in written)


def test_ids_made_together_stand_together_and_ten_characters_name_one() -> None:
    found = new_ids(70_000)
    assert len({one[:10] for one in found}) == len(set(found)) == 70_000
    assert {len(one) for one in found} == {20}
    assert found[:100] == sorted(found[:100])
    assert len({one[:6] for one in found[:1000]}) == 1
    assert new_ids(1)[0][:6] != found[0][:6]
