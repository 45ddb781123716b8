"""Dates and times out of Mandarin as it is recognised: 下个月5号, 明天上午十点半."""

from __future__ import annotations

import datetime as dt
import re

from ivr.spoken.when import (
    Day,
    Hour,
    later,
    month_day,
    month_end,
    taken,
    weekday,
    year_day,
)
from ivr.spoken.zh_numbers import FIGURE, number

N = rf"[0-9{FIGURE}十百]+"
WEEKDAYS = {c: i for i, c in enumerate("一二三四五六日")} | {
    "天": 6,
    "末": 5,
    **{str(n): n - 1 for n in range(1, 8)},
}
NEAR = {"大后天": 3, "后天": 2, "后日": 2, "后儿": 2, "明": 1, "今": 0, "当天": 0}
WEEKS = {
    "": None,
    "这": 0,
    "本": 0,
    "这个": 0,
    "下": 1,
    "下个": 1,
    "下下": 2,
    "下下个": 2,
}
PARTS = {
    "凌晨": "night",
    "半夜": "night",
    "清晨": "early",
    "清早": "early",
    "一大早": "early",
    "大清早": "early",
    "早晨": "morning",
    "早上": "morning",
    "早": "morning",
    "上午": "forenoon",
    "中午": "noon",
    "正午": "noon",
    "午休": "lunch",
    "午饭": "lunch",
    "午后": "afternoon",
    "下午": "afternoon",
    "傍晚": "dusk",
    "下班": "dusk",
    "晚上": "evening",
    "晚间": "evening",
    "夜里": "evening",
    "晚": "evening",
}
AHEAD = r"(?P<ahead>下下个?|下个?|这个?|本)"
# what is said of a time that does not suit: 今天不行, 上午要开会
UNFIT = (
    r"(?:我|都|也|的话|有点|可能|时间|真的)*(?:不|没|要开会|要上班|在开会|在上班|得上班"
    r"|很?忙|有会|有事)"
)
DAYS = [
    re.compile(p)
    for p in (
        rf"上+个?(?:月(?:份)?的?{N}[号日]|月|(?:周|星期|礼拜)[一二三四五六日天末]?)|去年",
        rf"(?:(?P<year>\d{{4}}|[{FIGURE}]{{4}}|明|今)年)?的?(?P<month>{N})月份?的?"
        rf"(?P<day>{N})(?:号|日)?(?![{FIGURE}\d个])",
        rf"{AHEAD}月份?的?(?P<nth>{N})[号日后]",  # 后: as 号 is often heard
        rf"(?:{AHEAD}?月|(?P<of>{N})月份?)的?(?P<end>底|末)",
        r"(?P<yearend>今年|明年)?年(?:底|末)",
        r"(?P<near>大后天|后天|后日|后儿|当天|明(?:天|儿|日|晚|早|个)"
        r"|今(?:天|儿|日|晚|早|个)|(?<=[^\d{FIGURE}])今(?=上午|下午|晚))",
        rf"(?<!每)(?<![\d{FIGURE}几]个)(?<![\d{FIGURE}十几])(?:{AHEAD})?"
        r"(?:周|星期|礼拜)(?P<week>[一二三四五六日天末1-7])(?![\d个])",
        rf"(?<![\d{FIGURE}十第拨按尾])(?P<number>{N})[号日](?![楼线卡键店院厅方公])",
        rf"(?:过|再过|等)?(?P<days>{N})(?:天|个工作日)(?:之?后|以后|以?内|之内|过后)",
        rf"(?:再?过|再?等)(?:上)?(?P<over>{N})天",
        rf"(?:(?P<weeks>{N})个?(?:周|星期|礼拜)|(?P<half>半)个?月|(?P<months>{N})个月)"
        r"(?:之?后|以后|以?内|之内|过后)",
        r"(?P<few>过|等)(?:个)?(?:两|几|些)天",
        rf"{AHEAD}(?P<loose>周|星期|礼拜|月)(?P<third>初|中)?(?![\d{FIGURE}])",
        r"(?P<weekend>周末)",
    )
]
HOUR = re.compile(
    rf"(?P<part>{'|'.join(PARTS)})?(?:的|大概|大约|差不多|就|左右|\s)*"
    rf"(?:(?P<h>\d{{1,2}})[:：](?P<m>\d{{2}})"
    rf"|(?P<hour>(?:[01]?\d|2[0-4]|二?十[{FIGURE}]?|[{FIGURE}]))点(?:钟|整)?"
    rf"(?:(?P<half>半)|(?P<quarter>[一三])刻|过?零?(?P<minute>{N})分?"
    rf"(?![块元百千万号月]))?)"
)
PART = re.compile(
    rf"(?P<part>{'|'.join(p for p in PARTS if len(p) > 1)}|(?<=[明今])[早晚])"
    rf"(?!{UNFIT})"
)
BIT = re.compile(  # 一点: "a little", unless it stands like a time
    r"(?:晚|早|快|慢|少|多|有|便宜|大声|声|好|差|宽|大|小|松|低|高|近|长|短|轻|重|这|那)一点"
    r"|一点(?=都|也|儿|钱|点|时间|办法|意思|问题|小|啊|吧|没|不|希望|利|吗|东西|事)"
    r"|(?:有|说|这|那|讲)[两三几]点"
)
TAIL = "(?:之?后|以后|再|过后|左右(?:再|之?后|以后))"
AFTER = re.compile(
    rf"(?P<hours>\d+(?:\.\d)?|{N}|半)个?(?P<plus>半)?(?:小时|钟头){TAIL}"
    rf"|(?P<minutes>{N})(?:来)?分钟{TAIL}|(?P<quarters>{N})刻钟{TAIL}"
)
OVER = re.compile(
    rf"(?:过|等|隔)(?:个|上|我)?(?:(?P<hours>\d+|{N}|半)个?(?P<plus>半)?(?:小时|钟头)"
    rf"|(?P<minutes>{N})(?:来)?分钟|(?P<quarters>{N})刻钟)"
)


