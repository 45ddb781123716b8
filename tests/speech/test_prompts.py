"""The cache of spoken texts, with a voice that hums: quick, and it counts its work."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import numpy as np
import pytest

from speech.audio import frames, telephone, to_pcm
from speech.port import FRAME_BYTES, ModelMissing, SpeechError
from speech.prompts import Prompts, Recall, open_prompts
from speech.voices import clips, pace
from speech.voices.clips import Clip
from speech.voices.finish import finished

LONG = "we can hold the account for thirty days while you look at it"  # 13 words
BAND = {"en": (120.0, 140.0), "zh": (192.0, 224.0)}
SLOW, QUICK = "kokoro:hum", "hibari:hum"


class Hum:
    """Hums for `seconds` a word, 40 % longer than the engine's habit would have it."""

    def __init__(self, spec: str, language: str, models: Path) -> None:
        self.name, self.language, self.realtime = spec, language, True
        self._log = models / "log"

    def render(self, text: str, speed: float = 1.0) -> bytes:
        with self._log.open("a") as log:
            log.write(f"{os.getpid()} {os.nice(0)} {speed:.3f} {text}\n")
        if "die once" in text and not self._log.with_name("died").exists():
            self._log.with_name("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if "die always" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "mute" in text:
            raise SpeechError("nothing to read aloud in this text")
        seconds = 0.5 * pace.units(self.language, text) / speed
        tone = 220 + sum(text.encode()) % 500
        at = np.arange(round(8000 * seconds)) / 8000
        hum = np.sin(2 * np.pi * tone * at) * (1 + 0.3 * np.sin(40 * at**2))
        return finished(hum.astype(np.float32), 8000)


def hum(spec: str, language: str, models: Path) -> Hum:
    if models.name == "empty":
        raise ModelMissing(spec, "is not there", "fetch it")
    return Hum(spec, language, models)


def opened(
    folder: Path, voice: str = QUICK, recall: Recall | None = None
) -> AbstractAsyncContextManager[Prompts]:
    voices = {"en": voice, "zh": SLOW}
    return open_prompts(
        folder / "prompts", folder, voices, BAND, recall=recall, opener=hum
    )


def renders(folder: Path) -> list[list[str]]:
    log = folder / "log"
    return [line.split(" ", 3) for line in log.read_text().splitlines()]


async def test_a_prepared_text_is_there_and_paced(tmp_path: Path) -> None:
    async with opened(tmp_path) as prompts:
        assert prompts.get("en", LONG) is None
        await prompts.prepare("en", [LONG])
        clip = prompts.get("en", LONG)
        assert clip is not None
        assert clip.units == 13
        assert 120 <= clip.units_per_minute <= 140
        assert clip.seconds == len(clip.pcm) / 16000
        assert len(clip.pcm) % FRAME_BYTES == 0
        assert prompts.rate("en") == pytest.approx(clip.units_per_minute)
        assert prompts.rate("zh") == 0.0


async def test_a_kept_text_is_not_rendered_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as prompts:
        await prompts.prepare("en", [LONG, "yes"])
        first = prompts.get("en", LONG)
    count = len(renders(tmp_path))
    async with opened(tmp_path) as prompts:
        assert prompts.get("en", LONG) == first  # from disk, at once
        await prompts.prepare("en", ["yes", LONG])
    assert len(renders(tmp_path)) == count


async def test_few_words_are_rendered_once_and_not_judged(tmp_path: Path) -> None:
    async with opened(tmp_path) as prompts:
        await prompts.prepare("en", ["thank you very much"])
        clip = prompts.get("en", "thank you very much")
        assert clip is not None
        assert not clip.judged
        assert prompts.rate("en") == 0.0
    assert len(renders(tmp_path)) == 1


async def test_the_rate_is_over_all_judged_clips(tmp_path: Path) -> None:
    texts = [LONG, f"{LONG} and then {LONG}"]
    async with opened(tmp_path) as prompts:
        await prompts.prepare("en", [*texts, "no"])
        kept = [c for t in texts if (c := prompts.get("en", t))]
        seconds = sum(c.speech_seconds for c in kept)
        assert prompts.rate("en") == pytest.approx(60 * (13 + 28) / seconds)


async def test_many_askers_render_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as prompts, asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(prompts.prepare("en", ["good morning"]))
    assert len(renders(tmp_path)) == 1


async def test_progress_counts_texts(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    async with opened(tmp_path) as prompts:
        await prompts.prepare("en", ["a", "b", "b", "c"], lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("harm", ["flip", "cut", "empty"])
async def test_a_damaged_file_is_rendered_again(tmp_path: Path, harm: str) -> None:
    async with opened(tmp_path) as prompts:
        await prompts.prepare("en", ["hello there"])
        first = prompts.get("en", "hello there")
    (file,) = (tmp_path / "prompts").rglob("*.wav")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    harmed = {"flip": bytes(data), "cut": bytes(data[:-9]), "empty": b""}
    file.write_bytes(harmed[harm])
    async with opened(tmp_path) as prompts:
        assert prompts.get("en", "hello there") is None
        await prompts.prepare("en", ["hello there"])
        assert prompts.get("en", "hello there") == first
    assert len(renders(tmp_path)) == 2


def test_every_byte_of_a_file_is_sealed() -> None:
    file = clips.sealed(Clip(to_pcm(np.full(160, 0.1, np.float32)), 3, 0.02))
    assert clips.unsealed(file, 3) is not None
    for at in range(len(file)):
        hurt = bytearray(file)
        hurt[at] ^= 0x10
        assert clips.unsealed(bytes(hurt), 3) is None, at


async def test_another_voice_has_its_own_clip_and_pace(tmp_path: Path) -> None:
    async with opened(tmp_path) as prompts:
        await prompts.prepare("en", [LONG], voice="hibari:other")
        assert prompts.get("en", LONG) is None
        clip = prompts.get("en", LONG, voice="hibari:other")
        assert clip is not None
        assert prompts.rate("en") == 0.0  # we did not say it
    assert renders(tmp_path)[0][2] == "1.000"


async def test_what_cannot_be_said_is_told_after_the_rest(tmp_path: Path) -> None:
    async with opened(tmp_path) as prompts:
        with pytest.raises(SpeechError, match="nothing to read aloud"):
            await prompts.prepare("en", ["mute", "fine"])
        assert prompts.get("en", "fine") is not None


async def test_a_language_without_a_voice(tmp_path: Path) -> None:
    async with opened(tmp_path) as prompts:
        with pytest.raises(SpeechError, match=r"'fr'; there are: en, zh"):
            await prompts.prepare("fr", ["bonjour"])


async def test_a_voice_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match=r"'robot': expected hibari:NAME or kokoro"):
        async with opened(tmp_path, "robot"):
            pass


async def test_a_full_disk_is_one_message_without_the_text(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("a file where the folder should be")
    async with opened(tmp_path) as prompts:
        with pytest.raises(SpeechError, match="cannot be kept") as told:
            await prompts.prepare("en", ["private words"])
    assert "private" not in str(told.value)


@pytest.mark.slow
async def test_a_missing_model_crosses_from_its_process(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    async with opened(tmp_path / "empty", SLOW) as prompts:
        with pytest.raises(ModelMissing, match="is not there; fetch it"):
            await prompts.prepare("zh", ["你好"])


@pytest.mark.slow
async def test_slow_voices_render_in_polite_processes(tmp_path: Path) -> None:
    async with opened(tmp_path, SLOW) as prompts:
        await prompts.prepare("en", [f"text number {n}" for n in range(8)])
    pids = {line[0] for line in renders(tmp_path)}
    assert str(os.getpid()) not in pids
    assert 1 <= len(pids) <= 2
    assert {int(line[1]) for line in renders(tmp_path)} == {os.nice(0) + 10}


@pytest.mark.slow
async def test_a_killed_process_is_survived(tmp_path: Path) -> None:
    async with opened(tmp_path, SLOW) as prompts:
        await prompts.prepare("en", ["die once", "one", "two"])
        assert all(prompts.get("en", t) for t in ("die once", "one", "two"))
        with pytest.raises(SpeechError, match="rendering process died twice"):
            await prompts.prepare("en", ["die always"])
        await prompts.prepare("en", ["three"])
        assert prompts.get("en", "three") is not None


PARENT = """
import asyncio, pathlib, sys
from tests.speech.test_prompts import SLOW, opened
async def main():
    folder = pathlib.Path(sys.argv[1])
    async with opened(folder, SLOW) as prompts:
        await prompts.prepare("en", ["one"])
        print((folder / "log").read_text().split()[0], flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_processes_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        gone, _, _ = select.select([worker], [], [], 10)
        os.close(worker)
    assert gone


@pytest.mark.slow
async def test_an_asker_who_leaves_does_not_take_the_text_along(tmp_path: Path) -> None:
    async with opened(tmp_path, SLOW) as prompts:
        async with asyncio.TaskGroup() as group:
            leaver = group.create_task(prompts.prepare("zh", ["请稍等"]))
            stayer = group.create_task(prompts.prepare("zh", ["请稍等"]))
            group.create_task(prompts.prepare("en", ["warm up"]))
            leaver.cancel()
            await stayer
        assert prompts.get("zh", "请稍等") is not None


async def test_recall_knows_our_clips_over_a_line(tmp_path: Path) -> None:
    recall = Recall()
    async with opened(tmp_path, recall=recall) as prompts:
        await prompts.prepare("en", ["good morning", "who is there"])
        await prompts.prepare("en", ["a stranger"], voice="hibari:other")
        first = prompts.get("en", "good morning")
        second = prompts.get("en", "who is there")
        other = prompts.get("en", "a stranger", voice="hibari:other")
    assert first is not None
    assert second is not None
    assert other is not None
    heard = telephone(first.pcm + bytes(FRAME_BYTES) * 7 + second.pcm)
    assert recall.text(heard) == "good morning who is there"
    assert recall.text(telephone(first.pcm)[: FRAME_BYTES * 20]) == "good morning"
    assert recall.text(telephone(other.pcm)) == ""
    assert recall.text(b"") == ""


async def test_recall_bears_lost_frames(tmp_path: Path) -> None:
    recall = Recall()
    async with opened(tmp_path, recall=recall) as prompts:
        await prompts.prepare("en", [LONG])
        clip = prompts.get("en", LONG)
    assert clip is not None
    seed = 20261124
    rng = np.random.default_rng(seed)
    kept = (f if rng.random() > 0.3 else bytes(320) for f in frames(clip.pcm))
    assert recall.text(telephone(b"".join(kept))) == LONG, f"seed {seed}"
