"""``$https``: every document is a request, and may take the answer with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from msgspec import UNSET

from brookmill.mql.encoding import RELAXED, Encoding
from brookmill.mql.expression import Expression, Parser
from brookmill.mql.values import Value
from brookmill.stages import MAIN_AND_WINDOW, STAGES, Kind, Place, Placement
from brookmill.stages.payload import Payload
from brookmill.stages.sink import asker_parts


@STAGES("$https")
@dataclass(frozen=True, slots=True)
class HttpsStage:
    """Engine reference, section 1.5. ``constants``: columns that are the same for every document.

    Differs: endpoints that answer 408, 425, 429 or from 500 on are asked again a few times before the
    processor fails, and ``parallelism`` is taken.
    """

    connection: str
    options: Any
    columns: Mapping[str, Expression]
    constants: Mapping[str, Value]
    into: tuple[str, ...] | None
    kind: Kind

    name: ClassVar[str] = "$https"
    placements: ClassVar[frozenset[Placement]] = MAIN_AND_WINDOW
    operator: ClassVar[str] = "HttpsOperator"
    encoding: ClassVar[Encoding] = RELAXED

    @classmethod
    def parse(cls, spec: Value, place: Place) -> Self:
        connection, options, columns, constants = asker_parts(cls.name, spec, place)
        sink = place.asks_as_sink(answers=options.as_ is not UNSET)
        if options.as_ is UNSET and not sink:
            raise place.wrong("$https needs the field 'as' unless it is the last stage of the pipeline")
        into = None if options.as_ is UNSET else Parser(place.at("as").path).names(options.as_)
        columns = dict(columns)
        if sink:
            columns["meta"] = place.expression({"$meta": "stream"})
        if options.payload is not UNSET:
            columns["payload"] = Payload.parse(options.payload, place.at("payload"))
        return cls(connection, options, columns, constants, into, "sink" if sink else "ask")
