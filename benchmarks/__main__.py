"""``make bench``: every benchmark of this package, one table; fails when a promise is broken."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.figure import Figure, show


def main() -> bool:
    """Run what has a ``run()``, one after the other; whether all promises are kept."""
    figures: list[Figure] = []
    for found in pkgutil.iter_modules(benchmarks.__path__, "benchmarks."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            figures += module.run() if hasattr(module, "run") else []
    return show(figures)


if __name__ == "__main__":
    sys.exit(not main())
