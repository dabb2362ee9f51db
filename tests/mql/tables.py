"""Case tables: rows of Extended JSON that say what the manual says, and how strictly answers are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bson import Binary

from brookmill.mql import MISSING, MQLError, PlanError, Value, parse_json
from brookmill.mql.values import ms_from_date, type_name

CASES = Path(__file__).parent.parent / "cases"

Row = dict[str, Any]
#: The answer of one evaluator to one row.
Answer = Callable[[], Value]


def files(*folders: str) -> list[Path]:
    """The tables of these folders of ``tests/cases``."""
    return sorted(path for folder in folders for path in (CASES / folder).rglob("*.json"))


def table(path: Path) -> tuple[str, list[Row]]:
    """The operator and its rows. A row that says nothing, or two things, is a mistake in the table."""
    content = parse_json(path.read_bytes())
    rows: list[Row] = content["cases"]
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names) > 0, f"{path}: names of rows must differ"
    for row in rows:
        said = [key for key in ("out", "missing", "error", "matches") if key in row]
        assert len(said) == 1, f"{path}: {row['name']} says {said}"
    return content["operator"], rows


def strict(value: Value) -> Any:
    """What two values have in common when they are the same: type, value, order of members, sign of zero."""
    kind = type_name(value)
    if kind == "object":
        return (kind, [(name, strict(member)) for name, member in value.items()])
    if kind == "array":
        return (kind, [strict(item) for item in value])
    if kind in {"double", "regex"}:
        return (kind, repr(float(value)) if kind == "double" else (value.pattern, value.flags))
    if kind == "decimal":
        return (kind, value.bid)
    if kind == "binData":
        return (kind, value.subtype if isinstance(value, Binary) else 0, bytes(value))
    if kind == "date":
        return (kind, ms_from_date(value))
    return (kind, str(value))


def loose(value: Value) -> Any:
    """As ``strict``, but the items of the outer array may come in any order."""
    kind, items = strict(value)
    return (kind, sorted(items, key=repr))


def complaints(row: Row, answers: Iterable[tuple[str, Answer]]) -> Iterator[str]:
    """What is wrong with the answers to one row, in words."""
    for evaluator, answer in answers:
        said = _complaint(row, answer)
        if said is not None:
            yield f"{row['name']} [{evaluator}]: {said}"


def _complaint(row: Row, answer: Answer) -> str | None:
    try:
        value = answer()
    except (MQLError, PlanError) as e:
        return _refusal(row, e)
    except Exception as e:
        return f"raised {type(e).__name__}: {e}"
    if "error" in row:
        return f"gave {value!r} instead of an error {row['error']}"
    wanted = MISSING if "missing" in row else row["out"]
    same = loose if row.get("unordered") else strict
    return None if same(value) == same(wanted) else f"gave {value!r} instead of {wanted!r}"


def _refusal(row: Row, error: MQLError | PlanError) -> str | None:
    wanted = row.get("error")
    if wanted is None:
        return f"raised {error.code} {error}"
    if "phase" in row and (row["phase"] == "parse") is not isinstance(error, PlanError):
        return f"raised {type(error).__name__} {error} in the wrong phase"
    if wanted.get("code", error.code) != error.code:
        return f"raised {error.code} instead of {wanted['code']}: {error}"
    if wanted.get("codeName", error.code_name) != error.code_name:
        return f"raised {error.code_name} instead of {wanted['codeName']}: {error}"
    if wanted.get("contains", "") not in str(error):
        return f"raised {error!s} without {wanted['contains']!r}"
    return None
