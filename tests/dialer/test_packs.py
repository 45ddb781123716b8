"""Pack files: what is shipped, what fails to load, what an operator may add."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dialer.compliance.gate import judge
from dialer.compliance.packs import PackError, load
from dialer.compliance.rules import Cap, Duty, Hours, Rulebook, Status
from tests.dialer.test_gate import BOOK, CN, GB, at

CONFIG = Path(__file__).parents[2] / "config"
TODAY = date(2026, 11, 24)

HEAD = """
[pack]
id = "own"
version = 2026-11-24
title = "Ours"
applies_to = ["CN"]
"""
RULE = """
[[rule]]
id = "own.hours"
kind = "hours"
windows = [{ days = ["mon", "tue", "wed", "thu", "fri"], from = "09:00", to = "18:00" }]
citation = "house rule 7"
source = "the handbook"
status = "own"
checked_on = 2026-11-24
"""


def with_own(folder: Path, text: str, name: str = "own") -> Rulebook:
    (folder / f"{name}.toml").write_text(text, "utf-8")
    return load(CONFIG, today=TODAY, packs=folder)


def problems(folder: Path, text: str, name: str = "own") -> str:
    with pytest.raises(PackError) as error:
        with_own(folder, text, name)
    assert all(str(folder) in line for line in str(error.value).splitlines())
    return str(error.value)


# --- shipped


def test_every_shipped_rule_says_what_it_rests_on() -> None:
    for pack, rule in BOOK.rules():
        assert rule.id.startswith(f"{pack.id}.")
        assert rule.citation
        assert rule.source
        assert rule.checked_on <= date(2026, 11, 26)
        assert not rule.quote or rule.status is Status.PRIMARY  # read, or not quoted


def test_the_shipped_packs_are_those_of_the_table() -> None:
    assert set(BOOK.packs) == {
        *("accord", "cn", "us", "us-nv", "us-pa", "gb", "ie", "au", "in", "eu")
    }
    unverified = {r.id for _, r in BOOK.rules() if r.status is Status.UNVERIFIED}
    assert unverified == {"cn.records", "us-nv.hours", "us-pa.hours", "in.hours"}
    assert len(BOOK.packs["eu"].applies_to) == 27


def test_numbers_for_others_can_be_read_from_the_book() -> None:
    ceiling, talks, hours = map(BOOK.rule, ("us.abandonment", "cn.talks", "cn.hours"))
    assert isinstance(ceiling, Duty)
    assert ceiling.numbers["abandoned_share"] == 0.03
    assert isinstance(talks, Cap)
    assert talks.before == 2
    assert isinstance(hours, Hours)
    assert [(w.start, w.end) for w in hours.windows] == [(480, 1320)]
    with pytest.raises(KeyError):
        BOOK.rule("us.none")


# --- what fails to load


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'source = "the handbook"\n',
            "",
            "rule own.hours.source: Field required",
        ),
        ('"the handbook"', '"  "', "rule own.hours.source"),
        ('citation = "house rule 7"\n', "", "rule own.hours.citation"),
        ('status = "own"', 'status = "certain"', "rule own.hours.status"),
        ('kind = "hours"', 'kind = "houres"', "rule own.hours"),
        ('to = "18:00"', 'to = "25:00"', "expected HH:MM, 00:00 to 24:00"),
        ('to = "18:00"', 'to = "09:00"', "`from` must be before `to`"),
        ('["mon"', '["monday"', "windows.0.days.0"),
        ('id = "own.hours"', 'id = "cn.hours"', "expected an id in own.*"),
        ('status = "own"', 'status = "own"\nextra = 1', "rule own.hours.extra"),
        ('status = "own"', 'status = "own"\nconsent = ["any"]', "given together"),
        ('status = "own"', 'status = "own"\nclosed = ["holiday"]', "calendar: needed"),
        ("2026-11-24\n", "2026-13-24\n", "own.toml: file:"),
        (
            'status = "own"',
            'status = "own"\neffective_to = 2026-11-23',
            "rule own.hours: not in force after 2026-11-23; today is 2026-11-24",
        ),
        (
            'status = "own"',
            'status = "own"\neffective_from = 2026-11-25',
            "rule own.hours: not in force before 2026-11-25",
        ),
    ],
)
def test_a_wrong_rule_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in RULE
    assert told in problems(tmp_path, HEAD + RULE.replace(old, new))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD, "rule: expected at least one [[rule]] table"),
        (RULE, "pack.id: Field required"),
        (HEAD + RULE + RULE, "rule own.hours: this id is already taken"),
        (HEAD.replace('["CN"]', '["China"]') + RULE, "pack.applies_to.0"),
        (HEAD.replace('["CN"]', '["*"]') + RULE, "pack.applies_to"),
        ("[extra]\n" + HEAD + RULE, "extra: unknown"),
        (HEAD.replace('"own"', '"other"') + RULE, "pack.id: expected own"),
    ],
)
def test_a_wrong_pack_is_told_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    assert told in problems(tmp_path, text)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    bad = RULE.replace('source = "the handbook"\n', "").replace("18:00", "18:75")
    assert bad != RULE
    (tmp_path / "second.toml").write_text("[[", "utf-8")
    told = problems(tmp_path, HEAD + bad)
    assert len(told.splitlines()) == 3


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="does not exist"):
        load(CONFIG, today=TODAY, packs=tmp_path / "none")
    with pytest.raises(PackError, match="does not exist"):
        load(tmp_path, today=TODAY)


def test_without_the_house_rules_nothing_loads(tmp_path: Path) -> None:
    shutil.copytree(CONFIG / "packs", tmp_path / "packs")
    shutil.copytree(CONFIG / "holidays", tmp_path / "holidays")
    (tmp_path / "packs/accord.toml").unlink()
    with pytest.raises(PackError, match="no rule of kind facts"):
        load(tmp_path, today=TODAY)


# --- what an operator may add


def test_an_operators_pack_adds_to_the_shipped_ones(tmp_path: Path) -> None:
    book = with_own(tmp_path, HEAD + RULE)
    early, open_ = at(CN, "2026-11-24 08:30"), at(CN, "2026-11-24 10:00")
    assert [r.rule for r in judge(CN, early, book).reasons] == ["own.hours"]
    assert judge(CN, open_, book).allowed
    assert judge(CN, early, BOOK).allowed


def test_an_operators_hours_do_not_displace_our_default(tmp_path: Path) -> None:
    text = (HEAD + RULE).replace('"CN"', '"GB"')
    book = with_own(tmp_path, text)
    holiday = at(GB, "2026-12-25 12:00")
    assert [r.rule for r in judge(GB, holiday, book).reasons] == ["accord.hours"]


CAP = """
[[rule]]
id = "own.talks"
kind = "frequency"
per = "person"
directions = ["out"]
outcomes = ["answered"]
at_most = {at_most}
days = 1
citation = "house rule 8"
source = "the handbook"
status = "own"
checked_on = 2026-11-24
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RULE.replace("09:00", "07:00"), "looser than cn.hours: open at 07:00 on mon"),
        (RULE.replace("18:00", "23:00"), "looser than cn.hours: open at 22:00 on mon"),
        (CAP.format(at_most=4), "looser than cn.talks: 3 earlier calls may count"),
        (
            CAP.format(at_most=1).replace('"frequency"', '"sources"'),
            "rule own.talks",
        ),
    ],
)
def test_a_looser_rule_is_refused_with_the_rule_it_would_break(
    tmp_path: Path, text: str, told: str
) -> None:
    assert told in problems(tmp_path, HEAD + text)


