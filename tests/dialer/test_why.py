"""Why not called: the funnel, and the numbers of the next three days."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from dialer.attempt import Phase
from dialer.campaign.forecast import HOURS, Forecast
from dialer.campaign.funnel import Funnel
from dialer.cli.main import dialer
from dialer.cli.why import lines
from dialer.compliance.gate import make_judge
from dialer.compliance.localtime import shown
from dialer.compliance.stages import OF_KIND, stage_of
from dialer.model import Case, Consent, Disposition, Outcome
from dialer.store.port import Campaign, FlagRow, Stood, Stores
from tests.dialer.test_gate import BOOK, CN
from tests.kit.stores import contact, dialed, imported, opened, planned

JUDGE = make_judge(BOOK)
NIGHT = datetime(2026, 11, 24, 16, 20, tzinfo=UTC)  # 00:20 in Shanghai
DAY = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def funnel(now: datetime = DAY) -> Funnel:
    return Funnel(now, stage_of(BOOK), shown, Forecast(JUDGE, now))


def stood(case: Case, now: datetime, **more: object) -> Stood:
    who = contact(1, zones=(case.zones,), locations=case.locations)
    return replace(Stood(who, "b", 0, case, JUDGE(case, now)), **more)  # type: ignore[arg-type]


def place(location: str, zone: str) -> Case:
    return replace(CN, locations=(location,), zones=(zone,))


def test_every_kind_of_rule_has_its_stage() -> None:
    find = stage_of(BOOK)
    kinds = {r.kind for _, r in BOOK.rules()} - {"duty"}
    assert kinds == OF_KIND.keys()
    assert find("accord.flags.do_not_call") == "consent"
    assert find("cn.hours") == "window"
    assert find("accord.facts.zones") == "provenance"


def test_each_contact_stops_at_its_first_stage() -> None:
    found = funnel(NIGHT)
    bare = replace(CN, sources=(), reviewers=(), flags=("cease",))
    cases = [bare, replace(CN, reviewers=()), replace(CN, flags=("cease",)), CN]
    found.add(stood(case, NIGHT) for case in cases)
    assert dict(found.left()) == {
        "imported": 4,
        "provenance": 3,
        "reviewed": 2,
        "consent": 1,
        "caps": 1,
        "window": 0,
        "callable": 0,
    }
    assert found.stages["provenance"].reasons == {"accord.sources": 1}
    assert found.stages["window"].reasons == {"cn.hours": 1}
    assert [stage.never for stage in found.stages.values()] == [1, 1, 1, 0, 0]


def test_outside_hours_until_when_and_where() -> None:
    """Not `done`: three zones open at their own 09:00."""
    at = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
    found = funnel(at)
    places = [("FR", "Europe/Paris"), ("GB", "Europe/London"), ("IE", "Europe/Dublin")]
    found.add(stood(place(*where), at) for where in places)
    found.add([stood(place("CN", "Asia/Shanghai"), at)])
    assert lines(found) == [
        "callable: 1 now, 0 later (their next try is not due), 0 being called",
        "3 outside hours until 09:00 in 3 zones (Europe/Dublin, Europe/London, "
        "Europe/Paris; first at 2026-11-25 08:00 UTC)",
    ]


def test_what_is_finished_or_under_way_is_told_apart() -> None:
    found = funnel()
    done = {"phase": Phase.DONE, "disposition": Disposition.PROMISED}
    refused = {"phase": Phase.DONE, "disposition": Disposition.REFUSED}
    later = {"phase": Phase.DUE, "not_before": DAY + timedelta(hours=5)}
    found.add([stood(CN, DAY, **done), stood(CN, DAY, **refused)])
    found.add([stood(CN, DAY, **later), stood(CN, DAY, phase=Phase.TALKING)])
    assert found.finished == {"promised": 1}
    assert found.callable == {"now": 1, "later": 1, "in_hand": 1}
    assert dict(found.left())["callable"] == 3


def test_the_forecast_is_the_gate_asked_each_quarter_of_an_hour() -> None:
    """Brute force over contacts of many kinds, history and consents included."""
    now = datetime(2026, 3, 27, 21, 40, tzinfo=UTC)  # the clocks change on the 29th
    night = Consent("any", now - timedelta(days=9), now + timedelta(hours=20))
    talked = replace(
        place("US-NV", "America/Los_Angeles"),
        consents=(Consent("any", now - timedelta(days=9), now + timedelta(days=99)),),
    )
    cases = [
        CN,
        replace(CN, consents=(night,)),
        place("GB", "Europe/London"),
        replace(place("IE", "Europe/Dublin"), consents=(night,)),
        place("US-PA", "America/New_York"),
        talked,
        replace(CN, flags=("cease",)),
        replace(CN, flags=("hold",), flags_until=now + timedelta(hours=30)),
        replace(CN, sources=("court_document", "filed_contract", "given_by_person")),
    ]
    forecast = Forecast(JUDGE, now)
    for case in cases:
        forecast.add(case, JUDGE(case, now), None)
    found = forecast.hours()
    assert len(found) == HOURS
    assert sum(n for _, n in found) > 50
    for hour, n in found:
        tries = [max(now, hour + timedelta(minutes=m)) for m in (0, 15, 30, 45)]
        opened = (any(allowed(case, at) for at in tries) for case in cases)
        assert n == sum(opened), hour


def allowed(case: Case, at: datetime) -> bool:
    """As the gate would say then: of flags that have ended the store tells nothing."""
    ended = case.flags_until is not None and case.flags_until <= at
    return JUDGE(replace(case, flags=()) if ended else case, at).allowed


def test_a_next_try_is_not_forecast_before_it_is_due() -> None:
    forecast = Forecast(JUDGE, DAY)
    forecast.add(CN, JUDGE(CN, DAY), DAY + timedelta(hours=3, minutes=5))
    assert [n for _, n in forecast.hours()][:5] == [0, 0, 0, 1, 1]


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with opened(tmp_path) as found:
        yield found


async def why(stores: Stores, now: datetime = DAY) -> dict[str, Stood]:
    chunks = stores.campaigns.why("spring", [], judge=JUDGE, now=now)
    return {one.contact.contact_id: one async for chunk in chunks for one in chunk}


async def test_the_store_says_how_each_contact_stands(stores: Stores) -> None:
    await imported(stores, [contact(i) for i in range(1, 5)])
    flag = FlagRow("do_not_call", "account", "a_000003", DAY, "operator")
    await stores.flags.add([flag])
    await stores.campaigns.create(Campaign("spring", "spring", "created", "{}", DAY))
    before = await why(stores)
    assert [one.verdict.allowed for one in before.values()] == [True, True, False, True]
    assert {one.phase for one in before.values()} == {None}
    await stores.campaigns.set_state("spring", "running", DAY)
    await planned(stores, "spring", judge=JUDGE)
    first = await dialed(stores)
    end = Outcome(Disposition.PROMISED, DAY)
    await stores.ledger.finish(first.attempt_id, end)
    found = await why(stores, DAY + timedelta(minutes=5))
    phases = {name: (one.phase, one.disposition) for name, one in found.items()}
    assert phases == {
        "c_000001": (Phase.DONE, Disposition.PROMISED),
        "c_000002": (Phase.DUE, None),
        "c_000003": (Phase.DONE, Disposition.REFUSED),
        "c_000004": (Phase.DUE, None),
    }
    assert len(found["c_000001"].case.history) == 1
    assert [r.rule for r in found["c_000003"].verdict.reasons] == [
        "accord.flags.do_not_call"
    ]


def test_the_command(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    campaign = tmp_path / "c.toml"
    campaign.write_text(
        'name = "c"\nscript = "mediation"\nproduct = "loan"\n'
        '[agency]\nzh = "和信"\nen = "Concord"\n',
        "utf-8",
    )

    def run(*args: str) -> str:
        done = CliRunner().invoke(dialer, ["--home", home, *args])
        assert done.exit_code == 0, done.output
        return done.stdout

    run("init")
    run("campaign", "create", str(campaign))
    found = json.loads(run("campaign", "why", "c", "--json"))
    assert found["imported"] == 0
    assert len(found["forecast"]) == HOURS
    assert "imported" in run("campaign", "why", "c")
