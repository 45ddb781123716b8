"""The policy file, strange input, and masks shared by many calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.evidence.mask import Mask, load_mask
from dialer.evidence.policy import MaskError
from tests.dialer.test_mask import MASK, ZH


def test_labels_and_strange_input_pass_unharmed() -> None:
    for text in ("", " ", "[姓名]", "[name]", "[金额]，好", "[[[", "\ue000", "。"):
        once = MASK.text(text, ZH)
        assert MASK.text(once, ZH) == once
    assert MASK.text("[姓名]先生，[金额]", ZH) == "[姓名]先生，[金额]"
    assert MASK.text("\ue001 is private") == "  is private"


def test_a_value_of_odd_shape_is_no_trouble() -> None:
    assert MASK.text("好的", ("", " ", "张", "x", "*+(", "12")) == "好的"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("amounts = 1", "amounts"),
        ("colour = 1", "colour"),
        ('keep = "x"', "keep"),
        ("min_digits = 2", "min_digits"),
        ("[labels.zh]\nname = 'a1'", "labels.zh.name"),
        ("x = ", "Invalid value"),
    ],
)
def test_a_wrong_policy_says_where(text: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / "masks.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(MaskError) as error:
        load_mask(path)
    assert str(path) in str(error.value)
    assert place in str(error.value)


def test_a_missing_policy_is_said() -> None:
    with pytest.raises(MaskError, match=r"none\.toml"):
        load_mask(Path("none.toml"))


def test_a_mask_can_be_used_by_many_lines() -> None:
    assert isinstance(MASK, Mask)
    assert MASK.text("张伟", ("张伟",)) == "[姓名]"
    assert MASK.text("张伟", ("李娜",)) == "张伟", "what one case knows, no other does"
