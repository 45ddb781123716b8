"""A stand-in for Twilio on real sockets: REST, webhooks with true signatures, TwiML,
media streams; with numbers that do what a test says, and faults at its command.

Like Twilio it goes on with a call whatever becomes of who placed it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from dialer.channels.alive import Alive
from dialer.channels.line import Ticker
from dialer.clock import Clock, SystemClock
from tests.kit.twilio_leg import Leg

ACCOUNT = "AC" + "0123456789abcdef" * 2
KEY, SECRET, TOKEN = (
    "SK" + "0" * 32,
    "the-secret-of-the-key",
    "the-token-of-the-account",
)
OURS = "+861055550000"
MAY = {
    *("To", "From", "Twiml", "StatusCallback", "StatusCallbackEvent", "Timeout"),
    *("TimeLimit", "MachineDetection", "AsyncAmd", "AsyncAmdStatusCallback"),
}
CLOSE = aiohttp.ClientWSTimeout(ws_close=1.0)
FINAL = {"completed", "busy", "failed", "no-answer", "canceled"}


@dataclass(frozen=True, slots=True)
class Callee:
    """What a number does. answer: `answers`, or Twilio's last word on the call."""

    rings: float = 0.05  # seconds, before it answers or not
    answer: str = "answers"
    sip: str = ""
    error: int = 0  # the request is refused with this
    sound: bytes = b""
    keys: str = ""
    leaves: float | None = None  # seconds after it answered
    machine: str = ""  # AnsweredBy
    people: bool = True  # whoever it is handed to is there
    alerts: bool = False  # the phone rings, whatever comes then


@dataclass
class Faults:
    """What goes wrong; each is asked each time, and does nothing by default.

    create: `` | lost (placed, no answer) | unsent (no answer, not placed) | 429 | 500
    (placed or not) ... webhook: `` | lost | twice | late | 500. cut: seconds after
    which a stream breaks; None: it does not.
    """

    create: Callable[[], str] = lambda: ""
    webhook: Callable[[str], str] = lambda status: ""
    cut: Callable[[], float | None] = lambda: None
    rest: Callable[[], str] = lambda: ""  # of other requests: `` | lost | 429 | 500


@dataclass(eq=False)
class Call:
    sid: str
    to: str
    caller_id: str
    twiml: str
    url: str
    timeout: float
    callee: Callee
    created: str
    machine_url: str = ""
    parent: str = ""
    status: str = "queued"
    seconds: int = 0
    price: str | None = None
    said: list[str] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    dialed: list[str] = field(default_factory=list)
    whispered: list[str] = field(default_factory=list)  # TwiML for who took it
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    document: str = ""  # to go on with
    over: bool = False  # it is to end
    rang: bool = False
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def number(self) -> str:
        return str(next(self._numbers))

    def shown(self) -> dict[str, object]:
        return {
            "sid": self.sid,
            "to": self.to,
            "from": self.caller_id,
            "status": self.status,
            "date_created": self.created,
            "duration": str(self.seconds),
            "price": self.price,
            "price_unit": "USD",
            "parent_call_sid": self.parent or None,
            "account_sid": ACCOUNT,
        }


