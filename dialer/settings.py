"""One frozen Settings, or all problems at once."""

from __future__ import annotations

import os
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dialer.store.address import Address, Addresses
from dialer.store.port import StoreError

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Band = tuple[Positive, Positive]


class SettingsError(Exception):
    """The settings file is wrong; the text names every problem with its place."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Engine(Part):
    node: str = "node-1"
    lines: Count = 8
    poll_seconds: Positive = 0.5
    grace_seconds: Positive = 60
    lease_seconds: Positive = 900
    ring_seconds: Positive = 30
    beat_seconds: Positive = 3
    stale_seconds: Positive = 15
    evidence: bool = True


class Speech(Part):
    recogniser: Annotated[str, Field(pattern="^(whisper|vosk)$")] = "whisper"
    workers: Count = 2
    waiting: Count = 32
    models: str = ""
    prompts: str = ""
    vosk_zh: str = "vosk-model-small-cn-0.22"
    vosk_en: str = "vosk-model-small-en-us-0.15"
    voices: dict[str, str] = {"zh": "kokoro:jf_nezumi", "en": "hibari:default"}
    pace: dict[str, Band] = {"en": (120.0, 140.0), "zh": (192.0, 224.0)}


class Call(Part):
    silence_budget_seconds: Positive = 30
    end_of_turn_ms: Count = 500
    max_seconds: Positive = 900


class Keys(Part):
    file: str = ""


class Compliance(Part):
    packs: str = ""
    holidays: str = ""


class Repayment(Part):
    offers: str = ""


class Telephony(Part):
    trunks: str = ""


class Analysts(Part):
    folder: str = ""
    memory: Annotated[str, Field(pattern="^[0-9]+ ?(MB|GB)$")] = "1GB"
    seconds: Positive = 60


class Mqtt(Part):
    host: str = ""
    port: Annotated[int, Field(gt=0, lt=65536)] = 8883
    tls: bool = True
    ca: str = ""
    certificate: str = ""
    key: str = ""
    user: str = ""
    password_file: str = ""
    tenant: Annotated[str, Field(min_length=1)] = "default"
    commands: str = ""


class Events(Part):
    mqtt: Mqtt = Mqtt()


class Metrics(Part):
    listen: Annotated[str, Field(pattern=r"^([^:]+|\[.+\]):\d{1,5}$|^$")] = (
        "127.0.0.1:9464"
    )


class Logs(Part):
    format: Annotated[str, Field(pattern="^(auto|json|console)$")] = "auto"
    level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "warning"
    file: str = ""


class Store(Part):
    vault: str = ""
    ledger: str = ""
    evidence: str = ""
    owner: str = "accord_owner"
    passwords: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len({bool(url) for url in (self.vault, self.ledger, self.evidence)}) > 1:
            raise ValueError("vault, ledger and evidence are given together, or none")
        try:
            self.addresses()
        except StoreError as error:
            raise ValueError(str(error)) from error
        return self

    def addresses(self) -> Addresses | None:
        """Of the databases on a server; None: they are files under HOME."""
        if not self.ledger:
            return None
        file = Path(self.passwords).expanduser() if self.passwords else None
        return Addresses(
            Address.parse("vault", self.vault, file),
            Address.parse("ledger", self.ledger, file),
            Address.parse("evidence", self.evidence, file),
        )


class Settings(Part):
    """Everything an installation may choose. `home` holds all it writes."""

    home: Path
    engine: Engine = Engine()
    speech: Speech = Speech()
    call: Call = Call()
    keys: Keys = Keys()
    compliance: Compliance = Compliance()
    repayment: Repayment = Repayment()
    telephony: Telephony = Telephony()
    analysts: Analysts = Analysts()
    events: Events = Events()
    metrics: Metrics = Metrics()
    logs: Logs = Logs()
    store: Store = Store()

    @property
    def vault_db(self) -> Path:
        return self.home / "vault" / "vault.db"

    @property
    def ledger_db(self) -> Path:
        return self.home / "ledger" / "ledger.db"

    @property
    def evidence_folder(self) -> Path:
        return self.home / "evidence"

    @property
    def offers_file(self) -> Path | None:
        """The installation's own policy of offers; None: the one that is shipped."""
        chosen = self.repayment.offers
        return Path(chosen).expanduser() if chosen else None

    @property
    def trunks_file(self) -> Path:
        chosen = self.telephony.trunks
        return Path(chosen).expanduser() if chosen else self.home / "trunks.toml"

    @property
    def trunk_figures(self) -> Path:
        """What the engine last knew of its trunks; for `dialer trunks status`."""
        return self.home / "trunks.json"

    @property
    def analysts_folder(self) -> Path:
        chosen = self.analysts.folder
        return Path(chosen).expanduser() if chosen else self.home / "analysts"

    @property
    def pacing_figures(self) -> Path:
        """How the engine last placed calls for people; for `dialer campaign status`."""
        return self.home / "pacing.json"

    @property
    def prompts_folder(self) -> Path:
        chosen = self.speech.prompts
        return Path(chosen).expanduser() if chosen else self.home / "prompts"

    @property
    def models_folder(self) -> Path:
        chosen = self.speech.models
        return Path(chosen).expanduser() if chosen else self.home / "models"

    @property
    def key_file(self) -> Path:
        chosen = self.keys.file
        return Path(chosen).expanduser() if chosen else self.home / "keys/tenant.key"


def shipped(folder: str) -> Path:
    """`templates` or `config`, from the wheel or from the checkout."""
    packed = Path(str(resources.files("dialer"))) / "data" / folder
    return packed if packed.is_dir() else Path(__file__).parents[1] / folder


def default_home() -> Path:
    return Path(os.environ.get("ACCORD_HOME", "accord-home"))


def load(home: Path, file: Path | None = None) -> Settings:
    """Read `file`, else HOME/dialer.toml, else what is shipped."""
    own = home / "dialer.toml"
    path = file or (own if own.exists() else shipped("config") / "dialer.toml")
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        return Settings.model_validate({**found, "home": home.expanduser()})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    except ValidationError as error:
        lines = (
            f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in error.errors()
        )
        raise SettingsError("\n".join(lines)) from error
