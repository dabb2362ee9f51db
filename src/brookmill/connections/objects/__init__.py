"""Documents gathered into objects of a store (S3, Azure Blob): when an object is done, and what it holds.

Reference: engine reference, section 1.3. A store brings an ``Upload``; the rest is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Target(NamedTuple):
    """Where objects go: the ``bucket`` (or container), and the ``path`` that their names begin with."""

    bucket: str
    path: str


class Upload(Protocol):
    """One object on its way. Nobody sees it before ``finish`` returns."""

    def part(self, data: bytes) -> None:
        """Send a part ahead, of at least ``PART`` bytes. Raises ConnectionFailed."""
        ...

    def finish(self, data: bytes) -> None:
        """Send the last part, and make the object. Raises ConnectionFailed."""
        ...

    def abandon(self) -> None:
        """Take back the parts that were sent; never raises."""
        ...


#: Begins an object. ``key``: its full name. ``content_type``: of what is written.
Begin = Callable[[str, str, str], Upload]

#: Bytes that are sent at once; objects that grow beyond go in parts of so many.
PART = 8 * 1024 * 1024
