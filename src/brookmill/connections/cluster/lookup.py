"""Asks a collection for the documents that belong to others: what ``$lookup`` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from bson.raw_bson import RawBSONDocument
from msgspec import UNSET
from pymongo.errors import DocumentTooLarge, OperationFailure, PyMongoError

from brookmill.connections import Answer, Opening, Output
from brookmill.connections.cluster.ask_options import LookupOptions
from brookmill.connections.cluster.bulk import chunks, encoded
from brookmill.connections.cluster.client import Client, connected, leave
from brookmill.connections.cluster.trouble import failed, of_connection, reason
from brookmill.errors import DocumentError
from brookmill.mql.values import MISSING, Document, Value

if TYPE_CHECKING:
    from brookmill.connections.cluster import Cluster

#: Bytes and number of the questions of one command.
_BYTES = 4 * 1024 * 1024
_QUESTIONS = 1000


class Join:
    """A ``$lookup`` that runs on the server, over documents that are sent along.

    So what matches what is decided by the server that holds the collection, by its collation and its version.
    A question is ``{d: the local field alone, v: the variables of let}``. Needs MongoDB 6.0.
    """

    def __init__(self, client: Client, options: LookupOptions) -> None:
        """Raises ConnectionFailed when the server does not take the stage as it is written."""
        assert options.source is not UNSET, "a lookup without a collection asks no cluster"
        self._database = client[options.source.db]
        self._what = f"Could not look up documents in {options.source.db}.{options.source.coll}"
        lookup: Document = {"from": options.source.coll}
        if options.local_field is not UNSET:
            lookup |= {"localField": f"q.d.{options.local_field}", "foreignField": options.foreign_field}
        if options.let:
            lookup["let"] = {name: f"$q.v.{name}" for name in options.let}
        if options.pipeline is not UNSET:
            lookup["pipeline"] = options.pipeline
        self._lookup = {"$lookup": {**lookup, "as": "m"}}
        try:
            self._asked([])
        except PyMongoError as e:
            raise failed(self._what, e) from e

    def ask(self, questions: Sequence[RawBSONDocument]) -> list[Answer]:
        """The documents that belong to each question. Raises ConnectionFailed."""
        parts = chunks(questions, _BYTES, _QUESTIONS)
        return [answer for part in parts for answer in self._ask([questions[place] for place in part])]

    def _ask(self, questions: Sequence[RawBSONDocument]) -> list[Answer]:
        try:
            return [Answer(found) for found in self._asked(questions)]
        except PyMongoError as e:
            if of_connection(e) or not isinstance(e, OperationFailure):
                raise failed(self._what, e) from e
            words = reason(e)
        except DocumentTooLarge as e:
            words = str(e)
        if len(questions) == 1:
            return [Answer(refused=f"$lookup failed: {words}")]
        # One question is the server's trouble, or all answers are too large together.
        half = len(questions) // 2
        return [*self._ask(questions[:half]), *self._ask(questions[half:])]

    def _asked(self, questions: Sequence[RawBSONDocument]) -> list[list[Document]]:
        rows = [{"i": i, "q": question} for i, question in enumerate(questions)]
        found: list[list[Document]] = [[] for _ in questions]
        stages = [{"$documents": {"$literal": rows}}, self._lookup, {"$project": {"i": 1, "m": 1}}]
        with self._database.aggregate(stages) as cursor:
            for row in cursor:
                found[row["i"]] = row["m"]
        return found


class Question(NamedTuple):
    """``place``: of the document in its batch."""

    place: int
    raw: RawBSONDocument


class Lookup:
    """An ``Asker``. Columns or constants: ``let``, ``partitionBy``. Equal questions are asked once a batch,
    unless there are variables.
    """

    def __init__(self, connection: Cluster, options: LookupOptions, opening: Opening) -> None:
        """Raises ConnectionFailed."""
        self._options = options
        self._constants = opening.constants
        self._local = () if options.local_field is UNSET else tuple(options.local_field.split("."))
        self._client = connected(connection, opening)
        try:
            self._join = Join(self._client, options)
        except BaseException:
            leave(self._client)
            raise
        self._pool = ThreadPoolExecutor(options.parallelism, "lookup") if options.parallelism > 1 else None

    def ask(self, questions: Output) -> Sequence[Answer]:
        answers = [Answer()] * len(questions)
        lanes: dict[int, list[Question]] = {}
        for place, document in enumerate(questions.values):
            try:
                question = Question(place, self._question(document, questions, place))
                lane = self._lane(questions, place)
            except DocumentError as e:
                answers[place] = Answer(refused=str(e))
            else:
                lanes.setdefault(lane, []).append(question)
        for question, answer in self._answered(list(lanes.values())):
            answers[question.place] = answer
        return answers

    def stats(self) -> Document:
        return {}

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        leave(self._client)

    def _question(self, document: Document, questions: Output, place: int) -> RawBSONDocument:
        question: Document = {"d": pruned(document, self._local)}
        if self._options.let:
            lets = questions.columns.get("let")
            question["v"] = self._constants["let"] if lets is None else lets[place]
        return encoded(question)

    def _lane(self, questions: Output, place: int) -> int:
        if self._pool is None:
            return 0
        if self._options.partition_by is UNSET:
            return place % self._options.parallelism
        column = questions.columns.get("partitionBy")
        value = self._constants["partitionBy"] if column is None else column[place]
        return hash(encoded({"k": value}).raw) % self._options.parallelism

    def _answered(self, lanes: Sequence[Sequence[Question]]) -> Iterator[tuple[Question, Answer]]:
        if self._pool is None or len(lanes) < 2:
            taken: Iterable[list[tuple[Question, Answer]]] = map(self._take, lanes)
        else:
            taken = (future.result() for future in [self._pool.submit(self._take, lane) for lane in lanes])
        return chain.from_iterable(taken)

    def _take(self, lane: Sequence[Question]) -> list[tuple[Question, Answer]]:
        if self._options.let:
            return list(zip(lane, self._join.ask([question.raw for question in lane]), strict=True))
        distinct = {question.raw.raw: question.raw for question in lane}
        answers = dict(zip(distinct, self._join.ask(list(distinct.values())), strict=True))
        return [(question, answers[question.raw.raw]) for question in lane]


def pruned(value: Value, names: tuple[str, ...]) -> Value:
    """``value`` with no more than what a server looks at that reads the path ``names``; {} for no path."""
    if not names:
        return {}
    return _pruned(value, names)


def _pruned(value: Any, names: tuple[str, ...]) -> Value:
    if not names:
        return value
    if isinstance(value, dict):
        inner = value.get(names[0], MISSING)
        return {} if inner is MISSING else {names[0]: _pruned(inner, names[1:])}
    if isinstance(value, list) and not names[0].isdecimal():
        return [_pruned(item, names) for item in value]
    return value
