"""Writes that may be repeated: under one ``Idempotency-Key`` they happen once, and are answered alike.

What was refused is tried anew: it changed nothing. The answer is kept in the transaction of the write, so a
crash between both is none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import msgspec

from brookmill.errors import UserError
from brookmill.operations import Answered, Call
from brookmill.store import Session

_HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

#: Query parameters that change the form of an answer only.
_FORM = frozenset({"envelope", "pretty"})


def once(call: Call, session: Session, operation: str, write: Callable[[], Answered]) -> Answered:
    """What ``write`` answers, or has answered to the same request under the same key.

    ``operation``: its id; keys are the principal's own, whatever operation they come with. Raises
    IDEMPOTENCY_KEY_REUSED for another request under a known key.
    """
    key = call.headers.get(_HEADER)
    if key is None:
        return write()
    if not _KEY.fullmatch(key):
        raise UserError("VALIDATION_ERROR", "Idempotency-Key must be 1 to 255 visible ASCII characters")
    request, now = _fingerprint(call, operation), call.clock.now()
    kept = session.replies.one(call.principal.id, key, now)
    if kept is None:
        answered = write()
        reply = msgspec.json.encode(answered)
        session.replies.add(call.principal.id, key, request, reply, now)
        return answered
    if kept[0] != request:
        raise UserError("IDEMPOTENCY_KEY_REUSED", key)
    return msgspec.json.decode(kept[1], type=Answered)


def repeated(call: Call, session: Session) -> bool:
    """Whether the key of this call is known, so that ``once`` answers without writing."""
    key = call.headers.get(_HEADER)
    return key is not None and session.replies.one(call.principal.id, key, call.clock.now()) is not None


def _fingerprint(call: Call, operation: str) -> str:
    query = {name: value for name, value in call.query.items() if name not in _FORM}
    asked = msgspec.json.encode((operation, dict(call.path), query), order="sorted")
    return hashlib.sha256(len(asked).to_bytes(4, "big") + asked + call.body).hexdigest()
