"""Events: journal rows to messages, their schemas and examples, and who may command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, strategies

from dialer.clock import SystemClock
from dialer.events import commands, keys, message, schema
from dialer.events.commands import Command, Commands, CommandsError, Nonces, NotTaken
from dialer.events.message import PUBLISHED, BadRow
from dialer.store.journal import KINDS
from dialer.store.port import JournalRow
from tests.house.test_docs import block
from tests.kit.stores import NOW

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/events.md").read_text("utf-8")
AT = "2026-11-24T06:00:00.000000Z"
#: About people, files and agreements: for the ledger and the evidence log alone.
UNTOLD = {
    *("batch.opened", "contacts.added", "batch.reviewed", "flag.set", "list.exported"),
    *("agreement.event", "agreement.refused", "command.taken", "log.kept"),
    *("attempt.shown", "attempt.chosen"),  # an agent's name
}


def row(kind: str, subject: str = "x", **body: object) -> JournalRow:
    return JournalRow(7, AT, kind, subject, json.dumps(body), bytes(16))


def test_every_kind_of_entry_is_published_or_meant_not_to_be() -> None:
    assert set(PUBLISHED) | UNTOLD == set(KINDS)
    assert not set(PUBLISHED) & UNTOLD
    for kind in UNTOLD:
        assert message.message(row(kind, text="secret"), "t") is None


def test_the_topics_in_the_document_are_those_of_the_code() -> None:
    rows = []
    for name, kind in PUBLISHED.items():
        topic = "/".join(p[1:].upper() if p[0] == ":" else p for p in kind.topic)
        kept = "yes " if kind.retain else ""
        event = schema.tag(kind.event)
        rows.append(f"| `{name}` | `{event}` | `{topic}` | {kept}|")
    assert block(DOCUMENT, "topics")[2:] == rows


def test_every_event_has_an_example_that_is_as_its_schema_says() -> None:
    shown = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", DOCUMENT)]
    classes = {schema.tag(event): event for event in schema.EVENTS}
    assert {one["event"] for one in shown} == classes.keys()
    found = schema.schemas()["$defs"]
    for one in shown:
        event = classes[one["event"]]
        assert one.keys() == found[event.__name__]["properties"].keys()
        msgspec.convert(one, event)
        required = found[event.__name__]["required"]
        for name in required:
            less = {k: v for k, v in one.items() if k != name}
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(less, schema.published())


def test_only_what_is_named_leaves() -> None:
    ended: dict[str, Any] = {
        "campaign": "c",
        "contact": "c_1",
        "n": 1,
        "disposition": "promised",
        "cause": "",
        "stage": 5,
        "measures": {"seconds": 3.5},
        "facts": {"trunk": "north", "said": "secret"},
        "next": None,
        "another": "secret",
    }
    made = message.message(row("attempt.ended", "a1", **ended), "t")
    assert made is not None
    assert made.topic == "accord/t/call/a1/ended"
    assert not made.retain
    told = json.loads(made.payload)
    assert told["facts"] == {"trunk": "north"}
    assert (told["call"], told["seq"], told["at"], told["v"]) == ("a1", 7, AT, 1)
    assert b"secret" not in made.payload
    turn = {"who": "them", "at": 1.0, "seconds": 2.0, "stage": 1, "text": "secret"}
    made = message.message(row("call.turns", "a1", turns=[turn]), "t")
    assert made is not None
    assert b"secret" not in made.payload
    with pytest.raises(BadRow):  # told of, not swallowed: the publisher logs it
        message.message(row("attempt.ended", "a1", **{**ended, "n": "one"}), "t")
    with pytest.raises(BadRow):
        message.message(row("campaign.state", "c"), "t")


@given(strategies.text(), strategies.text())
def test_a_name_is_one_level_of_a_topic(trunk: str, node: str) -> None:
    topic = message.topic("t", "trunk", node, trunk, "state")
    levels = topic.split("/")
    assert levels[:3] == ["accord", "t", "trunk"]
    assert len(levels) == 6
    assert all(levels)
    assert not set(topic) & set("+#\0")
    assert topic.isascii()


# --- commands

CHEN, ZHAO = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
SIGNERS = {
    "chen": commands.Signer(CHEN.public_key(), frozenset({"pause", "resume"})),
    "zhao": commands.Signer(ZHAO.public_key(), frozenset({"drain"})),
}


def command(**changes: object) -> Command:
    plain: dict[str, object] = {
        "v": 1,
        "command": "pause",
        "campaign": "autumn",
        "tenant": "t",
        "node": "node-1",
        "by": "chen",
        "nonce": "n" * 16,
        "expires": (NOW + timedelta(minutes=1)).isoformat(),
    }
    return msgspec.convert(plain | changes, Command)


def judged(payload: bytes, now: datetime = NOW) -> Command:
    found, _ = commands.judge(payload, SIGNERS, tenant="t", node="node-1", now=now)
    return found


def test_a_command_that_is_signed_and_in_time_is_taken() -> None:
    sent = commands.message(command(), CHEN)
    assert sent.topic == "accord/t/node/node-1/command"
    assert not sent.retain
    assert judged(sent.payload).campaign == "autumn"


LATE = (NOW + timedelta(minutes=6)).isoformat()
CHANGES: list[tuple[dict[str, object], Ed25519PrivateKey, str]] = [
    ({"by": "nobody"}, CHEN, "nobody of that name may command"),
    ({}, ZHAO, "the signature is not theirs"),
    ({"node": "node-2"}, CHEN, "for another node"),
    ({"tenant": "other"}, CHEN, "for another node"),
    ({"command": "drain", "campaign": ""}, CHEN, "they may not do this"),
    ({"expires": NOW.isoformat()}, CHEN, "expired, or valid for too long"),
    ({"expires": LATE}, CHEN, "expired, or valid for too long"),
    ({"expires": "2026-11-24T06:01:00"}, CHEN, "expired, or valid for too long"),
    ({"expires": "soon"}, CHEN, "not a command"),
    ({"nonce": "short"}, CHEN, "the nonce is too short"),
    ({"campaign": "x" * 5000}, CHEN, "too long"),
]


@pytest.mark.parametrize(("changes", "key", "why"), CHANGES)
def test_any_other_is_not(
    changes: dict[str, object], key: Ed25519PrivateKey, why: str
) -> None:
    with pytest.raises(NotTaken) as no:
        judged(commands.message(command(**changes), key).payload)
    assert no.value.why == why


def test_what_is_not_signed_whole_is_not_a_command() -> None:
    sent = json.loads(commands.message(command(), CHEN).payload)
    changes: list[object] = [
        {**sent, "campaign": "another"},
        {**sent, "signature": ""},
        {**sent, "signature": "not base64!"},
        {**sent, "more": 1},
        {k: v for k, v in sent.items() if k != "nonce"},
        [],
    ]
    for changed in changes:
        with pytest.raises(NotTaken):
            judged(json.dumps(changed).encode())
    for junk in (b"", b"{", b"\xff" * 100, b"null"):
        with pytest.raises(NotTaken):
            judged(junk)


class Fixed(SystemClock):
    def now(self) -> datetime:
        return NOW


def taking(home: Path, done: Callable[[Command], None]) -> Commands:
    async def do(one: Command) -> None:
        done(one)

    nonces = Nonces(home / "commands.json")
    return Commands(SIGNERS, nonces, do, Fixed(), tenant="t", node="node-1")


async def test_a_command_is_taken_once_also_after_a_restart(tmp_path: Path) -> None:
    done = list[str]()

    def carry_out(one: Command) -> None:
        held = json.loads((tmp_path / "commands.json").read_text())
        assert f"{one.by} {one.nonce}" in held, "on disk before it is done"
        done.append(one.command)

    payload = commands.message(command(), CHEN).payload
    first = taking(tmp_path, carry_out)
    await first.take(payload)
    await first.take(payload)
    again = taking(tmp_path, carry_out)
    await again.take(payload)
    await again.take(b"junk")
    assert done == ["pause"]
    assert (first.taken, first.refused) == (1, 1)
    assert (again.taken, again.refused) == (0, 2)
    nonces = Nonces(tmp_path / "commands.json")
    later = NOW + timedelta(minutes=10)
    assert nonces.take("another", later, later), "and those that lapsed are dropped"
    assert json.loads((tmp_path / "commands.json").read_text()).keys() == {"another"}


def test_the_file_of_who_may_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "commands.toml"
    path.write_text(keys.create_key(tmp_path / "chen.pem", "chen"))
    path.chmod(0o644)
    found = commands.load(path)
    assert found["chen"].may == {"pause"}
    sent = commands.message(command(), keys.read_key(tmp_path / "chen.pem"))
    commands.judge(sent.payload, found, tenant="t", node="node-1", now=NOW)
    assert (tmp_path / "chen.pem").stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        keys.create_key(tmp_path / "chen.pem", "chen")
    path.chmod(0o666)
    with pytest.raises(CommandsError, match="others may write"):
        commands.load(path)
    path.chmod(0o600)
    path.write_text('[a]\nkey = "x"\nmay = ["pause"]\n[b]\nkey = ""\nmay = ["call"]\n')
    with pytest.raises(CommandsError, match=r"b\.may"):
        commands.load(path)
