"""`dialer models`: what users and machines see, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dialer.cli.models import models
from dialer.settings import Settings
from speech.port import ModelMissing, SpeechError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(models, list(arguments), obj=Settings(home=home))


def test_the_list_for_people_and_for_machines(home: Path) -> None:
    shown = run(home, "list")
    assert shown.exit_code == 0
    assert "vosk-model-small-cn-0.22" in shown.stdout
    found = json.loads(run(home, "list", "--json").stdout)
    assert found["folder"] == str(home / "models")
    rows = {row["name"]: row for row in found["models"]}
    assert rows["whisper-base-int8"]["ready"]
    assert not rows["vosk-model-small-cn-0.22"]["ready"]
    assert "dialer models fetch" in rows["vosk-model-small-cn-0.22"]["problem"]
    assert set(rows["hibari"]) >= {"kind", "languages", "licence", "bytes", "address"}


def test_checking_a_right_model(home: Path) -> None:
    found = run(home, "check", "silero-vad", "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout) == {"models": {"silero-vad": []}}


def test_checking_a_model_that_is_not_here_fails_with_the_remedy(home: Path) -> None:
    found = run(home, "check", "vosk-model-small-cn-0.22")
    assert found.exit_code == 1
    assert "dialer models fetch vosk-model-small-cn-0.22" in found.stderr


def test_a_broken_file_fails_the_check_of_all(home: Path) -> None:
    broken = home / "models" / "whisper-base-int8" / "config.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{}", "utf-8")
    found = run(home, "check")
    assert found.exit_code == 1
    assert "config.json: 2 bytes, expected 2309" in found.stderr


def test_an_unknown_model_is_told_the_known_ones(home: Path) -> None:
    found = run(home, "check", "wisper")
    assert isinstance(found.exception, SpeechError)
    assert "whisper-base-int8" in str(found.exception)


def test_fetching_without_an_address_says_how_to_give_one(home: Path) -> None:
    found = run(home, "fetch", "vosk-model-small-cn-0.22")
    assert isinstance(found.exception, ModelMissing)
    assert "--url" in str(found.exception)
    assert "models.toml" in str(found.exception)


@pytest.mark.parametrize("name", ["list", "check", "fetch"])
def test_help_has_an_example(home: Path, name: str) -> None:
    assert "Example: dialer models" in run(home, name, "--help").stdout
