"""The MongoDB query language: values, comparison, expressions, filters, accumulators, projections. No I/O."""

from __future__ import annotations

from brookmill.mql.ejson import parse_json
from brookmill.mql.encoding import Encoding, encoder
from brookmill.mql.errors import MQLError, PlanError
from brookmill.mql.values import MISSING, Document, Value

__all__ = ["MISSING", "Document", "Encoding", "MQLError", "PlanError", "Value", "encoder", "parse_json"]
