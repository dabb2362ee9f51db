"""Hostile inputs neither crash nor hang the parser and the evaluators, nor take all memory.

``make fuzz`` asks ``INPUTS`` of them in two processes, from a seed that it prints; ``SEED=n`` asks the same
again, and ``python -m fuzz.worker n 1 FILE`` only one.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent.parent
COUNT = int(os.environ.get("INPUTS", "1000000"))
PROCESSES = 2
#: Seconds of wall time for all inputs of a process.
PATIENCE = 7200


def told(*command: str) -> tuple[list[dict[str, Any]], int, str]:
    """What ``python -m`` says, one object a line, how it ended, and its last words."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", *command],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode, done.stderr[-4000:]


def hunt(first: int, count: int, mark: Path) -> list[str]:
    """All that is wrong with the inputs of ``count`` seeds; a process that dies is followed by another."""
    mark.write_bytes(bytes(8))
    found: list[str] = []
    end = first + count
    while first < end:
        answers, ended, words = told("fuzz.worker", str(first), str(end - first), str(mark))
        found += [f"seed {answer['seed']}:\n{answer['trouble']}" for answer in answers]
        if ended == 0:
            break
        at = max(first, int.from_bytes(mark.read_bytes(), "little"))
        found.append(f"seed {at}: the process ended with {ended}\n{words}")
        first = at + 1
    return found


def test_hostile_inputs_are_refused(tmp_path: Path) -> None:
    """Always the same ones, so that a change is to blame when one fails."""
    found = hunt(1, 3_000, tmp_path / "mark")
    assert not found, "\n\n".join(found)


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_many_hostile_inputs_are_refused(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", secrets.randbelow(2**32)))
    print(f"SEED={seed} INPUTS={COUNT}")
    share = -(-COUNT // PROCESSES)
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = [pool.submit(hunt, seed + i * share, share, tmp_path / f"{i}") for i in range(PROCESSES)]
    found = [trouble for part in parts for trouble in part.result()]
    assert not found, f"{len(found)} of {COUNT}:\n" + "\n\n".join(found)


def bombs(wanted: str) -> list[str]:
    answers, ended, words = told("fuzz.bombs", wanted)
    assert ended == 0, words
    assert answers, f"no bomb is called {wanted}"
    return [f"{answer['bomb']}: {answer['trouble']}" for answer in answers if answer["trouble"]]


@pytest.mark.parametrize(
    "wanted",
    ["pattern", "decimal", "at the limit", "too deep", "digits", "doubles", "unwound", "written out"],
)
def test_bombs_are_defused(wanted: str) -> None:
    found = bombs(wanted)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_all_bombs_are_defused() -> None:
    found = bombs("")
    assert not found, "\n".join(found)
