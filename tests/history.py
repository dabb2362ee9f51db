"""Histories of one connection under concurrent callers, and a checker: are they linearizable?

A history is linearizable when every call can be given one moment between its beginning and its end, so that
the answers are those of the model when the calls are made one by one at these moments (Herlihy and Wing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["get", "create", "patch", "delete", "rollback"]

#: Of the connection: ``url`` and the one header, which a PATCH changes one at a time.
Settings = tuple[str, str]


@dataclass(frozen=True)
class Asked:
    """``match``: the tag sent with If-Match, or "*". ``key``: of one request only."""

    kind: Kind
    url: str | None = None
    header: str | None = None
    number: int = 0
    match: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Told:
    """``tag`` and ``settings`` of a success that has them, else the status of the refusal."""

    status: int
    tag: str | None = None
    settings: Settings | None = None


@dataclass(frozen=True)
class Event:
    asked: Asked
    told: Told
    began: int
    ended: int


@dataclass(frozen=True)
class Model:
    """``revisions``: id and settings, None: deleted. ``kept``: what was answered under keys."""

    revisions: tuple[tuple[str, Settings | None], ...] = ()
    kept: frozenset[tuple[str, Told]] = frozenset()

    @property
    def tag(self) -> str | None:
        if not self.revisions or self.revisions[-1][1] is None:
            return None
        return f"{self.revisions[-1][0]}-{len(self.revisions)}"

    def after(self, asked: Asked, told: Told) -> Model | None:
        """The model after that call; None when it would not have been answered so."""
        for key, before in self.kept:
            if key == asked.key:
                return self if told == before else None
        now = self._after(asked, told)
        if now is None or asked.key is None or told.status != 200:
            return now
        return replace(now, kept=now.kept | {(asked.key, told)})

    def _after(self, asked: Asked, told: Told) -> Model | None:
        id, settings = self.revisions[-1] if self.revisions else ("", None)
        if (status := self._refusal(asked, settings)) is not None:
            return self if told == Told(status) else None
        if asked.kind == "get":
            return self if told == Told(200, self.tag, settings) else None
        match asked.kind:
            case "create":
                id, settings = (told.tag or "").rpartition("-")[0], (asked.url or "", asked.header or "")
            case "patch":
                assert settings is not None
                settings = (asked.url or settings[0], asked.header or settings[1])
            case "delete":
                settings = None
            case "rollback":
                there = settings is not None
                old, settings = self.revisions[asked.number - 1]
                id = id if there else old
        now = replace(self, revisions=(*self.revisions, (id, settings)))
        return now if told == Told(200, now.tag, settings) else None

    def _refusal(self, asked: Asked, settings: Settings | None) -> int | None:
        if asked.kind == "create":
            return None if settings is None else 409
        if asked.kind == "rollback":
            if not 1 <= asked.number <= len(self.revisions):
                return 404
        elif settings is None:
            return 404
        if (
            asked.kind != "get"
            and asked.match is not None
            and (self.tag is None or asked.match not in ("*", self.tag))
        ):
            return 412
        deletion = asked.kind == "rollback" and self.revisions[asked.number - 1][1] is None
        return 400 if deletion else None


def linearizable(events: Sequence[Event], model: Model = Model()) -> bool:
    """Whether some order of the calls, true to what ended before what began, explains all answers."""
    everything = (1 << len(events)) - 1
    seen: set[tuple[int, Model]] = set()
    stack = [(everything, model)]
    while stack:
        left, state = stack.pop()
        if not left:
            return True
        if (left, state) in seen:
            continue
        seen.add((left, state))
        waiting = [i for i in range(len(events)) if left >> i & 1]
        first = min(events[i].ended for i in waiting)
        for i in waiting:
            if events[i].began <= first:
                following = state.after(events[i].asked, events[i].told)
                if following is not None:
                    stack.append((left & ~(1 << i), following))
    return False
