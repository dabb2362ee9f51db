"""The members of a command, taken out one by one with the type that each must have."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from brookmill.mql.values import Document, Value, type_name
from brookmill.wire.errors import CommandError

#: What any command may carry besides its own members; so may all that begin with a dollar sign.
_GENERIC: Final = frozenset(
    {
        *("lsid", "readConcern", "writeConcern", "maxTimeMS", "comment", "txnNumber", "autocommit"),
        *("apiVersion", "apiStrict", "apiDeprecationErrors"),
    }
)
#: Characters of a hostile name that an error repeats.
_SHOWN: Final = 100


class Arguments:
    """Of one command, or of a document in it. Null counts as absent: the shell sends it for nothing at all.

    Everything raises CommandError; ``end`` does for members that nobody asked for.
    """

    def __init__(self, document: Document, place: str = "") -> None:
        self._place = place or next(iter(document))
        left = {name: value for name, value in document.items() if value is not None}
        if not place:
            left = {name: value for name, value in left.items() if not _is_generic(name)}
        self._left = left

    def value(self, name: str) -> Value:
        """Whatever it is, None when it is not there."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str:
        """A string that must be there."""
        return str(self._required(name, str, "string"))

    def optional_text(self, name: str) -> str | None:
        text: str | None = self._typed(name, str, "string")
        return text

    def flag(self, name: str, default: bool) -> bool:
        """A boolean; like MongoDB, any number will do."""
        value = self.value(name)
        if value is None:
            return default
        if type(value) is not bool and type_name(value) not in ("int", "long", "double"):
            self._wrong(name, value, "bool")
        return bool(value)

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number of any type of numbers."""
        value = self.value(name)
        if value is None:
            return default
        if type(value) is bool or type_name(value) not in ("int", "long", "double") or value != value // 1:
            self._wrong(name, value, "int")
        if not least <= value <= most:
            text = f"BSON field '{self._place}.{name}' must be between {least} and {most}"
            raise CommandError(text, 2)
        return int(value)

    def document(self, name: str) -> Document | None:
        document: Document | None = self._typed(name, dict, "object")
        return document

    def nested(self, name: str) -> Arguments:
        """The members of a document in the command; of none when it is not there."""
        return Arguments(self.document(name) or {}, f"{self._place}.{name}")

    def pipeline(self, name: str) -> list[Document] | None:
        """An array of documents."""
        stages: list[Document] | None = self._typed(name, list, "array")
        for i, stage in enumerate(stages or ()):
            if type(stage) is not dict:
                self._wrong(f"{name}.{i}", stage, "object")
        return stages

    def required_pipeline(self, name: str) -> list[Document]:
        stages = self.pipeline(name)
        if stages is None:
            self._missing(name)
        return stages

    def end(self) -> None:
        """Refuse what is left."""
        for name in self._left:
            raise CommandError(f"BSON field '{self._place}.{name[:_SHOWN]}' is an unknown field.", 40415)

    def _typed(self, name: str, kind: type, word: str) -> Any:
        value = self.value(name)
        if value is not None and type(value) is not kind:
            self._wrong(name, value, word)
        return value

    def _required(self, name: str, kind: type, word: str) -> Any:
        value = self._typed(name, kind, word)
        if value is None:
            self._missing(name)
        return value

    def _missing(self, name: str) -> NoReturn:
        raise CommandError(f"BSON field '{self._place}.{name}' is missing but a required field", 40414)

    def _wrong(self, name: str, value: Value, word: str) -> NoReturn:
        text = f"BSON field '{self._place}.{name}' is the wrong type '{type_name(value)}'"
        raise CommandError(f"{text}, expected type '{word}'", 14)


def _is_generic(name: str) -> bool:
    return name in _GENERIC or name.startswith("$")
