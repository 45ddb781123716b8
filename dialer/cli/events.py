"""`dialer events`: what goes out over MQTT, how far it is, commands that come in."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dialer import sinks
from dialer.cli.frame import Fail, emit, err, json_option, out, run, with_settings
from dialer.clock import SystemClock
from dialer.events import commands, keys, schema
from dialer.events.broker import Broker, BrokerDown, BrokerError, connected
from dialer.events.lag import lag
from dialer.events.mqtt import READER
from dialer.home import opened
from dialer.settings import Settings

PATH = click.Path(path_type=Path, dir_okay=False)
VERBS = click.Choice(["pause", "resume", "drain"])
MINUTE = timedelta(minutes=1)


@click.group()
def events() -> None:
    """Events over MQTT (docs/events.md)."""


def broker_of(settings: Settings) -> Broker:
    there = sinks.broker(settings)
    if there is None:
        raise Fail("no broker: [events.mqtt] host is empty in the settings")
    return there


@events.command()
@json_option
@with_settings
def status(settings: Settings, as_json: bool) -> None:
    """How far behind the journal MQTT is, and whether the broker lets us in.

    Example: dialer events status
    """
    data = run(_status(settings))

    def show() -> None:
        out.print(f"broker: {data['broker'] or 'none'} ({data['answer']})")
        oldest = data["seconds_behind"]
        out.print(
            f"published up to entry {data['published']} of {data['entries']}"
            + (f"; the next has waited for {oldest:.0f} s" if data["behind"] else "")
        )

    emit(data, as_json, show)


async def _status(settings: Settings) -> dict[str, Any]:
    there = sinks.broker(settings)
    async with opened(settings) as stores:
        found = await lag(stores.journal, READER, SystemClock().now())
    return {
        "broker": there.place if there else None,
        "encrypted": bool(there and there.tls),
        "answer": await _answer(there) if there else "off",
        "entries": found.last,
        "published": found.done,
        "behind": found.entries,
        "seconds_behind": round(found.seconds, 1),
    }


async def _answer(there: Broker) -> str:
    try:
        async with connected(there, None):
            return "connected"
    except BrokerError as error:
        return str(error)


@events.command("schema")
@click.argument("event", required=False)
def schema_(event: str | None) -> None:
    """JSON Schema of what is published: of one event, or of all.

    Example: dialer events schema call.ended
    """
    found = schema.schemas()
    if event:
        place = found["discriminator"]["mapping"].get(event)
        if place is None:
            known = ", ".join(found["discriminator"]["mapping"])
            raise click.BadParameter(f"no event {event!r} (there is {known})")
        found = {"$ref": place, "$defs": found["$defs"]}
    click.echo(json.dumps(found, indent=1))


@events.command()
@click.option("--once", is_flag=True, help="What is there by now; then end.")
@json_option
@with_settings
def publish(settings: Settings, once: bool, as_json: bool) -> None:
    """Publish the journal until interrupted: for where no engine runs, or by its side.

    One process of a home publishes at a time; this one waits for its turn.
    Example: dialer events publish
    """
    data = run(_publish(settings, once))
    emit(data, as_json, lambda: out.print(f"{data['published']} events published"))
    if once and data["behind"]:
        raise Fail(f"{data['behind']} entries are not published: {data['trouble']}")


async def _publish(settings: Settings, once: bool) -> dict[str, Any]:
    there = broker_of(settings)
    try:
        async with connected(there, None):
            pass
    except BrokerDown as down:
        err.print(f"{down}: events wait for it")
    async with opened(settings) as stores:
        with sinks.apart(settings, stores, there, SystemClock()) as publisher:
            if once:
                publisher.stop()
            for name in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(name, publisher.stop)
            await publisher.run()
        behind = (await lag(stores.journal, READER, SystemClock().now())).entries
        return {
            "published": publisher.published,
            "behind": behind,
            "trouble": publisher.trouble or "another process publishes",
        }


@events.command()
@click.option("--topic", default="", help="Below accord/TENANT/ (default: all).")
@click.option("--count", type=click.IntRange(1), help="End after so many.")
@with_settings
def tail(settings: Settings, topic: str, count: int | None) -> None:
    """Print what the broker has, one JSON object a line: {"topic", "event"}.

    Example: dialer events tail --topic 'call/+/ended'
    """
    run(_tail(settings, topic or "#", count))


async def _tail(settings: Settings, topic: str, count: int | None) -> None:
    there = broker_of(settings)
    async with connected(there, None) as client:
        await client.subscribe(f"accord/{there.tenant}/{topic}", qos=1)
        async for one in client.messages:
            event = bytes(one.payload).decode("utf-8", "replace")
            click.echo(f'{{"topic":{json.dumps(str(one.topic))},"event":{event}}}')
            count = count and count - 1
            if count == 0:
                return


@events.command()
@click.argument("path", type=PATH)
@click.option("--as", "who", required=True, help="Name of whoever will hold it.")
def key(path: Path, who: str) -> None:
    """Make a key to sign commands with, and print its table for commands.toml.

    Example: dialer events key chen.pem --as chen >> commands.toml
    """
    click.echo(keys.create_key(path, who), nl=False)


@events.command()
@click.argument("verb", type=VERBS)
@click.argument("campaign", required=False, default="")
@click.option("--node", required=True, help="Which node is to do it.")
@click.option("--as", "who", required=True, help="Your name in its commands.toml.")
@click.option("--key", "path", type=PATH, required=True, help="Your key (PEM).")
@json_option
@with_settings
def command(
    settings: Settings,
    verb: commands.Verb,
    campaign: str,
    node: str,
    who: str,
    path: Path,
    as_json: bool,
) -> None:
    """Sign a command (valid for a minute) and send it to a node.

    Whether it was carried out is to be seen on the campaign's or node's topics.
    Example: dialer events command pause autumn --node node-1 --as chen --key chen.pem
    """
    if bool(campaign) == (verb == "drain"):
        raise click.UsageError("pause and resume name a campaign; drain has none")
    there, now = broker_of(settings), SystemClock().now()
    made = commands.Command(
        v=1,
        command=verb,
        campaign=campaign,
        tenant=there.tenant,
        node=node,
        by=who,
        nonce=uuid4().hex,
        expires=(now + MINUTE).isoformat(),
    )
    run(_send(there, made, keys.read_key(path)))
    data = {"sent": verb, "campaign": campaign, "node": node}
    emit(data, as_json, lambda: out.print(f"sent to {node}: {verb} {campaign}"))


async def _send(there: Broker, made: commands.Command, key: Ed25519PrivateKey) -> None:
    async with connected(there, None) as client:
        await client.send([commands.message(made, key)])
