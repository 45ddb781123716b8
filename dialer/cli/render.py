"""`dialer templates render`: have what all calls share spoken ahead of any campaign."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from dialer import planning
from dialer.channels.loopback.callee import Callee
from dialer.channels.loopback.callees import load_callees
from dialer.cli.frame import emit, err, json_option, out, run, with_settings
from dialer.cli.progress import bar
from dialer.settings import Settings
from ivr.shared import shared_clips
from speech.prompts import open_prompts
from speech.voices.clips import Clip
from speech.voices.pack import write_pack

EVERY = 20  # prompts between two plain lines of progress


@dataclass(frozen=True, slots=True)
class Wish:
    """Texts of one voice; "" is the language's own."""

    language: str
    texts: list[str]
    voice: str = ""


@click.command()
@click.option(
    "--lang", type=click.Choice(["zh", "en"]), help="zh unless told; with --agency."
)
@click.option("--agency", help="Who calls, as the campaign says it.")
@click.option(
    "--callees",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Instead: what the callees of this folder say.",
)
@click.option(
    "--pack",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write one file of Opus recordings, to be shipped.",
)
@json_option
@with_settings
def render(
    settings: Settings,
    lang: str | None,
    agency: str | None,
    callees: Path | None,
    pack: Path | None,
    as_json: bool,
) -> None:
    """Render every prompt without personal words, so that a campaign starts at once.

    Example: dialer templates render --lang zh --agency 和信调解服务中心
    """
    if (agency is None) == (callees is None):
        raise click.UsageError("give --agency or --callees")
    if callees is not None and lang is not None:
        raise click.UsageError("--lang: callees say themselves what they speak")
    lang = lang or "zh"
    if callees is not None:
        wishes = _said(load_callees(callees).values())
    else:
        wishes = [Wish(lang, shared_clips(planning.library(), lang, agency or ""))]
    count = sum(len(wish.texts) for wish in wishes)
    rate = run(_render(settings, wishes, pack, quiet=as_json))
    data: dict[str, object] = {"prompts": count}
    if rate:
        data |= {"language": lang, "units_per_minute": round(rate, 1)}
    told = f"{count} prompts" + (f", {rate:.0f} a minute" if rate else "")
    emit(data, as_json, lambda: out.print(told))


def _said(callees: Iterable[Callee]) -> list[Wish]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for callee in callees:
        said = dict.fromkeys(callee.texts())
        found.setdefault((callee.language, callee.voice), {}).update(said)
    return [Wish(lang, list(texts), voice) for (lang, voice), texts in found.items()]


async def _render(
    settings: Settings, wishes: list[Wish], pack: Path | None, *, quiet: bool
) -> float:
    """-> the measured speaking rate of the engine's own voice; 0.0 without it."""
    speech = settings.speech
    folders = settings.prompts_folder, settings.models_folder
    total = sum(len(wish.texts) for wish in wishes)
    made: list[tuple[str, Clip]] = []
    with bar() as progress:
        task = progress.add_task("prompts", total=total, note="", visible=not quiet)

        def count(done: int, _: int) -> None:
            ready = len(made) + done
            progress.update(task, completed=ready)
            if not quiet and not err.is_terminal and ready % EVERY == 0:
                err.print(f"{ready} of {total} prompts")

        async with open_prompts(
            *folders, speech.voices, speech.pace, packs=(pack,) if pack else ()
        ) as prompts:
            for wish in wishes:
                said = {"language": wish.language, "voice": wish.voice}
                await prompts.prepare(texts=wish.texts, progress=count, **said)
                made += (
                    (prompts.key(text=text, **said), clip)
                    for text in wish.texts
                    if (clip := prompts.get(text=text, **said))
                )
            if pack:
                await asyncio.to_thread(write_pack, pack, made)
            return prompts.rate(wishes[0].language)
