"""Tests of connections run beside everything else: they end in time, whatever they meet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import pytest
from servers import wait_until

from brookmill.clock import SystemClock
from brookmill.connections import CONNECTIONS, Opening, Probeable
from brookmill.connections.ladder import Ladder
from brookmill.domain.connection import Connection
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed
from brookmill.runtime.probing import MOST, Busy, Report, probed


@dataclass
class Odd:
    """A system that can be told what to do. ``wait``: hang in the step ``read`` until it is set."""

    probe_options: ClassVar[type[Any]] = msgspec.defstruct("Nothing", [])
    wait: threading.Event | None = None
    error: Exception | None = None
    openings: list[Opening] = field(default_factory=list)

    def probe(self, options: Any, opening: Opening, ladder: Ladder) -> None:
        self.openings.append(opening)
        with ladder.step("connect") as seen:
            seen["here"] = True
        with ladder.step("read"):
            if self.error is not None:
                raise self.error
            if self.wait is not None:
                self.wait.wait()
        with ladder.step("decode"):
            pass


def run(odd: Odd, limit: float = 5.0) -> Report:
    return probed(odd, None, Opening("p", SystemClock()), limit)


@pytest.fixture
def free() -> Iterator[threading.Event]:
    """Lets those who hang go on, and waits until they have ended."""
    event = threading.Event()
    yield event
    event.set()
    wait_until(lambda: not any(t.name == "probe" for t in threading.enumerate()), what="the end of all")


def test_the_report_has_every_step() -> None:
    report = run(Odd())
    assert report.ok
    assert [(rung.step, rung.code) for rung in report.steps] == [
        ("connect", "OK"),
        ("read", "OK"),
        ("decode", "OK"),
    ]
    assert report.steps[0].seen == {"here": True}


def test_clients_are_told_to_give_up_before_those_who_wait_for_them_do() -> None:
    odd = Odd()
    run(odd, 5.0)
    assert 0 < odd.openings[0].patience(60) < 4.5
    assert odd.openings[0].tries(3) == 1


def test_a_step_that_hangs_is_told_and_what_comes_later_is_not_added(free: threading.Event) -> None:
    report = run(Odd(wait=free), 0.2)
    assert not report.ok
    assert report.duration_ms < 2000
    assert [(rung.step, rung.code) for rung in report.steps] == [("connect", "OK"), ("read", "NO_ANSWER")]
    assert report.steps[-1].duration_ms >= 150
    free.set()
    wait_until(lambda: not any(t.name == "probe" for t in threading.enumerate()))
    assert len(report.steps) == 2


def test_those_who_hang_leave_a_bounded_number_of_threads(free: threading.Event) -> None:
    for _ in range(MOST):
        run(Odd(wait=free), 0.05)
    with pytest.raises(Busy):
        run(Odd())
    free.set()
    wait_until(lambda: not any(t.name == "probe" for t in threading.enumerate()))
    assert run(Odd()).ok


def test_a_failure_ends_the_climb() -> None:
    report = run(Odd(error=ConnectionFailed("no", fault="DENIED")))
    assert (report.steps[-1].code, report.steps[-1].message) == ("DENIED", "no")
    assert "lacks a right" in str(report.steps[-1].hint)
    assert run(Odd(error=ConnectionFailed("no"))).steps[-1].code == "FAILED"


def test_a_bug_is_told_without_its_words(capfd: pytest.CaptureFixture[str]) -> None:
    report = run(Odd(error=RuntimeError("hush-hush")))
    assert (report.steps[-1].step, report.steps[-1].code) == ("read", "UNEXPECTED")
    printed = capfd.readouterr()
    assert "RuntimeError" in printed.out + printed.err
    assert "hush" not in printed.out + printed.err + repr(report)


class Telling(Connection, frozen=True, kw_only=True, tag="Telling"):
    """A system that answers with the password it was sent."""

    probe_options: ClassVar[type[Any]] = Odd.probe_options
    password: Secret

    def probe(self, options: Any, opening: Opening, ladder: Ladder) -> None:
        with ladder.step("authenticate"):
            raise ConnectionFailed(f"there is no {self.password.reveal()} here")


def test_a_password_that_comes_back_is_not_told() -> None:
    connection = Telling(password=Secret("hush-hush"))
    report = probed(connection, None, Opening("p", SystemClock()), 5.0)
    assert report.steps[-1].message == "there is no … here"


@pytest.mark.parametrize("name", CONNECTIONS)
def test_every_type_can_be_tested(name: str) -> None:
    assert isinstance(CONNECTIONS[name](), Probeable)
