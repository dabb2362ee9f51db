"""Landmarks: where the source can go back to, so that windows are made anew that another pipeline had opened.

A changed window cannot go on with what the former one collected. Its open windows are made again from their
documents, which are read again: from the last landmark before the first of these. Reference: engine
reference, section 3, Modify.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from brookmill.mql.values import Document

#: So many are kept at most; with fewer of them more has to be read again.
MOST: Final = 32


class Landmark(msgspec.Struct, frozen=True):
    """``position``: of the source. ``time``: what was known of time there, as a program restores it."""

    number: int
    position: Any
    time: Document


def needed(landmarks: Sequence[Landmark], oldest: int | None) -> list[Landmark]:
    """Those to go back to from windows of which ``oldest`` is the least landmark, or from later ones."""
    if oldest is None:
        return list(landmarks[-1:])
    before = [one for one in landmarks if one.number <= oldest][-1:]
    after = [one for one in landmarks if one.number > oldest]
    kept = before + after
    return kept if len(kept) <= MOST else [kept[0], *kept[1:-1:2], kept[-1]]
