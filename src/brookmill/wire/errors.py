"""Refusals of commands, with the numbers and names that MongoDB gives them."""

from __future__ import annotations

from brookmill.errors import BrookmillError, ConnectionFailed, UserError
from brookmill.mql import MQLError, PlanError
from brookmill.mql.errors import CODE_NAMES
from brookmill.mql.values import Document

NAMES = {
    **CODE_NAMES,
    1: "InternalError",
    2: "BadValue",
    9: "FailedToParse",
    13: "Unauthorized",
    14: "TypeMismatch",
    17: "ProtocolError",
    18: "AuthenticationFailed",
    22: "InvalidBSON",
    26: "NamespaceNotFound",
    43: "CursorNotFound",
    59: "CommandNotFound",
    72: "InvalidOptions",
    125: "CommandFailed",
    334: "MechanismUnavailable",
    352: "UnsupportedOpQueryCommand",
    418: "StreamProcessorWorkerOutOfMemory",
    420: "StreamProcessorInvalidOptions",
    10334: "BSONObjectTooLarge",
    40414: "IDLFailedToParse",
    40415: "IDLUnknownField",
}

#: What the Admin API calls an error, where that is not InvalidOptions on the wire.
_CODES = {
    "STREAM_PROCESSOR_GENERIC_ERROR": 125,
    "INVALID_JSON_ATTRIBUTE": 14,
    "MALFORMED_JSON": 9,
    "INVALID_JSON": 9,
    "USER_UNAUTHORIZED": 13,
    "UNEXPECTED_ERROR": 1,
}
_INVALID_OPTIONS = 72
#: Characters of an error that are shown at most.
_LONGEST = 4000


class CommandError(BrookmillError):
    """A command is refused: ``code`` is MongoDB's number, its name goes with it."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code

    def reply(self) -> Document:
        """The answer to the command."""
        name = NAMES.get(self.code, f"Location{self.code}")
        return {"ok": 0.0, "errmsg": str(self)[:_LONGEST], "code": self.code, "codeName": name}


def refusal(error: Exception) -> CommandError | None:
    """What the client is told of an error that is his own doing, or an outside system's; None: it is ours."""
    match error:
        case CommandError():
            return error
        case UserError():
            return CommandError(_told(error), error.wire_code or _CODES.get(error.code, _INVALID_OPTIONS))
        case MQLError() | PlanError():
            return CommandError(str(error), error.code)
        case ConnectionFailed():
            return CommandError(str(error), error.code or 125)
        case RecursionError():
            return CommandError("the document is nested too deeply", 15)
    return None


def _told(error: UserError) -> str:
    """The text without what the Admin API puts around it; it names the place where there is one."""
    if error.code in ("STREAM_PROCESSOR_GENERIC_ERROR", "VALIDATION_ERROR"):
        text = str(error.parameters[-1])
        place = error.fields[0][0] if error.fields else ""
        return f"{text} (at {place})" if "." in place else text
    if error.fields:
        return "; ".join(f"{path} {text}" for path, text in error.fields)
    return error.detail
