"""A process that asks inputs: ``python -m fuzz.worker FIRST COUNT MARK`` asks those of COUNT seeds.

One that raises what it must not, or takes more than a second of CPU, is told on standard output, one JSON
object a line. The process lives under a limit of memory. MARK: a file that holds the seed in hand, for when
the process dies.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

#: Seconds of CPU for one input.
MOST_SECONDS = 1.0
#: Bytes of address space beyond what the process has before its first input.
MOST_MEMORY = 512 * 1024 * 1024
#: Seconds after which a call that listens to no signal is ended with the process.
STUCK = 60
_PART = 200


class Hang(BaseException):
    """Not an Exception: nothing asked may take it for an error of a document."""


def hang(*_: Any) -> None:
    raise Hang(f"more than {MOST_SECONDS} s")


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def trouble(ask: Any, seed: Any) -> str | None:
    """What is wrong with the input, as a stack; None: nothing."""
    began = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        ask(seed)
    except BaseException as e:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if isinstance(e, (KeyboardInterrupt, SystemExit)):
            raise
        return "".join(traceback.format_exception(e, limit=-12)[-13:])[-4000:]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    took = time.process_time() - began
    return f"took {took:.1f} s" if took > MOST_SECONDS else None


def main(first: int, count: int, mark: str) -> None:
    from fuzz.inputs import ask

    ask(first)  # so that modules and tables are loaded before memory is measured
    limit_memory()
    signal.signal(signal.SIGPROF, hang)
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
