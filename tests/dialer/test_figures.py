"""What the attempts of a campaign add up to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

from dialer.attempt import Phase
from dialer.model import Disposition
from dialer.reports.figures import Figures, figures, outcomes, why_not_called
from dialer.store.port import AttemptRow, Campaign, Status
from tests.dialer.test_export import ROW

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
CAMPAIGN = Campaign("1", "autumn", "running", "{}", NOW)
UNANSWERED = replace(
    ROW, disposition=Disposition.BUSY, answered_at=None, stage=1, measures={}
)
REFUSED = replace(UNANSWERED, disposition=Disposition.REFUSED, dialing_at=None)
DUE = replace(REFUSED, disposition=None, ended_at=None, phase=Phase.DUE)


async def counted(*rows: AttemptRow) -> Figures:
    async def each() -> AsyncIterator[AttemptRow]:
        for row in rows:
            yield row

    return await figures(each())


async def test_each_step_of_the_funnel_is_part_of_the_one_before() -> None:
    machine = replace(ROW, disposition=Disposition.VOICEMAIL)
    stranger = replace(ROW, disposition=Disposition.WRONG_NUMBER, stage=1)
    talked = replace(ROW, disposition=Disposition.NO_COMMITMENT)
    unconfirmed = replace(ROW, measures={"confirmations": 2.0})
    found = await counted(
        DUE, REFUSED, UNANSWERED, machine, stranger, talked, unconfirmed, ROW
    )
    assert found.funnel.steps() == [
        ("attempts", 8),
        ("dialed", 6),
        ("answered", 5),
        ("spoke", 4),
        ("identified", 3),
        ("committed", 1),
    ]


async def test_only_what_is_over_has_an_outcome() -> None:
    found = await counted(DUE, ROW, ROW, UNANSWERED)
    assert found.dispositions == {"promised": 2, "busy": 1}
    assert found.phases == {"due": 1, "done": 3}


async def test_nothing_adds_up_to_nothing() -> None:
    assert (await counted()).funnel.steps()[0] == ("attempts", 0)
    empty = Status(CAMPAIGN, {}, {}, {}, None)
    assert (outcomes(empty), why_not_called(empty)) == ([], [])


def test_tables_are_ordered_and_shares_add_up() -> None:
    status = Status(
        CAMPAIGN,
        {"done": 10},
        {"busy": 2, "promised": 6, "answered_wrong": 2, "error": 0},
        {"cn.hours": 3, "cap": 3, "do_not_call": 9},
        None,
    )
    found = outcomes(status)
    assert [o.disposition for o in found] == ["promised", "answered_wrong", "busy"]
    assert sum(o.share for o in found) == 1
    assert why_not_called(status) == [("do_not_call", 9), ("cap", 3), ("cn.hours", 3)]
