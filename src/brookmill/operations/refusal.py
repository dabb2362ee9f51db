"""How the stream engine refuses: every text of its own comes under one errorCode."""

from __future__ import annotations

from typing import NoReturn

from brookmill.domain.processor import Processor
from brookmill.errors import UserError


def fail(
    processor: Processor, text: str, field: str | None = None, *, wire_code: int | None = None
) -> NoReturn:
    """Raise STREAM_PROCESSOR_GENERIC_ERROR with the engine's ``text``; ``field`` is the place it is
    about, ``wire_code`` MongoDB's number for it.
    """
    text = text.removesuffix(".")
    fields = [] if field is None else [(field, text)]
    raise UserError(
        "STREAM_PROCESSOR_GENERIC_ERROR", processor.name, text, fields=fields, wire_code=wire_code
    )
