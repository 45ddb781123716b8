"""Clips that come in one file: found by content, never rendered again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dialer.channels.loopback.callees import load_callees
from dialer.settings import Settings, shipped
from ivr.shared import shared_clips
from speech.audio import to_float
from speech.port import SpeechError, Voice
from speech.prompts import open_prompts
from speech.voices.clips import Clip
from speech.voices.pack import Pack, write_pack
from tests.speech.test_prompts import BAND, LONG, QUICK, hum, opened, renders
from tests.templates.cases import library

AGENCY = "和信调解服务中心"  # of config/demo/campaign.toml
VOICES = {"en": QUICK}


async def packed(folder: Path) -> tuple[Path, Clip]:
    """A pack that holds LONG."""
    async with opened(folder) as prompts:
        await prompts.prepare("en", [LONG])
        clip = prompts.get("en", LONG)
        assert clip is not None
        write_pack(folder / "a.pack", [(prompts.key("en", LONG), clip)])
    return folder / "a.pack", clip


async def test_what_a_pack_holds_is_not_rendered(tmp_path: Path) -> None:
    pack, clip = await packed(tmp_path)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    packs = (tmp_path / "absent.pack", pack)
    async with open_prompts(
        fresh / "prompts", fresh, VOICES, BAND, packs=packs, opener=hum
    ) as prompts:
        await prompts.prepare("en", [LONG, "yes"])
        found = prompts.get("en", LONG)
        assert prompts.rate("en") == pytest.approx(clip.units_per_minute, rel=0.02)
    assert [text for *_, text in renders(fresh)] == ["yes"]
    assert found is not None
    assert found.units == clip.units
    before, after = to_float(clip.pcm), to_float(found.pcm)
    assert len(after) == pytest.approx(len(before), abs=320)
    loud = [float(np.sqrt(np.mean(x**2))) for x in (before, after)]
    assert loud[1] == pytest.approx(loud[0], rel=0.1)  # Opus, not silence


async def test_a_damaged_recording_is_as_one_that_is_absent(tmp_path: Path) -> None:
    pack, _ = await packed(tmp_path)
    data = bytearray(pack.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20] = bytes(20)
    pack.write_bytes(data)
    read = Pack(pack)
    assert [read.load(key, 13) for key in read.keys] == [None]


def test_a_file_that_is_no_pack_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.pack").write_bytes(b"not a zip")
    with pytest.raises(SpeechError, match=r"bad\.pack"):
        Pack(tmp_path / "bad.pack")


async def test_the_shipped_packs_are_what_the_words_are_now(tmp_path: Path) -> None:
    """Else a first demo renders for minutes: `make prompts` makes them anew."""

    def none(spec: str, language: str, models: Path) -> Voice:
        raise AssertionError("nothing is rendered here")

    speech = Settings(home=tmp_path).speech
    prompts_pack = Pack(shipped("templates") / "prompts.pack")
    callees_pack = Pack(shipped("config") / "demo" / "callees.pack")
    async with open_prompts(
        tmp_path, tmp_path, speech.voices, speech.pace, opener=none
    ) as prompts:
        ours = {prompts.key("zh", t): t for t in shared_clips(library(), "zh", AGENCY)}
        theirs = {
            prompts.key(callee.language, text, voice=callee.voice): text
            for callee in load_callees(shipped("config") / "demo" / "callees").values()
            for text in callee.texts()
        }
    assert [t for key, t in ours.items() if key not in prompts_pack.keys] == []
    assert [t for key, t in theirs.items() if key not in callees_pack.keys] == []


async def test_a_pack_made_again_keeps_its_recordings(tmp_path: Path) -> None:
    pack, clip = await packed(tmp_path)
    before, (key,) = pack.read_bytes(), Pack(pack).keys
    assert write_pack(pack, [(key, clip)]) == 1
    assert pack.read_bytes() == before
    assert write_pack(pack, [(key, clip), ("other", clip)]) == 2
    assert Pack(pack).raw(key) in before
