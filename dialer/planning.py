"""What an installation decides by, and plans, without calling anybody: its gate, its
offers, what it can say, whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from dialer.call.facts import Terms
from dialer.campaign import hours
from dialer.campaign.file import CampaignFile, parse
from dialer.campaign.plan import Summary
from dialer.clock import Clock
from dialer.compliance import packs
from dialer.compliance.calendars import Calendars
from dialer.compliance.gate import make_judge
from dialer.compliance.rules import Rulebook
from dialer.model import Judge
from dialer.offers.days import Closed, ClosedIn, weekend
from dialer.offers.plans import Wish
from dialer.offers.policy import Offers, load_offers
from dialer.settings import Settings, shipped
from dialer.store.port import Campaign, Stores
from ivr.library import Library, load_library


def judge(settings: Settings, today: date) -> Judge:
    """The gate with this installation's packs and holidays, as in force `today`."""
    return make_judge(book(settings, today))


def book(settings: Settings, today: date) -> Rulebook:
    """This installation's packs and calendars."""
    own = settings.compliance
    return packs.load(
        shipped("config"),
        today=today,
        packs=Path(own.packs) if own.packs else None,
        holidays=Path(own.holidays) if own.holidays else None,
    )


async def create_campaign(
    stores: Stores, wanted: CampaignFile, clock: Clock
) -> Campaign:
    """Store a checked campaign file; the name must be new."""
    made = Campaign(
        str(uuid4()), wanted.name, "created", wanted.canonical(), clock.now()
    )
    return await stores.campaigns.create(made)


async def plan(
    settings: Settings, stores: Stores, name: str, clock: Clock, *, commit: bool
) -> Summary:
    """Judge every contact of the campaign; with `commit`, create its attempts."""
    found = await stores.campaigns.get(name)
    wanted = parse(found.settings)
    summary = Summary()
    chunks = stores.campaigns.plan(
        found.campaign_id,
        wanted.batches,
        judge=judge(settings, clock.now().date()),
        now=clock.now(),
        commit=commit,
    )
    async for chunk in chunks:
        summary.add(chunk)
    return summary


async def recycle(
    settings: Settings,
    stores: Stores,
    name: str,
    outcomes: Sequence[str],
    clock: Clock,
    *,
    commit: bool,
) -> Summary:
    """One more attempt for contacts whose last one ended in one of these outcomes."""
    found = await stores.campaigns.get(name)
    summary = Summary()
    chunks = stores.campaigns.recycle(
        found.campaign_id,
        outcomes,
        judge=judge(settings, clock.now().date()),
        now=clock.now(),
        commit=commit,
    )
    async for chunk in chunks:
        summary.add(chunk)
    return summary


async def best_hour(stores: Stores, found: Campaign, clock: Clock) -> hours.Best | None:
    """Of a campaign's own calls, as they stand now."""
    since = clock.now() - timedelta(days=hours.DAYS)
    return hours.best(await stores.calls.reached(found.campaign_id, since))


def offers(settings: Settings) -> Offers:
    """What creditors let this installation offer."""
    return load_offers(settings.offers_file or shipped("config") / "offers.toml")


def library() -> Library:
    """What we can say, checked whole."""
    return load_library(shipped("templates"))


def closed_in(calendars: Calendars) -> ClosedIn:
    """Days off, by where the callee is; weekends where the calendar is not known."""

    def there(place: str) -> Closed:
        country = place.partition("-")[0]

        def closed(day: date) -> bool:
            found = calendars.labels(country, "", day) if country else None
            return weekend(day) if found is None else "workday" not in found

        return closed

    return there


def terms(wanted: CampaignFile, allowed: Offers, closed: ClosedIn) -> Terms:
    """What a campaign file says about its calls."""
    wishes = tuple(
        Wish(o.name, o.months, Decimal(str(o.discount_percent))) for o in wanted.offers
    )
    return Terms(
        wanted.agency,
        wanted.script,
        wanted.product,
        wishes,
        allowed,
        wanted.caller_id,
        wanted.hand_over_to,
        closed,
    )
