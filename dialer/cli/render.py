"""`dialer templates render`: have what all calls share spoken ahead of any campaign."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from dialer import app
from dialer.cli.frame import emit, err, json_option, out, run, with_settings
from dialer.cli.progress import bar
from dialer.settings import Settings
from ivr.shared import shared_clips
from speech.prompts import open_prompts
from speech.voices.pack import write_pack

EVERY = 20  # prompts between two plain lines of progress


@click.command()
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--agency", required=True, help="Who calls, as the campaign says it.")
@click.option(
    "--pack",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write one file of Opus recordings, to be shipped.",
)
@json_option
@with_settings
def render(
    settings: Settings, lang: str, agency: str, pack: Path | None, as_json: bool
) -> None:
    """Render every prompt without personal words, so that a campaign starts at once.

    Example: dialer templates render --lang zh --agency 和信调解服务中心
    """
    texts = shared_clips(app.library(), lang, agency)
    rate = run(_render(settings, lang, texts, pack, quiet=as_json))
    data = {"language": lang, "prompts": len(texts), "units_per_minute": round(rate, 1)}
    emit(data, as_json, lambda: out.print(f"{len(texts)} prompts, {rate:.0f} a minute"))


async def _render(
    settings: Settings, lang: str, texts: list[str], pack: Path | None, *, quiet: bool
) -> float:
    speech = settings.speech
    folders = settings.prompts_folder, settings.models_folder
    with bar() as progress:
        task = progress.add_task(
            "prompts", total=len(texts), note="", visible=not quiet
        )

        def count(done: int, total: int) -> None:
            progress.update(task, completed=done)
            if not quiet and not err.is_terminal and done % EVERY == 0:
                err.print(f"{done} of {total} prompts")

        async with open_prompts(*folders, speech.voices, speech.pace) as prompts:
            await prompts.prepare(lang, texts, count)
            if pack:
                made = ((prompts.key(lang, t), prompts.get(lang, t)) for t in texts)
                clips = [(key, clip) for key, clip in made if clip]
                await asyncio.to_thread(write_pack, pack, clips)
            return prompts.rate(lang)
