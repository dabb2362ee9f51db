"""Generated code and reference evaluator give the same answer, or the same error, whatever they are asked.

``make fuzz`` asks ``FUZZ`` random pipelines, from a seed that it prints; ``SEED=n`` asks the same again.
"""

from __future__ import annotations

import os
import random
import secrets
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mql.generation import Generator, registered, templates
from mql.tables import strict

from brookmill.mql import MISSING, MQLError, PlanError, Value
from brookmill.mql.api import env, generated_value
from brookmill.mql.expression import parse_expression
from brookmill.plan import bounded

COUNT = int(os.environ.get("FUZZ", "100000"))
SOURCES = st.randoms(use_true_random=False)
EASY = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def answer(ask: Any) -> Any:
    """What there is to compare: the value with its type, or the code of the error."""
    try:
        return strict(ask())
    except (MQLError, PlanError) as e:
        return ("error", type(e).__name__, e.code)


def check_expression(expression: Value, document: Value) -> None:
    try:
        parsed = parse_expression(expression)
    except PlanError:
        return
    before = strict(document)
    slow = answer(lambda: parsed.evaluate(env(document)))
    quick = answer(lambda: generated_value(parsed, document))
    assert slow == quick, f"{expression}\nof {document}\nreference {slow}\ngenerated {quick}"
    assert strict(document) == before, f"{expression} changed {document}"


def check_pipeline(stages: list[Value], documents: list[Value]) -> None:
    slow = answer(lambda: bounded.run(stages, documents, reference=True))
    quick = answer(lambda: bounded.run(stages, documents, reference=False))
    assert slow == quick, f"{stages}\nof {documents}\nreference {slow}\ngenerated {quick}"


@given(SOURCES)
@EASY
def test_expressions_agree(source: random.Random) -> None:
    generator = Generator(source)
    expression, document = generator.expression()
    check_expression(expression, generator.varied(document))


@given(SOURCES)
@EASY
def test_pipelines_agree(source: random.Random) -> None:
    check_pipeline(*Generator(source).pipeline())


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_pipelines_agree() -> None:
    first = int(os.environ.get("SEED", secrets.randbelow(2**32)))
    print(f"SEED={first} FUZZ={COUNT}")
    for seed in range(first, first + COUNT):
        generator = Generator(random.Random(seed))
        try:
            if seed % 2:
                expression, document = generator.expression()
                check_expression(expression, generator.varied(document))
            else:
                check_pipeline(*generator.pipeline())
        except Exception as e:
            raise AssertionError(f"SEED={seed} FUZZ=1") from e


def test_every_operator_is_met() -> None:
    """By a row of its own, so by random expressions too."""
    assert registered() - templates("expressions").keys() == set()


def test_missing_is_told_from_null() -> None:
    assert strict(MISSING) != strict(None)
