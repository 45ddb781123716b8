"""The policy of offers that is shipped, and one with every kind of limit."""

from __future__ import annotations

from pathlib import Path

from dialer.offers.policy import Offers, load_offers
from dialer.settings import shipped

SHIPPED: Offers = load_offers(shipped("config") / "offers.toml")
STRICT_TOML = """
[currency.CNY]
decimals = 2
step = "1"
smallest = "100"
[currency.JPY]
decimals = 0
step = "100"
smallest = "3000"
[[rule]]
creditor = "East Bank"
instalments = [2, 4, 10, 24]
deferral_months = 2
first_due_days = 20
counter_percent = 30
[[rule.discount]]
overdue_days = 180
percent = 10
up_to = "50000"
currency = "CNY"
[[rule.discount]]
overdue_days = 720
percent = 25
[[rule]]
creditor = "East Bank"
products = ["rent"]
instalments = [2]
mediation = false
[[rule]]
creditor = "*"
instalments = [3]
"""


def strict(folder: Path) -> Offers:
    path = folder / "offers.toml"
    path.write_text(STRICT_TOML, "utf-8")
    return load_offers(path)