@pytest.mark.parametrize(
    ("place", "rule", "told"),
    [
        (
            "US-CA",
            'kind = "wait"\nper = "person"\ndirections = ["out", "in"]\n'
            'outcomes = ["answered"]\ndays = 3',
            "looser than us.wait: looks back 72 hours, against 168",
        ),
        (
            "US",
            'kind = "frequency"\n'
            'per = "account"\n'
            'directions = ["out", "in"]\n'
            'outcomes = ["answered", "unanswered", "abandoned"]\n'
            "at_most = 9\n"
            "days = 7",
            "looser than us.frequency: 8 earlier calls may count, against 6",
        ),
        (
            "US",
            'kind = "frequency"\n'
            'per = "account"\n'
            'directions = ["out", "in"]\n'
            'outcomes = ["answered", "unanswered", "abandoned"]\n'
            "at_most = 7\n"
            "days = 2",
            "looser than us.frequency: looks back 48 hours, against 168",
        ),
        (
            "US",
            'kind = "frequency"\n'
            'per = "account"\n'
            'directions = ["out"]\n'
            'outcomes = ["answered", "unanswered", "abandoned"]\n'
            "at_most = 7\n"
            "days = 7",
            "looser than us.frequency: does not count in",
        ),
        (
            "AU",
            'kind = "frequency"\n'
            'per = "number"\n'
            'directions = ["out", "in"]\n'
            'outcomes = ["answered", "unanswered", "abandoned"]\n'
            "at_most = 3\n"
            "days = 7",
            "looser than au.week: does not count other numbers or debts",
        ),
        (
            "FR",
            'kind = "sources"\nat_least = 2\nkinds = ["court_document"]',
            "looser than accord.sources: at least 2, against 3",
        ),
        (
            "FR",
            'kind = "sources"\nat_least = 3\nkinds = ["hearsay"]',
            "looser than accord.sources: kinds hearsay would count",
        ),
        ("FR", 'kind = "reviews"\nat_least = 1', "looser than accord.reviews"),
        (
            "US",
            'kind = "consent"\nscopes = ["night"]',
            "looser than us.artificial_voice",
        ),
        (
            "FR",
            'kind = "purposes"\npurposes = ["collection", "sales"]',
            "looser than accord.purpose: sales would be enough",
        ),
        (
            "GB",
            'kind = "hours"\n'
            'windows = [{days = ["sun"], from = "12:00", to = "13:00"}]',
            "looser than accord.hours: open at 12:00 on sun",
        ),
    ],
)
def test_every_kind_of_rule_is_compared(
    tmp_path: Path, place: str, rule: str, told: str
) -> None:
    common = 'citation = "c"\nsource = "s"\nstatus = "own"\nchecked_on = 2026-11-24\n'
    text = HEAD.replace("CN", place) + f'[[rule]]\nid = "own.x"\n{rule}\n{common}'
    assert told in problems(tmp_path, text)


