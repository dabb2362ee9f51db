"""What a processor does, and why nothing comes out of it. Brookmill's own."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from brookmill.diagnosis import Explanation, explained
from brookmill.diagnosis.evidence import Evidence
from brookmill.domain.options import options_of
from brookmill.domain.principal import STREAM_MANAGERS
from brookmill.domain.processor import Processor, State
from brookmill.mql import PlanError, parse_json
from brookmill.operations import Call, operation
from brookmill.operations.answer import answer
from brookmill.operations.lookup import find_processor, find_workspace
from brookmill.operations.processors import connections_in
from brookmill.plan import plan
from brookmill.plan.description import described

_ONE = "/groups/{groupId}/streams/{tenantName}/processor/{processorName}"


@operation(
    "explainGroupStreamProcessor",
    f"GET {_ONE}:explain",
    since="2024-05-30",
    roles=STREAM_MANAGERS,
    query=("code",),
)
def explain_processor(call: Call, group_id: str, tenant_name: str, processor_name: str) -> Any:
    """The plan; and if nothing comes out, what holds it, where, by which numbers, and what to do.

    ``code=true``: the generated code too. ``held`` is in the order of the stream: the first explains most.
    """
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        processor = find_processor(session, workspace, processor_name)
        connections = connections_in(session, workspace)
    shown: dict[str, Any] = {"name": processor.name, "state": processor.state.value}
    shown["held"] = answer([_shown(one) for one in explained(_evidence(call, processor))])
    field = options_of(processor.options).stream_meta_field_name
    try:
        made = plan(
            parse_json(processor.pipeline),
            connections,
            stream_meta_field=None if field is UNSET else field,
        )
    except PlanError as e:
        return shown | {"problem": str(e)}
    code = {"code": made.code} if call.flag("code") else {}
    return shown | {"plan": described(made)} | code


def _evidence(call: Call, processor: Processor) -> Evidence:
    started = processor.state is State.STARTED
    return Evidence(
        parse_json(processor.pipeline),
        processor.state,
        call.supervisor.stats(processor.id) if started else None,
        int(call.clock.now() * 1000),
        processor.error,
    )


def _shown(one: Explanation) -> dict[str, Any]:
    members = {name: getattr(one, name) for name in ("code", "operator", "path", "text", "remedy")}
    return {name: value for name, value in members.items() if value is not None}
