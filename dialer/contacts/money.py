"""Amounts as people write them; what could mean two sums is refused, not guessed."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from dialer.contacts.problem import Bad
from dialer.contacts.rules import Rules

EXPECTED = "an amount such as 1234.50 or 1,234.50"
PLAIN = re.compile(r"\d+(\.\d+)?")
GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?|\d{1,3}( \d{3})+(\.\d+)?")
LAKHS = re.compile(r"\d{1,2}(,\d{2})*,\d{3}(\.\d+)?")
SHORTENED = re.compile(r"[\d.,]+E\+?\d+", re.IGNORECASE)
PARTS = re.compile(
    r"(?P<before>[^\d.,()+-]*)(?P<figure>[-+(]?[\d., ]*[)]?)(?P<after>.*)"
)
LARGEST = Decimal(10) ** 12


def read(text: str, code: str, country: str, rules: Rules) -> tuple[Decimal, str]:
    """-> (amount, ISO 4217 code). `code` is what `code()` gave or empty;
    `country` decides only when neither it nor a sign beside the figure does."""
    text = unicodedata.normalize("NFKC", text).strip()
    if not text:
        raise Bad("is missing", EXPECTED)
    if SHORTENED.fullmatch(text):
        raise Bad("was shortened by a spreadsheet; digits are lost", EXPECTED)
    parts = PARTS.fullmatch(text)
    if not parts or not parts["figure"].strip():
        raise Bad("is no amount", EXPECTED)
    signs = [s.strip() for s in (parts["before"], parts["after"]) if s.strip()]
    currency = _currency(signs, code, country, rules)
    amount = _figure(parts["figure"].strip(), currency)
    return _checked(amount, currency, rules), currency


def _figure(text: str, currency: str) -> Decimal:
    if text.startswith(("-", "(")):
        raise Bad("is negative", "what is owed, more than 0")
    text = text.lstrip("+")
    if PLAIN.fullmatch(text) or GROUPED.fullmatch(text):
        return Decimal(text.replace(",", "").replace(" ", ""))
    if currency == "INR" and LAKHS.fullmatch(text):
        return Decimal(text.replace(",", ""))
    if "," in text and "." in text and text.rfind(",") > text.rfind("."):
        raise Bad("has a comma after a dot and can be read in two ways", EXPECTED)
    if re.fullmatch(r"\d+,\d{1,2}", text):
        raise Bad("has a comma where cents would be; it can be two sums", EXPECTED)
    raise Bad("is not grouped in a way that means one sum", EXPECTED)


def _checked(amount: Decimal, currency: str, rules: Rules) -> Decimal:
    decimals = rules.currencies[currency]
    exponent = amount.as_tuple().exponent
    found = -exponent if isinstance(exponent, int) else 0
    if found == 3:
        raise Bad("has three digits after its dot: thousands or decimals?", EXPECTED)
    if found > decimals:
        raise Bad(f"has {found} decimals, {currency} has {decimals}", EXPECTED)
    if not amount:
        raise Bad("is zero", "what is owed, more than 0")
    if amount >= LARGEST:
        raise Bad("is larger than any debt we call about", f"less than {LARGEST:,}")
    return amount


def _currency(signs: list[str], code: str, country: str, rules: Rules) -> str:
    possible = [_meant(sign, rules) for sign in signs]
    if code:
        if any(code not in meant for meant in possible):
            raise Bad(f"carries a sign that does not mean {code}", f"{code} alone")
        return code
    agreed = (
        set.intersection(*map(set, possible)) if possible else set(rules.currencies)
    )
    if possible and len(agreed) == 1:
        return agreed.pop()
    default = rules.defaults.currency.get(country, "")
    if default in agreed:
        return default
    raise Bad(
        "does not say which currency it is in", "a currency column: CNY, USD, ..."
    )


def code(text: str, rules: Rules) -> str:
    """ISO 4217 code of a currency column; empty stays empty. Bad when unknown."""
    word = unicodedata.normalize("NFKC", text).strip().upper()
    if not word or word in rules.currencies:
        return word
    meant = rules.symbols.get(word, ())
    if len(meant) == 1:
        return meant[0]
    raise Bad("is no currency we know", ", ".join(rules.currencies))


def _meant(sign: str, rules: Rules) -> tuple[str, ...]:
    """The currencies a sign beside a figure can mean."""
    word = sign.upper()
    if word in rules.currencies:
        return (word,)
    if word in rules.symbols:
        return rules.symbols[word]
    if word.startswith("万"):
        raise Bad("is counted in 万", "the amount in full, such as 12000.00")
    raise Bad("has something beside the figure that is no currency", EXPECTED)
