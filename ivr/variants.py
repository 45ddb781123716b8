"""Which of a template's variants is said: a pure choice, the same every time.

The script names a template; the template and its variants are a family. Of the members
whose conditions all hold, the one with the weightiest conditions is said: who is at the
phone weighs most, then the product, the stage, the stage reached in earlier calls, the
case (`when`), how often the family was said (`time`). The linter allows no ties.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivr.template import EXCLUSIVE, Template

Families = Mapping[str, tuple[Template, ...]]
Weight = tuple[bool, bool, bool, bool, bool, int]


@dataclass(frozen=True, slots=True)
class Context:
    """All that may decide between variants."""

    product: str = "loan"
    role: str = "debtor"  # of who is at the phone
    stage: int = 1
    first_call: bool = True
    reached: int = 1  # the stage of earlier calls
    rights: bool = False  # were any explained in this call?
    time: int = 1  # how manieth time the family is said in this call
    weighed: frozenset[str] = frozenset()  # what came of a sum or a day they named


def families(templates: Iterable[Template]) -> dict[str, tuple[Template, ...]]:
    """Every template that is no variant, with its variants; itself comes first."""
    found: dict[str, list[Template]] = {}
    every = list(templates)
    for template in (t for t in every if not t.variant_of):
        found[template.id] = [template]
    for template in (t for t in every if t.variant_of in found):
        found[template.variant_of].append(template)
    return {name: tuple(members) for name, members in found.items()}


def holds(template: Template, context: Context) -> bool:
    """Do all conditions of the template hold?"""
    return (
        _within(context.stage, template.at)
        and _within(context.product, template.products)
        and _within(context.role, template.roles)
        and _within(context.reached, template.reached)
        and context.time >= template.time
        and _case(template.when, context)
    )


def weight(template: Template) -> Weight:
    """How much its conditions weigh, the heaviest first."""
    return (
        bool(template.roles),
        bool(template.products),
        bool(template.at),
        bool(template.reached),
        bool(template.when),
        template.time,
    )


def pick(members: Iterable[Template], context: Context) -> Template | None:
    """The member to say; None: nothing of this family fits, so nothing is said."""
    fitting = [member for member in members if holds(member, context)]
    return max(fitting, key=weight, default=None)


def why(template: Template) -> str:
    """The conditions of a template in words, or ''."""
    told = {
        "role": template.roles,
        "product": template.products,
        "stage": template.at,
        "reached": template.reached,
        "case": (template.when,) if template.when else (),
        "time": (template.time,) if template.time > 1 else (),
    }
    conditions = ((name, map(str, found)) for name, found in told.items() if found)
    return ", ".join(f"{name} {'/'.join(found)}" for name, found in conditions)


def overlap(one: Template, other: Template) -> bool:
    """May both hold at once, with nothing to choose between them?"""
    pairs = (
        (one.at, other.at),
        (one.products, other.products),
        (one.roles, other.roles),
        (one.reached, other.reached),
    )
    apart = any(a and b and set(a).isdisjoint(b) for a, b in pairs)
    whens = {one.when, other.when}
    apart = apart or (len(whens) > 1 and any(whens <= pair for pair in EXCLUSIVE))
    return weight(one) == weight(other) and not apart


def _within(value: object, allowed: tuple[object, ...]) -> bool:
    return not allowed or value in allowed


def _case(when: str, context: Context) -> bool:
    match when:
        case "first_call":
            return context.first_call
        case "later_call":
            return not context.first_call
        case "rights_due":
            return context.first_call and not context.rights
        case "":
            return True
        case _:
            return when in context.weighed
