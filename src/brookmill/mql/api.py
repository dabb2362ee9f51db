"""The query language by itself, for programs and tests: one call a question, all values Python or ``bson``
ones.

Answers come from the same generated code that workers run; with ``BROOKMILL_MQL=reference`` in the
environment from the reference evaluator. Every error is an ``MQLError`` with ``code`` and ``code_name``,
whether the spec is wrong or a document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from brookmill.config import mql_evaluator
from brookmill.mql.accumulator import parse_accumulation
from brookmill.mql.code import Code, Val, system_now
from brookmill.mql.errors import MQLError, PlanError, StateTooLarge
from brookmill.mql.expression import Env, Expression, Parser, parse_expression
from brookmill.mql.filter import Filter, parse_filter
from brookmill.mql.shape import Plain
from brookmill.mql.sorting import parse_order
from brookmill.mql.values import MISSING, Document, Value

Evaluator = Literal["generated", "reference"]
#: Characters of generated code, a few tenths of a second to compile.
MOST_CODE = 200_000


@contextmanager
def _one_error() -> Iterator[None]:
    """What is wrong with the spec is raised as what is wrong with a document: callers know both."""
    try:
        yield
    except (PlanError, StateTooLarge) as e:
        raise MQLError(str(e), e.code) from e
    except RecursionError:
        raise MQLError("the document is nested too deeply", 15) from None
    except UnicodeEncodeError:
        raise MQLError("a string is no valid UTF-8", 9) from None


def evaluate(expression: Value, document: Document, let: Mapping[str, Value] | None = None) -> Value:
    """The value of an aggregation expression; MISSING for none. ``let``: user variables. Raises MQLError."""
    let = let or {}
    with _one_error():
        parsed = parse_expression(expression, variables=frozenset(Parser().seeing(*let).variables))
        if mql_evaluator() == "reference":
            return parsed.evaluate(env(document, let))
        return generated_value(parsed, document, let)


def matches(query: Document, document: Document) -> bool:
    """Whether the document passes the filter. Raises MQLError."""
    with _one_error():
        parsed = parse_filter(query)
        if mql_evaluator() == "reference":
            return parsed.matches(env(document))
        return generated_match(parsed, document)


def accumulate(spec: Document, documents: Iterable[Document]) -> Value:
    """What an accumulator such as ``{"$sum": "$a"}`` gives for all the documents as one group.

    A missing result is null, as it is in ``$group``. Raises MQLError.
    """
    documents = list(documents)
    groups = run_pipeline([{"$group": {"_id": None, "result": spec}}], documents)
    if groups:
        return groups[0]["result"]
    accumulation = parse_accumulation(spec, Parser())
    result = accumulation.new(None).result()
    return None if result is MISSING else result


def run_pipeline(stages: list[Document], documents: Iterable[Document]) -> list[Document]:
    """What comes of the documents after all the stages, as if they were all of one window.

    Stages that touch a connection or cut the stream into windows have no place here. Raises MQLError.
    """
    # The one place that looks to the right in the import order: this is the language's front, but a
    # pipeline is more than the language. Late, so that importing the language imports nothing but itself.
    from brookmill.plan.bounded import run

    with _one_error():
        return run(stages, documents, reference=mql_evaluator() == "reference")


def sort(documents: Iterable[Document], spec: Document) -> list[Document]:
    """The documents in the order of a ``$sort`` spec; stable. Raises MQLError."""
    with _one_error():
        order, documents = parse_order(spec, ()), list(documents)
        if len(order.keys) > 1:
            for document in documents:
                order.check(document)
        return order.sorted(documents, lambda document: document)


def env(document: Document, let: Mapping[str, Value] | None = None) -> Env:
    """What the reference evaluator sees of a document outside of any stream."""
    return {"ROOT": document, "CURRENT": document, "@meta": {}, "@now": system_now, **(let or {})}


def generated_value(
    expression: Expression, document: Document, let: Mapping[str, Value] | None = None
) -> Value:
    """The value that generated code computes; of a huge expression the one that the reference does."""
    code = Code(Plain("d"))
    code.variables = {name: Val(f"let[{code.bind(name)}]") for name in let or {}}
    result = expression.emit(code).text
    if _too_long(code, result):
        return expression.evaluate(env(document, let))
    return _run(code, result, document, let or {})


def generated_match(query: Filter, document: Document) -> bool:
    """Whether generated code finds that the document passes; of a huge filter the reference evaluator."""
    code = Code(Plain("d"))
    result = query.emit(code)
    if _too_long(code, result):
        return query.matches(env(document))
    return bool(_run(code, result, document, {}))


def _too_long(code: Code, result: str) -> bool:
    """Whether the code takes longer to compile than to do without."""
    return len(result) + sum(map(len, code.lines)) > MOST_CODE


def _run(code: Code, result: str, document: Document, let: Mapping[str, Value]) -> Value:
    text = "\n".join(["def run(d, let):", *code.lines, f"    return {result}"])
    names: dict[str, Any] = dict(code.bound)
    exec(compile(text, "<generated>", "exec"), names)  # noqa: S102 - names and constants are bound, never text
    return names["run"](document, let)
