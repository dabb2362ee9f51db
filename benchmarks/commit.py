"""What this disk takes for one commit: the least that a durable answer can cost."""

from __future__ import annotations

import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path

_TIMES = 50


def commit(directory: Path) -> float:
    """Median seconds of changing one row in SQLite (WAL, synchronous=FULL) with nothing around it."""
    seconds = []
    with closing(sqlite3.connect(directory / "commit.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, data BLOB)")
        for number in range(_TIMES):
            began = time.perf_counter()
            database.execute("REPLACE INTO rows VALUES (0, ?)", (bytes([number]) * 400,))
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
