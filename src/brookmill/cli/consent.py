"""Whether somebody wants what cannot be undone."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from brookmill.cli import Refused, Unusable

#: The flag of commands that remove something.
Force = Annotated[bool, Parameter(name="--force", negative=(), help="Do not ask.")]


def ask(question: str, force: bool) -> None:
    """Go on only if somebody at a terminal says yes, or nobody is to be asked. Raises Refused, Unusable."""
    if force:
        return
    if not sys.stdin.isatty():
        raise Unusable("there is nobody to be asked: say --force")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Refused("nothing was done")
