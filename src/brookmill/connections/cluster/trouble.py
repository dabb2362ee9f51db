"""What goes wrong between a MongoDB client and its servers: told apart, in words that hold no secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from brookmill.errors import ConnectionFailed

_UNAUTHORIZED = 13
#: Numbers of the errors of a wrong user or password; the last is Atlas' own.
_LOGIN = frozenset({11, 18, 8000})
#: The place where a change stream was to go on is gone.
_HISTORY = frozenset({136, 260, 280, 286})
_PRE_IMAGE = 47

#: What is over when another server leads, a lock is free or a node is back.
_PASSING = frozenset(
    {6, 7, 43, 50, 63, 64, 89, 91, 112, 133, 134, 189, 202, 234, 237, 262, 290, 317, 358, 384, 402}
    | {9001, 10058, 10107, 11600, 11602, 13388, 13435, 13436}
)
#: Faults of what was asked, which asking again cannot help.
_WRONG = frozenset(
    {2, 9, 14, 15, 16, 20, 22, 26, 48, 59, 72, 73, 115, 166, 168, 197, 238, 303, 10334, 16410, 40228}
    | {40323, 40324, 40415, 40573, 40602}
)


def passing(error: PyMongoError) -> bool:
    """Whether the same may work a moment later."""
    if isinstance(error, OperationFailure):
        return error.code in _PASSING or error.has_error_label("RetryableWriteError")
    return isinstance(error, ConnectionFailure)


def passes(code: int | None) -> bool:
    """Whether a write that failed with ``code`` may work a moment later."""
    return code in _PASSING


def of_connection(error: PyMongoError) -> bool:
    """Whether the error is about the way to the servers and the user, not about what was asked."""
    if isinstance(error, OperationFailure):
        return error.code in _LOGIN or error.code == _UNAUTHORIZED or passing(error)
    return isinstance(error, (ConnectionFailure, ConfigurationError))


def failed(what: str, error: PyMongoError) -> ConnectionFailed:
    """The failure that ``error`` is. ``what`` says what could not be done, without a full stop."""
    if isinstance(error, OperationFailure):
        return _refused(what, error)
    if isinstance(error, ServerSelectionTimeoutError):
        reason = str(error).partition(", Timeout: ")[0].partition(" (configured timeouts")[0]
        text = f"{what}: no server of the cluster can be reached: {reason}"
        return ConnectionFailed(text, fault="NO_ANSWER")
    if isinstance(error, ConnectionFailure):
        return ConnectionFailed(f"{what}: the connection was lost: {error}", fault="NO_ANSWER")
    if isinstance(error, ConfigurationError):
        return ConnectionFailed(f"{what}: {error}", retry=False, code=420)
    return ConnectionFailed(f"{what}: {type(error).__name__}: {error}", retry=False)


def reason(error: PyMongoError) -> str:
    """The server's own words for what was wrong with a document or a question."""
    details = error.details if isinstance(error, OperationFailure) else None
    return str((details or {}).get("errmsg") or error)


def _refused(what: str, error: OperationFailure) -> ConnectionFailed:
    code, text = error.code, reason(error)
    if code in _LOGIN:
        hint = "the cluster refuses user or password: check its URI in the server's configuration"
        return ConnectionFailed(f"{what}: {hint} ({text})", retry=False, code=code, fault="CREDENTIALS")
    if code == _UNAUTHORIZED:
        # Behind these words the server repeats the command, documents and all.
        denied = text.partition(" to execute command")[0]
        hint = "the user in the cluster's URI lacks a right"
        return ConnectionFailed(f"{what}: {hint}: {denied}", retry=False, code=code, fault="DENIED")
    if code in _HISTORY:
        hint = "start the processor with resumeFromCheckpoint:false to go on without what was lost"
        return ConnectionFailed(
            f"{what}: ChangeStreamHistoryLost: the cluster no longer holds the changes after the last "
            f"checkpoint; {hint} ({text})",
            retry=False,
            code=286,
            name="ChangeStreamHistoryLost",
        )
    if code == _PRE_IMAGE:
        return ConnectionFailed(f"{what}: a required image is missing: {text}", retry=False, code=code)
    return ConnectionFailed(f"{what}: {text}", retry=code not in _WRONG, code=code)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Raise what the client raises as ConnectionFailed."""
    try:
        yield
    except PyMongoError as e:
        raise failed(what, e) from e
