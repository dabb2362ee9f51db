"""``brookmill processors sample``: documents that leave a processor, one a line."""

from __future__ import annotations

import json
import sys
from typing import Annotated

from cyclopts import Parameter

from brookmill.cli import show
from brookmill.cli.remote import INSIDE, Inside

#: Seconds that the server is asked to wait for documents, and how many it gives at once.
_WAIT, _MOST = 10, 1000


def sample(
    name: str,
    inside: Inside = INSIDE,
    *,
    limit: Annotated[int | None, Parameter(name=["--limit", "-n"])] = None,
    for_: Annotated[str | None, Parameter(name="--for")] = None,
) -> None:
    """Show what leaves a processor from now on, one document of JSON a line; dead letters as _dlqMessage.

    What passes while nobody looks is counted on standard error.

    Parameters
    ----------
    limit
        End after so many documents.
    for_
        End after so long, e.g. 30s. Default, without --limit: until Ctrl-C.
    """
    from brookmill.clock import SystemClock
    from brookmill.testing.timeline import milliseconds

    clock = SystemClock()
    end = None if for_ is None else clock.monotonic() + milliseconds(for_) / 1000
    left, dropped = limit, 0
    try:
        with inside.remote() as remote:
            while left != 0 and (end is None or end > clock.monotonic()):
                wait = _WAIT if end is None else max(1, min(_WAIT, round(end - clock.monotonic())))
                asked = {"limit": str(min(left or _MOST, _MOST)), "seconds": str(wait)}
                found = remote.ask("sampleGroupStreamProcessor", {"processorName": name}, query=asked).value
                for document in found["documents"]:
                    print(show.coloured(json.dumps(document, ensure_ascii=False)), flush=True)
                left = None if left is None else left - len(found["documents"])
                dropped += found["dropped"]
    except KeyboardInterrupt:
        pass
    if dropped:
        print(f"{dropped} more passed meanwhile", file=sys.stderr)
