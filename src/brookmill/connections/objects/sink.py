"""Writes documents as objects of a store; every checkpoint makes all objects that grow."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from brookmill.connections import DeadLetter, Form, Opening, Output
from brookmill.connections.objects import Begin, Target
from brookmill.connections.objects.gathering import Gathering
from brookmill.connections.objects.names import path_problem
from brookmill.connections.objects.options import ObjectConfig
from brookmill.errors import DocumentError
from brookmill.mql.encoding import RELAXED, encoder

#: The part of a worker's memory that growing objects may take.
_SHARE = 8
#: Largest document. Reference: engine reference, section 6.
_LARGEST = 16 * 1024**2
_json = encoder(RELAXED)

Share = list[tuple[Target, bytes]]


class ObjectSink:
    """A ``Sink``, and ``Timely``. Columns or constants: ``bucket``, ``path``, ``partitionBy``, ``meta``.

    ``parallelism`` gatherings work side by side, each in a thread of its own while something is written.
    """

    accepts: Form = "json"

    def __init__(
        self,
        *,
        operator: str,
        config: ObjectConfig,
        parallelism: int,
        bucket: re.Pattern[str],
        begin: Begin,
        opening: Opening,
    ) -> None:
        """``bucket``: what names of buckets look like."""
        self._operator = operator
        self._bucket = bucket
        self._constants = opening.constants
        memory = opening.memory // _SHARE // parallelism
        self._gatherings = [Gathering(config, begin, opening.clock, memory) for _ in range(parallelism)]
        self._pool = ThreadPoolExecutor(parallelism, "objects") if parallelism > 1 else None
        self._turn = 0
        self._last: Target | None = None

    def write(self, output: Output) -> list[DeadLetter]:
        letters: list[DeadLetter] = []
        shares: list[Share] = [[] for _ in self._gatherings]
        columns = output.columns.items()
        for i, text in enumerate(output.values):
            given = {**self._constants, **{name: column[i] for name, column in columns}}
            try:
                shares[self._share(given)].append((self._target(given, text), text))
            except DocumentError as e:
                letters.append(DeadLetter(str(e), self._operator, text, given.get("meta") or {}))
        self._side_by_side([_adding(g, share) for g, share in zip(self._gatherings, shares, strict=True)])
        return letters

    def tick(self) -> list[DeadLetter]:
        self._side_by_side([gathering.tick for gathering in self._gatherings])
        return []

    def flush(self) -> list[DeadLetter]:
        self._side_by_side([gathering.flush for gathering in self._gatherings])
        return []

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        for gathering in self._gatherings:
            gathering.close()

    def _side_by_side(self, works: Sequence[Callable[[], None]]) -> None:
        """Do all of them; raises what the first that failed raised, when none runs any more."""
        if self._pool is None:
            for work in works:
                work()
            return
        running = [self._pool.submit(work) for work in works]
        failures = [failure for one in running if (failure := one.exception()) is not None]
        if failures:
            raise failures[0]

    def _share(self, given: Mapping[str, Any]) -> int:
        """Which gathering takes the document: always the same for one value of ``partitionBy``."""
        count = len(self._gatherings)
        if count == 1:
            return 0
        if "partitionBy" in given:
            return hash(_alike(given["partitionBy"])) % count
        self._turn += 1
        return self._turn % count

    def _target(self, given: Mapping[str, Any], text: bytes) -> Target:
        if len(text) > _LARGEST:
            raise DocumentError(f"the document is larger than {_LARGEST} bytes")
        target = Target(given["bucket"], given["path"])
        if target != self._last:  # looked at already
            self._check(target)
            self._last = target
        return target

    def _check(self, target: Target) -> None:
        if not isinstance(target.bucket, str) or not self._bucket.fullmatch(target.bucket):
            raise DocumentError("the bucket of a document must be a string that can name one")
        if why := path_problem(target.path):
            raise DocumentError(f"the path of a document {why}")


def _adding(gathering: Gathering, share: Share) -> Callable[[], None]:
    def add() -> None:
        for target, text in share:
            gathering.add(target, text)

    return add


def _alike(value: Any) -> Hashable:
    """Something to hash that is equal for equal values."""
    return value if isinstance(value, (str, int)) else _json(value)
