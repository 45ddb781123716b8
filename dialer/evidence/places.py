"""Postal addresses, e-mail addresses and names on messengers. Pure."""

from __future__ import annotations

import re

from dialer.evidence.numbers import EN, ZH_DIGITS, Mark

HAN = r"[\u3400-\u9fff]"
#: Not part of a place's name: the words around it.
NAME = r"(?:(?![我你您他她它们住在是到去从的了就址号与给把])[\u3400-\u9fff])"
PROVINCES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南"
    "|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_NO = rf"[甲乙丙丁]?[\d{ZH_DIGITS}百千A-Za-z\-]{{1,7}}"
_ADMIN = (
    rf"(?:(?:{PROVINCES})(?:省|市|自治区|特别行政区)?|{NAME}{{2,6}}(?:自治州|自治县|地区)"
    rf"|{NAME}{{1,5}}(?:市|县|区|旗|镇|乡|街道))"
)
_STREET = rf"{NAME}{{1,8}}(?:大道|大街|路|街|巷|弄|胡同|里|道)"
_ESTATE = rf"{NAME}{{1,10}}(?:小区|花园|公寓|大厦|家园|新村|广场|苑|村|庄|屯|园区)"
_UNIT = rf"(?:[\s,，、]?{_NO}(?:号楼|号院|号|栋|幢|座|单元|层|楼|室|弄|组|队|户))"
_GAP = r"[\s,，、]?"
CHINESE = re.compile(
    rf"(?:{_ADMIN}{_GAP}){{0,5}}(?:{_STREET}|{_ESTATE}){_GAP}(?:{_ESTATE})?{_UNIT}+"
    rf"(?:{_GAP}{_ESTATE}{_UNIT}*)?"
    rf"|(?:{_ADMIN}{_GAP}){{1,5}}(?:{_STREET}|{_ESTATE}){_UNIT}*"
    rf"|{_ADMIN}(?:{_GAP}{_ADMIN}){{1,5}}"
    rf"|{_UNIT}{{2,}}"
)
HAS_CHINESE = re.compile(r"[省市区县镇乡路街巷弄道村庄苑园厦寓栋幢座室楼组]")

_KINDS = (
    "street|avenue|road|lane|boulevard|drive|court|terrace|square|parkway|highway|way"
    "|place|circle|crescent"
)
_SHORT = "St|Ave|Rd|Ln|Blvd|Dr|Ct|Pkwy|Hwy|Pl|Sq|Ter"
_FLAT = (
    r"(?:,?\s+(?:apt|apartment|suite|unit|flat|floor|#)\.?\s*"
    rf"(?:[A-Za-z]?\d+[A-Za-z]?|{EN}|[A-Za-z]\b))?"
)
_TOWN = (
    r"(?:,\s+(?:[A-Z][a-z]+\s?){1,3})?(?:,?\s+[A-Z]{2}\b(?:\s+\d{5}(?:-\d{4})?)?)?"
    r"(?:\s+\d{5}(?:-\d{4})?)?"
)
ENGLISH = re.compile(
    rf"\b\d{{1,6}}[A-Za-z]?\s+(?:[A-Z0-9][\w'.]*\s+){{1,4}}(?:(?i:{_KINDS})|{_SHORT})\b\.?"
    rf"(?i:{_FLAT}){_TOWN}"
    rf"|(?i:(?:\b\d{{1,6}}|{EN}(?:[\s-]+{EN})*)\s+(?:[a-z'.]+\s+){{1,2}}"
    rf"(?:street|avenue|road|lane|boulevard)\b{_FLAT}){_TOWN}"
    r"|(?i:\bp\.?\s?o\.?\s+box\s+\d+)"
    r"|\b[A-Z]{2}\s+\d{5}(?:-\d{4})?\b"
)
HAS_ENGLISH = re.compile(rf"\b(?:{_KINDS}|{_SHORT}|box|[A-Z]{{2}} \d{{5}})\b", re.I)

MAIL = re.compile(
    r"[A-Za-z0-9_.+-]+\s?@\s?[A-Za-z0-9-]+(?:\s?[.．]\s?[A-Za-z0-9-]+)+"
    r"|[A-Za-z0-9_]+(?:\s+(?:dot|underscore)\s+[A-Za-z0-9_]+)*\s+at\s+[A-Za-z0-9-]+"
    r"(?:\s+dot\s+[A-Za-z]+)+"
    rf"|[A-Za-z0-9_.{ZH_DIGITS}]+\s?艾特\s?[A-Za-z0-9{ZH_DIGITS}]+\s?点\s?(?:[A-Za-z]+|康母)",
    re.IGNORECASE,
)
HAS_MAIL = re.compile(r"@|艾特|\bdot\b", re.IGNORECASE)
MESSENGER = re.compile(
    r"(?P<lead>(?:微信号?|QQ号?|wechat|whatsapp|telegram)\s*(?:id|number)?\s*(?:是|叫|is|:|：)?\s*)"
    r"[A-Za-z][A-Za-z0-9_-]{4,}",
    re.IGNORECASE,
)
HAS_MESSENGER = re.compile(r"微信|QQ|wechat|whatsapp|telegram", re.IGNORECASE)


def places(text: str, mark: Mark) -> str:
    """Mask addresses from a street with a number, two levels of a region, or a unit
    in a building. A town alone stays."""
    if HAS_CHINESE.search(text):
        text = CHINESE.sub(mark("address"), text)
    if HAS_ENGLISH.search(text):
        text = ENGLISH.sub(mark("address"), text)
    return text


def mail(text: str, mark: Mark) -> str:
    """Mask e-mail addresses, written or spoken, and messenger accounts."""
    if HAS_MAIL.search(text):
        text = MAIL.sub(mark("email"), text)
    if HAS_MESSENGER.search(text):
        text = MESSENGER.sub(lambda m: m["lead"] + mark("account"), text)
    return text
