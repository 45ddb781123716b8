"""Whether Twilio will find us: our public address, asked the way that Twilio asks.

Three questions: is it us who answer there, do webhooks come through with path and body
as they were signed, do streams come through. Where our own network does not lead back
to its public address, Twilio may find us all the same: then ask from elsewhere.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import aiohttp
from twilio.request_validator import RequestValidator

from dialer.channels.twilio.door import Address, proof
from dialer.channels.twilio.rest import Account

PATIENCE = aiohttp.ClientTimeout(total=10.0, sock_connect=5.0)
CLOSE = aiohttp.ClientWSTimeout(ws_close=2.0)
NOBODY = {502, 503, 504}  #: a proxy that does not reach us


@dataclass(frozen=True, slots=True)
class Found:
    """One question; `why`: what is wrong, empty: nothing."""

    what: str
    why: str


async def look(address: Address, account: Account) -> list[Found]:
    """Asks in that order, and stops where the next would fail for the same reason."""
    found = list[Found]()
    async with aiohttp.ClientSession(timeout=PATIENCE) as http:
        for what, ask in (
            ("address", _address),
            ("webhooks", _webhooks),
            ("streams", _streams),
        ):
            try:
                why = await ask(http, address, account)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = reason(error)
            found.append(Found(what, why))
            if why and what == "address":
                break
    return found


async def _address(
    http: aiohttp.ClientSession, address: Address, account: Account
) -> str:
    asked = secrets.token_hex(16)
    url = f"{address.public}/health/{asked}"
    async with http.get(url, allow_redirects=False) as answer:
        if answer.status != 200:
            return status(answer.status)
        told = await answer.content.read(200)
    if told.decode("ascii", "replace") == proof(account.token, address.public, asked):
        return ""
    return "somebody else answers there, or an engine with another token or `public`"


async def _webhooks(
    http: aiohttp.ClientSession, address: Address, account: Account
) -> str:
    url = address.of("health", "status")
    told = {"AccountSid": account.sid, "CallSid": "", "CallStatus": "queued"}
    async with http.post(
        url, data=told, headers=signed(account, url, told), allow_redirects=False
    ) as answer:
        if answer.status == 403:
            return "the signature does not fit: a proxy changes the path or the body"
        return "" if answer.status == 204 else status(answer.status)


async def _streams(
    http: aiohttp.ClientSession, address: Address, account: Account
) -> str:
    url = address.stream
    try:
        async with http.ws_connect(
            url, headers=signed(account, url, {}), timeout=CLOSE
        ):
            return ""
    except aiohttp.WSServerHandshakeError as no:
        if no.status in NOBODY:
            return status(no.status)
        if no.status == 403:
            return "the signature does not fit: a proxy changes the path"
        return f"a proxy does not hand on WebSockets (it answers {no.status})"


def signed(account: Account, url: str, told: dict[str, str]) -> dict[str, str]:
    """As Twilio signs."""
    made = RequestValidator(account.token).compute_signature(url, told)
    return {"X-Twilio-Signature": made}


def status(code: int) -> str:
    if code in NOBODY:
        return f"a proxy answers {code}: it does not reach the engine"
    if code in (301, 302, 307, 308):
        return f"it sends elsewhere ({code}): Twilio does not follow"
    if code == 404:
        return "not found (404): the path is not handed on as it is"
    if code == 429:
        return "too many requests now (429): ask again"
    return f"it answers {code}"


def reason(error: Exception) -> str:
    """In words of ours: an error's own text may be of any kind."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not one that Twilio trusts"
        case aiohttp.ClientConnectorSSLError():
            return "TLS fails there"
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known"
        case aiohttp.ClientConnectorError():
            return "nothing listens there"
        case TimeoutError():
            return "no answer within 10 seconds: a firewall, or no way back from inside"
        case _:
            return f"no answer ({type(error).__name__})"
