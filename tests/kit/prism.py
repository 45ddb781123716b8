"""Twilio's own OpenAPI document, served as a strict mock by Prism (from npm, into the
cache): a right request is answered, a wrong one gets 422 with what was wrong.

Prism 5 takes no list from a form unless the document says how lists are written
(stoplight/prism#2473), so it gets a copy that says what OpenAPI has as the default:
a name as often as there are values (3.0.3, Encoding Object).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.kit.asterisk import CACHE, free_tcp

ROOT = Path(__file__).parents[2]
PACKAGE = "@stoplight/prism-cli@5.14.2"
PREFIX = CACHE / "prism"
PROGRAM = PREFIX / "node_modules" / ".bin" / "prism"
DOCUMENT = "twilio_api_v2010.json"
START = 60.0  #: seconds; it reads two megabytes


def document() -> Path | None:
    """$ACCORD_TWILIO_OPENAPI, or `shared/twilio` beside the checkout. None: it is not
    here."""
    named = os.environ.get("ACCORD_TWILIO_OPENAPI")
    path = Path(named) if named else ROOT.parent / "shared" / "twilio" / DOCUMENT
    return path if path.is_file() else None


def missing() -> str:
    """Why there is no mock; empty: there is one."""
    if document() is None:
        return f"{DOCUMENT} is not here ($ACCORD_TWILIO_OPENAPI)"
    if PROGRAM.exists():
        return ""
    return "" if shutil.which("npm") else "there is no npm to fetch Prism with"


def fetch() -> Path:
    """The program; fetched first unless it is there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "prism.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another may be fetching
        if not PROGRAM.exists():
            quiet = ("--silent", "--no-fund", "--no-audit", "--prefix", str(PREFIX))
            subprocess.run(["npm", "install", *quiet, PACKAGE], check=True, timeout=300)
    return PROGRAM


def spelt_out(text: str) -> str:
    """The document, with that default written into it."""
    found = json.loads(text)
    for path in found["paths"].values():
        content = path.get("post", {}).get("requestBody", {}).get("content", {})
        for form in content.values():
            lists = {
                name: {"style": "form", "explode": True}
                for name, schema in form["schema"].get("properties", {}).items()
                if schema.get("type") == "array"
            }
            if lists:
                form["encoding"] = lists
    return json.dumps(found)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """-> its address"""
    found, port, copy = document(), free_tcp(), folder / DOCUMENT
    assert found
    copy.write_text(spelt_out(found.read_text("utf-8")), "utf-8")
    command = [str(fetch()), "mock", "--errors", "-h", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(
        [*command, str(copy)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait(process, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    until = time.monotonic() + START
    while True:
        assert process.poll() is None, "Prism ended"
        try:
            urllib.request.urlopen(address, timeout=5)
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            assert time.monotonic() < until, "Prism does not answer"
            time.sleep(0.1)
