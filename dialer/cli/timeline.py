"""One call on a terminal: who said what when, how it was meant, what it rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from dialer.agreements.state import NODES_NEEDED
from dialer.model import Turn
from dialer.reports.export import record
from dialer.settings import Settings
from dialer.store.port import AgreementRow, AttemptRow

STAGES = {
    1: "opening and identity",
    2: "debt confirmation",
    3: "mediation",
    4: "repayment options",
    5: "commitment and close",
}
VOICES = {"us": "bold cyan", "them": "bold green"}
UNITS = {"zh": "characters", "en": "words"}
RIGHTS = (3, 5)  #: to be explained in a first call (R9)
PAUSE = 1.0  #: seconds; a shorter gap is nobody's silence
BAR = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """All there is to show of a call."""

    row: AttemptRow
    turns: Sequence[Turn]
    agreement: AgreementRow | None
    budget: float  # seconds of silence
    band: tuple[float, float]  # units a minute


def shown(
    settings: Settings,
    row: AttemptRow,
    turns: Sequence[Turn],
    agreement: AgreementRow | None = None,
) -> Shown:
    """With the limits that this installation has set."""
    band = settings.speech.pace.get(row.language, (0.0, 0.0))
    budget = settings.call.silence_budget_seconds
    return Shown(row, turns, agreement, budget, band)


# --- for machines


def call_map(call: Shown) -> dict[str, Any]:
    """Stable keys: those of an export's row, then turns, technique, verdict, agreement.
    A turn's `silence` is the seconds of it before the turn began."""
    gaps = silences(call.turns)
    return {
        **record(call.row),
        "turns": [
            {**asdict(turn), "silence": gap}
            for turn, gap in zip(call.turns, gaps, strict=True)
        ],
        "technique": technique(call),
        "verdict": verdict(call.row),
        "agreement": asdict(call.agreement) if call.agreement else None,
    }


def technique(call: Shown) -> dict[str, Any]:
    """What R9 and R12 ask for, and whether the call kept it; None: not measured."""
    measured = call.row.measures
    silence, rate = measured.get("silence_seconds"), measured.get("units_per_minute")
    low, high = call.band
    return {
        "confirmations": measured.get("confirmations"),
        "confirmations_needed": NODES_NEEDED,
        "confirmed": call.row.facts.get("confirmed", "").split(),
        "rights_explained": measured.get("rights_explained"),
        "rights": sorted(
            {r for t in call.turns if not t.interrupted for r in t.rights}
        ),
        "silence_seconds": silence,
        "silence_budget_seconds": call.budget,
        "silence_kept": None if silence is None else silence <= call.budget,
        "units_per_minute": rate,
        "slow_units_per_minute": measured.get("slow_units_per_minute"),
        "unit": UNITS.get(call.row.language, "units"),
        "band": [low, high],
        "rate_kept": None if rate is None else low <= rate <= high,
    }


def silences(turns: Sequence[Turn]) -> list[float]:
    """Seconds in which nobody spoke before each turn; 0 where turns overlap."""
    found, quiet_since = list[float](), 0.0
    for turn in turns:
        found.append(round(max(turn.at - quiet_since, 0.0), 2))
        quiet_since = max(quiet_since, turn.at + turn.seconds)
    return found


def verdict(row: AttemptRow) -> dict[str, Any]:
    """The gate's last word on the attempt; empty: not judged yet."""
    found = json.loads(row.verdict) if row.verdict else {}
    return found if isinstance(found, dict) else {}


# --- for people


def timeline(call: Shown) -> RenderableType:
    """The call as it is printed."""
    parts: list[RenderableType] = [_head(call.row), *_gate(call.row)]
    stage = 0
    for turn, gap in zip(call.turns, silences(call.turns), strict=True):
        if gap >= PAUSE:
            parts.append(Text(f"          {gap:.1f} s of silence", "dim italic"))
        if turn.stage != stage:
            stage = turn.stage
            title = f"stage {stage}  {STAGES.get(stage, '')}"
            parts.append(Rule(Text(title, "bold"), align="left", style="dim"))
        parts += [_said(turn), *_notes(turn)]
    if call.turns:
        parts.append(Rule(style="dim"))
    return Group(*parts, _technique(call), *_agreed(call))


def _head(row: AttemptRow) -> RenderableType:
    head = Text(f"call {row.attempt_id}  ", "bold")
    head.append(str(row.disposition or row.phase), "bold magenta")
    head.append(f"\n  {row.phone}  {row.language}  try {row.n}  stage {row.stage}")
    for name in ("dialing_at", "answered_at", "ended_at"):
        at = getattr(row, name)
        if at:
            head.append(f"\n  {name.removesuffix('_at'):9} {at:%Y-%m-%d %H:%M:%S}Z")
    if "seconds" in row.measures:
        head.append(f"  after {clock(row.measures['seconds'])}")
    if row.cause:
        head.append(f"\n  {'cause':9} {row.cause}")
    return head


