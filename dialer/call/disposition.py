"""From what happened on the line to one stable code."""

from __future__ import annotations

from dialer.channels.port import Cause
from dialer.model import Disposition

BY_CAUSE: dict[Cause, Disposition] = {
    Cause.BUSY: Disposition.BUSY,
    Cause.NO_ANSWER: Disposition.NO_ANSWER,
    Cause.DECLINED: Disposition.DECLINED,
    Cause.UNALLOCATED: Disposition.UNALLOCATED,
    Cause.CONGESTION: Disposition.CONGESTION,
    Cause.FAILED: Disposition.FAILED,
    Cause.NOT_DIALED: Disposition.FAILED,
}

#: A hand-over for one of these reasons ends as the reason, not as `handed_over`:
#: an analyst asks why a person was needed before asking who took the call.
REASONS = frozenset(
    {
        Disposition.DISTRESS,
        Disposition.DISPUTED,
        Disposition.COMPLAINT,
        Disposition.ATTORNEY,
        Disposition.DECEASED,
        Disposition.CANNOT_PAY,
    }
)


def handed_over(reason: str) -> Disposition:
    """The end of a call that a person took over."""
    known = next((d for d in REASONS if d.value == reason), None)
    return known or Disposition.HANDED_OVER


def cut_off(flags: tuple[str, ...]) -> Disposition:
    """The far end hung up before we closed; what was flagged still holds."""
    if "do_not_call" in flags:
        return Disposition.OPTED_OUT
    if "dispute" in flags:
        return Disposition.DISPUTED
    if "wrong_number" in flags:
        return Disposition.WRONG_NUMBER
    return Disposition.HUNG_UP
