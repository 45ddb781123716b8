"""Numbers and money out of Mandarin as a recogniser writes it: 两万三, 1千2, 500块."""

from __future__ import annotations

import re
from decimal import Decimal

FIGURES = {c: i for i, c in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "幺": 1,
    "壹": 1,
    "贰": 2,
    "叁": 3,
    "肆": 4,
    "伍": 5,
    "陆": 6,
    "柒": 7,
    "捌": 8,
    "玖": 9,
}
SMALL = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
LARGE = {"万": 10**4, "w": 10**4, "亿": 10**8, "k": 10**3}
SIZES = SMALL | LARGE
FIGURE = "零〇一二两三四五六七八九幺壹贰叁肆伍陆柒捌玖"
ANY = rf"[0-9{FIGURE}十拾百佰千仟万亿]"
# 1,200.50 | 一万二千 | 1.5万 | 一点五万 | 2k
NUMBER = (
    rf"(?:\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+\.\d+(?:万|千|[wk](?![a-z]))?"
    rf"|[{FIGURE}]点[{FIGURE}]+[万千亿](?:[{FIGURE}])?|{ANY}+(?:[wk](?![a-z]))?)"
)
UNIT = (
    "(?:块钱|元钱|元整|块|元|圆|人民币|美元|美金|刀|港元|港币|欧元|英镑|rmb|新台币"
    "|澳门元|澳元|加元|新加坡元)"
)
CENTS = "(?:美分|欧分|便士|分钱|分(?!期))"
MONEY = re.compile(
    rf"(?:[¥$]\s?)(?P<sign>{NUMBER})"
    rf"|(?P<whole>{NUMBER})(?:多|来|几)?个?{UNIT}(?:"
    rf"(?P<jiao>[{FIGURE}\d])[角毛](?:零?(?P<fen>[{FIGURE}\d])分?)?"
    rf"|零?(?P<cents>[{FIGURE}十\d]+){CENTS}"
    rf"|(?P<bare>[{FIGURE}\d])(?![{FIGURE}\d十百千万点号月天年期个分]))?"
    rf"|(?P<onlyjiao>[{FIGURE}\d])[角毛](?:零?(?P<onlyfen>[{FIGURE}\d])分?)?"
    rf"|(?P<onlycents>[{FIGURE}十\d]{{1,3}})(?:美分|欧分|便士|分钱|分$)"
)
# a number of a hundred or more in words of size needs no unit: 两万三, 五百
SIZED = re.compile(
    rf"(?<![第尾])(?P<n>{NUMBER})(?![\d{FIGURE}十号日点天个期月年岁%％楼度次周:])"
    rf"(?:多|左右|以内|上下)?"
)
PAYING = re.compile(
    r"还|付|给|交|出|拿|凑|每|一?个月|一期|转|打|欠|额|款|钱|只|最多|先"
)
LONGEST = 7  # digits: more is a number to call or a card
SMALLEST = Decimal(100)  # without a unit


def number(text: str) -> Decimal | None:
    """The value of one number, all of `text`: 一千二 is 1200, 一千零二 is 1002."""
    text = text.replace(",", "")
    try:
        if re.fullmatch(r"\d+(?:\.\d+)?", text):
            return Decimal(text)
        if match := re.fullmatch(r"(\d+\.\d+)([万千亿wk])", text):
            return Decimal(match[1]) * SIZES[match[2]]
        if match := re.fullmatch(
            rf"([{FIGURE}])点([{FIGURE}]+)([万千亿]?)([{FIGURE}]?)", text
        ):
            size = SIZES.get(match[3], 1)
            return Decimal(f"{_row(match[1])}.{_row(match[2])}") * size
        return Decimal(_words(text))
    except (KeyError, ValueError):
        return None


def _row(text: str) -> str:
    return "".join(str(FIGURES[c]) if c in FIGURES else c for c in text)


def _words(text: str) -> int:
    """A digit left over after a size takes the next smaller place: 两万三 is 23000."""
    at = max(range(len(text)), key=lambda i: SIZES.get(text[i], 0), default=-1)
    if at < 0:
        return 0
    size = SIZES.get(text[at], 0)
    if not size:
        return int(_row(text))  # 八零零零, 2026
    at = text.rindex(text[at])  # of two 亿 the last: 一万亿零三亿 is not said
    head, rest = text[:at], text[at + 1 :]
    value = (_words(head.strip("零〇")) if head.strip("零〇") else 1) * size
    if len(rest) == 1:
        return value + int(_row(rest)) * size // 10
    return value + _words(rest.lstrip("零〇"))


def amount(text: str) -> Decimal | None:
    """The first sum of money named in `text` (normalised), to the cent."""
    for match in MONEY.finditer(text):
        if (value := _money(match)) is not None:
            return value
    for match in SIZED.finditer(text):
        found = match["n"]
        value = number(found)
        if value is None or len(re.sub(r"\D", "", found)) > LONGEST:
            continue
        sized = any(c in SIZES for c in found) and len(found) > 1
        alone = match[0] == text or bool(PAYING.search(text))
        plain = bool(re.fullmatch(r"[\d,.]+", found)) and alone
        if value >= SMALLEST and (sized or plain):
            return value
    return None


def _money(match: re.Match[str]) -> Decimal | None:
    part = {name: number(text) for name, text in match.groupdict().items() if text}
    zero = Decimal(0)
    if "onlyjiao" in part:
        return _sum(zero, part.get("onlyjiao"), part.get("onlyfen"))
    if "onlycents" in part:
        return _sum(zero, zero, part["onlycents"])
    value = part.get("sign") if match["sign"] else part.get("whole")
    if value is None:
        return None
    return _sum(
        value, part.get("jiao", part.get("bare")), part.get("fen", part.get("cents"))
    )


def _sum(whole: Decimal, jiao: Decimal | None, fen: Decimal | None) -> Decimal:
    return whole + (jiao or Decimal(0)) / 10 + (fen or Decimal(0)) / 100
