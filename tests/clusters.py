"""What stages open on a cluster: sources, sinks and askers behind parsed stages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from pymongo import MongoClient

from brookmill.clock import Clock, SystemClock
from brookmill.connections import Opening, Output
from brookmill.connections.cluster import Cluster
from brookmill.mql import MISSING, Document
from brookmill.stages import Place, parse_stage

T = TypeVar("T")
Client = MongoClient[dict[str, Any]]

CLUSTER = Cluster(name="c", cluster_name="main")
PLACE = Place((0,), "main", {"c": CLUSTER})


class Opened:
    """Opens what stages ask for on one server; all is closed in the end."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._opened: list[Any] = []

    def opening(self, clock: Clock | None = None, **more: Any) -> Opening:
        more.setdefault("clusters", {"main": self.uri})
        return Opening("p" * 24, clock or SystemClock(), connections={"c": CLUSTER}, **more)

    def source(self, clock: Clock | None = None, position: Any = None, **spec: Any) -> Any:
        """``spec``: members of ``$source``; beside them ``start_at`` and ``sync_limit``."""
        told = {name: spec.pop(name) for name in ("start_at", "sync_limit") if name in spec}
        spec["config"] = {"maxAwaitTimeMS": 5, **spec.get("config", {})}  # tests wait for no silence
        stage: Any = parse_stage({"$source": {"connectionName": "c", **spec}}, PLACE)
        opening = self.opening(clock, position=position, **told)
        return self._kept(CLUSTER.open_source(stage.options, opening))

    def sink(self, stage: dict[str, Any], clock: Clock | None = None) -> Sink:
        return self._kept(Sink(stage, self.opening(clock)))

    def asker(self, stage: dict[str, Any], clock: Clock | None = None, **more: Any) -> Asker:
        return self._kept(Asker(stage, self.opening(clock, **more)))

    def _kept(self, one: T) -> T:
        self._opened.append(one)
        return one

    def close(self) -> None:
        for one in self._opened:
            one.close()


class _Columns:
    """A parsed stage and the columns it makes of documents."""

    def __init__(self, stage: dict[str, Any]) -> None:
        self.stage: Any = parse_stage(stage, PLACE)

    def output(self, documents: list[Document]) -> Output:
        columns: dict[str, list[Any]] = {name: [] for name in self.stage.columns}
        for i, document in enumerate(documents):
            env = {"ROOT": document, "CURRENT": document, "@meta": {"source": {"n": i}}, "@now": lambda: 0}
            for name, expression in self.stage.columns.items():
                value = expression.evaluate(env)
                columns[name].append(None if value is MISSING else value)
        return Output(list(documents), columns)


class Sink(_Columns):
    """A sink behind its stage."""

    def __init__(self, stage: dict[str, Any], opening: Opening) -> None:
        super().__init__(stage)
        opened = replace(opening, constants=self.stage.constants)
        self.sink = CLUSTER.open_sink(self.stage.options, opened)

    def write(self, *documents: Document) -> list[tuple[str, Any, Any]]:
        """Reason, document and metadata of the dead letters."""
        letters = [*self.sink.write(self.output(list(documents))), *self.sink.flush()]
        return [(letter.reason, letter.document, letter.meta) for letter in letters]

    def close(self) -> None:
        self.sink.close()


class Asker(_Columns):
    """An asker behind its stage."""

    def __init__(self, stage: dict[str, Any], opening: Opening) -> None:
        super().__init__(stage)
        opened = replace(opening, constants=self.stage.constants)
        if self.stage.connection is None:
            self.asker = self.stage.open_asker(opened)
        else:
            self.asker = CLUSTER.open_asker(self.stage.options, opened)

    def ask(self, *documents: Document) -> list[Any]:
        """Values; the reason as text where the document was refused."""
        answers = self.asker.ask(self.output(list(documents)))
        return [answer.value if answer.refused is None else answer.refused for answer in answers]

    def close(self) -> None:
        self.asker.close()
