"""Slots into speakable text, and text into clips that can be rendered ahead.

A sentence is one clip. Slots known only in the call (`callback`, `date`) are spoken
from a finite set of fragments: today, tomorrow, months, days, half hours; the sentence
is cut around them. A sentence whose slot the case does not know is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from ivr.library import Library
from ivr.port import CaseFacts, Option, Say
from ivr.references import in_order
from ivr.script import Script
from ivr.spoken import en, zh
from ivr.template import CALL_SLOTS, PERSONAL_SLOTS, Fragments, Template, slots

FIRST_TIME = time(8)  #: the earliest time of day a call-back can be read back
HALF_HOUR = timedelta(minutes=30)
CALLBACK_DAYS = 30  #: how far ahead a call-back may be
PROMISE_DAYS = 125  #: how far ahead a first payment can be read back
OPTION_SLOTS = frozenset({"option_1", "option_2", "option_3", "chosen"})
MONEY = frozenset({"each", "total", "last"})
_EDGES = " ，。、；：,.;:"
#: What a transcript shows in place of a personal value.
LABELS = {
    "zh": {"name": "[姓名]", "account_tail": "[账号]", "amount": "[金额]"},
    "en": {"name": "[name]", "account_tail": "[account]", "amount": "[amount]"},
}


@dataclass(frozen=True, slots=True)
class Clip:
    """One piece of speech. Personal: sealed in the cache, never shared."""

    text: str
    personal: bool


def callback(value: str, today: datetime) -> datetime | None:
    """The half hour at or after an ISO time that a call-back can be read back as;
    None if it is no time ahead of us, too far ahead, or at an unlawful hour."""
    then = _moment(value, today)
    if then is None:
        return None
    base = then.replace(minute=0, second=0, microsecond=0)
    halves = -((base - then) // HALF_HOUR)
    then = base + HALF_HOUR * halves
    if not today < then <= today + timedelta(days=CALLBACK_DAYS):
        return None
    return then if 0 <= _half_hours(then) < 26 else None


def promise(value: str, today: datetime) -> date | None:
    """The day of a payment; None if past or too far ahead to be read back."""
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return None
    ahead = (day - today.date()).days
    return day if 0 <= ahead <= PROMISE_DAYS else None


def _moment(value: str, today: datetime) -> datetime | None:
    try:
        then = datetime.fromisoformat(value)
    except ValueError:
        return None
    zone = today.tzinfo
    return then.astimezone(zone) if then.tzinfo else then.replace(tzinfo=zone)


def _half_hours(then: datetime) -> int:
    since = timedelta(hours=then.hour - FIRST_TIME.hour, minutes=then.minute)
    return since // HALF_HOUR


def day_clips(fragments: Fragments, day: date, today: date) -> tuple[str, ...]:
    """A day as clips: a word for the next three days, else month and day."""
    ahead = (day - today).days
    if 0 <= ahead < len(fragments.relative):
        return (fragments.relative[ahead],)
    return fragments.months[day.month - 1], fragments.days[day.day - 1]


def _call_slot(
    name: str, fragments: Fragments, case: CaseFacts, facts: Mapping[str, str]
) -> tuple[str, ...]:
    if name == "wish":
        wish = fragments.wishes.get(facts.get("wish", ""), "")
        return (wish,) if wish else ()
    if name == "date":
        day = promise(facts.get("promise_date", ""), case.today)
        return day_clips(fragments, day, case.today.date()) if day else ()
    then = callback(facts.get("callback_at", ""), case.today)
    if then is None:
        return ()
    day = then.date()
    when = fragments.times[_half_hours(then)]
    return (*day_clips(fragments, day, case.today.date()), when)


def value(
    name: str, fragments: Fragments, case: CaseFacts, facts: Mapping[str, str]
) -> str:
    """A slot that is known before the call, as it is spoken; '' if it is not known."""
    plain = {"name": case.name, "agency": case.agency, "creditor": case.creditor}
    if name in plain:
        return plain[name]
    if name == "chosen" or name.startswith("option_"):
        gap = "" if case.language == "zh" else " "
        return gap.join(c.text for c in _option(name, fragments, case, facts))
    in_zh = case.language == "zh"
    if name == "amount":
        return _money(case.amount, case) if case.amount else ""
    if name in {"account_tail", "our_number"}:
        read: Callable[[str], str] = zh.digits if in_zh else en.digits
        digits = case.account_tail if name == "account_tail" else case.our_number
        return read(digits.removeprefix("+"))
    spoken: Callable[[date, date], str] = zh.date if in_zh else en.date
    return spoken(case.due, case.today.date()) if case.due else ""


def _money(amount: Decimal, case: CaseFacts) -> str:
    return (zh.amount if case.language == "zh" else en.amount)(amount, case.currency)


def _option(
    name: str, fragments: Fragments, case: CaseFacts, facts: Mapping[str, str]
) -> tuple[Clip, ...]:
    """An option in pieces: only those with a sum are the person's own. What was not
    listed has no number; a choice read back has its last part, if that is another."""
    chosen = facts.get("option", "") if name == "chosen" else name[-1]
    number = int(chosen) if chosen.isdecimal() else 0
    listed = min(len(case.options), len(fragments.ordinals))
    if not 1 <= number <= (len(plans(case)) if name == "chosen" else listed):
        return ()
    option = plans(case)[number - 1]
    figures = _figures(option, case)
    pieces = fragments.plans[option.name]
    if number <= listed:
        figures["nth"] = fragments.ordinals[number - 1]
        pieces = fragments.options[option.name]
    if name == "chosen" and option.last:
        pieces = (*pieces, fragments.last)
    return tuple(
        Clip(piece.format(**figures), not MONEY.isdisjoint(slots(piece)))
        for piece in pieces
    )


def plans(case: CaseFacts) -> tuple[Option, ...]:
    """Every plan that may be agreed to, by its number from 1: those listed first."""
    return (*case.options, *case.others)


def shown(
    text: str, fragments: Fragments, case: CaseFacts, facts: Mapping[str, str]
) -> str:
    """A sentence as a transcript shows it: labels where personal values are spoken."""
    labels = LABELS[case.language]
    gap = "" if case.language == "zh" else " "
    filled = {}
    for name in slots(text):
        if name in CALL_SLOTS:
            filled[name] = gap.join(_call_slot(name, fragments, case, facts))
        elif name == "chosen" or name.startswith("option_"):
            filled[name] = _option_shown(name, fragments, case, facts)
        else:
            filled[name] = labels.get(name) or value(name, fragments, case, facts)
    return text.format(**filled)


def _option_shown(
    name: str, fragments: Fragments, case: CaseFacts, facts: Mapping[str, str]
) -> str:
    spoken = value(name, fragments, case, facts)
    number = facts.get("option", "1") if name == "chosen" else name[-1]
    figures = _figures(plans(case)[int(number) - 1], case)
    sums = (figures[name] for name in MONEY)
    for money in sorted(sums, key=len, reverse=True):
        spoken = spoken.replace(money, LABELS[case.language]["amount"])
    return spoken


def _figures(option: Option, case: CaseFacts) -> dict[str, str]:
    months = zh.months if case.language == "zh" else en.months
    return {
        "months": months(option.months),
        "each": _money(option.each, case),
        "total": _money(option.total, case),
        "last": _money(option.last, case),
    }


def sentence(
    text: str, fragments: Fragments, case: CaseFacts, facts: Mapping[str, str]
) -> tuple[str, tuple[Clip, ...]]:
    """One sentence as it is written and as it is spoken; ("", ()) if left out."""
    names = slots(text)
    if len(names) == 1 and text == f"{{{names[0]}}}" and names[0] in OPTION_SLOTS:
        pieces = _option(names[0], fragments, case, facts)
        return value(names[0], fragments, case, facts), pieces
    known = {n: value(n, fragments, case, facts) for n in names if n not in CALL_SLOTS}
    heard = {n: _call_slot(n, fragments, case, facts) for n in names if n in CALL_SLOTS}
    if not all(known.values()) or not all(heard.values()):
        return "", ()
    gap = "" if case.language == "zh" else " "
    whole = text.format(**known, **{n: gap.join(c) for n, c in heard.items()})
    personal = not PERSONAL_SLOTS.isdisjoint(names)
    clips: list[Clip] = []
    rest = text
    for name, parts in heard.items():
        before, rest = rest.split(f"{{{name}}}", 1)
        clips += _static(before, known, personal)
        clips += (Clip(part, False) for part in parts)
    return whole, (*clips, *_static(rest, known, personal))


def _static(text: str, known: Mapping[str, str], personal: bool) -> Iterator[Clip]:
    stripped = text.format(**known).strip().lstrip(_EDGES)
    if stripped.strip(_EDGES):
        yield Clip(stripped, personal)


def say(
    library: Library,
    case: CaseFacts,
    name: str,
    *,
    again: bool = False,
    facts: Mapping[str, str] | None = None,
    stage: int = 1,
) -> Say:
    """A template as an action; `again` takes its other words if it has some."""
    template = library.template(case.language, name)
    fragments = library.fragments[case.language]
    texts: list[str] = []
    labelled: list[str] = []
    clips: list[str] = []
    for line in template.again if again and template.again else template.text:
        written, spoken = sentence(line, fragments, case, facts or {})
        if written:
            texts.append(written)
            labelled.append(shown(line, fragments, case, facts or {}))
            clips += (clip.text for clip in spoken)
    gap = "" if case.language == "zh" else " "
    return Say(
        template=name,
        clips=tuple(clips),
        text=gap.join(texts),
        shown=gap.join(labelled),
        stage=stage,
        clauses=template.clauses,
        rights=template.rights,
        confirmation=template.confirmation,
        barge_in=template.barge_in,
        wait=template.wait,
        key_sentence=template.key_sentence,
    )


# --- everything a case could need


def clips(library: Library, case: CaseFacts) -> list[Clip]:
    """Every clip this case could need, without doubles: what is needed first comes
    first. The list is complete: the dialogue speaks nothing that is not in it."""
    script = library.script(case.language, case.script)
    fragments = library.fragments[case.language]
    found: dict[str, bool] = {}
    for template in _in_order(library, script, case):
        for text in (*template.text, *template.again):
            for clip in _possible(text, fragments, case):
                found[clip.text] = found.get(clip.text, False) or clip.personal
    days = fragment_clips(fragments, case.today.date())
    for text in (*fragments.wishes.values(), *days):
        found.setdefault(text, False)
    return [Clip(text, personal) for text, personal in found.items()]


def all_clips(library: Library, case: CaseFacts) -> list[str]:
    """The texts of `clips`."""
    return [clip.text for clip in clips(library, case)]


def personal_clips(library: Library, case: CaseFacts) -> frozenset[str]:
    """Those of `all_clips` that hold personal words or tell of the debt."""
    return frozenset(clip.text for clip in clips(library, case) if clip.personal)


def spoken_values(library: Library, case: CaseFacts) -> tuple[str, ...]:
    """The personal values as they are spoken: what a mask must find in our words."""
    fragments = library.fragments[case.language]
    names = sorted(PERSONAL_SLOTS - OPTION_SLOTS)
    money = (m for o in plans(case) for m in (o.each, o.total, o.last))
    sums = [_money(each, case) for each in money if each]
    found = [*(value(n, fragments, case, {}) for n in names), *sums]
    return tuple(v for v in dict.fromkeys(found) if v)


def fragment_clips(fragments: Fragments, today: date) -> list[str]:
    """The fragments of days and times reachable from today: at most 70."""
    months: dict[str, None] = {}
    for ahead in range(PROMISE_DAYS + 1):
        months[fragments.months[(today + timedelta(days=ahead)).month - 1]] = None
    return [*fragments.relative, *fragments.times, *months, *fragments.days]


def _in_order(library: Library, script: Script, case: CaseFacts) -> Iterator[Template]:
    """Every template the case may come to: what is said most first."""
    rare: list[Template] = []
    for name in in_order(script):
        for template in library.family(case.language, name):
            if not _never(template, case):
                if template.time > 1:
                    rare.append(template)
                else:
                    yield template
    yield from rare


def _never(template: Template, case: CaseFacts) -> bool:
    """Can no turn of this case's call say it?"""
    if template.products and case.product not in template.products:
        return True
    if template.roles and not {case.role, "third_party"} & set(template.roles):
        return True
    if template.reached and case.stage not in template.reached:
        return True
    if template.when in {"first_call", "rights_due"}:
        return not case.first_call
    return template.when == "later_call" and case.first_call


def _possible(text: str, fragments: Fragments, case: CaseFacts) -> Iterator[Clip]:
    """The clips of a sentence whatever is agreed in the call."""
    names = set(slots(text))
    facts = {
        "promise_date": case.today.date().isoformat(),
        "callback_at": _reachable(case.today),
        "wish": next(iter(fragments.wishes), ""),
    }
    choices = range(1, len(plans(case)) + 1) if "chosen" in names else (0,)
    for number in choices:
        yield from sentence(text, fragments, case, {**facts, "option": str(number)})[1]


def _reachable(today: datetime) -> str:
    return (today + timedelta(days=1)).replace(hour=12, minute=0).isoformat()
