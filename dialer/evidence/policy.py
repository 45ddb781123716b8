"""The masking policy file, checked whole at the edge."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dialer.store.port import StoreError

Kind = Literal["name", "number", "id", "card", "email", "address", "account", "amount"]


class MaskError(StoreError):
    """The policy file is wrong; the text names every problem with its place."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Labels(Part):
    """What stands in place of what was masked, without its brackets."""

    name: str = Field(pattern=r"^[^\[\]\d]+$")
    number: str = Field(pattern=r"^[^\[\]\d]+$")
    id: str = Field(pattern=r"^[^\[\]\d]+$")
    card: str = Field(pattern=r"^[^\[\]\d]+$")
    email: str = Field(pattern=r"^[^\[\]\d]+$")
    address: str = Field(pattern=r"^[^\[\]\d]+$")
    account: str = Field(pattern=r"^[^\[\]\d]+$")
    amount: str = Field(pattern=r"^[^\[\]\d]+$")

    def of(self, kind: Kind) -> str:
        return f"[{getattr(self, kind)}]"


class BothLabels(Part):
    zh: Labels
    en: Labels


class Chinese(Part):
    """Words of Chinese, parted by spaces; `surnames`, `before`, `after` and `stop`
    are single characters."""

    surnames: str
    compound: str
    strong: str
    weak: str
    relations: str
    titles: str
    not_names: str
    businesses: str
    before: str
    after: str
    stop: str


class English(Part):
    """Words of English, parted by spaces; announcements by bars."""

    strong: str
    weak: str
    relations: str
    titles: str
    stop: str
    businesses: str
    ambiguous: str


class Policy(Part):
    """What is masked, and the words it is known by."""

    amounts: Literal["mask", "keep"] = "mask"
    min_digits: int = Field(6, ge=4, le=12)
    keep: tuple[str, ...] = ()
    labels: BothLabels
    zh: Chinese
    en: English


def load_policy(path: Path) -> Policy:
    """Read a policy file. MaskError: unreadable, or wrong, with every place."""
    try:
        return Policy.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MaskError(f"{path}: {error}") from error
    except ValidationError as error:
        lines = (
            f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in error.errors()
        )
        raise MaskError("\n".join(lines)) from error
