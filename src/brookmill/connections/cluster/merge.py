"""Writes documents into collections by their keys: what ``$merge`` does at the end of a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from bson.raw_bson import RawBSONDocument

from brookmill.connections import DeadLetter, Form, Opening, Output
from brookmill.connections.cluster.bulk import Bulk, encoded
from brookmill.connections.cluster.client import connected, leave
from brookmill.connections.cluster.index import check_unique
from brookmill.connections.cluster.namespace import Namespace, Targets
from brookmill.connections.cluster.statement import Run, Statement, Statements, in_runs
from brookmill.connections.cluster.write_options import MergeOptions
from brookmill.errors import ConnectionFailed, DocumentError

if TYPE_CHECKING:
    from brookmill.connections.cluster import Cluster

T = TypeVar("T")


class MergeSink:
    """A ``Sink``. Columns or constants: ``db``, ``coll``, ``whenMatched``, ``whenNotMatched``, ``let``,
    ``meta``. Everything is written when ``write`` returns.
    """

    accepts: Form = "document"
    target = ("db", "coll")

    def __init__(self, connection: Cluster, options: MergeOptions, opening: Opening) -> None:
        """Raises ConnectionFailed; 51183 when nothing makes the keys unique in a collection named here."""
        self._options = options
        self.constants = opening.constants
        self._targets = Targets()
        self._checked: dict[Namespace, str | None] = {}
        self._statements = Statements(options)
        self._client = connected(connection, opening)
        self._bulk = Bulk(self._client, opening.clock)
        self._pool = ThreadPoolExecutor(options.parallelism, "merge") if options.parallelism > 1 else None
        try:
            if {"db", "coll"} <= opening.constants.keys():
                self._check(Namespace(opening.constants["db"], opening.constants["coll"]), final=True)
        except BaseException:
            self.close()
            raise

    def write(self, output: Output) -> list[DeadLetter]:
        refused: dict[int, str] = {}
        work: dict[tuple[Namespace, int], list[Statement]] = {}
        for place, document in enumerate(output.values):
            given = {**self.constants, **{name: column[place] for name, column in output.columns.items()}}
            try:
                target = self._targets.find(given["db"], given["coll"])
                self._check(target)
                statement = self._statements.make(place, document, given)
            except DocumentError as e:
                refused[place] = str(e)
                continue
            if statement is not None:
                lane = hash(statement.key) % self._options.parallelism
                work.setdefault((target, lane), []).append(statement)
        for outcome in self._all(work.items()):
            refused |= outcome
        metas = output.columns["meta"]
        return [
            DeadLetter(refused[place], MergeOptions.operator, output.values[place], metas[place])
            for place in sorted(refused)
        ]

    def flush(self) -> list[DeadLetter]:
        """Nothing waits."""
        return []

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        leave(self._client)

    def _check(self, target: Namespace, *, final: bool = False) -> None:
        """Keys other than ``_id`` need a unique index: without one the same key could be stored twice.

        Raises DocumentError, or ConnectionFailed if it is ``final``.
        """
        if self._options.keys == ("_id",):
            return
        if target not in self._checked:
            self._checked[target] = check_unique(self._client, target, self._options.keys)
        problem = self._checked[target]
        if problem is not None:
            raise ConnectionFailed(problem, retry=False, code=51183) if final else DocumentError(problem)

    def _all(self, work: Iterable[tuple[tuple[Namespace, int], Sequence[Statement]]]) -> list[dict[int, str]]:
        """What was refused, by place. Each target's lanes may run side by side: no two hold the same key."""
        tasks: list[Callable[[], dict[int, str]]] = [
            lambda target=target, statements=statements: self._merge(target, statements)  # type: ignore[misc]
            for (target, _), statements in work
        ]
        if self._pool is None or len(tasks) < 2:
            return [task() for task in tasks]
        return [future.result() for future in [self._pool.submit(task) for task in tasks]]

    def _merge(self, target: Namespace, statements: Sequence[Statement]) -> dict[int, str]:
        refused: dict[int, str] = {}
        for run in in_runs(statements):
            refused |= self._run(target, run)
        return refused

    def _run(self, target: Namespace, run: Run) -> dict[int, str]:
        raws: list[RawBSONDocument] = [statement.raw for statement in run.statements]
        keys = [statement.key for statement in run.statements]
        done = self._bulk.write("delete" if run.kind == "delete" else "update", target, raws, keys)
        refused = {run.statements[i].place: text for i, text in done.refused.items()}
        if run.kind == "toggle":
            there = [
                statement
                for i, statement in enumerate(run.statements)
                if i not in done.inserted and i not in done.refused
            ]
            gone = self._bulk.write(
                "delete", target, [encoded({"q": statement.q, "limit": 0}) for statement in there]
            )
            refused |= {there[i].place: text for i, text in gone.refused.items()}
        return refused
