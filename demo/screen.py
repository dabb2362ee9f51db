"""What the demo shows: steps, commands, answers, checks. Coloured on a terminal, plain text elsewhere."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from rich.console import Console
from rich.markup import escape

from demo.curl import Answer

_LONGEST = 160


class Screen:
    """Counts the checks; the first that fails ends the demo with exit status 1."""

    def __init__(self) -> None:
        self.checks = 0
        self._began = time.monotonic()
        self._console = Console(highlight=False, soft_wrap=True)

    def step(self, text: str) -> None:
        self._console.print(f"\n[bold cyan]{self.elapsed:5.1f} s  {escape(text)}[/]")

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        self._console.print(f"         {escape(text)}")

    def call(self, answer: Answer, status: int = 200) -> Any:
        """Show a command and what came back; check the status; answer the body."""
        self._console.print(f"         [dim]$ {escape(answer.shown)}[/]")
        self._console.print(f"         [green]{answer.status}[/] {escape(_short(answer.text))}")
        self.check(answer.status == status, f"answered {status}", quiet=True)
        return answer.body

    def check(self, holds: bool, text: str, *, quiet: bool = False) -> None:
        """``quiet``: say it only when it does not hold."""
        self.checks += 1
        if not holds:
            self._console.print(f"         [bold red]✗ not so: {escape(text)}[/]")
            sys.exit(1)
        if not quiet:
            self._console.print(f"         [green]✓[/] {escape(text)}")

    def done(self, calls: int) -> None:
        text = f"All {self.checks} checks hold; {calls} calls of curl; {self.elapsed:.0f} s."
        self._console.print(f"\n[bold green]{text}[/]")


def _short(text: str) -> str:
    """Answers are compact JSON; long ones lose their end."""
    return text if len(text) <= _LONGEST * 2 else f"{text[: _LONGEST * 2]} …"


def same(part: Any, whole: Any) -> bool:
    """Whether ``whole`` says all that ``part`` says, maybe more."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and same(value, whole[key]) for key, value in part.items())
    return json.dumps(part) == json.dumps(whole)