def test_a_shipped_pack_cannot_be_replaced(tmp_path: Path) -> None:
    text = (HEAD + RULE).replace('"own"', '"cn"', 1).replace("own.", "cn.")
    assert "cannot be replaced" in problems(tmp_path, text, name="cn")


def test_a_calendar_that_is_not_announced_refuses(tmp_path: Path) -> None:
    """A rule that depends on Chinese holidays of 2027, as known in 2026."""
    rule = RULE.replace('status = "own"', 'status = "own"\ncalendar = "CN"')
    book = with_own(
        tmp_path, HEAD + rule.replace("windows", 'closed = ["holiday"]\nwindows')
    )
    assert judge(CN, at(CN, "2026-12-30 10:00"), book).allowed
    verdict = judge(CN, datetime(2027, 3, 1, 4, tzinfo=UTC), book)
    assert [r.rule for r in verdict.reasons] == ["own.hours"]
    assert "holidays of CN in 2027 are not known" in verdict.reasons[0].detail
    assert verdict.next_allowed is None


@pytest.mark.parametrize(
    "rule",
    [
        'per = "account"\nat_most = 3\ndays = 7',
        'per = "person"\nat_most = 7\ndays = 7',
        'per = "account"\nat_most = 8\ndays = 14',
        'per = "account"\nat_most = 2\ndays = 1',
    ],
)
def test_a_cap_that_a_shipped_one_does_not_imply_is_taken(
    tmp_path: Path, rule: str
) -> None:
    text = HEAD.replace("CN", "US") + (
        f'[[rule]]\nid = "own.x"\nkind = "frequency"\n{rule}\n'
        'directions = ["out", "in"]\n'
        'outcomes = ["answered", "unanswered", "abandoned"]\n'
        'citation = "c"\nsource = "s"\nstatus = "own"\nchecked_on = 2026-11-24\n'
    )
    assert "own.x" in {rule.id for _, rule in with_own(tmp_path, text).rules()}
