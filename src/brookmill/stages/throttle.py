"""``$throttle``: no more documents, or bytes, a second than told."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import msgspec
from bson import Int64
from msgspec import UNSET, UnsetType

from brookmill.clock import Clock
from brookmill.connections import Answer, Asker, Opening, Output, document_size
from brookmill.mql.expression import Expression
from brookmill.mql.values import Document, Value
from brookmill.stages import MAIN, STAGES, Kind, Place, Placement

Rate = Annotated[int, msgspec.Meta(gt=0)]

_NEVER = threading.Event()


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Positive whole numbers; at least one of them."""

    bytes_per_sec: Rate | UnsetType = UNSET
    messages_per_sec: Rate | UnsetType = UNSET


class Budget:
    """Fills up at ``rate`` units a second, to what a second gives at most; full at the beginning."""

    def __init__(self, rate: int, now: float) -> None:
        self.rate = rate
        self._left = float(rate)
        self._at = now

    def shortfall(self, cost: int, now: float) -> float:
        """Seconds until ``cost`` can be paid; more than there ever is counts as all of it."""
        self._left = min(self.rate, self._left + (now - self._at) * self.rate)
        self._at = now
        return max(0.0, (min(cost, self.rate) - self._left) / self.rate)

    def pay(self, cost: int) -> None:
        self._left -= min(cost, self.rate)


class Throttle:
    """An ``Asker`` that asks nobody and answers when it is time."""

    def __init__(self, options: Options, clock: Clock) -> None:
        now = clock.monotonic()
        self._clock = clock
        self._messages = Budget(options.messages_per_sec, now) if options.messages_per_sec else None
        self._bytes = Budget(options.bytes_per_sec, now) if options.bytes_per_sec else None
        self._waited = 0.0
        self._waits = 0

    def ask(self, questions: Output) -> Sequence[Answer]:
        for document in questions.values:
            size = document_size(document) if self._bytes else 0
            self._wait(max(self._shortfall(self._messages, 1), self._shortfall(self._bytes, size)))
            for budget, cost in ((self._messages, 1), (self._bytes, size)):
                if budget:
                    budget.pay(cost)
            if self._bytes and size > self._bytes.rate:
                self._wait(1.0)
        return [Answer()] * len(questions.values)

    def _shortfall(self, budget: Budget | None, cost: int) -> float:
        return budget.shortfall(cost, self._clock.monotonic()) if budget else 0.0

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._waits += 1
            self._waited += seconds
            self._clock.wait(_NEVER, seconds)

    def stats(self) -> Document:
        waited = Int64(self._waited * 1000)
        return {"throttle": {"throttledTimeMs": waited, "throttleEvents": Int64(self._waits)}}

    def close(self) -> None:
        """Nothing is open."""


@STAGES("$throttle")
@dataclass(frozen=True, slots=True)
class ThrottleStage:
    """Engine reference, section 1.7: budgets are independent, the largest shortfall is waited for.

    A document larger than ``bytesPerSec`` passes, and the stage waits a second.
    """

    options: Options

    name: ClassVar[str] = "$throttle"
    kind: ClassVar[Kind] = "ask"
    placements: ClassVar[frozenset[Placement]] = MAIN
    operator: ClassVar[str] = "ThrottleOperator"
    connection: ClassVar[None] = None
    columns: ClassVar[Mapping[str, Expression]] = {}
    constants: ClassVar[Mapping[str, Value]] = {}
    into: ClassVar[None] = None

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        options = place.options(spec, Options)
        if options.bytes_per_sec is UNSET and options.messages_per_sec is UNSET:
            raise place.wrong("$throttle requires at least one of 'bytesPerSec' or 'messagesPerSec'")
        return cls(options)

    def open_asker(self, opening: Opening) -> Asker:
        return Throttle(self.options, opening.clock)
