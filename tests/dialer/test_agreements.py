"""Agreements: the table of moves, canonical events, replay, and every tampering."""

from __future__ import annotations

import base64
import itertools
import json
import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

import pytest

from dialer.agreements.event import GENESIS, Signed, decoded, encoded
from dialer.agreements.replay import (
    BadKey,
    Misfit,
    digest,
    keys,
    replay,
    replay_all,
)
from dialer.agreements.state import (
    MOVES,
    Closed,
    Confirmed,
    Event,
    Fulfilled,
    Missed,
    Proposed,
    Restored,
    State,
    Unfit,
    advance,
    following,
)
from dialer.agreements.sums import Sums, covered, fresh
from dialer.evidence.checkpoint import new_signer
from tests.kit.agreements import BEGUN, FIRST, NODES, TERMS, chain, life, paid, stand
from tests.kit.stores import SIGNER, VKEY

KNOWN = keys([VKEY])
LATE = date(2026, 12, 7)  # a day after the first part's grace


def seeded() -> random.Random:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201
    return random.Random(seed)


# --- the table


def test_only_the_moves_of_the_table_are_possible() -> None:
    one_of_each: list[Event] = [
        *BEGUN,
        paid(FIRST, 1),
        Missed(LATE, 1),
        Restored(LATE),
        Fulfilled(LATE),
        Closed(LATE, "withdrawn", "wang"),
    ]
    reach = {State.PROPOSED: stand(BEGUN[0]), State.CONFIRMED: stand(*BEGUN[:2])}
    reach[State.ACTIVE] = stand(*BEGUN)
    reach[State.BROKEN] = stand(*BEGUN, Missed(LATE, 1))
    reach[State.KEPT] = stand(*BEGUN, paid(FIRST, 3), Fulfilled(FIRST))
    reach[State.CLOSED] = stand(*BEGUN, Closed(LATE, "withdrawn", "wang"))
    assert set(reach) == set(State)
    for (state, standing), event in itertools.product(reach.items(), one_of_each):
        if (state, type(event)) not in MOVES:
            with pytest.raises(Unfit, match=f"while {state}"):
                advance(standing, event)
    with pytest.raises(Unfit, match="nothing was proposed"):
        advance(None, BEGUN[1])


def test_two_confirmations_are_no_agreement() -> None:
    for nodes in (("plan",), ("plan", "date"), ("plan", "date", "plan")):
        with pytest.raises(Unfit, match="3 needed"):
            stand(BEGUN[0], Confirmed(nodes))
    assert stand(BEGUN[0], Confirmed(NODES[:3])).state is State.CONFIRMED


def test_a_part_is_missed_only_after_its_grace() -> None:
    active = stand(*BEGUN)
    last = FIRST + timedelta(days=5)
    assert following(active, last) is None
    assert following(active, last + timedelta(days=1)) == Missed(LATE, 1)
    with pytest.raises(Unfit, match="not what the terms bring"):
        advance(active, Missed(last, 1))
    with pytest.raises(Unfit, match="not what the terms bring"):
        advance(active, Missed(LATE, 2))


def test_who_catches_up_has_broken_nothing_for_good() -> None:
    broken = stand(*BEGUN, Missed(LATE, 1))
    assert following(broken, LATE) is None
    again = advance(broken, paid(LATE, 1))
    assert following(again, LATE) == Restored(LATE)
    active = advance(again, Restored(LATE))
    assert active.state is State.ACTIVE
    kept = advance(active, paid(LATE, 3))
    assert following(kept, LATE) == Fulfilled(LATE)


def test_a_payment_in_part_covers_no_part_and_time_goes_on() -> None:
    active = stand(*BEGUN, paid(FIRST, 0))
    assert following(active, LATE) == Missed(LATE, 1)
    with pytest.raises(Unfit, match="4 of 3 parts"):
        advance(active, paid(FIRST, 4))
    with pytest.raises(Unfit, match="0 of 3 parts covered after 1"):
        stand(*BEGUN, paid(FIRST, 1), paid(FIRST, 0))


