"""Running stream processors: start, start with other settings, stop."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections.cluster import Cluster
from brookmill.domain.options import Autoscaling, Options, options_of, options_text, scaled, scaling_problem
from brookmill.domain.pipeline import added_parallelism
from brookmill.domain.principal import STREAM_MANAGERS
from brookmill.domain.processor import Processor, State
from brookmill.domain.tier import LARGEST, Tier, exceeds, parallelism_problem, tier_limits
from brookmill.domain.workspace import Workspace
from brookmill.errors import ConnectionFailed, UserError
from brookmill.mql import PlanError
from brookmill.operations import Call, operation
from brookmill.operations.body import Body
from brookmill.operations.lookup import find_processor, find_workspace
from brookmill.operations.refusal import fail

_ONE = "/groups/{groupId}/streams/{tenantName}/processor/{processorName}"


class Failover(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsStartProcessorFailover``."""

    region: str
    clear_checkpoint: bool = False
    dry_run: bool = False
    mode: Literal["GRACEFUL", "FORCED"] = "GRACEFUL"


class StartOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsStartStreamProcessorWith``."""

    autoscaling: Autoscaling | UnsetType = UNSET
    failover: Failover | UnsetType = UNSET
    resume_from_checkpoint: bool = True
    start_at_operation_time: str | UnsetType = UNSET
    tier: Tier | UnsetType = UNSET


@operation(
    "startGroupStreamProcessor",
    f"POST {_ONE}:start",
    since="2024-05-30",
    roles=STREAM_MANAGERS,
    aliases=("startStreamProcessor",),
    waits=True,
    guess="starting a started processor changes nothing; the answer is {}",
)
def start_processor(call: Call, group_id: str, tenant_name: str, processor_name: str) -> None:
    """Start a processor where its checkpoint left off."""
    workspace, processor = _named(call, group_id, tenant_name, processor_name)
    start(call, workspace, processor)


@operation(
    "startGroupStreamProcessorWith",
    f"POST {_ONE}:startWith",
    since="2025-03-12",
    roles=STREAM_MANAGERS,
    aliases=("startStreamProcessorWith",),
    waits=True,
    guess="failover is refused: nothing fails over here; so is startAtOperationTime without a change stream",
)
def start_processor_with(call: Call, group_id: str, tenant_name: str, processor_name: str) -> None:
    """Start a processor with another tier or other bounds, or from its beginning."""
    workspace, processor = _named(call, group_id, tenant_name, processor_name)
    sent = Body.parse(call.body, optional=True).into(StartOptions)
    if sent.failover is not UNSET:
        raise UserError("VALIDATION_ERROR", "failover is not supported by this server")
    start(call, workspace, processor, sent)


@operation(
    "stopGroupStreamProcessor",
    f"POST {_ONE}:stop",
    since="2024-05-30",
    roles=STREAM_MANAGERS,
    aliases=("stopStreamProcessor",),
    waits=True,
    guess="stopping a processor that is not started changes nothing; the answer is {}",
)
def stop_processor(call: Call, group_id: str, tenant_name: str, processor_name: str) -> None:
    """Stop a processor after a last checkpoint."""
    _, processor = _named(call, group_id, tenant_name, processor_name)
    call.supervisor.stop(processor.id)


def start(
    call: Call,
    workspace: Workspace,
    processor: Processor,
    sent: StartOptions | None = None,
    start_at: Mapping[str, Any] | None = None,
) -> None:
    """Start ``processor``; a started one stays as it is. Raises STREAM_PROCESSOR_GENERIC_ERROR.

    ``start_at``: where to begin, instead of the ``startAtOperationTime`` in ``sent``.
    """
    if processor.state == State.STARTED:
        return
    sent = sent or StartOptions()
    tier = processor.tier or workspace.config.tier if sent.tier is UNSET else sent.tier
    most = workspace.config.max_tier_size
    if exceeds(tier, most):
        fail(processor, f"tier {tier} is larger than the maximum tier size {most} of the workspace")
    options = scaled(
        options_of(processor.options),
        sent.autoscaling,
        tier=tier,
        workspace=workspace.config.tier,
        most=most or LARGEST,
    )
    wanted = added_parallelism(msgspec.json.decode(processor.pipeline))
    problem = scaling_problem(options, tier, most or LARGEST)
    if problem := problem or parallelism_problem(tier, wanted, tier_limits(call.settings.tiers)):
        fail(processor, problem)
    if sent.autoscaling is not UNSET:
        _keep_options(call, processor, options)
    start_at = _start_at(call, workspace, processor, sent, start_at)
    ready = msgspec.structs.replace(processor, effective_tier=tier)
    try:
        call.supervisor.start(ready, resume_from_checkpoint=sent.resume_from_checkpoint, start_at=start_at)
    except (ConnectionFailed, PlanError, UserError) as e:
        code = getattr(e, "code", None)
        fail(processor, str(e), wire_code=code if isinstance(code, int) else None)
    except KeyError:
        name, group_id = processor.name, workspace.group_id
        raise UserError("STREAM_PROCESSOR_NOT_FOUND_FOR_NAME", name, group_id, workspace.name) from None


def _keep_options(call: Call, processor: Processor, options: Options) -> None:
    with call.store.write() as session:
        kept = session.processor_by_id(processor.id)
        if kept is not None:
            session.replace_processor(msgspec.structs.replace(kept, options=options_text(options)))


def _named(call: Call, group_id: str, tenant_name: str, name: str) -> tuple[Workspace, Processor]:
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        return workspace, find_processor(session, workspace, name)


def _start_at(
    call: Call,
    workspace: Workspace,
    processor: Processor,
    sent: StartOptions,
    wanted: Mapping[str, Any] | None,
) -> Mapping[str, Any] | None:
    """Where a change stream is to begin. Raises INVALID_ATTRIBUTE or VALIDATION_ERROR."""
    wanted = wanted or _operation_time(sent.start_at_operation_time)
    if not wanted:
        return None
    source = msgspec.json.decode(processor.pipeline)[0].get("$source", {})
    with call.store.read() as session:
        connection = session.connection(workspace, str(source.get("connectionName")))
    if not isinstance(connection, Cluster):
        [name] = wanted
        raise UserError("VALIDATION_ERROR", f"{name} needs a $source that reads a change stream")
    return wanted


def _operation_time(text: str | UnsetType) -> Mapping[str, Any] | None:
    if text is UNSET:
        return None
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UserError("INVALID_ATTRIBUTE", "startAtOperationTime") from None
    return {"startAtOperationTime": time if time.tzinfo else time.replace(tzinfo=dt.UTC)}
