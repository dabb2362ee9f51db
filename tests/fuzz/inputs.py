"""One input of the fuzzer: made from its seed, and asked of the parser and both evaluators."""

from __future__ import annotations

import functools
import random
import signal
import time
from collections.abc import Callable
from typing import Any

from fuzz import texts
from fuzz.mutation import Mutator

from brookmill.clock import VirtualClock
from brookmill.connections import Batch
from brookmill.errors import DocumentError
from brookmill.mql import MISSING, PlanError, Value, parse_json
from brookmill.mql.api import env, generated_match, generated_value
from brookmill.mql.encoding import encoder
from brookmill.mql.expression import parse_expression
from brookmill.mql.filter import parse_filter
from brookmill.plan import bounded, plan

_ENCODE = encoder()
START = 1_700_000_000_000

#: Seconds of CPU for one call of what is asked: parsing, one evaluation, or a pipeline of some stages.
MOST_SECONDS = 1.0
#: A longer pipeline has as much for each so many stages.
SOME_STAGES = 100
#: What the parser may raise; the last for what is nested deeper than any JSON text may be.
SPEC = (PlanError, RecursionError)
#: What an evaluator may raise: those who call it take the last two for errors of the document as well.
DOCUMENT = (DocumentError, RecursionError, UnicodeEncodeError)


def ask(seed: int) -> None:
    """Make and ask the input of ``seed``. Raises whatever must not be raised."""
    source = random.Random(seed)
    kind = source.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
    KINDS[kind][1](source)


class Hang(BaseException):
    """Not an Exception: nothing asked may take it for an error of a document."""


def refused(call: Callable[[], Any], *errors: type[Exception], most: float = MOST_SECONDS) -> Any:
    """What ``call`` gives; None where it raises one of ``errors``. Raises Hang after ``most`` seconds."""
    began = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, most)
    try:
        return call()
    except errors as e:
        return str(e) and None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        hang(time.process_time() - began, most)


def hang(took: float, most: float = MOST_SECONDS) -> None:
    if took > most:
        raise Hang(f"took {took:.1f} s")


def expression(source: random.Random) -> None:
    mutator = Mutator(source)
    row = mutator.row("expressions")
    ask_expression(mutator.spoilt(row["expr"]), mutator.spoilt(row.get("doc", {})))


def ask_expression(spec: Value, document: Value) -> None:
    parsed = refused(lambda: parse_expression(spec), *SPEC)
    if parsed is None or not isinstance(document, dict):
        return
    for evaluate in (lambda: parsed.evaluate(env(document)), lambda: generated_value(parsed, document)):
        write(refused(evaluate, *DOCUMENT))


def write(value: Value) -> None:
    """As a sink would."""
    refused(lambda: _ENCODE({} if value is MISSING else {"value": value}), DocumentError)


def query(source: random.Random) -> None:
    mutator = Mutator(source)
    row = mutator.row("query")
    given = [*row.get("matches", []), *row.get("rejects", [])][:4]
    ask_query(mutator.spoilt(row["query"]), [mutator.spoilt(document) for document in given])


def ask_query(spec: Value, documents: list[Value]) -> None:
    parsed = refused(lambda: parse_filter(spec), *SPEC)
    if parsed is None:
        return
    for document in documents:
        if isinstance(document, dict):
            refused(functools.partial(parsed.matches, env(document)), *DOCUMENT)
            refused(functools.partial(generated_match, parsed, document), *DOCUMENT)


def stages(source: random.Random) -> None:
    mutator = Mutator(source)
    if source.random() < 0.5:
        row = mutator.row("accumulators")
        specs: Value = [{"$group": {"_id": "$k", "result": row["spec"]}}]
    else:
        row = mutator.row("stages")
        specs = row["stages"] if "stages" in row else [row["stage"]]
    ask_stages(mutator.spoilt(specs), [mutator.spoilt(document) for document in row.get("docs", [])])


def ask_stages(specs: Value, documents: list[Value]) -> None:
    documents = [document for document in documents if isinstance(document, dict)]
    stages = len(specs) if isinstance(specs, list) else 0
    for reference in (True, False):
        run = functools.partial(bounded.run, specs, documents, reference=reference)
        write(refused(run, *DOCUMENT, PlanError, most=MOST_SECONDS * max(1, stages / SOME_STAGES)))


def text(source: random.Random) -> None:
    raw = texts.text(source)
    value = refused(lambda: parse_json(raw), DocumentError)
    write(value)
    refused(lambda: parse_json(raw.decode("utf-8", "surrogatepass")), DocumentError, UnicodeDecodeError)


def batch(source: random.Random) -> None:
    """Spoilt texts through a spoilt pipeline of a processor."""
    mutator = Mutator(source)
    row = mutator.row("stages")
    middle = mutator.spoilt(row["stages"] if "stages" in row else [row["stage"]], 1)
    if source.random() < 0.5:
        middle = [{"$tumblingWindow": {"interval": {"size": 1, "unit": "second"}, "pipeline": middle}}]
    given = mutator.spoilt({"documents": []}, 1) if source.random() < 0.02 else {"documents": []}
    pipeline = [{"$source": given}, *(middle if isinstance(middle, list) else [middle])]
    planned = refused(lambda: plan(pipeline, {}, sinkless=True), PlanError, UnicodeEncodeError)
    if planned is None:
        return
    raws = [texts.text(source) for _ in range(8)]
    times = [START + source.randrange(-5_000, 5_000) for _ in raws]
    for reference in (False, True):
        program = planned.program("json", VirtualClock(START / 1000), reference=reference)
        # What is no fault of a document is raised.
        program.push(Batch(raws, times))
        program.tick(START + 60_000, START)
        program.restore(program.snapshot())


#: How an input is made and asked, and how often.
KINDS: dict[str, tuple[int, Callable[[random.Random], None]]] = {
    "expression": (45, expression),
    "query": (18, query),
    "stages": (15, stages),
    "text": (20, text),
    "batch": (2, batch),
}
