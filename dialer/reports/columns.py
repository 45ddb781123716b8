"""The analysts' tables: every column, its type, and the version of the whole.

docs/analysts.md prints the same. A column keeps its name, place and meaning; a new one
is added at the end of its table. What breaks that is a new VERSION, and the store is
then built anew from the journal.
"""

from __future__ import annotations

from enum import StrEnum

VERSION = 1


class Kind(StrEnum):
    """What a column holds: in CSV text, in JSON its own type, in Parquet as noted."""

    TEXT = "text"
    WHOLE = "whole number"  # int32
    NUMBER = "number"  # double
    YES_NO = "yes or no"
    TIME = "time"  # timestamp in milliseconds, UTC
    LOCAL = "local time"  # timestamp in milliseconds, without a zone
    DAY = "day"
    LIST = "list"  # of texts
    MAP = "map"  # text to text
    FIGURES = "map of numbers"


#: One row a finished attempt; in `dialer calls export` unfinished ones too.
ATTEMPTS: dict[str, Kind] = {
    "attempt_id": Kind.TEXT,
    "campaign_id": Kind.TEXT,
    "contact_id": Kind.TEXT,
    "n": Kind.WHOLE,
    "phone": Kind.TEXT,
    "language": Kind.TEXT,
    "phase": Kind.TEXT,
    "disposition": Kind.TEXT,
    "cause": Kind.TEXT,
    "stage": Kind.WHOLE,
    "not_before": Kind.TIME,
    "dialing_at": Kind.TIME,
    "answered_at": Kind.TIME,
    "ended_at": Kind.TIME,
    "seconds": Kind.NUMBER,
    "confirmations": Kind.NUMBER,
    "rights_explained": Kind.NUMBER,
    "silence_seconds": Kind.NUMBER,
    "units_per_minute": Kind.NUMBER,
    "barge_ins": Kind.NUMBER,
    "turns": Kind.NUMBER,
    "turn_latency_p50": Kind.NUMBER,
    "turn_latency_max": Kind.NUMBER,
    "refusals": Kind.LIST,
    "facts": Kind.MAP,
    "measures": Kind.FIGURES,
    "campaign": Kind.TEXT,
    "zone": Kind.TEXT,
    "date": Kind.DAY,
    "dialing_local": Kind.LOCAL,
    "answered_local": Kind.LOCAL,
    "ended_local": Kind.LOCAL,
    "trunk": Kind.TEXT,
    "spoke": Kind.YES_NO,
    "confirmed": Kind.LIST,
    "agreement_id": Kind.TEXT,
    "agreement_state": Kind.TEXT,
}
#: Measures that have a column of their own.
MEASURES = tuple(name for name, kind in ATTEMPTS.items() if kind is Kind.NUMBER)
#: One row a thing said, masked.
TURNS: dict[str, Kind] = {
    "attempt_id": Kind.TEXT,
    "campaign": Kind.TEXT,
    "date": Kind.DAY,
    "i": Kind.WHOLE,
    "who": Kind.TEXT,
    "at": Kind.NUMBER,
    "seconds": Kind.NUMBER,
    "text": Kind.TEXT,
    "stage": Kind.WHOLE,
    "intent": Kind.TEXT,
    "confidence": Kind.NUMBER,
    "template": Kind.TEXT,
    "clauses": Kind.LIST,
    "rights": Kind.LIST,
    "confirmation": Kind.TEXT,
    "key": Kind.YES_NO,
    "interrupted": Kind.YES_NO,
}
#: One row whenever an agreement was seen to change; the view has the latest of each.
AGREEMENTS: dict[str, Kind] = {
    "agreement_id": Kind.TEXT,
    "attempt_id": Kind.TEXT,
    "contact_id": Kind.TEXT,
    "kind": Kind.TEXT,
    "state": Kind.TEXT,
    "made_at": Kind.TIME,
    "parts": Kind.WHOLE,
    "covered": Kind.WHOLE,
    "next_due": Kind.DAY,
    "events": Kind.WHOLE,
    "seen_at": Kind.TIME,
    "seq": Kind.WHOLE,
}
#: Known only to the view: where the agreement of an attempt stands now.
LATER = ("agreement_state",)
TABLES: dict[str, dict[str, Kind]] = {
    "attempts": {n: k for n, k in ATTEMPTS.items() if n not in LATER},
    "turns": TURNS,
    "agreements": AGREEMENTS,
}