def days(text: str, today: dt.date) -> list[Day]:
    """Every day named in `text` that is not past or declined, best first."""
    found = []
    for pattern in DAYS:
        for match in pattern.finditer(text):
            on = _day(match, today)
            unfit = re.match(UNFIT, text[match.end() :])
            if on and not unfit:
                found.append((on.loose, match.start(), on))
        text = pattern.sub(taken, text)
    return [on for *_, on in sorted(found, key=lambda f: f[:2])]


def _day(match: re.Match[str], today: dt.date) -> Day | None:
    part = {k: v for k, v in match.groupdict().items() if v}
    if part.keys() & {"near", "week", "weeks", "half", "months", "days", "over"}:
        return _relative(part, today)
    if part.keys() & {"loose", "few", "weekend"}:
        return _loose(part, today)
    on: dt.date | None
    ahead = WEEKS.get(part.get("ahead", ""))
    if "month" in part:
        year = _year(part.get("year", ""), today)
        on = year_day(today, _int(part["month"]), _int(part["day"]), year)
    elif "nth" in part:
        on = month_day(today, _int(part["nth"]), ahead)
    elif "number" in part:
        on = month_day(today, _int(part["number"]), None)
    elif "of" in part:
        on = month_end(today, (_int(part["of"]) - today.month) % 12)
    elif "end" in part:
        on = month_end(today, ahead or 0)
    elif not part and "年底" not in match[0] and "年末" not in match[0]:
        return None  # past
    else:
        on = dt.date(today.year + (part.get("yearend") == "明年"), 12, 31)
    return Day(on) if on else None


def _relative(part: dict[str, str], today: dt.date) -> Day | None:
    on: dt.date | None
    if "near" in part:
        near = part["near"]
        on = today + dt.timedelta(NEAR.get(near, NEAR.get(near[0], 0)))
    elif "week" in part:
        on = weekday(today, WEEKDAYS[part["week"]], WEEKS[part.get("ahead", "")])
        return Day(on, loose=part["week"] == "末") if on else None
    elif "months" in part:
        on = later(today, months=_int(part["months"]))
    elif "half" in part:
        on = later(today, days=15)
    else:
        count = _int(part.get("days") or part.get("over") or part["weeks"])
        on = later(today, days=count * (7 if "weeks" in part else 1))
    return Day(on) if on else None


def _loose(part: dict[str, str], today: dt.date) -> Day | None:
    on: dt.date | None
    ahead = WEEKS.get(part.get("ahead", "")) or 0
    if "few" in part:
        on = later(today, days=2)
    elif "weekend" in part:
        on = weekday(today, 5, None)
    elif part["loose"] == "月":
        nth = 15 if part.get("third") == "中" else 1
        on = month_day(today, nth, ahead)
    else:
        on = weekday(today, 0, ahead)
    return Day(on, loose=True) if on else None


def _year(text: str, today: dt.date) -> int:
    if text in {"明", "今"}:
        return today.year + (text == "明")
    return _int(text) if text else 0


def _int(text: str) -> int:
    value = number(text)
    return int(value) if value is not None and value < 10**6 else 0


def hour(text: str) -> Hour | None:
    """The time of day named in `text`, or the part of the day; None: neither."""
    plain = BIT.sub("", text)
    for match in HOUR.finditer(plain):
        if found := _clock(match, plain):
            return found
    parts = [PARTS[m["part"]] for m in PART.finditer(plain)]
    return Hour(part=parts[-1]) if parts else None


def _clock(match: re.Match[str], text: str) -> Hour | None:
    h = _int(match["h"] or match["hour"])
    minute = _int(match["m"] or match["minute"] or "0")
    if match["half"]:
        minute = 30
    elif match["quarter"]:
        minute = 15 * _int(match["quarter"])
    if h > 24 or minute > 59:
        return None
    part = PARTS[match["part"]] if match["part"] else _nearby(text[: match.start()])
    before = bool(re.match(r"(?:钟)?(?:之?前|以前)", text[match.end() :]))
    return Hour(h % 24, minute, part, before=before)


def _nearby(before: str) -> str:
    """A part of the day said just before, as in 明晚大概八点."""
    match = re.search(rf"({'|'.join(PARTS)})[^点]{{0,3}}$", before)
    return PARTS[match[1]] if match else ""


def after(text: str) -> dt.timedelta | None:
    """How long from now: 半小时后, 过一个小时, 二十分钟后."""
    match = AFTER.search(text) or OVER.search(text)
    if not match:
        return None
    if match["minutes"]:
        return dt.timedelta(minutes=_int(match["minutes"]))
    if match["quarters"]:
        return dt.timedelta(minutes=15 * _int(match["quarters"]))
    hours = 0.5 if match["hours"] == "半" else float(number(match["hours"]) or 0)
    return dt.timedelta(hours=hours + (0.5 if match["plus"] else 0)) or None
