"""Errors of the query language, with the numbers and names that MongoDB gives them."""

from __future__ import annotations

from brookmill.errors import BrookmillError, DocumentError

#: Names of the codes used here; ``Location<number>`` stands for any other, as MongoDB itself writes it.
CODE_NAMES = {
    2: "BadValue",
    9: "FailedToParse",
    14: "TypeMismatch",
    15: "Overflow",
    16: "InvalidBSONType",
    40: "ConflictingUpdateOperators",
    72: "InvalidOptions",
    121: "DocumentValidationFailure",
    139: "JSInterpreterFailure",
    146: "ExceededMemoryLimit",
    168: "InvalidPipelineOperator",
    241: "ConversionFailure",
    312: "QueryFeatureNotAllowed",
    420: "StreamProcessorInvalidOptions",
}


class MQLError(DocumentError):
    """An operator refuses its operands: the document goes to the dead letters.

    ``code`` is MongoDB's number where publicly known, else 2 (BadValue); ``code_name`` belongs to it.
    """

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code

    @property
    def code_name(self) -> str:
        return CODE_NAMES.get(self.code, f"Location{self.code}")


class StateTooLarge(BrookmillError):
    """A stage would keep more than it may: no document is to blame, and the processor cannot go on.

    ``code`` and ``code_name`` as in MQLError.
    """

    code = 146
    code_name = CODE_NAMES[146]


class PlanError(BrookmillError):
    """The pipeline itself is wrong; raised while it is parsed, before any document is seen.

    ``path`` leads to the place: stage index, then member names and array indexes: ``(1, "$project", "a")``.
    ``code`` and ``code_name`` as in MQLError. ``message`` lacks the place, ``str()`` has it.
    """

    def __init__(self, message: str, code: int = 2, path: tuple[str | int, ...] = ()) -> None:
        self.message = message
        self.code = code
        self.path = path
        where = ".".join(map(str, path))
        super().__init__(f"{message} (at {where})" if where else message)

    @property
    def code_name(self) -> str:
        return CODE_NAMES.get(self.code, f"Location{self.code}")
