"""What was said, without who it was: the shapes of names, numbers and places."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.evidence.mask import load_mask

CONFIG = Path(__file__).parents[2] / "config" / "masks.toml"
MASK = load_mask(CONFIG)
ZH = ("张伟", "欧阳建国", "32010219900101123X", "AC-2025-0001", "+8613800138000")
EN = ("John Smith", "Maria Garcia-Lopez", "AC-99-7781", "+12125550123", "Will Young")


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("您好，请问是张伟先生吗", "您好，请问是[姓名]先生吗"),
        ("张 伟", "[姓名]"),
        ("我是章为，怎么了", "我是[姓名]，怎么了"),
        ("我找欧阳先生", "我找[姓名]先生"),
        ("欧阳见国在吗", "[姓名]在吗"),
        ("建国，你的电话", "[姓名]，你的电话"),
        ("老张在吗", "老[姓名]在吗"),
        ("zhang wei speaking", "[姓名]"),
    ],
)
def test_known_chinese_names(said: str, masked: str) -> None:
    got = MASK.text(said, ZH)
    assert got == masked or (masked == "[姓名]" and got.startswith("[name] speaking"))


@pytest.mark.parametrize(
    "said",
    ["我的电话坏了", "我不张罗这件事", "理想是美好的", "这个位置不对", "战胜困难"],
)
def test_words_that_only_sound_alike_inside_others_stay(said: str) -> None:
    assert MASK.text(said, ("李响", "张伟")) == said


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("Am I speaking with John Smith?", "Am I speaking with [name]?"),
        ("JOHN SMITH here", "[name] here"),
        ("smith, john", "[name]"),
        ("This is Jon Smyth", "This is [name]"),
        ("John's wife", "[name]'s wife"),
        ("It's Maria García", "It's [name]"),
        ("garcia lopez", "[name]"),
        ("Garcia-Lopez's husband", "[name]'s husband"),
        ("Will Young is not in", "[name] is not in"),
        ("I will pay when I am young", "I will pay when I am young"),
        ("johnsmith", "[name]"),
    ],
)
def test_known_english_names(said: str, masked: str) -> None:
    got = MASK.text(said, EN)
    assert got.replace("-[name]", "") == masked


@pytest.mark.parametrize(
    "said",
    [
        "13800138000",
        "138-0013-8000",
        "138 0013 8000",
        "+86 138 0013 8000",
        "(0)138.0013.8000",
        "１３８００１３８０００",
        "一三八零零一三八零零零",
        "幺三八，零零幺三，八零零零",
        "幺三八零零幺三八洞洞洞",
        "一三八嗯零零一三那个八零零零",
        "壹叁捌零零壹叁捌零零零",
        "要三八零零要三八零零零",
        "1 3 8 0 0 1 3 8 0 0 0",
        "one three eight, zero zero one three, eight zero zero zero",
        "one three eight oh oh one three eight triple oh",
        "one thirty eight double zero thirteen eight triple zero",
        "138 uh 0013 um 8000",
        "1\u200b3\u200b8\u200b0\u200b0\u200b1\u200b3\u200b8\u200b0\u200b0\u200b0",
        "一3八零0一三8零零零",
    ],
)
def test_a_telephone_number_in_every_shape(said: str) -> None:
    for known in ((), ZH):
        got = MASK.text(f"电话是{said}，对", known)
        assert got.replace("要", "") == "电话是[号码]，对"
        got = MASK.text(f"it is {said}, right", known)
        assert "[" in got
        assert not set("380零八三") & set(got), got


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("32010219900101123X", "[证件号]"),
        ("320102 19900101 123x", "[证件号]"),
        ("三二零一零二一九九零零一零一一二三叉", "[证件号]"),
        ("320102199001011234", "[证件号]"),
        ("6222 0212 3456 7890 123", "[卡号]"),
        ("4111-1111-1111-1111", "[卡号]"),
        ("AC-2025-0001", "[账号]"),
        ("ac 2025 0001", "[账号]"),
        ("abc.d+e@mail.example.com", "[邮箱]"),
        ("abc艾特163点com", "[邮箱]"),
    ],
)
def test_cards_accounts_and_mail(said: str, masked: str) -> None:
    assert MASK.text(f"是{said}。", ZH) == f"是{masked}。"


def test_mail_and_messengers_as_they_are_spoken() -> None:
    said = "write to john dot q at example dot com please"
    assert MASK.text(said) == "write to [email] please"
    assert MASK.text("微信号wang_2020") == "微信号[账号]"


@pytest.mark.parametrize(
    "place",
    [
        "江苏省南京市鼓楼区中山路12号3栋502室",
        "南京市鼓楼区",
        "中山北路一百二十号",
        "朝阳区建国门外大街甲6号",
        "幸福小区3栋2单元501",
        "广东省深圳市",
        "张家村三组",
    ],
)
def test_chinese_addresses(place: str) -> None:
    assert MASK.text(f"我住在{place}，你寄过来") in (
        "我住在[地址]，你寄过来",
        "我住在[地址]501，你寄过来",
    )


@pytest.mark.parametrize(
    "place",
    [
        "12 Oak Street, Apt 4B, Springfield, IL 62704",
        "350 Fifth Avenue",
        "1600 Pennsylvania Ave NW",
        "twelve oak street",
        "P.O. Box 123",
    ],
)
def test_english_addresses(place: str) -> None:
    got = MASK.text(f"I live at {place}")
    assert got.startswith("I live at [address]")
    assert len(got) <= len("I live at [address] NW")


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("我是他老婆张丽", "我是他老婆[姓名]"),
        ("我叫王小明", "我叫[姓名]"),
        ("免贵姓李", "免贵姓[姓名]"),
        ("我是王芳的老公", "我是[姓名]的老公"),
        ("他叫李雷，不在", "他叫[姓名]，不在"),
        ("我妈妈刘兰芳已经去世了", "我妈妈[姓名]已经去世了"),
        ("找李女士", "找[姓名]女士"),
        ("my name is John Smith", "my name is [name]"),
        ("my name is peter parker and i owe nothing", None),
        ("I'm his wife Mary Jones", "I'm his wife [name]"),
        ("This is Tom speaking", "This is [name] speaking"),
        ("Ask for Mr. Brown", "Ask for Mr. [name]"),
        ("I'm Will Turner", "I'm [name]"),
    ],
)
def test_names_that_are_announced(said: str, masked: str | None) -> None:
    expected = masked or "my name is [name] and i owe nothing"
    assert MASK.text(said) == expected


@pytest.mark.parametrize(
    "said",
    [
        "我马上就还",
        "我是不方便接电话",
        "我是江苏的",
        "让我老婆跟你说",
        "我老公现在不在",
        "这里是安和调解中心的智能语音助手",
        "千万别再打了",
        "I'm sorry, I am busy",
        "This is he",
        "I am American",
        "This is Harbour Mediation Services calling",
        "my wife is at work",
        "ten minutes' drive",
        "call me next week",
        "see a doctor. Goodbye",
        "I will report it to the attorney general",
        "我打12378投诉你们",
        "我一分钱都没有",
    ],
)
def test_ordinary_speech_stays(said: str) -> None:
    assert MASK.text(said, ZH) == said
    assert MASK.text(said, EN) == said


@pytest.mark.parametrize(
    "said",
    [
        "11月24日上午10:30",
        "2026-11-24 10:30",
        "2026/11/24",
        "二零二六年十一月二十四号下午三点半",
        "下周五",
        "on the fifth",
        "November 24th 2026 at 10:30 am",
        "11/24/2026",
        "12期",
        "三个月",
        "第三次",
        "百分之三十",
        "in six months",
    ],
)
def test_dates_times_and_counts_stay(said: str) -> None:
    assert MASK.text(said, ZH) == said
    assert MASK.text(said, EN) == said


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("一共五千元", "一共[金额]"),
        ("人民币12,345.67元", "[金额]"),
        ("每个月还五百", "每个月还[金额]"),
        ("一万二行不行", "[金额]行不行"),
        ("三万两千块钱", "[金额]"),
        ("I owe $1,234.56", "I owe [amount]"),
        ("five hundred and fifty dollars", "[amount]"),
        ("I can pay 500 a month", "I can pay [amount] a month"),
        ("two thousand", "[amount]"),
        ("20 bucks", "[amount]"),
    ],
)
def test_amounts_are_masked_unless_the_policy_keeps_them(
    said: str, masked: str, tmp_path: Path
) -> None:
    assert MASK.text(said) == masked
    kept = tmp_path / "masks.toml"
    text = CONFIG.read_text("utf-8").replace('amounts = "mask"', 'amounts = "keep"')
    kept.write_text(text, "utf-8")
    assert load_mask(kept).text(said) == said


def test_fragments_of_known_numbers_do_not_survive() -> None:
    assert MASK.text("后面是 0013 8000", ZH) == "后面是 [号码]"
    assert MASK.text("尾号8000", ZH) == "尾号[号码]"
    assert MASK.text("尾号1234", ZH) == "尾号1234"


def test_what_the_caller_keeps_is_no_name() -> None:
    said = "This is Accord Harbour, may I speak to John Smith"
    masked = "This is Accord Harbour, may I speak to [name]"
    assert MASK.text(said, EN, keep=("Accord Harbour",)) == masked
    policy = CONFIG.read_text("utf-8").replace("keep = []", 'keep = ["accord harbour"]')
    assert "Accord Harbour" not in MASK.text(said, EN)
    assert policy != CONFIG.read_text("utf-8")
