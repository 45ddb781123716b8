"""What telephony admins ask of trunks: how they are, read this again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from typing import Any

from dialer import switches
from dialer.call.disposition import BY_CAUSE
from dialer.campaign.retry import Policy
from dialer.channels.asterisk.channel import AsteriskChannel
from dialer.channels.asterisk.link import LinkLost
from dialer.channels.causes import Causes
from dialer.channels.port import (
    Cause,
    ChannelDown,
)
from dialer.channels.twilio.door import Address, Door, Nobody
from dialer.channels.twilio.outside import look as look_outside
from dialer.channels.twilio.rest import Rest, account_state, calls_up
from dialer.clock import Clock
from dialer.store.port import Refused
from dialer.trunks.model import Trunks
from dialer.trunks.render import FILES
from dialer.trunks.routes import NETWORK

WRITTEN = "the files are written, but Asterisk has not read them"
BY_HAND = "there, run: asterisk -rx 'core reload'"
OTHERS = {Cause.FAILED: "any other"}


async def reload(
    found: Trunks, name: str, written: Iterable[str], clock: Clock
) -> None:
    """Have Asterisk read what was rendered. Refused: a module will not, or it does not
    let us in (as before the first time)."""
    modules = dict.fromkeys(FILES[file][1] for file in written if file in FILES)
    try:
        async with switches.open_switch(found, name, clock) as asterisk:
            for module in modules:
                if why := await asterisk.reload(module):
                    raise Refused(f"{WRITTEN}: {module}: {why}")
    except (ChannelDown, LinkLost) as down:
        raise Refused(f"{WRITTEN}: {down}; {BY_HAND}") from down


async def look(found: Trunks, clock: Clock) -> dict[str, dict[str, Any]]:
    """By trunk: whether the carrier answers, the round trip, channels in use."""
    seen = dict[str, dict[str, Any]]()
    for name in found.asterisk:
        mine = [trunk for trunk, t in found.trunk.items() if t.asterisk == name]
        try:
            async with switches.open_switch(found, name, clock) as asterisk:
                used = await asterisk.in_use()
                for trunk in mine:
                    seen[trunk] = await _seen(asterisk, trunk) | {
                        "channels_in_use": used[trunk]
                    }
        except (ChannelDown, LinkLost) as down:
            for trunk in mine:
                told = str(down) or "the Asterisk did not answer"
                seen[trunk] = {"reachable": False, "carrier": told}
                seen[trunk]["channels_in_use"] = 0
    for name in found.twilio:
        seen |= await _account(found, name, clock)
    for trunk, row in seen.items():
        row["channels"] = found.trunk[trunk].channels
    return seen


async def outside(found: Trunks, clock: Clock) -> dict[str, list[dict[str, str]]]:
    """By Twilio account: whether its public address leads to us. Where no engine has
    the port, we answer there ourselves meanwhile."""
    seen = dict[str, list[dict[str, str]]]()
    for name, table in found.twilio.items():
        account = switches.twilio_account(found, name)
        address = Address(table.public, table.host, table.port)
        async with AsyncExitStack() as stack:
            with suppress(ChannelDown):  # an engine has it
                door = Door(address, account, Nobody(clock), clock)
                await stack.enter_async_context(door)
            seen[name] = [asdict(one) for one in await look_outside(address, account)]
    return seen


async def _account(found: Trunks, name: str, clock: Clock) -> dict[str, dict[str, Any]]:
    """Of an account's trunks; it takes no port that an engine may have."""
    mine = {n: t for n, t in found.trunk.items() if t.switch == f"twilio.{name}"}
    rows = dict[str, dict[str, Any]]()
    async with Rest(switches.twilio_account(found, name), clock) as rest:
        began = clock.elapsed()
        there, why = await account_state(rest)
        ms = 1000 * (clock.elapsed() - began)
        for trunk, table in mine.items():
            used = await calls_up(rest, table.caller_ids) if there else 0
            told = f"answers in {ms:.1f} ms" if there else why
            rows[trunk] = {"reachable": there, "carrier": told, "channels_in_use": used}
            rows[trunk]["round_trip_ms"] = round(ms, 1) if there else None
    return rows


async def _seen(asterisk: AsteriskChannel, trunk: str) -> dict[str, Any]:
    peers = await asterisk.peers(trunk)
    there, why = switches.reach(peers)
    times = [peer.ms for peer in peers if peer.ms is not None]
    ms = min(times) if times else None
    told = f"answers in {ms:.1f} ms" if ms is not None else why
    return {"reachable": there, "carrier": told, "round_trip_ms": ms}


def cause_rows(known: Causes, policy: Policy) -> list[dict[str, str]]:
    """One row a cause: its codes, what it comes to, whether it is tried again."""
    rows = list[dict[str, str]]()
    for cause in Cause:
        disposition = BY_CAUSE[cause]
        rule = policy.rules.get(disposition)
        rows.append(
            {
                "sip": codes(known.sip, cause) or OTHERS.get(cause, "-"),
                "q850": codes(known.q850, cause) or OTHERS.get(cause, "-"),
                "twilio": twilio_codes(known, cause) or OTHERS.get(cause, "-"),
                "cause": cause.value,
                "disposition": disposition.value,
                "retry": rule.when.value if rule and rule.times else "no",
                "fail_over": "yes, unless it rang" if cause in NETWORK else "no: final",
            }
        )
    return rows


def twilio_codes(known: Causes, cause: Cause) -> str:
    """Its CallStatus, and its error codes for what it does not place."""
    words = [status for status, found in known.status.items() if found is cause]
    return " ".join(filter(None, (*words, codes(known.error, cause))))


def codes(known: Mapping[int, Cause], cause: Cause) -> str:
    return " ".join(str(code) for code, found in known.items() if found is cause)
