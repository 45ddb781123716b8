"""Is our public address us? Asked through a proxy that does what proxies do wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from dialer.channels.twilio.door import Address, Door, Nobody
from dialer.channels.twilio.outside import look
from dialer.channels.twilio.rest import Account
from dialer.cli.main import dialer
from dialer.clock import SystemClock
from tests.contract.twilio_rig import free_port
from tests.kit.twilio import ACCOUNT, TOKEN

CLOCK = SystemClock()
ACCOUNTED = Account(ACCOUNT, ACCOUNT, TOKEN, TOKEN)
FINE = {"address": "", "webhooks": "", "streams": ""}


@asynccontextmanager
async def proxied(fault: str, inner: int) -> AsyncIterator[int]:
    """A proxy in front of the engine's port. -> its own"""

    async def handed_on(request: web.Request) -> web.StreamResponse:
        if fault == "down":
            return web.Response(status=502)
        if fault == "redirect":
            raise web.HTTPMovedPermanently("https://calls.example.com/")
        path = request.path.removeprefix("/accord") if fault == "path" else request.path
        body = await request.read()
        if fault == "body" and body:
            body += b"&x=1"
        if request.headers.get("Upgrade") and fault == "upgrade":
            return web.Response(status=400)
        heads = {
            name: request.headers[name]
            for name in ("Content-Type", "X-Twilio-Signature")
            if name in request.headers
        }
        url = f"http://127.0.0.1:{inner}{path}"
        async with aiohttp.ClientSession() as http:
            if request.headers.get("Upgrade"):
                async with http.ws_connect(url, headers=heads):
                    socket = web.WebSocketResponse()
                    await socket.prepare(request)
                    return socket
            async with http.request(
                request.method, url, data=body, headers=heads
            ) as answer:
                return web.Response(status=answer.status, body=await answer.read())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handed_on)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("", FINE),
        ("down", {"address": "a proxy answers 502: it does not reach the engine"}),
        ("redirect", {"address": "it sends elsewhere (301): Twilio does not follow"}),
        (
            "path",
            {"address": "not found (404): the path is not handed on as it is"},
        ),
        (
            "body",
            FINE
            | {
                "webhooks": "the signature does not fit: a proxy changes the path or"
                " the body"
            },
        ),
        (
            "upgrade",
            FINE | {"streams": "a proxy does not hand on WebSockets (it answers 400)"},
        ),
    ],
)
async def test_what_is_wrong_between_twilio_and_us_is_told(
    fault: str, told: dict[str, str]
) -> None:
    inner = free_port()
    async with proxied(fault, inner) as port:
        address = Address(f"http://127.0.0.1:{port}/accord", "127.0.0.1", inner)
        async with Door(address, ACCOUNTED, Nobody(CLOCK), CLOCK):
            found = {one.what: one.why for one in await look(address, ACCOUNTED)}
    assert found == told


async def test_who_answers_must_be_us() -> None:
    port = free_port()
    address = Address(f"http://127.0.0.1:{port}", "127.0.0.1", port)
    (found,) = await look(address, ACCOUNTED)
    assert found.why == "nothing listens there"
    (found,) = await look(Address("http://no.invalid"), ACCOUNTED)
    assert found.why == "its name is not known"
    other = Account(ACCOUNT, ACCOUNT, "other", "other")
    async with Door(address, other, Nobody(CLOCK), CLOCK):
        (found,) = await look(address, ACCOUNTED)
        assert found.why.startswith("somebody else answers there")


def test_the_command_answers_for_an_engine_that_does_not_run(tmp_path: Path) -> None:
    port = free_port()
    path = tmp_path / "trunks.toml"
    path.write_text(
        f'[twilio.main]\naccount = "{ACCOUNT}"\n'
        f'public = "http://127.0.0.1:{port}"\nport = {port}\n'
        '[trunk.cloud]\ntype = "twilio"\ntwilio = "main"\n'
        'caller_ids = ["+861055550000"]\n'
    )
    asked = ["--home", str(tmp_path), "trunks", "check", "--live", "--json"]
    runner, environ = CliRunner(), {"ACCORD_TWILIO_TOKEN": TOKEN}
    done = runner.invoke(dialer, asked, env=environ)
    assert done.exit_code == 0, done.output
    seen = json.loads(done.output)["public"]["main"]
    assert {one["what"]: one["why"] for one in seen} == FINE
    text = path.read_text().replace(f'127.0.0.1:{port}"', f'127.0.0.1:{free_port()}"')
    path.write_text(text)  # Twilio would go elsewhere
    done = runner.invoke(dialer, asked, env=environ)
    assert done.exit_code == 1
    assert "twilio.main.public: address: nothing listens there" in done.output
    assert TOKEN not in done.output
