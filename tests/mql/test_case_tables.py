"""Every row of the behaviour tables, through the generated code and through the reference evaluator."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mql.tables import CASES, Answer, Row, complaints, files, strict, table

from brookmill import mql, upstream
from brookmill.mql.accumulator import ACCUMULATORS
from brookmill.mql.api import env, generated_match, generated_value
from brookmill.mql.expression import EXPRESSIONS, parse_expression
from brookmill.mql.filter import DOCUMENT_PREDICATES, PREDICATES, parse_filter
from brookmill.plan import bounded
from brookmill.stages import STAGES

#: Query operators that the filter itself knows, and those that streams refuse, which their tables say.
_FILTER = {"$and", "$or", "$nor", "$not", "$expr", "$comment", "$near", "$nearSphere", "$text", "$where"}

#: Family -> names upstream has, names we have.
FAMILIES = {
    "expressions": (upstream.EXPRESSIONS, EXPRESSIONS),
    "query": (upstream.QUERY_OPERATORS, {*PREDICATES, *DOCUMENT_PREDICATES, *_FILTER}),
    "accumulators": (upstream.ACCUMULATORS, ACCUMULATORS),
    "stages": (upstream.STAGES, STAGES),
}


def tables(family: str) -> list[Any]:
    """One parameter a file; a file of an operator that is not done yet must fail."""
    known, done = FAMILIES[family]
    parameters = []
    for path in files(family):
        name, _ = table(path)
        own = str(path.relative_to(CASES))[:-5]
        marks = []
        if name in known and name not in done:
            marks = [pytest.mark.xfail(reason="known, not done")]
        parameters.append(pytest.param(path, marks=marks, id=own))
    return parameters


def check(path: Path, answers: Callable[[Row], Iterable[tuple[str, Answer]]]) -> None:
    _, rows = table(path)
    wrong: list[str] = []
    for row in rows:
        before = [strict(row.get(key)) for key in ("expr", "doc", "query", "docs", "stage", "stages")]
        wrong += complaints(row, answers(row))
        after = [strict(row.get(key)) for key in ("expr", "doc", "query", "docs", "stage", "stages")]
        wrong += [f"{row['name']}: the row was changed in place"] if before != after else []
    assert not wrong, f"{len(wrong)} of {len(rows)} rows:\n" + "\n".join(wrong)


@pytest.mark.parametrize("path", tables("expressions"))
def test_expressions(path: Path) -> None:
    def answers(row: Row) -> Iterator[tuple[str, Answer]]:
        document = row.get("doc", {})
        yield "reference", lambda: parse_expression(row["expr"]).evaluate(env(document))
        yield "generated", lambda: generated_value(parse_expression(row["expr"]), document)

    check(path, answers)


@pytest.mark.parametrize("path", tables("query"))
def test_queries(path: Path) -> None:
    """A filter's answer is one bool a document; the row wants those of ``matches`` true, the others false."""

    def answers(row: Row) -> Iterator[tuple[str, Answer]]:
        documents = [*row.get("matches", []), *row.get("rejects", [])]
        row.setdefault("out", [*[True] * len(row.get("matches", [])), *[False] * len(row.get("rejects", []))])

        def reference() -> Any:
            query = parse_filter(row["query"])
            return [query.matches(env(document)) for document in documents]

        def generated() -> Any:
            query = parse_filter(row["query"])
            return [generated_match(query, document) for document in documents]

        yield "reference", reference
        yield "generated", generated

    check(path, answers)


@pytest.mark.parametrize("path", tables("accumulators"))
def test_accumulators(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(row: Row) -> Iterator[tuple[str, Answer]]:
        for evaluator in ("reference", "generated"):
            monkeypatch.setenv("BROOKMILL_MQL", evaluator)
            yield evaluator, functools.partial(mql.accumulate, row["spec"], row["docs"])

    check(path, answers)


@pytest.mark.parametrize("path", tables("stages"))
def test_stages(path: Path) -> None:
    def answers(row: Row) -> Iterator[tuple[str, Answer]]:
        stages = row["stages"] if "stages" in row else [row["stage"]]
        for evaluator in ("reference", "generated"):
            slow = evaluator == "reference"
            yield evaluator, functools.partial(bounded.run, stages, row["docs"], reference=slow)

    check(path, answers)