def _gate(row: AttemptRow) -> Iterator[Text]:
    found = verdict(row)
    if not found:
        yield Text("  gate      not judged yet")
        return
    if found.get("allowed"):
        yield Text("  gate      ").append("allowed", "green")
        return
    for reason in found.get("reasons", []):
        rule = f"{reason['rule']} ({reason['citation']})"
        yield Text("  gate      ").append(
            f"refused by {rule}: {reason['detail']}", "yellow"
        )
    after = found.get("next_allowed")
    yield Text(f"            next allowed {after}" if after else " " * 12 + "for good")


def _said(turn: Turn) -> RenderableType:
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(width=7, justify="right")
    row.add_column(width=1)
    row.add_column(width=4)
    row.add_column(ratio=1, overflow="fold")
    text = Text(turn.text, "bold" if turn.key else "")
    if turn.interrupted:
        text.append(" [cut off]", "dim italic")
    row.add_row(
        Text(clock(turn.at), "dim"),
        Text("★" if turn.key else " ", "bold yellow"),
        Text(turn.who, VOICES.get(turn.who, "")),
        text,
    )
    return row


def _notes(turn: Turn) -> Iterator[RenderableType]:
    """In small: what it was, how sure, what it rests on."""
    notes = [turn.template]
    if turn.intent:
        notes.append(f"{turn.intent} ({turn.confidence:.2f})")
    notes += [f"clause {clause}" for clause in turn.clauses]
    notes += [f"right {right}" for right in turn.rights]
    notes.append(f"asks to confirm {turn.confirmation}" if turn.confirmation else "")
    notes.append("key sentence" if turn.key else "")
    told = " · ".join(filter(None, notes))
    if told:
        yield Padding(Text(told, "dim"), (0, 0, 0, 15))


def clock(seconds: float) -> str:
    """Minutes, seconds and tenths since the answer."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 // 10:02}.{tenths % 10}"


def _technique(call: Shown) -> RenderableType:
    found = technique(call)
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(overflow="fold")
    for name, value, note, kept in _lines(found):
        if value is not None:
            style = {True: "green", False: "yellow", None: "dim"}[kept]
            table.add_row(Text(f"  {name}"), Text(value), Text(note, style))
    measured = call.row.measures
    if "turn_latency_p50" in measured:
        longest = measured.get("turn_latency_max", 0.0)
        value = f"{measured['turn_latency_p50']:.2f} s, at most {longest:.2f} s"
        table.add_row(Text("  our answer after"), Text(value), Text(""))
    if measured.get("barge_ins"):
        table.add_row(Text("  barge-ins"), Text(f"{measured['barge_ins']:.0f}"), Text())
    return table


def _lines(
    found: dict[str, Any],
) -> Iterator[tuple[str, str | None, str, bool | None]]:
    """name, value, note, kept?"""
    nodes, rights = found["confirmations"], found["rights_explained"]
    if nodes is not None:
        names = " ".join(found["confirmed"])
        note = f"a commitment needs {NODES_NEEDED}"
        told = f"{nodes:.0f}  {names}".rstrip()
        yield "confirmations", told, note, nodes >= NODES_NEEDED or None
    if rights is not None:
        note = f"a first call explains {RIGHTS[0]} to {RIGHTS[1]}"
        told = f"{rights:.0f}  {' '.join(found['rights'])}".rstrip()
        yield "rights explained", told, note, rights >= RIGHTS[0] or None
    silence, budget = found["silence_seconds"], found["silence_budget_seconds"]
    if silence is not None:
        told = f"{silence:.1f} of {budget:.0f} s  {bar(silence / budget)}"
        note = "within the budget" if found["silence_kept"] else "budget used up"
        yield "silence", told, note, found["silence_kept"]
    rate, (low, high) = found["units_per_minute"], found["band"]
    if rate is not None:
        told = f"{rate:.0f} {found['unit']} a minute"
        where = "within" if found["rate_kept"] else "outside"
        yield "speaking rate", told, f"{where} {low:.0f}-{high:.0f}", found["rate_kept"]
    if slow := found["slow_units_per_minute"]:
        told = f"{slow:.0f} {found['unit']} a minute"
        yield "slower", told, "because they asked", None


def bar(share: float) -> str:
    """A share of a budget as a bar."""
    full = min(max(round(share * BAR), 0), BAR)
    return "█" * full + "░" * (BAR - full)


def _agreed(call: Shown) -> Iterator[RenderableType]:
    facts = {k: v for k, v in call.row.facts.items() if k != "confirmed"}
    if facts:
        said = "  ".join(f"{name} {value}" for name, value in facts.items())
        yield Text(f"  noted  {said}")
    made = call.agreement
    if made:
        line = Text(f"  agreement {made.agreement}  {made.kind}  ", "bold")
        line.append(made.state, "bold cyan")
        if made.parts:
            line.append(f"  {made.covered} of {made.parts} paid", "not bold")
        if made.next_due:
            line.append(f", next due {made.next_due}", "not bold")
        yield line
