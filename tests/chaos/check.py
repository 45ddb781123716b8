"""What the carrier and the database say, compared; no code of the engine's is used but
to read the evidence log."""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg


@dataclass(frozen=True, slots=True)
class Findings:
    """All but the first four are faults, and should be 0."""

    attempts: int
    placed: int
    refused: int
    ended_unknown: int  # their node died; nobody can tell how they ended
    attempts_placed_twice: int = 0
    people_rung_twice: int = 0
    placed_but_not_dialing: int = 0
    not_over: int = 0
    ended_not_once: int = 0
    dialed_past_an_opt_out: int = 0
    gaps_in_the_journal: int = 0
    stories: tuple[str, ...] = ()  # of what did not end once

    @property
    def faults(self) -> dict[str, object]:
        first = ("attempts", "placed", "refused", "ended_unknown")
        return {k: v for k, v in asdict(self).items() if v and k not in first}


def placed(home: Path) -> list[dict[str, str]]:
    """The carrier's own record."""
    lines = (home / "carrier.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def check(home: Path, db: psycopg.Connection[Any]) -> Findings:
    calls = placed(home)
    rows = db.execute(
        "SELECT attempt_id, phase, disposition, dialing_at, c.person"
        " FROM attempts a JOIN contacts c USING (contact_id)"
    ).fetchall()
    dialed = {row[0] for row in rows if row[3]}
    person = {row[0]: row[4] for row in rows}
    journal = db.execute(
        "SELECT seq, kind, subject, body FROM journal ORDER BY seq"
    ).fetchall()
    rings = Counter(call["attempt"] for call in calls)
    people = Counter(person[call["attempt"]] for call in calls)
    ended = Counter(s for _, kind, s, _ in journal if kind == "attempt.ended")
    return Findings(
        attempts=len(rows),
        placed=len(calls),
        refused=sum(row[2] == "refused" for row in rows),
        ended_unknown=sum(row[2] == "unknown" for row in rows),
        attempts_placed_twice=sum(n > 1 for n in rings.values()),
        people_rung_twice=sum(n > 1 for n in people.values()),
        placed_but_not_dialing=len(set(rings) - dialed),
        not_over=sum(row[1] != "done" for row in rows),
        ended_not_once=sum(ended[attempt] != 1 for attempt in dialed),
        dialed_past_an_opt_out=past(journal, person),
        stories=tuple(
            " ".join([attempt, *(k for _, k, s, _ in journal if s == attempt)])
            for attempt in dialed
            if ended[attempt] != 1
        ),
        gaps_in_the_journal=sum(row[0] != i for i, row in enumerate(journal, start=1)),
    )


def past(journal: list[Any], person: dict[str, str]) -> int:
    """The journal is in the order of commits."""
    stopped, found = set[str](), 0
    for _, kind, subject, body in journal:
        if kind == "flag.set":
            stopped.add(json.loads(body)["token"])
        found += kind == "attempt.dialing" and person[subject] in stopped
    return found


def worst_second(home: Path) -> int:
    """The most calls that began within any second."""
    times = sorted(datetime.fromisoformat(call["at"]) for call in placed(home))
    window, worst = deque[datetime](), 0
    for at in times:
        window.append(at)
        while window[0] <= at - timedelta(seconds=1):
            window.popleft()
        worst = max(worst, len(window))
    return worst
