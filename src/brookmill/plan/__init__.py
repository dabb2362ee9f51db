"""Pipeline text to a checked plan, and the plan to a program that runs.

::

    plan(pipeline, connections, *, sinkless=False) -> Plan      # raises PlanError

    Plan.source: SourceStage ; Plan.sink: SinkStage | None      # parsed stage objects, see brookmill.stages
    Plan.uses: tuple[str, ...]                                  # connection names, in order of appearance
    Plan.windowed: bool ; Plan.code: str                        # generated source, for ``explain --code``
    Plan.program(accepts, clock) -> Program                     # accepts: Form of what the sink takes

    Program.push(batch) -> tuple[Output, list[DeadLetter]]      # in order; no document makes it raise
    Program.tick(now_ms, idle_since_ms) -> same                 # windows close by idleness or by the clock
    Program.snapshot() -> Document ; Program.restore(snapshot)  # between batches; before the first batch
    Program.operator_stats() -> list[Document]                  # one a stage, in the words of the stats reply
    Program.watermark -> int | None ; Program.state_size -> int # ms since the epoch; bytes

One worker, one program: not safe for threads. JSON output is bytes, written as ``sink.encoding`` says;
``Output.columns`` has the sink's ``columns``, a missing value as None. Dead letters carry the stage's
``operator``, the document as it stood before that stage (undecodable ones as raw bytes), and ``{$meta:
"stream"}``.
"""

from __future__ import annotations

from brookmill.mql.errors import PlanError
from brookmill.plan.pipeline import Plan, plan
from brookmill.plan.program import Program

__all__ = ["Plan", "PlanError", "Program", "plan"]
