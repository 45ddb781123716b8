"""A million cases, gate and oracle: `make oracle`.

What is done is kept in a file, so a run that was broken off goes on where it was. Each
disagreement is printed whole and makes the run fail.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from multiprocessing import Pool
from pathlib import Path

from tests.oracle.compare import Disagreement, disagreement

SHARE = 500  # cases handed to a process at once
TELL = 20  # shares between two lines of progress


def share(seeds: range) -> tuple[int, list[Disagreement]]:
    return len(seeds), [d for d in map(disagreement, seeds) if d is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0, help="the first case's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--state", type=Path, default=Path(".oracle.json"))
    asked = parser.parse_args()
    done, wrong = _known(asked.state, asked.seed)
    if done:
        print(f"going on after {done} cases, {wrong} disagreements so far")
    todo = range(asked.seed + done, asked.seed + asked.cases)
    started, before = time.monotonic(), done
    with Pool(asked.jobs) as pool:
        work = pool.imap(share, _shares(todo))
        for n, (count, found) in enumerate(work, 1):
            done, wrong = done + count, wrong + len(found)
            for one in found:
                print(one, flush=True)
            asked.state.write_text(
                json.dumps({"seed": asked.seed, "done": done, "wrong": wrong})
            )
            if n % TELL == 0 or done == asked.cases:
                rate = (done - before) / (time.monotonic() - started)
                left = (asked.cases - done) / rate / 60
                print(
                    f"{done} of {asked.cases} cases from seed {asked.seed}: {wrong} "
                    f"disagreements, {rate:.0f} cases/s, {left:.0f} min left",
                    flush=True,
                )
    print(f"{done} cases from seed {asked.seed}: {wrong} disagreements")
    if done >= asked.cases:
        asked.state.unlink(missing_ok=True)
    sys.exit(1 if wrong else 0)


def _known(state: Path, seed: int) -> tuple[int, int]:
    if not state.exists():
        return 0, 0
    found = json.loads(state.read_text())
    return (found["done"], found["wrong"]) if found["seed"] == seed else (0, 0)


def _shares(seeds: range) -> list[range]:
    return [seeds[n : n + SHARE] for n in range(0, len(seeds), SHARE)]


if __name__ == "__main__":
    main()
