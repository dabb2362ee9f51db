"""``make bench``: every benchmark, one table; fails when a promise is broken."""

from __future__ import annotations

import sys

from benchmarks import patch, startup
from benchmarks.figure import show

sys.exit(not show([*startup.run(), *patch.run()]))
