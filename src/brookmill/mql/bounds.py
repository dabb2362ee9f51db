"""Limits that keep one document from taking the whole worker: sizes of what operators may build."""

from __future__ import annotations

from brookmill.mql.errors import MQLError

#: Longest string and largest array that an operator builds, in characters and items; 16 MB is MongoDB's own.
MAX_TEXT = 16 * 1024 * 1024
MAX_ITEMS = 1_000_000


def bounded_text(length: int, operator: str) -> None:
    """Raises MQLError when a string of ``length`` characters would be too long."""
    if length > MAX_TEXT:
        raise MQLError(f"{operator} would build a string of more than {MAX_TEXT} characters", 146)


def bounded_items(count: int, operator: str) -> None:
    """Raises MQLError when an array of ``count`` items would be too large."""
    if count > MAX_ITEMS:
        raise MQLError(f"{operator} would build an array of more than {MAX_ITEMS} items", 146)
