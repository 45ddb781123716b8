"""Callee files: read whole, refused whole, each problem with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dialer.channels.loopback.callee import Expect, Speech, Turn
from dialer.channels.loopback.callees import (
    CalleeFile,
    CalleesError,
    EarlyFile,
    ExpectFile,
    TurnFile,
    VoicemailFile,
    load_callees,
    read_callee,
)
from speech.audio import write_wav
from tests.contract.rig import tone

DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "write-callees.md"
HEAD = 'number = "+8617000000001"\nlanguage = "zh"\nvoice = "kokoro:jm_kumo"\n'


def problems(folder: Path, text: str, **more: list[str]) -> tuple[str, ...]:
    path = folder / "c.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(CalleesError) as told:
        read_callee(path, **more)
    assert all(line.startswith(f"{path}: ") for line in told.value.problems)
    return tuple(line.removeprefix(f"{path}: ") for line in told.value.problems)


def test_a_whole_file(tmp_path: Path) -> None:
    write_wav(tmp_path / "well.wav", tone(0.5))
    path = tmp_path / "c.toml"
    path.write_text(
        HEAD
        + """
greeting = "喂？"
noise_snr_db = 20
then = "hang_up"
[expect]
disposition = "promised"
flags = ["dispute"]
stage = 5
[[turns]]
hears = ["本人"]
say = "我是。"
[[turns]]
say_file = "well.wav"
press = "9"
wait = 1
interrupt_after = 0.5
hang_up = true
[[turns]]
silent = true
[[turns]]
silent = 4
""",
        "utf-8",
    )
    callee = read_callee(path)
    assert callee.turns == (
        Turn(hears=("本人",), times=3, speech=Speech("我是。")),
        Turn(
            wait=1.0,
            interrupt_after=0.5,
            speech=Speech(pcm=tone(0.5)),
            press="9",
            hang_up=True,
        ),
        Turn(silent=0.0),
        Turn(silent=4.0),
    )
    assert callee.expect == Expect("promised", ("dispute",), 5)
    assert list(callee.texts()) == ["喂？", "我是。"]
    assert (callee.noise_snr_db, callee.packet_loss, callee.then) == (20, 0, "hang_up")


TURN = HEAD + "[[turns]]\nsay = '好'\n[[turns]]\n"
BAD = [
    ("", "number: Field required"),
    (HEAD.replace("+86", "0"), "number: String should match"),
    (HEAD.replace('"zh"', '"fr"'), "language: Input should be 'zh' or 'en'"),
    (HEAD + "colour = 1", "colour: Extra inputs are not permitted"),
    (HEAD + "answer = 'maybe'", "answer: Input should be 'answers', 'busy'"),
    (HEAD + "ring_seconds = '3'", "ring_seconds: Input should be a valid number"),
    (HEAD + "packet_loss = 0.5", "packet_loss: Input should be less than or equal"),
    (HEAD + "then = 'maybe'", "then: Input should be 'silent', 'hang_up' or 'repeat'"),
    (HEAD + "[early_media]\nsay = '您拨的'", "file: early_media is heard before"),
    (HEAD + "answer='busy'\n[early_media]\n", "early_media: expected say or say_file"),
    (HEAD + "answer='busy'\n[[turns]]\nsay='x'", "file: answer is busy: nobody can"),
    (HEAD + "greeting='喂'\n[voicemail]\nsay='x'", "file: a voicemail has neither"),
    (HEAD + "[voicemail]\nsay='x'\nbeep_hz=9", "voicemail.beep_hz: Input should be"),
    (TURN, r"turns\[2\]: expected say, say_file, press, silent or hang_up"),
    (TURN + "press = 'A'", r"turns\[2\].press: String should match"),
    (TURN + "say='a'\nsay_file='b'", r"turns\[2\]: give say or say_file, not both"),
    (TURN + "say='a'\nsilent=true", r"turns\[2\]: silent stands alone"),
    (TURN + "silent=true\ninterrupt_after=1", r"turns\[2\]: nobody interrupts"),
    (TURN + "silent='yes'", r"turns\[2\].silent: "),
    (TURN + "say='a'\ntimes=2", r"turns\[2\]: times belongs to a turn with hears"),
    (TURN + "press='1'\ncut_after=2", r"turns\[2\]: cut_after needs say or say_file"),
    (TURN + "say='a'\nhears=[]", r"turns\[2\].hears: List should have at least 1"),
    (TURN + "say_file='no.wav'", r"turns\[2\].say_file: .*no\.wav: no such sound file"),
    (HEAD.replace("voice", "#") + "greeting='喂'", "voice: expected one, as there is"),
    (HEAD + "[expect]\ndisposition = 'A b'", "expect.disposition: String should"),
    ("number = \n", "Invalid value.*line 1"),
]


@pytest.mark.parametrize(("text", "told"), BAD, ids=[told for _, told in BAD])
def test_a_problem_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    assert any(re.match(told, line) for line in problems(tmp_path, text)), problems(
        tmp_path, text
    )


def test_all_problems_of_a_file_at_once(tmp_path: Path) -> None:
    text = HEAD.replace('"zh"', '"fr"') + "x = 1\n[[turns]]\npress = 'A'\nwait = -1\n"
    places = [line.split(":")[0] for line in problems(tmp_path, text)]
    assert places == ["language", "turns[1].wait", "turns[1].press", "x"]


def test_a_wrong_silent_is_one_problem(tmp_path: Path) -> None:
    assert len(problems(tmp_path, TURN + "silent='yes'")) == 1


def test_a_callee_may_not_speak_with_our_voice(tmp_path: Path) -> None:
    told = problems(tmp_path, HEAD, engine_voices=["kokoro:jm_kumo"])
    assert told == ("voice: kokoro:jm_kumo is the engine's own; choose another",)


def test_a_folder_tells_everything(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HEAD)
    (tmp_path / "b.toml").write_text(HEAD)
    (tmp_path / "c.toml").write_text("x = 1")
    (tmp_path / "d.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CalleesError) as told:
        load_callees(tmp_path)
    files = [Path(line.split(": ")[0]).name for line in told.value.problems]
    assert files == ["b.toml", "c.toml", "c.toml", "c.toml", "d.toml"]
    assert "number: a.toml has the same number" in told.value.problems[0]
    assert str(told.value).count("\n") == 4


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_callees(tmp_path: Path, there: bool) -> None:
    folder = tmp_path if there else tmp_path / "none"
    with pytest.raises(CalleesError, match=r"no callee file|no such folder"):
        load_callees(folder)


def test_the_guide_shows_files_that_load(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    whole = [block for block in blocks if block.lstrip().startswith(("#", "number"))]
    assert len(whole) >= 3
    for n, block in enumerate(whole):
        (tmp_path / f"{n}.toml").write_text(block, "utf-8")
    own = ["kokoro:jf_nezumi", "hibari:default"]
    callees = load_callees(tmp_path, engine_voices=own)
    assert len(callees) == len(whole)


def test_the_guide_names_every_key() -> None:
    text = DOCS.read_text("utf-8")
    tables = (CalleeFile, EarlyFile, ExpectFile, TurnFile, VoicemailFile)
    keys = {key for table in tables for key in table.model_fields}
    assert len(keys) > 25
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []
