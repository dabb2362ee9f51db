"""Logs: one JSON object a line, of ours and of libraries alike, and traces without local variables."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from brookmill import logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    handlers, level, configured = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**configured)


def fail() -> None:
    password = "hush"  # noqa: F841 - a local variable that a trace must not show
    raise ValueError("broken")


def log_all() -> None:
    structlog.contextvars.bind_contextvars(request_id="r1")
    structlog.get_logger("ours").info("hello", number=1)
    structlog.contextvars.clear_contextvars()
    logging.getLogger("theirs").warning("foreign %s", "words")
    logging.getLogger("theirs").debug("too quiet")
    try:
        fail()
    except ValueError:
        structlog.get_logger("ours").exception("failed")


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    log_all()
    ours, theirs, failed = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["level"], ours["logger"], ours["number"]) == ("hello", "info", "ours", 1)
    assert ours["request_id"] == "r1"
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("foreign words", "warning", "theirs")
    assert failed["exception"][0]["exc_value"] == "broken"
    assert "hush" not in str(failed)


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "console")
    log_all()
    shown = capsys.readouterr().err
    assert "hello" in shown
    assert "ValueError: broken" in shown
    assert "hush" not in shown.replace('password = "hush"', "")
    assert "\033[" not in shown


def test_not_a_terminal_means_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    log_all()
    assert json.loads(capsys.readouterr().err.splitlines()[0])["event"] == "hello"
