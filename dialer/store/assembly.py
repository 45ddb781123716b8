"""All of storage, put together over whichever databases it is on."""

from __future__ import annotations

from dialer.store.agreements import Pens, SqlAgreements
from dialer.store.calls import SqlCalls
from dialer.store.campaigns import SqlCampaigns
from dialer.store.contacts import SqlContacts
from dialer.store.flags import SqlFlags
from dialer.store.journal import SqlJournal
from dialer.store.keys import TenantKey
from dialer.store.ledger import SqlLedger
from dialer.store.lines import SqlLines
from dialer.store.nodes import SqlNodes
from dialer.store.port import Stores, Wakes
from dialer.store.previews import SqlPreviews
from dialer.store.runner import Runner
from dialer.store.vault import SealedVault
from dialer.store.wakes import Deaf


def assembled(
    private: Runner,
    shared: Runner,
    unlocked: tuple[TenantKey, TenantKey, bytes],
    pens: Pens,
    *,
    feed: Runner | None = None,
    wakes: Wakes | None = None,
) -> Stores:
    """`unlocked`: the key to write the vault with, all keys at hand, the secret of
    tokens. `feed`: the journal as its readers reach it, if with another credential."""
    return Stores(
        vault=SealedVault(private, *unlocked),
        contacts=SqlContacts(shared),
        flags=SqlFlags(shared),
        campaigns=SqlCampaigns(shared),
        ledger=SqlLedger(shared, pens),
        calls=SqlCalls(shared),
        previews=SqlPreviews(shared),
        agreements=SqlAgreements(shared, pens),
        journal=SqlJournal(shared, feed),
        nodes=SqlNodes(shared),
        lines=SqlLines(shared),
        wakes=wakes or Deaf(),
    )