class Twilio(Alive):
    """Use within `async with`. callees: by number; another number is unallocated."""

    def __init__(
        self,
        callees: Mapping[str, Callee],
        faults: Faults | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.callees = dict(callees)
        self.faults = faults or Faults()
        self.calls: dict[str, Call] = {}
        self.answers = Counter[int]()  # to our webhooks
        self.took = list[float]()  # seconds they took
        self.requests = Counter[str]()
        self._clock = clock or SystemClock()
        self._serial = itertools.count(1)
        self._validator = RequestValidator(TOKEN)
        self._ticker = Ticker[Leg](self._clock, "stand-in-ticker")
        self._stop = asyncio.Event()
        self._tasks = set[asyncio.Task[None]]()

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        app = web.Application()
        top = f"/2010-04-01/Accounts/{ACCOUNT}"
        app.router.add_post(f"{top}/Calls.json", self._create)
        app.router.add_get(f"{top}/Calls.json", self._list)
        app.router.add_post(f"{top}/Calls/{{sid}}.json", self._update)
        app.router.add_get(f"{top}/Calls/{{sid}}.json", self._fetch)
        app.router.add_get(f"{top}.json", self._account)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(runner.addresses[0][1])
        try:
            async with (
                aiohttp.ClientSession() as self._http,
                self._ticker,
                asyncio.TaskGroup() as self._group,
            ):
                self._group.create_task(self._stop.wait())
                yield
                self._stop.set()
                for task in tuple(self._tasks):
                    task.cancel()
        finally:
            await runner.cleanup()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> int:
        """Calls that ring or talk."""
        return sum(call.status not in FINAL for call in self.calls.values())

    def rang(self) -> Counter[str]:
        """How often each number's phone rang."""
        return Counter(call.to for call in self.calls.values() if call.rang)

    def placed(self) -> Counter[str]:
        """How many calls there were to each number."""
        return Counter(call.to for call in self.calls.values() if not call.parent)

    # --- REST

    async def _create(self, request: web.Request) -> web.Response:
        if no := self._barred(request, "create"):
            return no
        fault = self.faults.create()
        if fault == "429":
            return refusal(429, 20429)
        if fault == "unsent":
            return self._drop(request)
        if fault == "500":
            return refusal(500, 20500)
        said = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
        if why := wrong(said):
            return refusal(400, why)
        callee = self.callees.get(said["To"], Callee(answer="failed", sip="404"))
        if callee.error:
            return refusal(400, callee.error)
        call = Call(
            f"CA{next(self._serial):032x}",
            said["To"],
            said["From"],
            said["Twiml"],
            said.get("StatusCallback", ""),
            float(said.get("Timeout", "60")),
            callee,
            format_datetime(self._clock.now()),
            said.get("AsyncAmdStatusCallback", ""),
        )
        self.calls[call.sid] = call
        self._spawn(self._live(call))
        if fault == "lost":
            return self._drop(request)
        if fault == "500 placed":
            return refusal(500, 20500)
        return web.json_response(call.shown(), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        if no := self._barred(request, "list") or self._faulty(request):
            return no
        by = {"To": "to", "From": "caller_id", "Status": "status"}
        by |= {"ParentCallSid": "parent"}
        asked = {by[k]: v for k, v in request.query.items() if k in by}
        found = [
            call.shown()
            for call in reversed(self.calls.values())
            if all(getattr(call, k) == v for k, v in asked.items())
        ]
        size = int(request.query.get("PageSize", "50"))
        return web.json_response({"calls": found[:size], "page_size": size})

    async def _update(self, request: web.Request) -> web.Response:
        if no := self._barred(request, "update") or self._faulty(request):
            return no
        call = self.calls.get(request.match_info["sid"])
        if call is None:
            return refusal(404, 20404)
        if call.status in FINAL:
            return refusal(400, 21220)
        said = await request.post()
        if document := said.get("Twiml"):
            call.document = str(document)
        else:
            call.over = True
        call.wake.set()
        while call.over and call.status not in FINAL and not self._stop.is_set():
            await self._clock.sleep(0.002)
        return web.json_response(call.shown())

    async def _fetch(self, request: web.Request) -> web.Response:
        if no := self._barred(request, "fetch") or self._faulty(request):
            return no
        call = self.calls.get(request.match_info["sid"])
        return web.json_response(call.shown()) if call else refusal(404, 20404)

    async def _account(self, request: web.Request) -> web.Response:
        if no := self._barred(request, "account") or self._faulty(request):
            return no
        return web.json_response({"sid": ACCOUNT, "status": "active"})

    def _barred(self, request: web.Request, what: str) -> web.Response | None:
        self.requests[what] += 1
        mine = aiohttp.encode_basic_auth(KEY, SECRET)
        right = request.headers.get("Authorization") == mine
        return None if right else refusal(401, 20003)

    def _faulty(self, request: web.Request) -> web.Response | None:
        match self.faults.rest():
            case "":
                return None
            case "lost":
                return self._drop(request)
            case status:
                return refusal(int(status), 20000 + int(status))

    def _drop(self, request: web.Request) -> web.Response:
        """No answer: the connection is gone."""
        if request.transport:
            request.transport.abort()
        return web.Response(status=500)

    # --- a call

    def _spawn(self, work: object) -> None:
        task = self._group.create_task(quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, call: Call) -> None:
        callee = call.callee
        self._say(call, "initiated")
        if callee.answer in ("answers", "no-answer") or callee.alerts:
            call.rang = True
            call.status = "ringing"
            self._say(call, "ringing")
        rings = min(callee.rings, call.timeout)
        await self._until(call, rings)
        if call.over:
            self._finish(call, "canceled", "487")
        elif callee.answer != "answers":
            self._finish(call, callee.answer, callee.sip)
        elif callee.rings >= call.timeout:
            self._finish(call, "no-answer", "487")
        else:
            began = self._clock.elapsed()
            await self._talk(call)
            call.seconds = max(1, round(self._clock.elapsed() - began))
            call.price = "-0.0130"
            self._finish(call, "completed", "200")

    async def _until(self, call: Call, seconds: float) -> None:
        with suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await call.wake.wait()

    async def _talk(self, call: Call) -> None:
        call.status = "in-progress"
        self._say(call, "in-progress")
        if call.callee.machine and call.machine_url:
            told = {"CallSid": call.sid, "AnsweredBy": call.callee.machine}
            self._spawn(self._post(call.machine_url, told))
        document = call.twiml
        limit = self._clock.timeout(call.callee.leaves or 3600.0)
        with suppress(TimeoutError):
            async with limit:
                while document and not call.over:
                    document = await self._run(call, document)

    async def _run(self, call: Call, document: str) -> str:
        """-> what to go on with; empty: the call is over"""
        call.wake.clear()
        async with asyncio.TaskGroup() as group:
            verbs = group.create_task(self._verbs(call, document))
            woken = group.create_task(call.wake.wait())
            await asyncio.wait({verbs, woken}, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
            if not verbs.done():
                verbs.cancel()
        if not verbs.cancelled():
            return verbs.result()
        document, call.document = call.document, ""
        return document

    async def _verbs(self, call: Call, document: str) -> str:
        for verb in ET.fromstring(document):
            match verb.tag:
                case "Connect":
                    await self._connect(call, verb[0])
                case "Say":
                    call.said.append(verb.text or "")
                case "Dial":
                    return await self._dial(call, verb)
                case "Hangup":
                    return ""
                case other:
                    raise AssertionError(f"what is {other}?")
        return ""

    async def _connect(self, call: Call, stream: ET.Element) -> None:
        url = stream.attrib["url"]
        signed = {"X-Twilio-Signature": self.signature(url, {})}
        leg = Leg(f"MZ{next(self._serial):032x}", call.callee.sound, call.callee.keys)
        leg.sound = bytes(4800) + leg.sound if leg.sound else b""
        parameters = {one.attrib["name"]: one.attrib["value"] for one in stream}
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._http.ws_connect(url, headers=signed, timeout=CLOSE) as ws:
                leg.start(ACCOUNT, call.sid, parameters)
                call.legs.append(leg)
                self._ticker.add(leg)
                try:
                    async with self._clock.timeout(self.faults.cut() or 3600.0):
                        await leg.run(ws)
                finally:
                    self._ticker.remove(leg)
                    with suppress(ConnectionError):
                        await ws.send_str(json.dumps(leg.stop()))

    async def _dial(self, call: Call, dial: ET.Element) -> str:
        noun = dial[0]
        call.dialed.append(noun.text or "")
        child = f"CA{next(self._serial):032x}"
        told = {"CallSid": child, "ParentCallSid": call.sid, "CallStatus": "x"}
        await self._clock.sleep(0.1)
        status = "no-answer"
        if call.callee.people:
            status = "completed"
            call.whispered.append(await self._post(noun.attrib["url"], told))
            await self._clock.sleep(call.callee.leaves or 1.0)
        told = {"CallSid": call.sid, "DialCallStatus": status, "DialCallSid": child}
        return await self._post(dial.attrib["action"], told)

    def _finish(self, call: Call, status: str, sip: str) -> None:
        call.status = status
        self._say(call, status, {"SipResponseCode": sip} if sip else {})

    # --- webhooks

    def _say(
        self, call: Call, status: str, more: Mapping[str, str] | None = None
    ) -> None:
        told = {
            "CallSid": call.sid,
            "CallStatus": status,
            "To": call.to,
            "From": call.caller_id,
            "SequenceNumber": call.number(),
            "Timestamp": format_datetime(self._clock.now()),
            **(more or {}),
        }
        fault = self.faults.webhook(status)
        if fault == "lost":
            return
        for _ in range(2 if fault == "twice" else 1):
            self._spawn(self._post(call.url, told, 0.3 if fault == "late" else 0.0))

    async def _post(self, url: str, told: Mapping[str, str], late: float = 0.0) -> str:
        if late:
            await self._clock.sleep(late)
        told = {"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", **told}
        signed = {"X-Twilio-Signature": self.signature(url, told)}
        began = self._clock.elapsed()
        try:
            async with self._http.post(url, data=told, headers=signed) as answer:
                text = await answer.text()
                self.answers[answer.status] += 1
        except (aiohttp.ClientError, TimeoutError):
            self.answers[0] += 1
            return ""
        self.took.append(self._clock.elapsed() - began)
        return text if answer.status == 200 else ""

    def signature(self, url: str, told: Mapping[str, str]) -> str:
        found: str = self._validator.compute_signature(url, dict(told))
        return found


async def quietly(work: object) -> None:
    with suppress(asyncio.CancelledError):
        await work  # type: ignore[misc]


def refusal(status: int, code: int) -> web.Response:
    said = f"as for +8617000000001: {code}"  # Twilio's texts name numbers
    found = {"status": status, "code": code, "message": said, "more_info": ""}
    return web.json_response(found, status=status)


def wrong(said: Mapping[str, str]) -> int:
    """Twilio's error code for a request that it would not take; 0: it would."""
    if set(said) - MAY:
        return 20001
    if not said.get("To", "").startswith("+"):
        return 21211
    if said.get("From") != OURS:
        return 21210
    for name in ("StatusCallback", "AsyncAmdStatusCallback"):
        if said.get(name) and not urlsplit(said[name]).netloc:
            return 21609
    if len(said.get("Twiml", "")) > 4000 or not said.get("Twiml"):
        return 21205
    return 0 if said.get("Timeout", "60").isdecimal() else 20001


def headers_of(sip: str) -> dict[str, str]:
    """What a SIP phone is told, of its address in TwiML."""
    return {k: v[0] for k, v in parse_qs(urlsplit(sip).query).items()}
