"""Remembers for a while which documents belong to others: what ``$cachedLookup`` does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import bson
from bson import Int64
from bson.raw_bson import RawBSONDocument
from msgspec import UNSET

from brookmill.clock import Clock
from brookmill.connections import Answer, Opening, Output
from brookmill.connections.cluster.ask_options import CachedLookupOptions, LookupOptions
from brookmill.connections.cluster.bulk import encoded
from brookmill.connections.cluster.client import CODEC, connected, leave
from brookmill.connections.cluster.lookup import Join, pruned
from brookmill.errors import ConnectionFailed, DocumentError
from brookmill.mql.values import Document

if TYPE_CHECKING:
    from brookmill.connections.cluster import Cluster

#: Parts of the worker's memory that a cache has by default, and at most.
_USUAL, _MOST = 0.1, 0.125
#: Bytes that an entry takes besides what it holds.
_ENTRY = 300


class Entry(NamedTuple):
    """``until``: on the monotonic clock. ``found``: the documents, as BSON, so that their size is known."""

    until: float
    found: bytes


class Cache:
    """Answers by the digest of their question; the oldest go first, which also expire first."""

    def __init__(self, ttl: float, limit: int, clock: Clock) -> None:
        """``ttl`` in seconds, ``limit`` in bytes."""
        self._ttl = ttl
        self._limit = limit
        self._clock = clock
        self._entries: dict[bytes, Entry] = {}
        self.size = 0
        self.hits = 0
        self.misses = 0

    def find(self, key: bytes) -> list[Document] | None:
        """None when it is not known, or not any more."""
        entry = self._entries.get(key)
        if entry is None or entry.until <= self._clock.monotonic():
            self.misses += 1
            return None
        self.hits += 1
        return _decoded(entry.found)

    def keep(self, key: bytes, found: list[Document]) -> None:
        self._drop(key)
        entry = Entry(self._clock.monotonic() + self._ttl, bson.encode({"m": found}, codec_options=CODEC))
        size = _ENTRY + len(entry.found)
        if size > self._limit:
            return
        self._entries[key] = entry
        self.size += size
        while self.size > self._limit:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= _ENTRY + len(entry.found)


class CachedLookup:
    """An ``Asker``. That there is nothing is remembered too, that something failed is not."""

    def __init__(self, connection: Cluster, options: CachedLookupOptions, opening: Opening) -> None:
        """Raises ConnectionFailed; 420 when the cache would take too much of the worker's memory."""
        limit, most = int(opening.memory * _USUAL), int(opening.memory * _MOST)
        if options.max_mem_usage_bytes is not UNSET:
            limit = options.max_mem_usage_bytes
        if limit > most:
            text = f"maxMemUsageBytes can be {most} at most in this tier: an eighth of its memory"
            raise ConnectionFailed(text, retry=False, code=420, name="StreamProcessorInvalidOptions")
        self._local = tuple(options.local_field.split("."))
        self._cache = Cache(options.ttl.milliseconds / 1000, limit, opening.clock)
        self._client = connected(connection, opening)
        try:
            self._join = Join(self._client, _uncached(options))
        except BaseException:
            leave(self._client)
            raise

    def ask(self, questions: Output) -> Sequence[Answer]:
        answers = [Answer()] * len(questions)
        unknown: dict[bytes, tuple[RawBSONDocument, list[int]]] = {}
        for place, document in enumerate(questions.values):
            try:
                raw = encoded({"d": pruned(document, self._local)})
            except DocumentError as e:
                answers[place] = Answer(refused=str(e))
                continue
            key = hashlib.blake2b(raw.raw, digest_size=16).digest()
            if key in unknown:
                self._cache.hits += 1
                unknown[key][1].append(place)
            elif (found := self._cache.find(key)) is not None:
                answers[place] = Answer(found)
            else:
                unknown[key] = raw, [place]
        self._learn(unknown, answers)
        return answers

    def stats(self) -> Document:
        return {"cacheHits": Int64(self._cache.hits), "cacheMisses": Int64(self._cache.misses)}

    def close(self) -> None:
        leave(self._client)

    def _learn(self, unknown: dict[bytes, tuple[RawBSONDocument, list[int]]], answers: list[Answer]) -> None:
        found = self._join.ask([raw for raw, _ in unknown.values()])
        for (key, (_, places)), answer in zip(unknown.items(), found, strict=True):
            if answer.refused is None:
                self._cache.keep(key, answer.value)
            for place in places:
                answers[place] = answer


def _uncached(options: CachedLookupOptions) -> LookupOptions:
    return LookupOptions(
        source=options.source,
        local_field=options.local_field,
        foreign_field=options.foreign_field,
        as_=options.as_,
    )


def _decoded(found: bytes) -> list[Document]:
    document: dict[str, Any] = bson.decode(found, CODEC)
    documents: list[Document] = document["m"]
    return documents
