"""The link to a manager on a real socket: kept, lost, found, never asking twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dialer.channels.asterisk.ami import BLANK, Message, Parser
from dialer.channels.asterisk.link import Link, LinkLost, Login, Patience
from dialer.channels.port import ChannelDown
from dialer.clock import SystemClock
from tests.kit.clock import FakeClock

PATIENCE = Patience(connect=5, answer=3, ping=5, again=1, again_at_most=4)


class Manager:
    """An AMI server that does what it is told: `answers` by action, else Success;
    None: no answer. Every action it got is in `got`."""

    def __init__(self) -> None:
        self.answers: dict[str, str | None] = {}
        self.got = list[Message]()
        self.writers = list[asyncio.StreamWriter]()
        self.news = asyncio.Event()
        self.greeting = b"Asterisk Call Manager/11.0.0\r\n"

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.writers.append(writer)
        writer.write(self.greeting)
        parser = Parser()
        parser.feed(b"Asterisk Call Manager/0\r\n")
        while data := await reader.read(4096):
            for asked in parser.feed(data):
                self.got.append(asked)
                self.news.set()
                self.answer(writer, asked)
        writer.close()

    def answer(self, writer: asyncio.StreamWriter, asked: Message) -> None:
        text = self.answers.get(asked.get("Action"), "Response: Success")
        if text is not None:
            name = f"ActionID: {asked.get('ActionID')}"
            parts = (f"{part}\r\n{name}\r\n\r\n" for part in text.split("|"))
            writer.write("".join(parts).encode())

    def actions(self) -> list[str]:
        return [asked.get("Action") for asked in self.got]

    async def asked(self, action: str) -> None:
        """Wait until it came."""
        async with SystemClock().timeout(5):
            while action not in self.actions():
                self.news.clear()
                await self.news.wait()

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()


class Bed:
    def __init__(self) -> None:
        self.manager = Manager()
        self.clock = FakeClock()
        self.heard = list[Message]()
        self.times_up = 0
        self.port = 0

    def regained(self) -> None:
        self.times_up += 1

    @asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        login = Login("127.0.0.1", self.port, "accord", "secret-7")
        async with Link(
            login,
            self.clock,
            self.heard.append,
            regained=self.regained,
            patience=PATIENCE,
        ) as link:
            yield link

    async def until(self, up: bool, link: Link) -> None:
        """Let the sockets work until the link is so; its pauses pass meanwhile."""
        async with SystemClock().timeout(5):
            while link.up != up:
                await self.pass_time(0.1)

    async def pass_time(self, seconds: float) -> None:
        """In small steps, with turns for the sockets between them."""
        for _ in range(round(seconds / 0.1)):
            for _ in range(5):
                await SystemClock().sleep(0)
            await self.clock.advance(0.1)


@pytest.fixture
async def bed() -> AsyncIterator[Bed]:
    bed = Bed()
    server = await asyncio.start_server(bed.manager.serve, "127.0.0.1", 0)
    bed.port = server.sockets[0].getsockname()[1]
    async with server:
        yield bed
        bed.manager.cut()


async def test_it_logs_in_and_asks(bed: Bed) -> None:
    async with bed.link() as link:
        await link.wait_up(5)
        answer = await link.ask("Ping")
        assert answer.get("Response") == "Success"
        login, ping = bed.manager.got
        assert (login.get("Username"), login.get("Secret")) == ("accord", "secret-7")
        assert login.get("ActionID") != ping.get("ActionID") == answer.get("ActionID")
        assert bed.times_up == 1
    assert not link.up


async def test_a_list_is_gathered_and_events_go_to_who_listens(bed: Bed) -> None:
    bed.manager.answers["CoreShowChannels"] = (
        "Response: Success\r\nEventList: start|Event: CoreShowChannel\r\nUniqueid: a"
        "|Event: CoreShowChannel\r\nUniqueid: b"
        "|Event: CoreShowChannelsComplete\r\nEventList: Complete"
    )
    bed.manager.answers["Originate"] = (
        "Response: Success|Event: OriginateResponse\r\nResponse: Failure"
    )
    bed.manager.answers["QueueStatus"] = "Response: Error\r\nMessage: no such queue"
    async with bed.link() as link:
        await link.wait_up(5)
        listed = await link.ask_list("CoreShowChannels")
        assert [message.get("Uniqueid") for message in listed] == ["a", "b"]
        assert bed.heard == []
        answer = await link.ask("Originate", action_id="attempt-1")
        assert answer.get("Response") == "Success"
        assert await link.ask_list("QueueStatus") == []
    assert [message.event for message in bed.heard] == ["OriginateResponse"]


async def test_what_was_asked_when_it_broke_is_never_asked_again(bed: Bed) -> None:
    bed.manager.answers["Originate"] = None
    async with bed.link() as link:
        await link.wait_up(5)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(lost(link, "Originate"))
            await bed.manager.asked("Originate")
            bed.manager.cut()
        assert asking.result() == "LinkLost"
        await bed.until(False, link)
        with pytest.raises(ChannelDown):
            await link.ask("Originate")
        await bed.until(True, link)
        await link.ask("Ping")
    assert bed.manager.actions() == ["Login", "Originate", "Login", "Ping"]
    assert bed.times_up == 2


async def lost(link: Link, action: str) -> str:
    try:
        await link.ask(action)
    except LinkLost as error:
        return type(error).__name__
    return "answered"


async def test_an_answer_that_does_not_come_is_told_in_time(bed: Bed) -> None:
    bed.manager.answers["Originate"] = None
    async with bed.link() as link:
        await link.wait_up(5)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(lost(link, "Originate"))
            await bed.manager.asked("Originate")
            await bed.clock.advance(PATIENCE.answer)
        assert asking.result() == "LinkLost"
        assert link.up


async def test_a_frozen_manager_is_found_out_by_a_ping(bed: Bed) -> None:
    async with bed.link() as link:
        await link.wait_up(5)
        bed.manager.answers["Ping"] = None
        await bed.clock.advance(PATIENCE.ping)
        await bed.manager.asked("Ping")
        assert link.up
        await bed.clock.advance(PATIENCE.answer)
        assert not link.up
        del bed.manager.answers["Ping"]
        await bed.until(True, link)
        assert (await link.ask("Ping")).get("Response") == "Success"


async def test_a_refused_login_says_why_and_shows_no_secret(
    bed: Bed, caplog: pytest.LogCaptureFixture
) -> None:
    bed.manager.answers["Login"] = "Response: Error\r\nMessage: Authentication failed"
    async with bed.link() as link:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(why_down(link))
            await bed.manager.asked("Login")
            await bed.pass_time(6)
        assert "Authentication failed" in waiting.result()
    told = waiting.result() + caplog.text + repr(link._login)
    assert "secret-7" not in told


async def why_down(link: Link) -> str:
    with pytest.raises(ChannelDown) as told:
        await link.wait_up(5)
    return str(told.value)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-x\r\n", b"\r\n\r\n", BLANK * 3])
async def test_nobody_but_a_manager_is_told_the_secret(
    bed: Bed, greeting: bytes
) -> None:
    bed.manager.greeting = greeting
    async with bed.link() as link:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(why_down(link))
            await bed.pass_time(6)
        assert "no Asterisk manager" in waiting.result()
    assert bed.manager.got == []
