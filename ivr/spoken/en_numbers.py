"""Numbers and money out of English as a recogniser writes it: $500, five hundred."""

from __future__ import annotations

import re
from decimal import Decimal

from ivr.spoken.en import ONES, ORDINALS, TENS

UNITS = {word: n for n, word in enumerate(ONES)} | {"oh": 0, "o": 0}
TEENS = {word: n for word, n in UNITS.items() if n > 9}
DECADES = {word: 10 * n for n, word in enumerate(TENS) if word} | {"fourty": 40}
SCALES = {
    "hundred": 100,
    "thousand": 1000,
    "grand": 1000,
    "k": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
NTH = {word: UNITS[base] for base, word in ORDINALS.items()}
NTH |= {f"{w}th": n for w, n in UNITS.items() if w not in ORDINALS and n > 3}
NTH |= {f"{w[:-1]}ieth": n for w, n in DECADES.items() if w.endswith("y")}
WORD = re.compile(
    r"\d{1,2}[:/]\d{1,2}(?!\d)|\d+(?:,\d{3})+(?:\.\d+)?"
    r"|\d+(?:\.\d+)?(?:st|nd|rd|th)?|[ap]\.m\b\.?|[a-z']+|\S"
)
OH = {"oh", "o"}
SUFFIX = {1: "st", 2: "nd", 3: "rd"}

NUM = r"\d+(?:,\d{3})*(?:\.\d+)?"
UNIT = r"(?:dollars?|bucks?|usd|yuan|rmb|pounds?|quid|euros?|rupees?)"
MONEY = re.compile(
    rf"[$£€¥]\s?(?P<sign>{NUM})\b"
    rf"|(?P<whole>{NUM})(?: (?:canadian|australian|hong kong|singapore))? {UNIT}\b"
    r"(?: and)?(?: (?P<rest>\d{1,2}) (?:cents?|pennies|penny|pence|fen|paise|paisa))?"
    r"|(?P<cents>\d{1,2}) (?:cents?|pennies|penny|pence|fen|paise|paisa)\b"
)
BARE = re.compile(
    rf"(?<![\d.:/-])(?P<n>{NUM})(?![\d:/])(?! ?(?:st|nd|rd|th|months?|weeks?|days?"
    r"|years?|hours?|minutes?|percent|%|times?|installments?|instalments?|payments?|o'clock"
    r"|a\.?m|p\.?m|people|kids|children|of them)\b)"
)
PAYING = re.compile(
    r"\b(?:pay|paying|paid|afford|send|give|put|do|manage|month|monthly|week|each|down"
    r"|owe|amount|balance|about|around|only|maybe|up to|at most|offer|settle"
    r"|scrape together|now)\b"
)
FIFTY = re.compile(  # one fifty a month
    r"\b([1-9]) ([1-9][05])\b(?= (?:dollars|bucks|(?:a|per|each|every) (?:month|week)))"
)
LONGEST = 7
SMALLEST = Decimal(100)  # without a unit, where paying is not spoken of
LEAST = Decimal(20)  # without a unit, where it is
ROUND = Decimal(2000)  # a sum far more often than a year
GRAND = re.compile(r"\b(half )?a (?:grand|k)\b")


def figures(text: str) -> str:
    """Number words of `text` (lower case) as figures: "twelve hundred" -> "1200",
    "twenty first" -> "21st"; digits said one by one stay apart."""
    text = GRAND.sub(lambda m: "500" if m[1] else "1000", text.replace("-", " "))
    words = WORD.findall(text)
    out: list[str] = []
    at = 0
    while at < len(words):
        value, step = _take(words, at)
        out.append(value)
        at += step
    joined = re.sub(r" (?=[,.?!;](?: |$))", "", " ".join(out))
    return re.sub(r"([$£€¥]) (?=\d)", r"\1", joined)


def _take(words: list[str], at: int) -> tuple[str, int]:
    """The figure or word at `at`, and how many words it took."""
    total, group, step = Decimal(0), Decimal(0), 0
    kind = ""  # of the last word of the number: unit, teen, decade, scale
    while at + step < len(words):
        word = words[at + step]
        if nth := _nth(word, kind):
            value = total + group + nth
            return _ordinal(int(value)), step + 1
        following = _kind(words, at + step, kind)
        if not following:
            break
        if following == "scale":
            size = SCALES[word]
            if size == 100:
                group = (group or Decimal(1)) * 100
            else:
                total, group = total + (group or Decimal(1)) * size, Decimal(0)
        elif following != "and":
            group += _value(words, at + step, following)
        step += _steps(following)
        kind = following if following != "and" else kind
    while step and words[at + step - 1] == "and":
        step -= 1
    if not step or (step == 1 and words[at][0].isdigit()):
        return words[at].replace(",", "") if step else words[at], 1
    return f"{total + group:f}", step


def _kind(words: list[str], at: int, last: str) -> str:
    """How words[at] goes on with a number whose last word was of kind `last`."""
    word = words[at]
    following = words[at + 1] if at + 1 < len(words) else ""
    if word in SCALES and (
        last or (word == "hundred" and words[max(at - 1, 0)] == "a")
    ):
        return "scale"
    if (
        not last
        and word in {"a", "an"}
        and following
        in {
            "hundred",
            "thousand",
            "million",
        }
    ):
        return "article"
    if not last and word == "couple" and following in {"hundred", "thousand", "grand"}:
        return "couple"
    if word == "and" and last == "scale" and _starts(following):
        return "and"
    if re.fullmatch(r"\d[\d,]*(?:\.\d+)?", word):
        return "digits" if not last or last == "scale" else ""
    if word in TEENS or word in DECADES:
        return ("teen" if word in TEENS else "decade") if last in {"", "scale"} else ""
    if word in UNITS and (
        last in {"", "scale"} or (last == "decade" and word not in OH)
    ):
        if following == "point" and at + 2 < len(words) and words[at + 2] in UNITS:
            return "point"
        if word in OH | {"zero"} and last:
            return ""
        return "unit" if word not in OH or _starts(following) else ""
    return ""


def _starts(word: str) -> bool:
    return word in UNITS or word in DECADES or word.isdigit() or word in NTH


def _steps(kind: str) -> int:
    return 3 if kind == "point" else 1


def _value(words: list[str], at: int, kind: str) -> Decimal:
    word = words[at]
    if kind == "article":
        return Decimal(1)
    if kind == "couple":
        return Decimal(2)
    if kind == "point":
        return Decimal(f"{UNITS[word]}.{UNITS[words[at + 2]]}")
    if kind == "digits":
        return Decimal(word.replace(",", ""))
    return Decimal(UNITS[word] if word in UNITS else DECADES[word])


def _nth(word: str, last: str) -> int:
    n = NTH.get(word, 0)
    if not n or (last and last not in {"decade", "scale"}):
        return 0
    return n if last != "decade" or n < 10 else 0


def _ordinal(n: int) -> str:
    return f"{n}{'th' if 10 <= n % 100 <= 20 else SUFFIX.get(n % 10, 'th')}"


def number(text: str) -> Decimal | None:
    """The value of one number, all of `text`, in words or figures."""
    plain = figures(text.lower().strip())
    return Decimal(plain.replace(",", "")) if re.fullmatch(NUM, plain) else None


def amount(text: str) -> Decimal | None:
    """The first sum of money in `text`, which went through `figures`."""
    text = FIFTY.sub(r"\1\2", text)
    for match in MONEY.finditer(text):
        if match["cents"]:
            return Decimal(match["cents"]) / 100
        value = Decimal((match["sign"] or match["whole"]).replace(",", ""))
        return value + Decimal(match["rest"] or 0) / 100
    paying = bool(PAYING.search(text))
    for match in BARE.finditer(text):
        value = Decimal(match["n"].replace(",", ""))
        alone = match[0] == text.strip(" .!?")
        year = value == value.to_integral_value() and 1990 <= value <= 2100
        year = year and match["n"].isdigit() and value != ROUND
        if len(match["n"].replace(",", "")) > LONGEST or year:
            continue
        if re.search(r"\b(?:at|by|before|after|around) $", text[: match.start()]) and (
            value < SMALLEST
        ):
            continue
        if value >= (LEAST if paying else SMALLEST) and (paying or alone):
            return value
    return None
