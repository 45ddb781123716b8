"""The shipped library is clean, and each rule finds what it is there to find."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from ivr.library import load_library
from ivr.lint import ENDS, lint
from tests.ivr.test_library import change
from tests.templates.cases import TEMPLATES, library

TODAY = date(2026, 11, 24)
TWINS = Path(__file__).parents[1] / "templates"


def found(folder: Path, twins: Path | None = None) -> list[str]:
    return [str(problem) for problem in lint(load_library(folder), TODAY, twins)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))


def test_the_shipped_library_is_clean() -> None:
    assert [str(problem) for problem in lint(library(), TODAY, TWINS)] == []


ORPHAN = """
[[template]]
id = "orphan"
text = ["没有人说这句。"]
purpose = "none"
tone = "plain"
"""


def test_a_template_nobody_says_and_nobody_translates(folder: Path) -> None:
    path = folder / "zh" / "talk.toml"
    path.write_text(path.read_text("utf-8") + ORPHAN, "utf-8")
    assert found(folder) == [
        "zh/talk.toml: orphan.id: has no counterpart in en",
        "zh/talk.toml: orphan: is reached by no script",
    ]


def test_a_state_nobody_enters(folder: Path) -> None:
    path = folder / "zh" / "script.toml"
    path.write_text(path.read_text("utf-8") + '[states.lost]\nprompt = "slower"\n')
    assert "zh/script.toml: states.lost: is never reached" in found(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "zh/script.toml",
            'busy_now = { ending = "callback", next = "callback_ask" }\n'
            'callback_time = { needs = "callback_at", otherwise = "busy_now"',
            'callback_time = { needs = "callback_at", otherwise = "no"',
            "nothing answers 'busy_now' at stage 1",
        ),
        (
            "zh/opening.toml",
            "请问您是{name}吗？",
            "您在{creditor}有事，请问您是{name}吗？",
            "ask_identity has the slot 'creditor' before identity is confirmed",
        ),
        (
            "zh/anytime.toml",
            "您小心是对的",
            "这笔欠款是真的",
            "how_to_verify says '欠' before identity is confirmed",
        ),
        (
            "zh/script.toml",
            'prompt = ["rights_explained", "debt_statement", "debt_question"]',
            'prompt = ["debt_statement", "debt_question"]',
            "leads to stage 2 (debt) in a first call with 0 rights explained",
        ),
        (
            "zh/script.toml",
            'yes = { confirm = "plan", next = "first_date" }',
            'yes = { confirm = "plan", hang_up = "agreed_plan" }',
            "agreed_plan with fewer than 3 confirmation nodes (identity, plan)",
        ),
        (
            "zh/script.toml",
            'identity_yes = { say = ["thanks_identity", "welcome_back"], '
            'confirm = "identity", next = "@resume" }',
            'identity_yes = { next = "@resume" }',
            "leads to stage 2 before identity is confirmed",
        ),
        (
            "zh/script.toml",
            'stop_calling = { flag = "do_not_call", say = "stop_bye"',
            'stop_calling = { say = "stop_bye"',
            "stop_calling must flag do_not_call",
        ),
        (
            "zh/script.toml",
            "[states.debt.on]\n",
            '[states.debt.on]\nstop_calling = { next = "mediate" }\n',
            "states.debt: stop_calling must flag do_not_call",
        ),
        (
            "zh/script.toml",
            'are_you_robot = { say = "robot_yes" }',
            "are_you_robot = { whole = true }",
            "are_you_robot must say",
        ),
        ("zh/script.toml", '9 = "stop_calling"', '9 = "yes"', "must be stop_calling"),
        (
            "zh/script.toml",
            'hang_up = "silent"',
            'hang_up = "quiet"',
            "failures.silent: no disposition 'quiet'",
        ),
        (
            "zh/script.toml",
            'distress = { say = "care", ending = "distress"',
            'distress = { say = "care", ending = "promised"',
            "a commitment cannot be an early ending",
        ),
        ("zh/debt.toml", "我理解", "否则上法院，我理解", "forbidden '法院' (threat)"),
        ("en/debt.toml", "I understand,", "Or else,", "forbidden 'or else'"),
        ("zh/debt.toml", "我理解", "我理解" + "您的难处" * 16, "at most 60"),
        ("en/debt.toml", "I understand", "I " + "really " * 25, "words, at most 25"),
        (
            "zh/debt.toml",
            "请问大概是什么时候付的？",
            "付了吗？什么时候付的？",
            "one question at a time",
        ),
        (
            "zh/debt.toml",
            "您随时可以要求我们停止来电。",
            "我们随时可以给您打电话。",
            "stop_calls is not explained",
        ),
        (
            "en/debt.toml",
            'confirmation = "debt"',
            'confirmation = "plan"',
            "confirmation: is not what it is in zh",
        ),
        ("en/debt.toml", "{amount}", "money", "other slots than in zh"),
        (
            "laws/us.toml",
            "checked_on",
            "in_force_to = 2026-01-01\nchecked_on",
            "us-12cfr1006-2j was in force until 2026-01-01",
        ),
        (
            "laws/us.toml",
            "checked_on",
            "in_force_from = 2027-01-01\nchecked_on",
            "us-12cfr1006-2j is in force from 2027-01-01",
        ),
        (
            "laws/us.toml",
            "checked_on",
            'quote = "words"\nchecked_on',
            "a quote and quote_status go together",
        ),
        (
            "zh/opening.toml",
            'answers = ["identity_no"]',
            'answers = ["choose_option"]',
            "choose_option is not admissible at stage 1",
        ),
        ("zh/fragments.toml", '"十月"', '"九月"', "months: holds one text twice"),
        ("zh/fragments.toml", "discount =", "rebate =", "options: rebate"),
        ("zh/fragments.toml", "还{total}，就", "还{sum}，就", "no slot 'sum'"),
        (
            "zh/script.toml",
            'prompt = ["rights_explained", "debt_statement", "debt_question"]',
            'prompt = ["debt_statement", "rights_explained", "debt_question"]',
            "debt_statement comes before any right",
        ),
        (
            "zh/script.toml",
            'unsure = { say = "answer_details" }',
            "unsure = { times = 1 }",
            "unsure is answered by the same question only (on.unsure)",
        ),
        (
            "zh/opening.toml",
            'keys = { 1 = "identity_yes", 2 = "identity_no" }',
            'keys = { 1 = "identity_no", 2 = "identity_yes" }',
            "states.greet.keys: ask_identity promises other keys than the state has",
        ),
        (
            "zh/debt.toml",
            'again = ["您还记得大概哪天付的吗？"]\n',
            "",
            "ask_paid_when has no other words for a second time",
        ),
        (
            "zh/opening.toml",
            '"您好，这里是{agency}。"',
            '"您好，{name}，这里是{agency}。"',
            "failures.beep: voicemail_message leaves 'name' on a machine",
        ),
        (
            "zh/third_party.toml",
            '"这里是{agency}，有件事只能和本人说。"',
            '"这里是{agency}，我找{name}本人。"',
            "who_we_are_third tells somebody else 'name'",
        ),
        (
            "zh/guarantor.toml",
            'products = ["invoice"]',
            'products = ["invoice", "rent"]',
            "debt_statement_guarantor_rent.variant_of: nothing decides between it and "
            "debt_statement_guarantor_invoice",
        ),
        (
            "zh/closing.toml",
            "at = [5]",
            "at = [4, 5]",
            "nothing decides between it and goodbye_options",
        ),
        (
            "zh/answers.toml",
            "stage = 5\n",
            "stage = 4\n",
            "stage: is not one of at [5]",
        ),
        ("zh/debt.toml", "我理解", "我理解AI", "a voice may stumble over 'AI'"),
        ("en/debt.toml", "I understand", "I understand 100%", "stumble over '100%'"),
        (
            "zh/debt.toml",
            "尾号{account_tail}",
            "{account_tail}",
            "nothing is said between two slots",
        ),
        (
            "zh/debt.toml",
            "一共{amount}。",
            "一共{amount}元。",
            "the sum 'amount' is spoken with its unit already",
        ),
        (
            "zh/options.toml",
            '"{chosen}", "对吗？"',
            '"是{chosen}。", "对吗？"',
            "the option 'chosen' is a sentence of its own",
        ),
        (
            "zh/fragments.toml",
            'ordinals = ["一", "二", "三"]',
            'ordinals = ["四", "十", "三"]',
            "ordinals: '四' and '十' sound alike on a telephone",
        ),
        (
            "en/fragments.toml",
            'ordinals = ["one", "two", "three"]',
            'ordinals = ["fifteen", "fifty", "three"]',
            "ordinals: 'fifteen' and 'fifty' sound alike on a telephone",
        ),
        ("zh/fragments.toml", "推迟{months}", "否则{months}", "forbidden '否则'"),
        (
            "zh/questions.toml",
            "您随时可以要求我们停止来电。",
            "法律规定您可以要求我们停止来电。",
            "names the law ('法律'), but us-12cfr1006-34 is not verified",
        ),
        (
            "en/talk.toml",
            "Of course, I will wait.",
            "By law I will wait.",
            "waiting.text: names the law ('law') and cites no clause",
        ),
        (
            "zh/anytime.toml",
            'clauses = ["cn-pipl-13", "cn-civil-1034"]',
            'clauses = ["cn-pipl-24", "cn-civil-1034"]',
            "data_source.clauses: cn-pipl-24 is not about 'data_source'",
        ),
        (
            "zh/questions.toml",
            'clauses = ["cn-pipl-24", "us-12cfr1006-34"',
            'clauses = ["cn-pipl-66", "us-12cfr1006-34"',
            "cn-pipl-66 is a penalty: to a callee it would be a threat",
        ),
        (
            "rights/rights.toml",
            'clause = "cn-pipl-24"',
            'clause = "cn-pipl-13"',
            "person.clause: cn-pipl-13 is not about 'automated_decisions'",
        ),
    ],
)
def test_a_rule_that_is_broken_is_told(
    folder: Path, file: str, old: str, new: str, expected: str
) -> None:
    change(folder / file, old, new)
    assert any(expected in problem for problem in found(folder)), found(folder)


def test_a_file_without_its_twin(tmp_path: Path) -> None:
    twins = Path(shutil.copytree(TWINS, tmp_path / "twins"))
    (twins / "en" / "debt.toml").unlink()
    expected = "en/debt.toml: file: has no twin test file of its name"
    assert found(TEMPLATES, twins) == [expected]


def test_the_ends_a_script_may_name_are_dispositions() -> None:
    from_the_ledger = TEMPLATES.parent / "dialer" / "model.py"
    text = from_the_ledger.read_text("utf-8")
    assert [end for end in ENDS if f'= "{end}"' not in text] == []
