"""The MongoDB query language: values, comparison, expressions, filters, accumulators, projections. No I/O.

Programs outside of Brookmill use ``evaluate``, ``matches``, ``accumulate``, ``run_pipeline`` and ``sort``.
"""

from __future__ import annotations

from brookmill.mql.api import accumulate, evaluate, matches, run_pipeline, sort
from brookmill.mql.ejson import parse_json
from brookmill.mql.encoding import Encoding, encoder
from brookmill.mql.errors import MQLError, PlanError
from brookmill.mql.values import MISSING, Document, Value

__all__ = [
    "MISSING",
    "Document",
    "Encoding",
    "MQLError",
    "PlanError",
    "Value",
    "accumulate",
    "encoder",
    "evaluate",
    "matches",
    "parse_json",
    "run_pipeline",
    "sort",
]
