"""Names and identity numbers."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from unicodedata import category

from dialer.contacts.problem import Bad

NAME = 100  # characters
LOOKS_CHINESE = re.compile(r"\d{17}[\dX]")
OPAQUE = re.compile(r"[0-9A-Z][0-9A-Z /.-]{2,38}[0-9A-Z]")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK = "10X98765432"
HAN = re.compile(r"[\u3400-\u9fff]")
#: Signs that cannot be seen: marks of direction, joiners, soft hyphens, tags.
UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0001\U000e0020-\U000e007f]"
)


def tidy(text: str) -> str:
    """NFC, single spaces, no signs that cannot be seen."""
    if text.isascii():
        return " ".join(text.split())
    return " ".join(unicodedata.normalize("NFC", UNSEEN.sub("", text)).split())


def name(text: str) -> str:
    """A person's name. Bad when it cannot be one."""
    found = tidy(text)
    expected = "the person's full name"
    if not found:
        raise Bad("is missing", expected)
    if len(found) > NAME:
        raise Bad(f"has {len(found)} characters, more than {NAME}", expected)
    if found.isalpha():
        return found
    if not any(sign.isalpha() for sign in found):
        raise Bad("has no letter", expected)
    if sum(sign.isdigit() for sign in found) > 2:
        raise Bad("contains digits (is it in the right column?)", expected)
    if any(category(sign) == "Cc" for sign in found):
        raise Bad("contains control characters", expected)
    return found


def id_number(text: str) -> str:
    """18 signs of GB 11643-1999 with date and check digit, or another paper's number
    as it stands. Empty stays empty."""
    if not text:
        return ""
    found = unicodedata.normalize("NFKC", tidy(text)).upper().strip("'").strip()
    found = found[2:-1] if found.startswith('="') and found.endswith('"') else found
    if not found:
        return ""
    bare = found.replace(" ", "")
    if LOOKS_CHINESE.fullmatch(bare):
        return _chinese(bare)
    if re.fullmatch(r"\d[.,]\d+E\+?\d+", bare):
        raise Bad(
            "was shortened by a spreadsheet; its last digits are lost",
            "the whole number (format the column as text)",
        )
    if not OPAQUE.fullmatch(found):
        raise Bad("is no identity number", "4 to 40 letters and digits")
    return found


def _chinese(number: str) -> str:
    expected = "18 digits of a resident identity card, the last may be X"
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise Bad("holds a date of birth that does not exist", expected) from None
    total = sum(int(d) * w for d, w in zip(number, WEIGHTS, strict=False))
    if CHECK[total % 11] != number[17]:
        raise Bad("has a wrong check digit", expected)
    return number
