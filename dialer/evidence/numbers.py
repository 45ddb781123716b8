"""Runs of digits, in figures and in words, and sums of money. Pure.

A run is counted over whatever people put between digits: spaces, dashes, brackets,
"uh", "那个". Three digits here and four there are one telephone number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from dialer.evidence.policy import Kind

Mark = Callable[[Kind], str]  # what to write in place of a masked span

ZH_DIGITS = "零〇○一二三四五六七八九十幺两兩壹贰貳叁參肆伍陆陸柒捌玖①②③④⑤⑥⑦⑧⑨"
ZH_VALUES = {
    **dict.fromkeys("零〇○洞", "0"),
    **dict.fromkeys("一幺壹①要腰妖", "1"),
    **dict.fromkeys("二两兩贰貳②", "2"),
    **dict.fromkeys("三叁參③", "3"),
    **dict.fromkeys("四肆④", "4"),
    **dict.fromkeys("五伍⑤", "5"),
    **dict.fromkeys("六陆陸⑥", "6"),
    **dict.fromkeys("七柒⑦拐", "7"),
    **dict.fromkeys("八捌⑧", "8"),
    **dict.fromkeys("九玖⑨勾", "9"),
    "十": "10",
}
ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
EN_VALUES = {
    **{word: str(value) for value, word in enumerate(ONES, 1)},
    **{word: str(value) for value, word in enumerate(TEENS, 10)},
    **{word: str(value * 10) for value, word in enumerate(TENS, 2)},
    **dict.fromkeys(("zero", "oh", "o", "nought", "naught"), "0"),
    "hundred": "00",
    "thousand": "000",
}
EN_WORDS = "|".join(sorted({*EN_VALUES, "double", "triple"}, key=len, reverse=True))
EN = rf"(?<![A-Za-z])(?:{EN_WORDS})(?![A-Za-z])"
TOKEN = rf"(?:[\d{ZH_DIGITS}]|{EN})"
GAP = (
    r"[\s\-\u2010-\u2015\u2212~.·•/()（），,、。_*+＋#…]{0,4}"
    r"(?:(?:嗯|呃|额|啊|哦|那个|然后|横杠|空格|再|杠|横"
    r"|(?:uh|um|er|and|dash|hyphen|space|then|dot|extension)(?![A-Za-z]))"
    r"[\s\-.,，、。…]{0,3})?"
)
#: 要 and its like are a one, 洞 a zero, between other digits only.
HEARD = rf"(?:[洞拐勾]|[要腰妖](?={GAP}[\d{ZH_DIGITS}]))"
RUN = re.compile(
    rf"[(（+＋]?(?:(?<![A-Za-z])[A-Za-z]{{1,3}}[ -]?(?=\d{{4}}))?"
    rf"{TOKEN}(?:{GAP}(?:{TOKEN}|{HEARD}))+(?:{GAP}[Xx×叉](?![A-Za-z]))?",
    re.IGNORECASE,
)
PART = re.compile(rf"[\dXx×叉]|[{ZH_DIGITS}洞拐勾要腰妖]|{EN}", re.IGNORECASE)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_DATE = (
    rf"(?:(?:19|20)\d\d[-/.]{_MONTH}[-/.]{_DAY}|{_DAY}[-/.]{_MONTH}[-/.](?:19|20)\d\d"
    rf"|{_MONTH}[-/.]{_DAY}[-/.](?:19|20)\d\d)(?:[ T]\d\d?)?"
)
DATES = re.compile(rf"{_DATE}(?:[\s,、~-]+{_DATE})*")

# --- money

_NUM = r"\d++(?:[,，.]\d++)*+"  # possessive: no second thoughts, no blow-up
_ZH = "零〇一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟萬"
_ZHN = rf"(?>(?:{_NUM}|[{_ZH}]++(?:点[{_ZH}]++)?)+)"
_ZH_UNIT = r"(?:元|块钱|块|圆|人民币|美元|美金|港币|欧元|英镑|大洋|角|毛钱?|分钱)"
_SMALL = EN.replace("hundred|", "").replace("thousand|", "")
_ENN = rf"(?>{_SMALL}(?:[\s-]+(?:and\s+)?{_SMALL})*)"
_MANY = r"(?:hundred|thousand|million|grand|k)"
_EN_UNIT = (
    r"(?:u\.?s\.?\s+)?(?:dollars?|bucks?|pounds?|quid|euros?|yuan|rmb|renminbi"
    r"|cents?|usd|cny|gbp|eur)(?![A-Za-z])"
)
_NOT_MONEY = r"(?![个人次天年米里遍种件家名条位步句号日月期周点分笔时回样度%])"
_PER = r"(?=\s+(?:a|per|each|every)\s+(?:month|week|fortnight|day|year))"
MONEY_ZH = re.compile(
    rf"(?:人民币|港币)\s*{_ZHN}(?:\s*{_ZH_UNIT})?"
    rf"|(?!一块(?!钱)|[一半][分毛]钱){_ZHN}[多几来余]?[{_ZH}]?\s*{_ZH_UNIT}(?:[{_ZH}\d]{{1,3}}(?:毛|角)?)?"
    rf"|(?<![第之])(?:{_NUM}|[一二两三四五六七八九十几])[{_ZH}\d]*[百千万亿佰仟萬]"
    rf"[{_ZH}\d]*多?{_NOT_MONEY}"
)
MONEY_AFTER = re.compile(
    rf"(?<=[还付给交打转存凑拿])([了出上您你个]{{0,2}}\s*)"
    rf"((?!1[012]\d{{3}}(?!\d))(?>\d[\d,.]*\d|[{_ZH}]{{2,}})){_NOT_MONEY}"
)
MONEY_EN = re.compile(
    rf"(?:US\$|[$£€¥￥]|\b(?:RMB|CNY|USD|GBP|EUR))\s*(?:{_NUM}|{_ENN})"
    rf"(?:\s*(?:{_MANY}\b|[{_ZH}元块]+))?"
    rf"|(?:{_NUM}|{_ENN}|\ba)(?:\s*{_MANY}(?:\s+(?:and\s+)?{_ENN})?)*\s+{_EN_UNIT}|{_NUM}\s*{_EN_UNIT}"
    rf"|(?:{_NUM}|{_ENN}|\b(?:a|few|couple))\s*(?<![A-Za-z])(?:hundred|thousand|million|grand)"
    rf"(?![A-Za-z])(?:\s+(?:and\s+)?{_ENN}|\s+{_MANY}\b)*"
    rf"|\d+k\b|(?:{_NUM}|{_ENN}){_PER}",
    re.IGNORECASE,
)
MONEY_PAID = re.compile(
    r"(\b(?:pay|paid|afford|send|sent|offer|owe|transfer)"
    r"(?:\s+(?:you|maybe|about|around|like|only|just|them|up to|at least))*\s+)"
    rf"((?!1[012]\d{{3}}(?!\d))(?>\d[\d,.]*\d|{_ENN}))(?!\s*(?:days?|times?|weeks?|months?|years?|percent|more))",
    re.IGNORECASE,
)
HAS_DIGIT = re.compile(rf"[\d{ZH_DIGITS}]|{EN}", re.IGNORECASE)
HAS_MONEY = re.compile(
    rf"[\d{_ZH}$£€¥￥]|{EN}|\b(?:million|grand|bucks?|dollars?)\b", re.I
)
MAY_BE_EN = re.compile(r"[A-Za-z\d$£€¥￥]")
NEAR_MONEY = re.compile(rf"\s*(?:{_ZH_UNIT}|{_EN_UNIT})", re.IGNORECASE)


def digits_of(text: str) -> str:
    """The digits that a run says: "double five, 幺三" -> "5513". X stands for ten."""
    found, times = "", 1
    for part in PART.findall(text):
        word = part.lower()
        if word in ("double", "triple"):
            times = 2 if word == "double" else 3
            continue
        found += _value(word) * times
        times = 1
    return found


def _value(word: str) -> str:
    if word in "x×叉":
        return "X"
    return ZH_VALUES.get(word) or EN_VALUES.get(word) or str(int(word))


def money(text: str, mark: Mark) -> str:
    """Mask sums of money."""
    if not HAS_MONEY.search(text):
        return text
    text = MONEY_ZH.sub(mark("amount"), text)
    text = MONEY_AFTER.sub(lambda m: m[1] + mark("amount"), text)
    if not MAY_BE_EN.search(text):
        return text
    text = MONEY_EN.sub(mark("amount"), text)
    return MONEY_PAID.sub(lambda m: m[1] + mark("amount"), text)


def runs(text: str, mark: Mark, known: Collection[str], least: int, kept: bool) -> str:
    """Mask runs of at least `least` digits, and of four that a value of `known`
    (digits only) contains. Dates stay; with `kept`, sums of money too."""
    if not HAS_DIGIT.search(text):
        return text

    def judge(found: re.Match[str]) -> str:
        run = found[0]
        digits = digits_of(run)
        rest = text[found.end() : found.end() + 12]
        if DATES.fullmatch(run.strip()) or _year(digits, rest):
            return run
        if kept and len(digits) < 10 and _is_money(text[: found.start()], rest):
            return run
        if len(digits) >= least:
            return mark(kind(digits))
        ours = len(digits) >= 4 and any(digits in value for value in known)
        return mark("number") if ours else run

    return RUN.sub(judge, text)


def _year(digits: str, rest: str) -> bool:
    return len(digits) == 4 and rest[:1] == "年"


def _is_money(before: str, rest: str) -> bool:
    return before.rstrip()[-1:] in {*"$£€¥￥"} or bool(NEAR_MONEY.match(rest))


def kind(digits: str) -> Kind:
    """What so many digits are likely to be."""
    if digits.endswith("X") or len(digits) in (15, 18):
        return "id"
    return "card" if len(digits) in (16, 17, 19) else "number"
