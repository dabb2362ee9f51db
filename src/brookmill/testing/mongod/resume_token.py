"""Resume tokens: places in the log, as text that sorts as the places do."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, Self

from brookmill.mql.values import Document
from brookmill.testing.mongod.errors import CommandError

_FORM: Final = re.compile(r"82([0-9A-F]{16})2B(0[0-2])04")


class ResumeToken(NamedTuple):
    """``kind`` 0: everything up to ``at`` is done, no event meant. 1: the event there. 2: its invalidate."""

    at: int
    kind: int = 1

    @property
    def document(self) -> Document:
        """As events and cursors carry it."""
        return {"_data": f"82{self.at:016X}2B{self.kind:02X}04"}

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Raises CommandError."""
        data = document.get("_data") if type(document) is dict else None
        form = _FORM.fullmatch(data) if type(data) is str else None
        if form is None:
            raise CommandError("the resume token is no token of this server", 260)
        return cls(int(form[1], 16), int(form[2], 16))
