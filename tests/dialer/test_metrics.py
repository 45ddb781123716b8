"""Figures for Prometheus: those that are documented are those that are there, and they
say what the ledger says."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dialer import meters
from dialer.attempt import IllegalMove
from dialer.clock import SystemClock
from dialer.events.broker import Broker
from dialer.events.counted import Counted
from dialer.events.endpoint import answer, served
from dialer.events.metrics import Metrics, sample
from dialer.events.mqtt import Publisher
from dialer.model import Case, Disposition, Outcome, Reason, Verdict
from dialer.settings import Settings
from dialer.store.port import Stores
from tests.kit.clock import FakeClock
from tests.kit.journal import ListedJournal
from tests.kit.stores import LEASE, NODE, NOW, allow, claimed, contact, opened, running

ROOT = Path(__file__).parents[2]
CLOCK = SystemClock()
HEAD = b"GET /metrics HTTP/1.1\r\nHost: x"
NAME = re.compile(r"\baccord_[a-z_]+")


def whole() -> Metrics:
    """With all that may be watched."""
    found = Metrics("1.2")
    trunk = {
        "state": "up",
        "channels": 10,
        "channels_used": 3,
        "calls": 20,
        "calls_per_second": 0.5,
        "answer_seizure_ratio": None,  # nothing to tell yet
        "post_dial_delay": 1.5,
    }
    found.watch_trunks(lambda: {"north": trunk})
    broker = Broker("127.0.0.1", 1, "t", NODE)
    found.watch_publisher(Publisher(broker, ListedJournal(), CLOCK))
    found.watch_engine(lambda: 8, lambda: 4, lambda: 5)
    return found


def values(found: Metrics) -> dict[str, float]:
    """What a scrape reads: `name{label=value,...}` -> value."""
    body = answer(HEAD, found.registry).partition(b"\r\n\r\n")[2].decode()
    return {
        f"{one.name}{{{','.join(f'{k}={v}' for k, v in sorted(one.labels.items()))}}}"
        if one.labels
        else one.name: one.value
        for family in text_string_to_metric_families(body)
        for one in family.samples
    }


async def test_the_document_lists_what_is_exposed() -> None:
    families = list(whole().registry.collect())
    there = {
        (f.name + "_total" * (f.type == "counter"), f.type, f.documentation != "")
        for f in families
    }
    text = (ROOT / "docs/metrics.md").read_text("utf-8")
    lines = re.findall(r"^\| `(accord_.*)\|$", text, re.M)
    rows = [[cell.strip("` ") for cell in line.split("|")[:3]] for line in lines]
    assert {(name, kind, True) for name, kind, _ in rows} == there
    labels = {
        family.name + "_total" * (family.type == "counter"): set(one.labels) - {"le"}
        for family in families
        for one in family.samples
    }
    for name, _, told in rows:
        if name in labels:  # the others have no value before a call was made
            assert set(re.findall(r"\w+", told)) == labels[name], name


async def test_dashboard_and_alerts_ask_for_what_there_is() -> None:
    names = {family.name for family in whole().registry.collect()}
    ends = ("", "_total", "_bucket", "_sum", "_count")
    known = {name + end for name in names for end in ends}
    board = (ROOT / "docker/grafana/dashboards/accord.json").read_text("utf-8")
    asked = [
        target["expr"]
        for panel in json.loads(board)["panels"]
        for target in panel.get("targets", ())
    ]
    assert len(asked) > 20
    shown = set(NAME.findall(" ".join(asked)))
    assert shown <= known
    whole_names = {re.sub("_(total|bucket|sum|count)$", "", name) for name in shown}
    assert whole_names == names, "every figure is on the dashboard"
    alerts = (ROOT / "docker/prometheus/alerts.yml").read_text("utf-8")
    assert set(NAME.findall(alerts)) <= known
    for text in (*asked, alerts):
        for trunk, codes in re.findall(
            r'(accord_\w+)\{[^}]*disposition=~?"([^"]*)"', text
        ):
            assert trunk.endswith("attempts_total")
            assert set(codes.split("|")) <= {one.value for one in Disposition}


def refuse(case: Case, now: datetime) -> Verdict:
    return Verdict(False, (Reason("hours", "law", "night"), Reason("caps", "law", "")))


async def test_figures_are_what_the_ledger_says(tmp_path: Path) -> None:
    found, done = Metrics("1.2"), 0
    async with opened(tmp_path, told=found.committed) as stores:
        await running(stores, [contact(i) for i in range(12)])
        ledger = Counted(stores.ledger, found, CLOCK)
        got = await ledger.claim(
            "spring", 12, node=NODE, now=NOW, lease=LEASE, judge=allow
        )
        for one in got[:2]:
            await ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=refuse)
        ends = [Disposition.BUSY, Disposition.PROMISED, Disposition.PROMISED]
        for one, end in zip(got[2:], ends * 3, strict=False):
            await ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=allow)
            assert values(found)["accord_lines_in_use"] == 1
            if end is Disposition.PROMISED:
                await ledger.answered(one.attempt_id, NOW)
            await ledger.finish(one.attempt_id, Outcome(end, NOW, facts={"trunk": "n"}))
            done += 1
        last = got[2 + done]
        await ledger.dialing(last.attempt_id, node=NODE, now=NOW, judge=allow)
        with suppress(IllegalMove):  # an error comes through, and is not counted
            await ledger.finish(got[2].attempt_id, Outcome(Disposition.SILENT, NOW))
        status = await stores.campaigns.status("spring")
        await stores.journal.move("evidence", 5)
        await sample(found, stores.journal, stores.campaigns, ("evidence",), NOW)
        entries = await stores.journal.last()
    seen = values(found)
    for code, count in status.dispositions.items():
        if code != "refused":  # those ended before they were dialed
            assert seen[f"accord_attempts_total{{disposition={code}}}"] == count
    assert seen["accord_attempts_total{disposition=busy}"] == 3
    assert seen["accord_trunk_attempts_total{disposition=promised,trunk=n}"] == 6
    assert seen["accord_dialed_total"] == done + 1
    assert seen["accord_answered_total"] == seen["accord_call_seconds_count"] == 6
    assert seen["accord_gate_refusals_total{rule=hours}"] == 2
    assert seen["accord_gate_refusals_total{rule=caps}"] == 2
    assert seen["accord_lines_in_use"] == 1
    assert seen["accord_store_seconds_count{method=dialing}"] == done + 3
    assert seen["accord_store_group_seconds_count"] > done
    assert seen["accord_store_group_size_sum"] >= seen["accord_store_group_size_count"]
    assert seen["accord_journal_lag_entries{reader=evidence}"] == entries - 5
    assert seen["accord_campaigns{state=running}"] == 1
    assert seen["accord_campaigns{state=done}"] == 0


async def test_refusals_of_a_claim_count_too(tmp_path: Path) -> None:
    found = Metrics("1.2")
    async with opened(tmp_path) as stores:
        await running(stores, [contact(i) for i in range(3)])
        ledger = Counted(stores.ledger, found, CLOCK)
        got = await ledger.claim(
            "spring", 3, node=NODE, now=NOW, lease=LEASE, judge=refuse
        )
        assert got == []
        await running(stores, [contact(9)], "paused")
        (one,) = await claimed(stores, name="paused")
        await stores.campaigns.set_state("paused", "paused", NOW)
        await ledger.dialing(one.attempt_id, node=NODE, now=NOW, judge=allow)
    seen = values(found)
    assert seen["accord_gate_refusals_total{rule=hours}"] == 3
    assert seen["accord_gate_refusals_total{rule=campaign_state}"] == 1


async def get(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    found = await reader.read()
    writer.close()
    return found


async def test_the_endpoint_answers_get_metrics_alone() -> None:
    found, clock = Metrics("1.2"), FakeClock()
    end = b"\r\n\r\n"
    async with served("127.0.0.1", 0, found.registry, clock) as port:
        got = await get(port, HEAD + end)
        assert got.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain")
        assert b'accord_build_info{python="3.' in got
        opened_ = b"\r\nAccept: application/openmetrics-text; version=1.0.0"
        assert (await get(port, HEAD + opened_ + end)).endswith(b"# EOF\n")
        for request, code in (
            (b"GET / HTTP/1.1", b"404"),
            (b"POST /metrics HTTP/1.1", b"405"),
            (b"\x16\x03\x01", b"400"),
        ):
            assert (await get(port, request + end)).split(b" ")[1] == code
        assert await get(port, b"x" * 20_000) == b"", "too long: no answer"
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(get(port, b"GET /met"))
            for _ in range(7):  # six were answered; this one is waited for
                await clock.waiter()
            await clock.advance(6)
        assert slow.result() == b"", "and nobody is waited for"


class Broken(ListedJournal):
    async def last(self) -> int:
        raise RuntimeError("a bug")


async def test_a_taken_port_and_a_bug_in_it_end_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as stores:
        broken: Stores = replace(stores, journal=Broken())  # type: ignore[arg-type]
        async with served("127.0.0.1", 0, Metrics("1").registry, CLOCK) as port:
            wanted: dict[str, Any] = {"listen": f"127.0.0.1:{port}"}
            settings = Settings.model_validate({"home": tmp_path, "metrics": wanted})
            found = meters.made(settings)
            async with meters.measured(settings, broken, CLOCK, found):
                await stores.campaigns.all()
    said = [record.msg for record in caplog.records]
    assert said == [
        "metrics: the port is not free",
        "what others are told has ended by a fault",
    ]
    off = Settings.model_validate({"home": tmp_path, "metrics": {"listen": ""}})
    assert meters.made(off) is None
