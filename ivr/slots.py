"""Values out of what a callee said: sums, days, times, options, months, yes and no.

Every function takes text as a recogniser wrote it and its language ("zh" or "en").
None means: not said, or not clearly. Nothing is guessed but the loose times of
`ivr.spoken.when`, which serve call-backs only. Days and times lie in the future.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from ivr.spoken import en_numbers, en_when, zh_numbers, zh_when
from ivr.spoken.when import Day, resolve
from ivr.text import letters, plain

LONGEST_PLAN = 120  # months
N = rf"(?:{zh_numbers.ANY}+)"

ZH_MONTHS = re.compile(
    rf"(?P<n>{N})个月(?!前|没|以前|工资|的工资)|分(?:成|为|个|做|到)?(?P<parts>{N})(?:期|个月|次)"
    rf"|(?<!第)(?P<terms>{N})期|(?P<years>{N}|半)年(?!前|没|以前|底|多前)"
)
ZH_OPTION = re.compile(
    rf"第(?P<nth>{N})(?!期|天|次|年|个月|张|笔)(?:个|种|项|套|条|款)?"
    rf"|(?:方案|选项|选择|选|按|要)(?P<after>[一二三123壹贰叁])(?!期|个|年|点|百|千|万|天|下"
    rf"|些|\d|号楼)|(?P<before>[一二三123])号(?:方案|选项)?(?=方案|选项|吧|$)"
    rf"|(?P<first>头一个|前面那个|前一个|先头那个)"
)
EN_MONTHS = re.compile(
    r"(?P<n>\d+)[ -]?(?:months?|installments?|instalments?|monthly|payments)\b(?! ago)"
    r"|(?:over|across|into) (?P<over>\d+)(?= |$|[.,])(?! dollars)"
    r"|(?P<half>half a year|half year)|(?P<years>\d+|a|one)[ -]years?\b(?! ago)"
)
EN_OPTION = re.compile(
    r"\b(?:option|number|plan|choice|offer) (?:number )?(?P<after>[123])\b(?! month)"
    r"|\b(?P<nth>1st|2nd|3rd)\b(?! of| day| time| payment| week| month)"
    r"|^(?P<alone>[123])\.?$|\b(?P<words>to the 2nd|option to|option too)\b"
)
TAIL_ZH = "(?:呢|啊|呀|吧|的|了|哦|噢|啦|嘛|哈|嗯|呃|额|谢谢|好|就这样|嘞|咯|哇|哎)*"
YES_ZH = re.compile(
    "^(?:嗯|呃|额|啊|哦|噢|唉|哎)*(?:对|是|好|行|可以|没错|没问题|同意|确认|当然|成|中|要得"
    "|得行|正确|确定|愿意|接受|能行|就这样|没意见|ok|yes|okay|不错|嗯)+" + TAIL_ZH
)
NO_ZH = re.compile(
    "^(?:嗯|呃|额|啊|哦|噢|唉|哎)*(?:不(?!好意思|错|客气|用谢|过|管|如|知道|清楚|确定|晓得"
    "|一定|方便)|没有|没(?!错|问题|关系|事|意见)|别|no|不行|算了|拒绝)"
)
YES_EN = re.compile(
    r"^(?:um|uh|oh|well|ah|hmm|ok|okay|so)*[ ,.]*(?:yes|yeah|yep|yup|ya|right|correct|"
    r"sure|of course|that's right|that is right|that's correct|that is correct|"
    r"that's fine|i agree|agreed|ok|okay|fine|absolutely|exactly|definitely|"
    r"i do|i am|i can|sounds good|all right|alright|you got it|indeed|go ahead|uh huh|"
    r"mm hmm)\b"
)
NO_EN = re.compile(
    r"^(?:um|uh|oh|well|ah|hmm)*[ ,.]*(?:no\b(?! problem| worries)|nope|nah|"
    r"not (?!sure)|i don't agree|i do not agree|i disagree|that's not|that is not|"
    r"that's wrong|that is wrong|never|negative|i can't|i cannot|"
    r"i won't|incorrect|absolutely not)"
)


def _read(text: str, language: str) -> str:
    text = plain(text, language)
    return letters(text, language) if language == "zh" else en_numbers.figures(text)


def amount(text: str, language: str) -> Decimal | None:
    """The first sum of money: 五百块, 两万三, $500, twelve hundred a month."""
    read = zh_numbers.amount if language == "zh" else en_numbers.amount
    text = plain(text, language)
    found = read(re.sub(r"\s+", "", text) if language == "zh" else _read(text, "en"))
    return None if found is None else found.quantize(Decimal("0.01"))


def decimal(value: Decimal) -> str:
    """Plain text of a sum: 500, 12300.50."""
    return f"{value:.0f}" if value == value.to_integral_value() else f"{value:.2f}"


def number(text: str, language: str) -> Decimal | None:
    """One number, the whole text: 一千二, twelve hundred."""
    if language == "zh":
        return zh_numbers.number(letters(plain(text, "zh"), "zh"))
    return en_numbers.number(plain(text, "en"))


def digits(text: str, language: str) -> str:
    """The longest run of digits said one by one: 幺三八零零 is 13800."""
    if language == "zh":
        plain_text = re.sub(r"[\s,，、.-]", "", plain(text, "zh"))
        runs = re.findall(rf"[\d{zh_numbers.FIGURE}]+", plain_text)
        runs = ["".join(str(zh_numbers.FIGURES.get(c, c)) for c in r) for r in runs]
    else:
        spoken = re.sub(r"\b(double|triple) (\w+)", _double, plain(text, "en"))
        figures = en_numbers.figures(re.sub(r"\boh\b|\bo\b", "zero", spoken))
        runs = [re.sub(r"\D", "", r) for r in re.findall(r"\d[\d ,.-]*", figures)]
    return max(runs, key=len, default="")


def _double(match: re.Match[str]) -> str:
    return " ".join([match[2]] * (2 if match[1] == "double" else 3))


def days(text: str, language: str, today: dt.date) -> list[Day]:
    """Every day named, best first; those that do not suit (今天不行) left out."""
    read = zh_when.days if language == "zh" else en_when.days
    return read(_read(text, language), today)


def date(text: str, language: str, today: dt.date) -> dt.date | None:
    """The day named, today or later. None for loose ones: 下周, payday, next month."""
    return next((d.on for d in days(text, language, today) if not d.loose), None)


def callback(text: str, language: str, now: dt.datetime) -> dt.datetime | None:
    """The instant named, after `now` (aware, in the callee's zone), in that zone."""
    when = zh_when if language == "zh" else en_when
    read = _read(text, language)
    found = days(text, language, now.date())
    return resolve(now, found[0] if found else None, when.hour(read), when.after(read))


def names_time(text: str, language: str) -> bool:
    """Is a time of day named, or how long from now (not only a day)?"""
    when = zh_when if language == "zh" else en_when
    read = _read(text, language)
    return when.hour(read) is not None or when.after(read) is not None


def months(text: str, language: str) -> int | None:
    """How many months, or monthly payments: 六个月, 分12期, six months, half a year."""
    pattern = ZH_MONTHS if language == "zh" else EN_MONTHS
    match = pattern.search(_read(text, language))
    if not match:
        return None
    part = {k: v for k, v in match.groupdict().items() if v}
    years = part.pop("years", "")
    if "half" in part or years == "半":
        return 6
    value = number(years or next(iter(part.values())), language) if years != "a" else 1
    if years in {"one", "a"}:
        value = Decimal(1)
    count = int(value or 0) * (12 if years else 1)
    return count if 0 < count <= LONGEST_PLAN else None


def option(text: str, language: str) -> str | None:
    """Which of the options offered: "1", "2" or "3"."""
    pattern = ZH_OPTION if language == "zh" else EN_OPTION
    match = pattern.search(_read(text, language))
    if not match:
        return None
    part = {k: v for k, v in match.groupdict().items() if v}
    if "first" in part:
        return "1"
    if "words" in part:
        return "2"
    value = number(re.sub(r"(?:st|nd|rd|th)$", "", next(iter(part.values()))), language)
    return f"{value:f}" if value in (1, 2, 3) else None


def yes_no(text: str, language: str) -> bool | None:
    """Does the answer begin with yes (True) or no (False)?"""
    said = letters(plain(text, language), language)
    yes, no = (YES_ZH, NO_ZH) if language == "zh" else (YES_EN, NO_EN)
    if no.match(said):
        return False
    return True if yes.match(said) else None
