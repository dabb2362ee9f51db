"""A pipeline, parsed and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brookmill.clock import Clock
from brookmill.connections import Asker, Form
from brookmill.domain.connection import Connection
from brookmill.mql.encoding import RELAXED
from brookmill.mql.values import Document, Value
from brookmill.plan.digest import window_digest
from brookmill.plan.links import Link, cut
from brookmill.plan.program import Program
from brookmill.plan.segment import Segment
from brookmill.stages import AskStage, Place, SinkStage, SourceStage, Stage, parse_stage, parse_stages


@dataclass(frozen=True)
class Plan:
    """``operators``: stages between source and sink, those in a window after it. ``uses``: connections.
    ``digest``: of what open windows depend on; None: there is no window.
    """

    source: SourceStage
    sink: SinkStage | None
    links: tuple[Link, ...]
    operators: tuple[Stage, ...]
    uses: tuple[str, ...]
    digest: str | None

    @property
    def windowed(self) -> bool:
        return any(link.window is not None for link in self.links)

    @property
    def code(self) -> str:
        """Generated source text, with what its names stand for; for people, not for machines."""
        texts = []
        for index, segment in enumerate(self.segments()):
            for way in ("json", "documents") if index == 0 else ("documents",):
                source = segment.write(way)
                names = [
                    f"# {name} = {_shown(thing)}" for name, thing in source.bound.items() if name[0] == "K"
                ]
                texts.append("\n".join([f"# link {index}, {way}", *names, source.text]))
        return "\n\n".join(texts) + "\n"

    def segments(self) -> Iterator[Segment]:
        """What code is written from, one a link, as for a sink that takes JSON."""
        accepts: Form = "document" if self.sink is None else "json"
        encoding = RELAXED if self.sink is None else self.sink.encoding
        for link in self.links:
            timing: Any = getattr(link.window, "timing", None)
            yield Segment(link, accepts, encoding, bool(timing and timing.processing_time))

    def operator(self, position: int) -> str:
        """The name of an operator in dead letters and statistics; 0 is the source."""
        if position == 0:
            return self.source.operator
        if position <= len(self.operators):
            return self.operators[position - 1].operator
        return "SinkOperator" if self.sink is None else self.sink.operator

    @property
    def asks(self) -> tuple[AskStage, ...]:
        """The stages that need an asker, in order."""
        stages: list[Any] = [stage for stage in self.operators if stage.kind == "ask"]
        return tuple(stages)

    def program(
        self, accepts: Form, clock: Clock, *, askers: Sequence[Asker] = (), reference: bool = False
    ) -> Program:
        """A fresh program. ``accepts``: what the sink takes. ``askers``: one for each of ``asks``.
        ``reference``: for tests, no generated code.
        """
        return Program(self, accepts, clock, askers=askers, reference=reference)


def _shown(thing: Value) -> str:
    text = repr(thing)
    return text if len(text) <= 200 else f"{text[:200]}…"


def plan(
    pipeline: list[Document],
    connections: Mapping[str, Connection],
    *,
    sinkless: bool = False,
    stream_meta_field: str | None = None,
) -> Plan:
    """The plan of a pipeline. ``connections``: of its workspace. ``sinkless``: it may end without a sink.
    ``stream_meta_field``: field into which the sink's documents get their stream metadata; None: none does.

    Raises PlanError.
    """
    place = Place((), "main", connections, sinkless)
    stages = parse_stages(pipeline, place)
    if not stages or stages[0].kind != "source":
        raise place.wrong("the first stage of a pipeline must be $source")
    source: Any = stages[0]
    sink: Any = stages[-1] if stages[-1].kind == "sink" else None
    if sink is None and not sinkless:
        raise place.wrong("the last stage of a pipeline must be a sink, such as $emit or $merge")
    middle = stages[1:] if sink is None else stages[1:-1]
    windows = 0
    for i, stage in enumerate(middle, 1):
        if stage.kind in ("source", "sink"):
            where = "first" if stage.kind == "source" else "last"
            raise place.at(i, stage.name).wrong(f"{stage.name} can only be the {where} stage of a pipeline")
        windows += stage.kind == "window"
        if windows > 1:
            raise place.at(i, stage.name).wrong("a pipeline can have only one window stage")
        if windows and (reason := getattr(source.options, "windowless", None)):
            raise place.at(i, stage.name).wrong(reason)
    last = () if stream_meta_field is None else (_with_meta(stream_meta_field, place),)
    links, operators = cut(source, (*middle, *last), sink)
    names = [
        name for one in (source, *operators, sink) if (name := getattr(one, "connection", None)) is not None
    ]
    digest = window_digest(pipeline, links)
    return Plan(source, sink, tuple(links), tuple(operators), tuple(dict.fromkeys(names)), digest)


def _with_meta(field: str, place: Place) -> Stage:
    return parse_stage({"$addFields": {field: {"$meta": "stream"}}}, place.at("streamMetaFieldName"))
