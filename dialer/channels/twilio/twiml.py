"""What Twilio is to do with a call, in its own language, written by its library."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode

from pydantic import RootModel, model_validator
from twilio.twiml.voice_response import Connect, Dial, VoiceResponse

from dialer.channels.port import About
from dialer.toml import FileError, Part, read


class BadWords(FileError):
    """The file is not one of spoken words for Twilio."""


class Words(Part):
    """A sentence that Twilio reads aloud; language and voice as it calls them."""

    text: str
    language: str
    voice: str = ""


class WordsFile(Part):
    apology: dict[str, Words]


def load_apology(path: Path, languages: Sequence[str]) -> tuple[Words, ...]:
    """What callees hear if we are not there. BadWords."""
    found = read(path, WordsFile, BadWords).apology
    missing = [
        ("apology", f"has no {name!r}") for name in languages if name not in found
    ]
    if missing:
        raise BadWords(str(path), missing)
    return tuple(found[name] for name in languages)


class Told(Words):
    """`text` has {reason} and {stage}; reasons: by name, `other` for any else."""

    reasons: dict[str, str]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not {"{reason}", "{stage}"} <= set(re.findall(r"{\w*}", self.text)):
            raise ValueError("text: needs {reason} and {stage}")
        if "other" not in self.reasons:
            raise ValueError("reasons: needs `other`")
        return self


class TakersFile(RootModel[dict[str, Told]]):
    """By language."""


def load_takers(path: Path) -> Mapping[str, Told]:
    """What people hear before they take a call over. BadWords."""
    return read(path, TakersFile, BadWords).root


@dataclass(frozen=True, slots=True)
class Talk:
    """Where the conversation is; `token` opens one stream."""

    stream: str  # wss://...
    token: str = field(repr=False)


def talk(to: Talk, apology: Sequence[Words]) -> str:
    """A conversation with us. If we are not there, or the stream breaks, the callee
    hears an apology and the call ends: Twilio needs nobody to be asked for that."""
    response = VoiceResponse()
    connect = Connect()
    connect.stream(url=to.stream).parameter(name="token", value=to.token)
    response.append(connect)
    for words in apology:
        _say(response, words, words.text)
    response.hangup()
    return str(response)


@dataclass(frozen=True, slots=True)
class People:
    """Where people are: a SIP address, a number, or a queue in which they wait; and
    whom Twilio tells that somebody took the call, and that it is over."""

    to: str
    taken: str
    after: str
    caller_id: str = ""
    wait: int = 60  # seconds


def hand_over(people: People, attempt: str, about: About) -> str:
    """Dial people; a SIP phone is told of what, as over Asterisk."""
    response = VoiceResponse()
    more = {"caller_id": people.caller_id} if people.to.startswith("+") else {}
    dial = Dial(timeout=people.wait, action=people.after, **more)
    if people.to.startswith("queue:"):
        dial.queue(people.to.partition(":")[2], url=people.taken)
    elif people.to.startswith("sip"):
        dial.sip(f"{people.to}?{_headers(attempt, about)}", url=people.taken)
    else:
        dial.number(people.to, url=people.taken)
    response.append(dial)
    return str(response)


def _headers(attempt: str, about: About) -> str:
    told = {
        "X-Accord-Attempt": attempt,
        "X-Accord-Reason": about.reason,
        "X-Accord-Stage": str(about.stage),
        "X-Accord-Language": about.language,
    }
    return urlencode(told, quote_via=quote)


def whisper(about: About, takers: Mapping[str, Told]) -> str:
    """What the call is about, for who took it to hear; then they are put through."""
    response = VoiceResponse()
    if told := takers.get(about.language):
        reason = told.reasons.get(about.reason, told.reasons["other"])
        _say(response, told, told.text.format(reason=reason, stage=about.stage))
    return str(response)


def _say(response: VoiceResponse, words: Words, text: str) -> None:
    more = {"voice": words.voice} if words.voice else {}
    response.say(text, language=words.language, **more)


def nothing() -> str:
    """Go on."""
    return str(VoiceResponse())


def hang_up() -> str:
    response = VoiceResponse()
    response.hangup()
    return str(response)