def test_mediation_has_no_due_date_and_ends_by_a_person() -> None:
    talk = replace(TERMS, kind="mediation", due=(), commit="")
    active = stand(Proposed(talk), *BEGUN[1:])
    assert following(active, date(2040, 1, 1)) is None
    closed = advance(active, Closed(LATE, "settled", "wang"))
    assert (closed.state, closed.why) == (State.CLOSED, "settled")


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        (replace(TERMS, kind="loan"), "no kind"),
        (replace(TERMS, due=()), "0 due dates"),
        (replace(TERMS, due=TERMS.due[::-1]), "not in order"),
        (replace(TERMS, sums=(1, 2)), "one sum for each"),
        (replace(TERMS, sums=(1, 2, 0)), "one sum for each"),
        (replace(TERMS, grace_days=-1), "grace"),
    ],
)
def test_terms_that_are_none(terms: object, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        stand(Proposed(terms))  # type: ignore[arg-type]


def test_days_do_not_go_back() -> None:
    with pytest.raises(Unfit, match="after an event of"):
        stand(*BEGUN, Missed(LATE, 1), Closed(FIRST, "settled", "wang"))


# --- events


def test_every_event_comes_back_as_it_was_written() -> None:
    chance = seeded()
    seen = Counter[str]()
    for _ in range(200):
        for event in life(chance):
            kind, body = encoded(event)
            seen[kind] += 1
            assert decoded(kind, body) == event
            assert encoded(decoded(kind, body)) == (kind, body)
    assert len(seen) == 8, seen
    sums = replace(TERMS, sums=(5, 5, 4), replaces="g_0")
    assert decoded(*encoded(Proposed(sums))) == Proposed(sums)


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("forged", "{}", "no kind"),
        ("missed", "{}", "wrong"),
        ("missed", "[]", "wrong"),
        ("missed", '{"on":"2026-12-07","part":true}', "part: True"),
        ("missed", '{"on":"2026-12-07","part":1,"fee":5}', "fee"),
        ("missed", '{"part":1,"on":"2026-12-07"}', "canonical"),
        ("missed", '{"on":"20261207","part":1}', "canonical"),
        ("missed", '{"on":"soon","part":1}', "wrong"),
        ("confirmed", '{"by":"call","nodes":[1]}', "nodes"),
        ("proposed", '{"kind":"full"}', "wrong"),
    ],
)
def test_a_body_that_is_not_ours_is_unfit(kind: str, body: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        decoded(kind, body)


# --- replay


def test_the_same_events_give_the_same_state_and_hash() -> None:
    chance = seeded()
    ends = Counter[str]()
    for _ in range(60):
        events = life(chance)
        one, two = replay(chain(events), KNOWN), replay(chain(events), KNOWN)
        assert one == two
        assert one.standing == stand(*events)
        assert len(one.states) == len(events)
        ends[one.standing.state] += 1
    assert len(ends) >= 3, ends


EVENTS = chain([*BEGUN, paid(FIRST, 1), Missed(date(2027, 1, 7), 2)])


def forged(event: Signed, **changes: object) -> Signed:
    """Changed and signed again, by somebody who has the key."""
    made = replace(event, **changes)  # type: ignore[arg-type]
    code = base64.b64encode(SIGNER.key.sign(made.message)).decode()
    return replace(made, signature=code)


def test_any_changed_field_of_any_event_is_found() -> None:
    other = {
        "agreement": "g_2",
        "seq": 7,
        "at": "2020-01-01T00:00:00.000000Z",
        "kind": "restored",
        "body": '{"on":"2026-12-01"}',
        "prev": GENESIS[:-1] + "1",
        "key": "accord.invalid/log/other+00000000",
        "signature": base64.b64encode(bytes(64)).decode(),
    }
    for i, event in enumerate(EVENTS):
        for name, value in other.items():
            changed = replace(event, **{name: value})  # type: ignore[arg-type]
            with pytest.raises(Misfit) as found:
                replay([*EVENTS[:i], changed, *EVENTS[i + 1 :]], KNOWN)
            first = 1 if (i, name) == (0, "agreement") else i
            assert found.value.seq in (i, first), name


def test_a_lost_a_doubled_and_a_swapped_event_are_found() -> None:
    for i in range(len(EVENTS) - 1):
        with pytest.raises(Misfit) as found:
            replay([*EVENTS[:i], *EVENTS[i + 1 :]], KNOWN)
        assert found.value.seq == i
        with pytest.raises(Misfit) as found:
            replay([*EVENTS[: i + 1], EVENTS[i], *EVENTS[i + 1 :]], KNOWN)
        assert found.value.seq == i + 1
    with pytest.raises(Misfit, match="event 3"):
        replay([*EVENTS[:3], EVENTS[4], EVENTS[3]], KNOWN)


def test_a_cut_end_shows_in_the_hash() -> None:
    whole, cut = replay(EVENTS, KNOWN), replay(EVENTS[:-1], KNOWN)
    assert whole.head != cut.head
    assert digest([whole]) != digest([cut])


def test_who_has_the_key_cannot_make_what_the_table_forbids() -> None:
    """Signed well, hung well, and still no move."""
    early = forged(EVENTS[4], body='{"on":"2027-01-02","part":2}')
    with pytest.raises(Misfit, match=r"event 4: .*not what the terms bring"):
        replay([*EVENTS[:4], early], KNOWN)
    older = forged(EVENTS[4], at="2026-11-23T00:00:00.000000Z")
    with pytest.raises(Misfit, match="older than the event before"):
        replay([*EVENTS[:4], older], KNOWN)


def test_another_key_is_not_ours() -> None:
    with pytest.raises(Misfit, match="verifier key was not given"):
        replay(EVENTS, keys([new_signer().vkey]))


@pytest.mark.parametrize("vkey", ["", "a+b", f"x{VKEY}", VKEY[:-4], f"{VKEY}AAAA"])
def test_what_is_no_verifier_key(vkey: str) -> None:
    with pytest.raises(BadKey):
        keys([vkey])


def test_an_export_is_replayed_whole_in_any_order_of_agreements() -> None:
    two = chain(list(BEGUN), "g_2")
    found = replay_all([*EVENTS, *two], KNOWN)
    assert digest(found) == digest(replay_all([*two, *EVENTS], KNOWN))
    with pytest.raises(Misfit, match="g_2 event 0: it says it is event 1"):
        replay_all([*two[:1], *EVENTS, *two[1:]], KNOWN)


def test_the_message_is_what_the_document_says() -> None:
    """Written out by hand, as an auditor would."""
    event = EVENTS[1]
    head = {
        "agreement": event.agreement,
        "at": event.at,
        "body": event.body,
        "kind": event.kind,
        "prev": event.prev,
        "seq": event.seq,
        "v": 1,
    }
    written = json.dumps(head, separators=(",", ":"), sort_keys=True)
    message = b"accord/agreement/v1\0" + written.encode()
    assert sha256(message).hexdigest() == event.hash == EVENTS[2].prev


# --- sums


def test_a_commitment_binds_and_hides() -> None:
    one, two = fresh("CNY", [100, 50]), fresh("CNY", [100, 50])
    assert one.commit != two.commit, "the same sums are not recognised"
    assert Sums("CNY", (100, 50), one.salt).commit == one.commit
    assert Sums("USD", (100, 50), one.salt).commit != one.commit
    assert Sums("CNY", (10050,), one.salt).commit != one.commit


@pytest.mark.parametrize(
    ("paid_so_far", "parts"), [(0, 0), (99, 0), (100, 1), (249, 2), (250, 3), (999, 3)]
)
def test_what_a_payment_covers(paid_so_far: int, parts: int) -> None:
    assert covered([100, 100, 50], paid_so_far) == parts
