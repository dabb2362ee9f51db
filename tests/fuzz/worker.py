"""A process that asks inputs: ``python -m fuzz.worker FIRST COUNT MARK`` asks those of COUNT seeds.

One that raises what it must not, or takes more than a second of CPU for one answer, is told on
standard output, one JSON object a line. The process lives under a limit of memory. MARK: a file that holds
the seed in hand, for when the process dies.
"""

from __future__ import annotations

import faulthandler
import json
import math
import mmap
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz.inputs import Hang, ask, hang
from fuzz.mutation import operators

#: Bytes of address space beyond what the process has before its first input.
MOST_MEMORY = 512 * 1024 * 1024
#: Seconds, also of a busy machine, after which a call that listens to no signal is ended with the process.
STUCK = 900
#: Inputs between two windings of that clock.
_PART = 200


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def trouble(ask: Callable[[int], None], seed: int) -> str | None:
    """What is wrong with the input, as a stack; None: nothing."""
    try:
        ask(seed)
    except (Exception, Hang) as e:
        return "".join(traceback.format_exception(e, limit=-12)[-13:])[-4000:]
    return None


def interrupt(*_: Any) -> None:
    hang(math.inf)


def main(first: int, count: int, mark: str) -> None:
    signal.signal(signal.SIGPROF, interrupt)
    operators()
    ask(first)  # so that modules and tables are loaded before memory is measured
    limit_memory()
    with open(mark, "r+b") as file, mmap.mmap(file.fileno(), 8) as place:
        for seed in range(first, first + count):
            if not seed % _PART:
                faulthandler.dump_traceback_later(STUCK, exit=True)
            place[:] = seed.to_bytes(8, "little")
            told = trouble(ask, seed)
            if told is not None:
                print(json.dumps({"seed": seed, "trouble": told}), flush=True)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
