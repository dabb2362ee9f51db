"""Worker threads for what blocks: the store, the supervisor, and the encoding of long answers."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_MOST = 32


class Threads:
    """Two pools that are filled as needed: what waits for workers must not keep all others waiting."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_MOST, thread_name_prefix="call")
        self._waiting = ThreadPoolExecutor(_MOST, thread_name_prefix="wait")

    async def run(self, function: Callable[[], T], *, waits: bool = False) -> T:
        """Run in a worker thread, where logs still know the request. ``waits``: perhaps for many seconds."""
        context = contextvars.copy_context()
        pool = self._waiting if waits else self._pool
        return await asyncio.get_running_loop().run_in_executor(pool, context.run, function)

    def close(self) -> None:
        """Wait for what runs: a write that has begun ends."""
        self._pool.shutdown(wait=True)
        self._waiting.shutdown(wait=True)
