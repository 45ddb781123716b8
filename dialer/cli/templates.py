"""`dialer templates`: lint, list, show, try."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from dialer.cli.frame import Fail, Usage, emit, json_option, out
from dialer.cli.lazy import LazyGroup
from dialer.cli.turns import tried
from dialer.clock import SystemClock
from dialer.settings import shipped
from ivr.doubt import worth_asking
from ivr.intent import understand
from ivr.library import Library, load_library
from ivr.lint import lint as find_problems
from ivr.script import admissible
from ivr.select import at_stage, choose
from ivr.template import LANGUAGES, PRODUCTS, ROLES, Template
from ivr.variants import Context, pick, why

LANGUAGE = click.option("--lang", type=click.Choice(LANGUAGES), help="One language.")
SCRIPT = click.option("--script", default="mediation", show_default=True)


#: Of another file, by `LazyGroup`.
BESIDE = {
    "render": (
        "render:render",
        "Render every prompt without personal words, so that a campaign starts at"
        " once.",
    )
}


@click.group(cls=LazyGroup, where=BESIDE)
def templates() -> None:
    """What we say: check it, read it, try it."""


@templates.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Another template folder than the one shipped.",
)
@json_option
def lint(folder: Path | None, as_json: bool) -> int:
    """Check every template and script; exit code 1 if anything is wrong.

    Example: dialer templates lint
    """
    library = load_library(folder or shipped("templates"))
    tests = library.folder.parent / "tests" / "templates"
    twins = tests if tests.is_dir() else None
    found = find_problems(library, SystemClock().now().date(), twins)
    count = {name: len(library.templates[name]) for name in LANGUAGES}
    data = {
        "version": library.version,
        "templates": count,
        "problems": [{"file": p.file, "place": p.place, "what": p.what} for p in found],
    }

    def show() -> None:
        for problem in found:
            click.echo(str(problem))
        sizes = ", ".join(f"{n} {name}" for name, n in count.items())
        click.echo(f"{sizes} templates, {len(found)} problems")

    emit(data, as_json, show)
    return 1 if found else 0


@templates.command("list")
@LANGUAGE
@click.option("--stage", type=click.IntRange(0, 5), help="One stage; 0: any stage.")
@click.option("--intent", help="Those that answer this intent.")
@click.option("--product", type=click.Choice(PRODUCTS), help="Those said of this.")
@click.option("--role", type=click.Choice(ROLES), help="Those said to such a person.")
@json_option
def list_(
    lang: str | None,
    stage: int | None,
    intent: str | None,
    product: str | None,
    role: str | None,
    as_json: bool,
) -> None:
    """All templates with their stage, the intents they answer, and their words.

    Example: dialer templates list --lang zh --stage 1
    """
    library = load_library(shipped("templates"))
    found = [
        (name, template)
        for name in ([lang] if lang else LANGUAGES)
        for template in library.templates[name].values()
        if stage is None or stage in {template.stage, *template.at}
        if intent is None or intent in template.answers
        if product is None or product in (template.products or PRODUCTS)
        if role is None or role in (template.roles or ROLES)
    ]
    rows = [
        {
            "lang": name,
            "id": t.id,
            "stage": t.stage,
            "answers": list(t.answers),
            "variant_of": t.variant_of,
            "conditions": why(t),
            "products": list(t.products or PRODUCTS),
            "roles": list(t.roles or ROLES),
            "confirmation": t.confirmation,
            "version": t.version,
            "text": " ".join(t.text),
        }
        for name, t in found
    ]

    def show() -> None:
        table = Table("lang", "id", "stage", "answers", "only for", "text")
        for name, t in found:
            answers, words = ", ".join(t.answers), " ".join(t.text)
            table.add_row(name, t.id, str(t.stage or "any"), answers, why(t), words)
        out.print(table)

    emit({"version": library.version, "templates": rows}, as_json, show)


@templates.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """One template in every language: its words, for whom they are (product, role,
    stage), the variants said in its place, its rights and clauses.

    Example: dialer templates show rights_explained
    """
    library = load_library(shipped("templates"))
    found = {
        language: library.templates[language][name]
        for language in LANGUAGES
        if name in library.templates[language]
    }
    if not found:
        raise Fail(f"no template {name!r}; see: dialer templates list")
    data = {
        language: t.model_dump(mode="json")
        | {"conditions": why(t), "variants": variants(library, language, t)}
        for language, t in found.items()
    }

    def tell() -> None:
        for language, template in found.items():
            _show(library, language, template)

    emit(data, as_json, tell)


def _show(library: Library, language: str, template: Template) -> None:
    click.echo(f"{language}  {template.id}  stage {template.stage or 'any'}")
    click.echo(f"    for      {template.purpose} ({template.tone})")
    for key in ("text", "again"):
        for line in getattr(template, key):
            click.echo(f"    {key:8} {line}")
    if template.variant_of:
        click.echo(f"    variant  in place of {template.variant_of}: {why(template)}")
    click.echo(f"    product  {', '.join(template.products) or 'any'}")
    click.echo(f"    role     {', '.join(template.roles) or 'any'}")
    for one in variants(library, language, template):
        click.echo(f"    instead  {one['id']}: {one['conditions']}")
    if template.confirmation:
        click.echo(f"    confirms {template.confirmation}")
    for key, intent in template.keys.items():
        click.echo(f"    key {key}    {intent}")
    click.echo(f"    barge-in {'yes' if template.barge_in else 'no'}")
    click.echo(f"    wait     {template.wait:g} s; version {template.version}")
    if template.answers:
        click.echo(f"    answers  {', '.join(template.answers)}")
    for right in template.rights:
        click.echo(f"    right    {right}")
    for clause in (library.laws[name] for name in template.clauses):
        click.echo(f"    clause   {clause.law} {clause.article} ({clause.status})")


def variants(
    library: Library, language: str, template: Template
) -> list[dict[str, str]]:
    """Those said in place of a template, each with its conditions."""
    members = library.families[language].get(template.id, ())
    return [{"id": t.id, "conditions": why(t)} for t in members[1:]]


@templates.command("try")
@click.argument("text", required=False)
@click.option("--stage", type=click.IntRange(1, 5), default=1, show_default=True)
@click.option("--lang", type=click.Choice(LANGUAGES), default="zh", show_default=True)
@click.option(
    "--batch",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A TSV file with the columns id, lang, stage, text, and heard if you like.",
)
@click.option("--heard", is_flag=True, help="As a recogniser wrote it, not as typed.")
@click.option("--product", type=click.Choice(PRODUCTS), default="loan")
@click.option("--role", type=click.Choice(ROLES), default="debtor")
@click.option("--later", is_flag=True, help="In a later call, not the first.")
@click.option("--time", type=click.IntRange(1, 9), default=1, help="Said how often.")
@SCRIPT
@json_option
def try_(
    text: str | None,
    stage: int,
    lang: str,
    batch: Path | None,
    heard: bool,
    script: str,
    as_json: bool,
    **who: Any,
) -> None:
    """What we would answer to a sentence at a stage, to whom, and why.

    Example: dialer templates try "别再打了" --stage 2 --lang zh

    With --batch FILE.tsv every line is tried; --json then prints one list, with
    `intent` null and `clarify` true where we would ask back. In a call every text is
    one that a recogniser wrote, and must be surer to be acted on: --heard for all
    lines, or 1 in the column `heard` for some.
    """
    if (text is None) == (batch is None):
        raise Usage("give a TEXT or --batch FILE")
    library, now = load_library(shipped("templates")), SystemClock().now()
    if batch:
        found = tried(library, script, batch, now, heard=heard)
    else:
        row = {"id": "1", "lang": lang, "stage": str(stage), "text": text or ""}
        found = [_try(library, script, row, now, who, heard=heard)]
    if as_json:
        click.echo(json.dumps(found if batch else found[0], ensure_ascii=False))
        return
    for one in found:
        intent, said = one["intent"] or "-", one["template"] or "-"
        click.echo(f"{one['id']}\t{intent}\t{said}\t{one['confidence']:.2f}")
        if "reason" in one:
            click.echo(f"    {one['reason']}")
            for said in one["said"]:
                told = f" ({said['conditions']})" if said["conditions"] else ""
                click.echo(f"    {said['variant']}{told}: {said['text']}")


def _try(
    library: Library,
    name: str,
    row: dict[str, str],
    now: datetime,
    who: dict[str, Any],
    *,
    heard: bool,
) -> dict[str, Any]:
    script = library.script(row["lang"], name)
    position = at_stage(script, int(row["stage"]))
    expected = admissible(script.states[position.state], position.stage)
    meant = understand(row["text"], row["lang"], expected, now, heard=heard)
    choice = choose(script, position, meant.intent, meant.slots)
    named = library.fragments[row["lang"]].wishes
    asks = worth_asking(script, position, meant, choice.place, named)
    templates = (script.failures.clarify.ask,) if asks else choice.templates
    wish = named.get(meant.guess, "")
    context = Context(
        product=who["product"],
        role=who["role"],
        stage=position.stage,
        first_call=not who["later"],
        reached=1 if not who["later"] else position.stage,
        time=who["time"],
    )
    return {
        "id": row["id"],
        "intent": meant.intent,
        "clarify": choice.intent == "unknown",
        "guess": meant.guess,
        "template": templates[0] if templates else "",
        "confidence": round(meant.confidence, 4),
        "by": meant.by,
        "slots": meant.slots,
        "reason": choice.reason,
        "said": list(_said(library, row["lang"], templates, context, wish)),
    }


def _said(
    library: Library,
    language: str,
    names: tuple[str, ...],
    context: Context,
    wish: str,
) -> Iterator[dict[str, str]]:
    """Which variant is said to such a person of each template; slots are left open but
    for the wish that is asked about."""
    for name in names:
        one = pick(library.family(language, name), context)
        if one is not None:
            text = " ".join(one.text).replace("{wish}", wish)
            told = {"variant": one.id, "conditions": why(one), "text": text}
            yield {"template": name, **told}
