"""Updates: what ``u`` of an update statement makes of a document, and how change streams describe it.

Operators are functions that parse an operand into a ``Change`` of the value at one path; they register
themselves in the files of this package. Reference: MongoDB manual, Update Operators.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bson import Timestamp

from brookmill.mql.values import Value
from brookmill.registry import Registry


@dataclass(frozen=True, slots=True)
class Moment:
    """What a change may depend on beside the value. ``inserting``: the document is new, by an upsert."""

    now: datetime
    time: Timestamp
    inserting: bool


#: The new value in place of an old one; MISSING: of what was not there, or to take it away.
Change = Callable[[Value, Moment], Value]

#: Update operators by name: functions from operand and path to the change. Raises CommandError.
UPDATE_OPERATORS: Registry[Callable[[Value, str], Change]] = Registry("update operator", __name__)
