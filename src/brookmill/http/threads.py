"""Worker threads for what blocks: the store, the supervisor, and the encoding of long answers."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

#: Stopping a processor may hold one for many seconds; others must go on.
_MOST = 32


class Threads:
    """A pool that is filled as needed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_MOST, thread_name_prefix="call")

    async def run(self, function: Callable[[], T]) -> T:
        """Run in a worker thread, where logs still know the request."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, function)

    def close(self) -> None:
        """Wait for what runs: a write that has begun ends."""
        self._pool.shutdown(wait=True)
