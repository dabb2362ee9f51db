"""``brookmill processors stats``: what processors have done, and, watched, what they do."""

from __future__ import annotations

import sys
import threading
from typing import Annotated, Any, Final

from cyclopts import Parameter

from brookmill.cli import show
from brookmill.cli.flags import Output
from brookmill.cli.remote import INSIDE, Inside, Remote

_COUNTS: Final = {"IN": "input", "OUT": "output", "DEAD": "dlq"}
_KINDS: Final = ("kafkaPartitions", "kinesisShards")


def stats(
    name: str | None = None,
    inside: Inside = INSIDE,
    *,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative=())] = False,
    watch: Annotated[bool, Parameter(name="--watch", negative=())] = False,
    interval: float = 1.0,
    output: Output = "table",
) -> None:
    """Show the statistics of one processor, or of all that are started.

    Parameters
    ----------
    verbose
        A line for each operator, partition and shard too.
    watch
        Look again and again, with rates, until Ctrl-C: in place on a terminal, else line below line.
    interval
        Seconds between two looks.
    """
    with inside.remote() as remote:
        if watch:
            _watch(remote, name, interval, output)
            return
        found = _found(remote, name)
    if output != "table":
        show.value(found if name is None else found[0], output)
    elif name is None:
        show.rows([_row(one) for one in found], output, empty="no processor is started")
    else:
        _tell(found[0], verbose)


def _found(remote: Remote, name: str | None) -> list[dict[str, Any]]:
    """Names, states and statistics."""
    if name is not None:
        found = [remote.ask("getGroupStreamProcessor", {"processorName": name}).value]
    else:
        found = [one for one in remote.all("getGroupStreamProcessors") if one["state"] == "STARTED"]
    members = ("name", "state", "stats")
    return [{member: one[member] for member in members if member in one} for one in found]


def _row(one: dict[str, Any]) -> dict[str, object]:
    told = one.get("stats", {})
    return {
        "NAME": one["name"],
        "STATE": one["state"],
        **{title: told.get(f"{count}MessageCount") for title, count in _COUNTS.items()},
        "WATERMARK": told.get("watermark"),
        "STATE SIZE": _size(told.get("stateSize")),
        "MEMORY": _size(told.get("memoryUsageBytes")),
    }


def _tell(one: dict[str, Any], verbose: bool) -> None:
    told = one.get("stats", {})
    lists = {name: value for name, value in told.items() if isinstance(value, list)}
    show.one({**{n: v for n, v in one.items() if n != "stats"}, **_without(told, lists)}, "table")
    if not verbose:
        return
    operators = lists.get("operatorStats", [])
    if operators:
        print()
        show.rows([_operator(operator) for operator in operators], "table")
    for kind in _KINDS:
        if lists.get(kind):
            print()
            show.rows(lists[kind], "table")


def _without(told: dict[str, Any], left_out: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in left_out}


def _operator(one: dict[str, Any]) -> dict[str, object]:
    return {
        "OPERATOR": one["name"],
        **{title: one.get(f"{count}MessageCount") for title, count in _COUNTS.items()},
        "STATE SIZE": _size(one.get("stateSize")),
        "MS": one.get("executionTimeMillis"),
    }


def _watch(remote: Remote, name: str | None, interval: float, output: show.Form) -> None:
    """Until Ctrl-C, which is the usual end, or until whoever reads us has gone."""
    from brookmill.clock import SystemClock

    clock, before, lines = SystemClock(), dict[str, Any](), 0
    at = clock.monotonic()
    try:
        while True:
            found, now = _found(remote, name), clock.monotonic()
            rated = [one | {"rates": _rates(one, before.get(one["name"]), now - at)} for one in found]
            before, at = {one["name"]: one for one in found}, now
            if output == "table":
                lines = _redraw([_row(one) | one["rates"] for one in rated], lines)
            else:
                show.line(rated if name is None else rated[0], output)
            sys.stdout.flush()
            clock.wait(threading.Event(), interval)
    except KeyboardInterrupt:
        return


def _rates(one: Any, before: Any, seconds: float) -> dict[str, float | None]:
    """Documents a second since the last look; None at the first, and after a new start."""
    rates: dict[str, float | None] = {}
    for title in ("IN", "OUT"):
        new, old = (_row(which)[title] if which else None for which in (one, before))
        known = isinstance(new, int) and isinstance(old, int) and new >= old and seconds > 0
        rates[f"{title}/S"] = round((new - old) / seconds, 1) if known else None  # type: ignore[operator]
    return rates


def _redraw(rows: list[dict[str, object]], lines: int) -> int:
    """Over the ``lines`` of the last look, if this is a terminal; how many there are now."""
    if sys.stdout.isatty() and lines:
        print(f"\033[{lines}A\033[J", end="")
    show.rows(rows, "table", empty="no processor is started")
    return len(rows) + 1 if rows else 0


def _size(count: object) -> str | None:
    """Bytes for people."""
    if not isinstance(count, int | float):
        return None
    size, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
