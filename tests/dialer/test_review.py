"""R2 as a table: who may review, and when a batch may be dialed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dialer.contacts import review
from dialer.store.port import Batch, NotFound, Refused, Review

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def said(name: str, approved: bool = True) -> Review:
    return review.signed(name, approved=approved, note="", at=NOW)


def batch(*reviews: Review, state: str = "imported", id_: str = "b_1") -> Batch:
    return Batch(id_, "people.csv", "Ann", NOW, state, reviews=reviews)


STANDINGS = [
    (batch(), False),
    (batch(said("Bo")), False),
    (batch(said("Bo"), said("Cy")), True),
    (batch(said("Bo"), said("bo ")), False),
    (batch(said("Bo"), said("ANN")), False),
    (batch(said("Bo"), said("Cy"), said("Di", approved=False)), False),
    (batch(said("Bo"), said("Cy"), state="importing"), False),
    (batch(said("Bo", approved=False), said("Cy"), said("Di")), False),
]


@pytest.mark.parametrize(("found", "approved"), STANDINGS)
def test_two_different_people_neither_the_importer(
    found: Batch, approved: bool
) -> None:
    standing = review.standing(found)
    assert standing.approved is approved
    assert bool(standing.reasons) is not approved


OBJECTIONS = [
    (batch(), "Bo", []),
    (batch(), "Ann", ["imported"]),
    (batch(), " ａｎｎ ", ["imported"]),
    (batch(said("Bo")), "BO", ["already"]),
    (batch(), "  ", ["name"]),
    (batch(state="importing"), "Ann", ["not imported", "Ann imported"]),
]


@pytest.mark.parametrize(("found", "who", "reasons"), OBJECTIONS)
def test_objections(found: Batch, who: str, reasons: list[str]) -> None:
    objections = review.objections(found, who)
    assert len(objections) == len(reasons)
    for objection, reason in zip(objections, reasons, strict=True):
        assert reason in objection


def test_a_batch_is_found_by_the_beginning_of_its_id() -> None:
    known = [batch(id_="b_12"), batch(id_="b_123"), batch(id_="b_2")]
    assert review.pick(known, "b_2").batch_id == "b_2"
    assert review.pick(known, "b_12").batch_id == "b_12"
    with pytest.raises(Refused, match="3 batches"):
        review.pick(known, "b_")
    with pytest.raises(NotFound):
        review.pick(known, "b_9")
