"""`make bench`: run every measurement, keep the results, dated."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run each script with --json; one broken script does not stop the others."""
    failed = 0
    day = datetime.now(UTC).date().isoformat()
    for script in sorted(HERE.glob("*.py")):
        if script.stem in {
            "__init__",
            "__main__",
            "bare",
            "conversation",  # half an hour of calls
            "generator",
            "hear",  # makes data
            "limits",
            "heard",  # writes data: tests/heldout
            "machine",
            "network",
            "outcomes",
            "pacing",  # half an hour: `python -m bench.pacing`
            "pacing_plots",
            "soak",  # half an hour: `make soak`
            "encoder",  # makes a model, needs what is not installed
            "train_intents",  # makes models
            "twilio_far",
        }:
            continue
        print(f"== {script.stem}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{script.stem}", "--json"],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            failed += 1
            continue
        result = json.loads(done.stdout)
        target = HERE / "results" / f"{day}-{script.stem}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        print(json.dumps(result, ensure_ascii=False))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
