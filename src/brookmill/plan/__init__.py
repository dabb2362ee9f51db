"""Pipeline text to a checked plan, and the plan to a program that runs.

Contract (implemented by the modules of this package)::

    plan(pipeline, connections, *, sinkless=False) -> Plan      # raises PlanError (brookmill.mql.errors)

    Plan.source: SourceStage ; Plan.sink: SinkStage | None      # parsed stage objects, see brookmill.stages
    Plan.uses: tuple[str, ...] # connection names, in order of appearance
    Plan.windowed: bool ; Plan.code: str         # generated source, for ``explain --code``
    Plan.program(accepts, clock) -> Program                     # accepts: Form of what the sink takes

    Program.push(batch) -> tuple[Output, list[DeadLetter]]     # order is kept; raises for no document
    Program.tick(now_ms, idle_since_ms) -> same    # closes windows by idleness or by the clock
    Program.snapshot() -> Document                              # BSON-encodable; between batches only
    Program.restore(snapshot)                                 # of the same plan, before the first batch
    Program.operator_stats() -> list[Document]                  # one a stage, in the words of the stats reply
    Program.watermark -> int | None ; Program.state_size -> int # ms since the epoch; bytes

Not safe for threads: one worker, one program. ``Output.columns`` has the sink's ``columns``; a value that
is missing
arrives as None. JSON output is bytes, written as ``sink.encoding`` says. Dead letters carry the stage's
``operator``, the
document as it stood before that stage, and ``{$meta: "stream"}``.
"""
