"""Figures for Prometheus: what they are called, and where they come from.

Labels are codes that we or the operator wrote: dispositions, rules, trunks, states.
Nothing about a person is one. docs/metrics.md lists them all (tested).
"""

from __future__ import annotations

import platform
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from dialer.events.lag import lag
from dialer.events.mqtt import Publisher
from dialer.store.port import Campaigns, Feed

# times of birth: as many series again, and nobody asks
disable_created_metrics()  # type: ignore[no-untyped-call]
TURN = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)
CALL = (5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0)
STORE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
GROUP = (1, 2, 4, 8, 16, 32, 64, 128, 256)
STATES = ("created", "running", "paused", "stopped", "done")
TRUNK_STATES = ("up", "trying", "off", "unreachable")
Trunks = Mapping[str, Mapping[str, object]]


class Metrics:
    """One engine's figures, in a registry of its own."""

    def __init__(self, version: str) -> None:
        self.registry = registry = CollectorRegistry()
        info = Gauge(
            "accord_build_info", "Always 1", ["version", "python"], registry=registry
        )
        info.labels(version, platform.python_version()).set(1)
        # calls
        self.attempts = Counter(
            "accord_attempts", "Attempts that ended", ["disposition"], registry=registry
        )
        self.by_trunk = Counter(
            "accord_trunk_attempts",
            "Attempts that ended, by the trunk they went out by",
            ["trunk", "disposition"],
            registry=registry,
        )
        self.dialed = Counter(
            "accord_dialed", "Attempts the gate let dial", registry=registry
        )
        self.answered = Counter(
            "accord_answered", "Attempts answered", registry=registry
        )
        self.refusals = Counter(
            "accord_gate_refusals",
            "Verdicts against a call",
            ["rule"],
            registry=registry,
        )
        self.call = Histogram(
            "accord_call_seconds",
            "Length of answered calls",
            buckets=CALL,
            registry=registry,
        )
        self.in_use = Gauge(
            "accord_lines_in_use", "Calls ringing or up", registry=registry
        )
        self.lines = Gauge(
            "accord_lines", "Calls that may be up at once", registry=registry
        )
        # turns
        self.turn = Histogram(
            "accord_turn_seconds",
            "From the end of what they said to our answer",
            buckets=TURN,
            registry=registry,
        )
        self.turn_part = Histogram(
            "accord_turn_part_seconds",
            "Of it the recogniser, the choice of what to say, the voice",
            ["part"],
            buckets=TURN,
            registry=registry,
        )
        self.recogniser_queue = Gauge(
            "accord_recogniser_queue",
            "Recognitions that wait for a worker",
            registry=registry,
        )
        self.rendering = Gauge(
            "accord_prompts_waiting", "Prompts to render", registry=registry
        )
        # storage
        self.store = Histogram(
            "accord_store_seconds",
            "What a caller of the ledger waited",
            ["method"],
            buckets=STORE,
            registry=registry,
        )
        self.group = Histogram(
            "accord_store_group_seconds",
            "One commit of the writer, with all that was in it",
            buckets=STORE,
            registry=registry,
        )
        self.group_size = Histogram(
            "accord_store_group_size",
            "Writes in one commit",
            buckets=GROUP,
            registry=registry,
        )
        self.store_queue = Gauge(
            "accord_store_queue",
            "Writes waiting when a commit was done",
            registry=registry,
        )
        # the journal and its readers
        self.lag = Gauge(
            "accord_journal_lag_entries",
            "Entries not read yet",
            ["reader"],
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "accord_journal_lag_seconds",
            "For how long the oldest of them has waited",
            ["reader"],
            registry=registry,
        )
        self.campaigns = Gauge(
            "accord_campaigns", "Campaigns", ["state"], registry=registry
        )

    def committed(self, size: int, seconds: float, waiting: int) -> None:
        """The store's writer has done one group."""
        self.group.observe(seconds)
        self.group_size.observe(size)
        self.store_queue.set(waiting)

    def turned(self, recogniser: float, choice: float, voice: float) -> None:
        """One turn was answered; seconds."""
        self.turn.observe(recogniser + choice + voice)
        for name, part in (
            ("recogniser", recogniser),
            ("choice", choice),
            ("voice", voice),
        ):
            self.turn_part.labels(name).observe(part)

    def watch_engine(
        self,
        lines: Callable[[], int],
        recognitions: Callable[[], int],
        prompts: Callable[[], int],
    ) -> None:
        """What an engine can say when it is asked: its lines, and how many
        recognitions and prompts wait."""
        self.lines.set_function(lines)
        self.recogniser_queue.set_function(recognitions)
        self.rendering.set_function(prompts)

    def watch_publisher(self, publisher: Publisher) -> None:
        self.registry.register(EventFigures(publisher))

    def watch_trunks(self, status: Callable[[], Trunks]) -> None:
        """`status`: as `trunks.routes.Routes.status`; asked at each scrape."""
        self.registry.register(TrunkFigures(status))


@dataclass(frozen=True)
class TrunkFigures(Collector):
    """Trunks as they stand when Prometheus asks."""

    status: Callable[[], Trunks] = field(repr=False)

    def collect(self) -> Iterator[Metric]:
        found = self.status()
        states = family("trunk_state", "1: it is in this state", "trunk", "state")
        for trunk, figures in found.items():
            for state in TRUNK_STATES:
                states.add_metric([trunk, state], figures["state"] == state)
        yield states
        for name, key, text in (
            ("trunk_channels", "channels", "Calls it may carry at once"),
            ("trunk_channels_used", "channels_used", "Calls it carries"),
            ("trunk_calls_hour", "calls", "Calls of the last hour"),
            ("trunk_calls_per_second", "calls_per_second", "Over the last minute"),
            ("trunk_answer_ratio", "answer_seizure_ratio", "Answered, last hour"),
            ("trunk_delay_seconds", "post_dial_delay", "Post-dial delay, last hour"),
        ):
            made = family(name, text, "trunk")
            for trunk, figures in found.items():
                value = figures[key]
                if isinstance(value, int | float):
                    made.add_metric([trunk], value)
            yield made


def family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"accord_{name}", text, labels=labels)


@dataclass(frozen=True)
class EventFigures(Collector):
    """What goes out over MQTT, and what came in."""

    publisher: Publisher = field(repr=False)

    def collect(self) -> Iterator[Metric]:
        there = family("events_connected", "1: the MQTT broker is there")
        there.add_metric([], self.publisher.connected)
        yield there
        yield CounterMetricFamily(
            "accord_events_published",
            "Events that the broker acknowledged",
            value=self.publisher.published,
        )
        taken = CounterMetricFamily(
            "accord_events_commands", "Commands over MQTT", labels=["answer"]
        )
        for word, count in self.publisher.answers().items():
            taken.add_metric([word], count)
        yield taken


async def sample(
    metrics: Metrics,
    feed: Feed,
    campaigns: Campaigns,
    readers: tuple[str, ...],
    now: datetime,
) -> None:
    """Read from storage what nobody tells: lags, campaigns."""
    for reader in readers:
        found = await lag(feed, reader, now)
        metrics.lag.labels(reader).set(found.entries)
        metrics.lag_seconds.labels(reader).set(found.seconds)
    states = Tally(campaign.state for campaign in await campaigns.all())
    for state in STATES:
        metrics.campaigns.labels(state).set(states[state])
