"""Errors of commands and of single writes, with the numbers and names that MongoDB gives them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from brookmill.errors import BrookmillError
from brookmill.mql import MQLError, PlanError
from brookmill.mql.errors import CODE_NAMES
from brookmill.mql.values import Document, Value

NAMES = {
    **CODE_NAMES,
    1: "InternalError",
    11: "UserNotFound",
    13: "Unauthorized",
    18: "AuthenticationFailed",
    20: "IllegalOperation",
    22: "InvalidBSON",
    26: "NamespaceNotFound",
    27: "IndexNotFound",
    28: "PathNotViable",
    43: "CursorNotFound",
    47: "NoMatchingDocument",
    48: "NamespaceExists",
    50: "MaxTimeMSExpired",
    59: "CommandNotFound",
    66: "ImmutableField",
    73: "InvalidNamespace",
    85: "IndexOptionsConflict",
    86: "IndexKeySpecsConflict",
    91: "ShutdownInProgress",
    112: "WriteConflict",
    115: "CommandNotSupported",
    189: "PrimarySteppedDown",
    197: "InvalidIndexSpecificationOption",
    211: "KeyNotFound",
    225: "TransactionTooOld",
    238: "NotImplemented",
    260: "InvalidResumeToken",
    263: "OperationNotSupportedInTransaction",
    280: "ChangeStreamFatalError",
    286: "ChangeStreamHistoryLost",
    334: "MechanismUnavailable",
    352: "UnsupportedOpQueryCommand",
    8000: "AtlasError",
    10107: "NotWritablePrimary",
    10334: "BSONObjectTooLarge",
    11000: "DuplicateKey",
    13435: "NotPrimaryNoSecondaryOk",
    11600: "InterruptedAtShutdown",
    11602: "InterruptedDueToReplStateChange",
}

#: Codes after which drivers repeat a write, or go on with a change stream, if the server's labels allow it.
RETRYABLE = frozenset({6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436})
RESUMABLE = frozenset(
    {6, 7, 63, 89, 91, 133, 150, 189, 234, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436}
)


def code_name(code: int) -> str:
    return NAMES.get(code, f"Location{code}")


class CommandError(BrookmillError):
    """A command or a write that is refused. ``details``: further members of the error's document."""

    def __init__(self, message: str, code: int, *, labels: tuple[str, ...] = (), **details: Value) -> None:
        super().__init__(message)
        self.code = code
        self.labels = labels
        self.details = details

    def reply(self) -> Document:
        """The answer to a command."""
        answer = {"ok": 0.0, "errmsg": str(self), "code": self.code, "codeName": code_name(self.code)}
        return {**answer, **self.details} | ({"errorLabels": list(self.labels)} if self.labels else {})

    def write_error(self, index: int) -> Document:
        """A member of ``writeErrors``. ``index``: which of the command's writes it is."""
        return {"index": index, "code": self.code, **self.details, "errmsg": str(self)}


def duplicate_key(namespace: str, index: str, pattern: Document, value: Document) -> CommandError:
    shown = ", ".join(f"{name}: {_shown(one)}" for name, one in value.items())
    text = f"E11000 duplicate key error collection: {namespace} index: {index} dup key: {{ {shown} }}"
    return CommandError(text, 11000, keyPattern=pattern, keyValue=value)


def _shown(value: Value) -> str:
    text = f'"{value}"' if type(value) is str else "null" if value is None else repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


@contextmanager
def refusing() -> Iterator[None]:
    """What the query language refuses becomes a refused command."""
    try:
        yield
    except (MQLError, PlanError) as e:
        raise CommandError(str(e), e.code) from e
    except RecursionError:
        raise CommandError("the document is nested too deeply", 15) from None
