"""What leaves the vault's side of a candidate: tokens, masks and facts for rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialer.contacts.row import Candidate
from dialer.model import Contact, Personal
from dialer.store.port import FlagRow, Vault

OF_NUMBER = {"do_not_call", "workplace"}  # flags that also hold for each number
SOURCE = "import"


def contact_of(vault: Vault, candidate: Candidate) -> Contact:
    """The candidate as every other room sees it."""
    personal = candidate.personal
    person = vault.token("person", person_key(personal))
    key = f"{folded(personal.account)}|{folded(personal.creditor)}"
    account = vault.token("account", key)
    return Contact(
        contact_id=vault.token("contact", f"{person}|{account}"),
        person=person,
        account=account,
        numbers=tuple(vault.token("number", e164) for e164 in personal.phones),
        masked=tuple(phone.masked for phone in candidate.phones),
        zones=candidate.zones,
        locations=candidate.locations,
        language=candidate.language,
        creditor=personal.creditor,
        sources=candidate.provenance.kinds,
        consents=candidate.consents,
        dated=candidate.provenance.dated,
        priority=candidate.priority,
    )


def person_key(personal: Personal) -> str:
    """Who is the same person: the same identity number, or, without one, the same
    name and first number."""
    return personal.id_number or f"{folded(personal.name)}|{personal.phones[0]}"


def folded(text: str) -> str:
    return text.casefold()


def flag_rows(candidate: Candidate, contact: Contact, now: datetime) -> list[FlagRow]:
    """The marks against calling that came with the row."""
    rows = []
    for flag in candidate.flags:
        rows.append(FlagRow(flag, "person", contact.person, now, SOURCE))
        if flag in OF_NUMBER:
            numbers = contact.numbers
            rows += [FlagRow(flag, "number", n, now, SOURCE) for n in numbers]
    return rows


def stop_rows(vault: Vault, phones: Sequence[str], now: datetime) -> list[FlagRow]:
    """Numbers of rejected rows that asked not to be called."""
    tokens = [vault.token("number", e164) for e164 in phones]
    return [FlagRow("do_not_call", "number", token, now, SOURCE) for token in tokens]
