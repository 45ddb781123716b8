"""Which trunks may take a call, in which order. Pure: chance is an argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, connects_to_emergency_number
from phonenumbers import parse as parse_number

from dialer.trunks.model import Trunk

SHORTEST = 7  #: digits; fewer are a short code, or help in distress


def candidates(
    trunks: Mapping[str, Trunk],
    number: str,
    caller_id: str,
    draw: Callable[[], float],
) -> list[str]:
    """Names, in the order to try. number: E.164. caller_id: empty for any that the
    trunk owns. draw: numbers in (0, 1); among equals of priority, a trunk comes first
    in proportion to its weight (Efraimidis and Spirakis 2006)."""
    found = [
        (trunk.priority, -(draw() ** (1 / trunk.weight)), name)
        for name, trunk in trunks.items()
        if may_take(trunk, number, caller_id)
    ]
    return [name for _, _, name in sorted(found)]


def may_take(trunk: Trunk, number: str, caller_id: str) -> bool:
    owned = not caller_id or caller_id in trunk.caller_ids
    open_ = trunk.enabled and owned and trunk.serves(number)
    return open_ and not emergency(number) and not short(trunk.dialed(number))


def emergency(number: str) -> bool:
    """Whether an E.164 number is an emergency service of one of its regions: nobody
    there owes a debt."""
    parsed = parse_number(number)
    local = str(parsed.national_number)
    regions = COUNTRY_CODE_TO_REGION_CODE.get(parsed.country_code or 0, ())
    return any(connects_to_emergency_number(local, region) for region in regions)


def short(dialed: str) -> bool:
    return sum(c.isdigit() for c in dialed) < SHORTEST


def shown(trunk: Trunk, caller_id: str) -> str:
    """The number that the callee sees: one that the trunk owns."""
    return caller_id or trunk.caller_ids[0]
