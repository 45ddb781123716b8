"""Every request that the driver sends, against Twilio's own contract."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from dialer.channels.port import About
from dialer.channels.twilio import twiml
from dialer.channels.twilio.door import Address
from dialer.channels.twilio.rest import Account, Lost, Patience, Refused, Rest, Wanted
from dialer.clock import SystemClock
from tests.contract.twilio_rig import APOLOGY
from tests.kit import prism, twilio

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.skipif(bool(prism.missing()), reason=prism.missing()),
]
CALL = "CA" + "0" * 32
ADDRESS = Address("https://calls.example.com/accord")
PEOPLE = twiml.People(
    "sip:p@x.example", ADDRESS.of("1", "taken1"), ADDRESS.of("1", "a")
)
REQUESTS = {
    *("create", "create with machine detection", "end", "redirect", "fetch"),
    *("find to", "find from", "find parent", "find status", "active"),
}


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prism.running(tmp_path_factory.mktemp("prism")) as address:
        yield address


def wanted(machine: str = "", ring_seconds: int = 30) -> Wanted:
    talk = twiml.Talk(ADDRESS.stream, "token")
    return Wanted(
        to="+8617000000001",
        caller_id=twilio.OURS,
        twiml=twiml.talk(talk, APOLOGY),
        status_url=ADDRESS.of("1", "status"),
        ring_seconds=ring_seconds,
        limit_seconds=1800,
        machine=machine,
        machine_url=ADDRESS.of("1", "machine"),
    )


async def ask(rest: Rest, what: str) -> object:
    match what.split():
        case ["create"]:
            return await rest.create(wanted())
        case ["create", *_]:
            return await rest.create(wanted("DetectMessageEnd"))
        case ["end"]:
            await rest.end(CALL)
        case ["redirect"]:
            about = About("want_person", 3, "zh")
            await rest.redirect(CALL, twiml.hand_over(PEOPLE, "7", about))
        case ["fetch"]:
            return await rest.fetch(CALL)
        case ["find", "to"]:
            return await rest.find(to="+8617000000001", from_=twilio.OURS, limit=20)
        case ["find", "from"]:
            return await rest.find(from_=twilio.OURS, limit=1000)
        case ["find", "parent"]:
            return await rest.find(parent_call_sid=CALL, limit=20)
        case ["find", "status"]:
            return await rest.find(from_=twilio.OURS, status="in-progress")
        case _:
            return await rest.active()
    return None


@asynccontextmanager
async def opened(mock: str) -> AsyncIterator[tuple[Rest, list[tuple[int, str]]]]:
    """-> what Prism answers, beside"""
    account = Account(twilio.ACCOUNT, twilio.KEY, "secret", "token", api=mock)
    patience = Patience(connect=5.0, answer=20.0, again=0.01)
    answers = list[tuple[int, str]]()
    async with Rest(account, SystemClock(), patience) as rest:
        http = rest._client.http_client
        send = http.request

        async def request(*given: object, **named: object) -> object:
            found = await send(*given, **named)
            answers.append((found.status_code, found.text))
            return found

        http.request = request
        yield rest, answers


def faults(text: str) -> list[str]:
    """Of the request. Prism also tells of what it made up itself: some examples in the
    document do not keep to it."""
    found = json.loads(text).get("validation")
    if found is None:
        return [text]
    return [str(one) for one in found if one["location"][0] != "response"]


@pytest.mark.parametrize("what", sorted(REQUESTS))
async def test_twilios_contract_takes_it(mock: str, what: str) -> None:
    async with opened(mock) as (rest, answers):
        with contextlib.suppress(Lost):  # its answers are made up: some are no call
            await ask(rest, what)
    assert answers
    refused = [text for status, text in answers if status >= 300]
    assert [fault for text in refused for fault in faults(text)] == []


async def test_a_wrong_request_is_found_out(mock: str) -> None:
    async with opened(mock) as (rest, _):
        with pytest.raises(Refused) as no:
            await rest.create(wanted(ring_seconds="soon"))  # type: ignore[arg-type]
        assert no.value.status == 422


async def test_all_that_can_be_asked_is_asked_here() -> None:
    """A new request of the driver must come here."""
    public = {name for name in vars(Rest) if not name.startswith("_")}
    assert public == {name.split()[0] for name in REQUESTS}
