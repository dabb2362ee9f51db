"""Stream processors of a workspace: create, list, get, modify, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.domain.connection import Connection
from brookmill.domain.names import name_problem, new_id
from brookmill.domain.options import (
    DLQ,
    Autoscaling,
    Options,
    dlq_problem,
    options_of,
    options_text,
    scaled,
    scaling_problem,
    with_dlq,
)
from brookmill.domain.pipeline import NO_SUCH_CONNECTION, added_parallelism, resume_problem
from brookmill.domain.principal import STREAM_MANAGERS
from brookmill.domain.processor import MAY_MODIFY, Processor, State
from brookmill.domain.tier import LARGEST, Limits, Tier, parallelism_problem, tier_limits
from brookmill.domain.workspace import Workspace
from brookmill.errors import UserError
from brookmill.mql import MQLError, PlanError, parse_json
from brookmill.operations import Call, Page, operation
from brookmill.operations.answer import answer
from brookmill.operations.body import Body
from brookmill.operations.lookup import find_processor, find_workspace
from brookmill.operations.refusal import fail
from brookmill.plan import plan
from brookmill.store import Session

_WORKSPACE = "/groups/{groupId}/streams/{tenantName}"
_ONE = _WORKSPACE + "/processor/{processorName}"

_READ_ONLY = frozenset({"_id", "effectiveTier", "eligibleForFailover", "state", "stats"})


class ProcessorOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsOptions``, and ``streamMetaFieldName``, which only drivers know there.

    ``resume_from_checkpoint`` is for modifying alone.
    """

    autoscaling: Autoscaling | UnsetType = UNSET
    dlq: DLQ | UnsetType = UNSET
    resume_from_checkpoint: bool = True
    stream_meta_field_name: str | UnsetType = UNSET


class NewProcessor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsProcessorRequest``."""

    failover_enabled: bool | UnsetType = UNSET
    name: str
    options: ProcessorOptions = ProcessorOptions()
    pipeline: msgspec.Raw
    tier: Tier | UnsetType = UNSET


class ProcessorUpdate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsModifyStreamProcessor``."""

    failover_enabled: bool | UnsetType = UNSET
    name: str | UnsetType = UNSET
    options: ProcessorOptions = ProcessorOptions()
    pipeline: msgspec.Raw | UnsetType = UNSET
    tier: Tier | UnsetType = UNSET


@operation(
    "createGroupStreamProcessor",
    f"POST {_WORKSPACE}/processor",
    since="2024-05-30",
    roles=STREAM_MANAGERS,
    aliases=("createStreamProcessor",),
    guess="the code for a name that is taken; length and characters of names",
)
def create_processor(call: Call, group_id: str, tenant_name: str) -> Any:
    """Add a processor whose pipeline fits the connections of its workspace; it does not run yet."""
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        connections = connections_in(session, workspace)
    sent = Body.parse(call.body).into(NewProcessor, read_only=_READ_ONLY)
    processor = _made(call, workspace, sent)
    check(processor, workspace, connections, tier_limits(call.settings.tiers))
    with call.store.write() as session:
        if find_workspace(session, group_id, tenant_name).id != workspace.id:  # deleted and made again
            raise UserError("STREAM_TENANT_NOT_FOUND_FOR_NAME", group_id, tenant_name)
        _refuse_taken(session, workspace, processor.name)
        session.add_processor(processor)
    return _shown(processor)


@operation(
    "getGroupStreamProcessors",
    f"GET {_WORKSPACE}/processors",
    since="2024-05-30",
    roles=STREAM_MANAGERS,
    query=("includeCount",),
    paged=True,
    aliases=("listStreamProcessors",),
    guess="the order of the list: creation",
)
def list_processors(call: Call, group_id: str, tenant_name: str) -> Page:
    """All processors of the workspace, with the statistics of the started ones."""
    with call.store.read() as session:
        page = call.page(session.processors(find_workspace(session, group_id, tenant_name)))
    return Page([_with_stats(call, processor) for processor in page.results], page.total)


@operation(
    "getGroupStreamProcessor",
    f"GET {_ONE}",
    since="2024-05-30",
    roles=STREAM_MANAGERS,
    aliases=("getStreamProcessor",),
    guess="the code for an unknown name; dates in stats are ISO 8601 strings",
)
def get_processor(call: Call, group_id: str, tenant_name: str, processor_name: str) -> Any:
    """One processor."""
    with call.store.read() as session:
        processor = find_processor(session, find_workspace(session, group_id, tenant_name), processor_name)
    return _with_stats(call, processor)


@operation(
    "updateGroupStreamProcessor",
    f"PATCH {_ONE}",
    since="2024-05-30",
    roles=STREAM_MANAGERS,
    aliases=("modifyStreamProcessor", "updateStreamProcessor"),
    guess="the text for a started processor, and for a changed window",
)
def update_processor(call: Call, group_id: str, tenant_name: str, processor_name: str) -> Any:
    """Change a processor that is not started; without ``resumeFromCheckpoint`` its state is dropped."""
    with call.store.read() as session:
        find_processor(session, find_workspace(session, group_id, tenant_name), processor_name)
    sent = Body.parse(call.body).into(ProcessorUpdate, read_only=_READ_ONLY)
    with call.store.write() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        kept = find_processor(session, workspace, processor_name)
        now = _updated(call, workspace, kept, sent)
        if now.name != kept.name:
            _refuse_taken(session, workspace, now.name)
        limits = tier_limits(call.settings.tiers)
        check(now, workspace, connections_in(session, workspace), limits)
        session.replace_processor(now)
        if not sent.options.resume_from_checkpoint:
            session.remove_checkpoint(now.id)
    return _with_stats(call, now)


@operation(
    "deleteGroupStreamProcessor",
    f"DELETE {_ONE}",
    since="2024-05-30",
    roles=STREAM_MANAGERS,
    status=204,
    aliases=("deleteStreamProcessor",),
    waits=True,
)
def delete_processor(call: Call, group_id: str, tenant_name: str, processor_name: str) -> None:
    """Stop a processor and remove it with its state."""
    with call.store.read() as session:
        processor = find_processor(session, find_workspace(session, group_id, tenant_name), processor_name)
    call.supervisor.delete(processor.id)


def _made(call: Call, workspace: Workspace, sent: NewProcessor) -> Processor:
    if problem := name_problem("processor", sent.name):
        raise UserError("VALIDATION_ERROR", problem, fields=[("name", problem)])
    now = call.clock.now()
    tier = workspace.config.tier if sent.tier is UNSET else sent.tier
    return Processor(
        id=new_id(now),
        workspace_id=workspace.id,
        name=sent.name,
        pipeline=bytes(sent.pipeline).decode(),
        options=_options(workspace, Options(), sent.options, tier),
        tier=None if sent.tier is UNSET else sent.tier,
        effective_tier=tier,
        failover_enabled=None if sent.failover_enabled is UNSET else sent.failover_enabled,
        state_changed=now,
        created=now,
    )


def _updated(call: Call, workspace: Workspace, kept: Processor, sent: ProcessorUpdate) -> Processor:
    if kept.state not in MAY_MODIFY:
        fail(kept, "stream processor must be stopped before it can be modified")
    if sent.name is not UNSET and (problem := name_problem("processor", sent.name)):
        raise UserError("VALIDATION_ERROR", problem, fields=[("name", problem)])
    tier = kept.tier if sent.tier is UNSET else sent.tier
    in_force = tier or workspace.config.tier
    now = msgspec.structs.replace(
        kept,
        name=kept.name if sent.name is UNSET else sent.name,
        pipeline=kept.pipeline if sent.pipeline is UNSET else bytes(sent.pipeline).decode(),
        options=_options(workspace, options_of(kept.options), sent.options, in_force),
        tier=tier,
        failover_enabled=kept.failover_enabled if sent.failover_enabled is UNSET else sent.failover_enabled,
        modified=call.clock.now(),
        modified_by=call.principal.name,
    )
    if sent.options.resume_from_checkpoint and now.pipeline != kept.pipeline:
        old, new = msgspec.json.decode(kept.pipeline), msgspec.json.decode(now.pipeline)
        if problem := resume_problem(old, new):
            fail(kept, problem)
    version = kept.pipeline_version + (now.pipeline != kept.pipeline)
    return msgspec.structs.replace(now, pipeline_version=version)


def _options(workspace: Workspace, kept: Options, sent: ProcessorOptions, tier: str) -> str | None:
    most = workspace.config.max_tier_size or LARGEST
    options = with_dlq(kept, sent.dlq)
    if sent.stream_meta_field_name is not UNSET:
        options = msgspec.structs.replace(
            options, stream_meta_field_name=sent.stream_meta_field_name or UNSET
        )
    options = scaled(options, sent.autoscaling, tier=tier, workspace=workspace.config.tier, most=most)
    return options_text(options)


def check(
    processor: Processor,
    workspace: Workspace,
    connections: Mapping[str, Connection],
    limits: Mapping[str, Limits],
    *,
    sinkless: bool = False,
) -> None:
    """Refuse what cannot run: a pipeline without a plan, a dead letter queue that is no collection.

    ``limits``: by tier. ``sinkless``: the pipeline may end without a sink.
    """
    options = options_of(processor.options)
    field = options.stream_meta_field_name
    try:
        plan(
            parse_json(processor.pipeline),
            connections,
            sinkless=sinkless,
            stream_meta_field=None if field is UNSET else field,
        )
    except PlanError as e:
        fail(processor, e.message, ".".join(map(str, ("pipeline", *e.path))), wire_code=e.code)
    except MQLError as e:
        fail(processor, str(e), "pipeline", wire_code=e.code)
    if problem := dlq_problem(options):
        fail(processor, problem)
    if options.dlq is not UNSET:
        name = str(options.dlq.connection_name)
        if name not in connections:
            fail(processor, NO_SUCH_CONNECTION.format(name))
        if connections[name].type != "Cluster":
            fail(processor, f"the dlq connection {name} is of type {connections[name].type}, not Cluster")
    tier = processor.tier or workspace.config.tier
    if problem := scaling_problem(options, tier, workspace.config.max_tier_size or LARGEST):
        fail(processor, problem)
    wanted = added_parallelism(msgspec.json.decode(processor.pipeline))
    if processor.tier is not None and (problem := parallelism_problem(processor.tier, wanted, limits)):
        fail(processor, problem)


def connections_in(session: Session, workspace: Workspace) -> dict[str, Connection]:
    """All connections of the workspace by name."""
    return {str(connection.name): connection for connection in session.connections(workspace)}


def _refuse_taken(session: Session, workspace: Workspace, name: str) -> None:
    if session.processor(workspace, name) is not None:
        raise UserError("STREAM_PROCESSOR_NAME_ALREADY_EXISTS", name)


def _shown(processor: Processor) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "_id": processor.id,
        "effectiveTier": processor.effective_tier,
        "name": processor.name,
        "pipeline": msgspec.Raw(processor.pipeline.encode()),
    }
    if processor.failover_enabled is not None:
        shown["failoverEnabled"] = processor.failover_enabled
    if processor.options is not None:
        shown["options"] = answer(options_of(processor.options))
    if processor.tier is not None:
        shown["tier"] = processor.tier
    return shown


def _with_stats(call: Call, processor: Processor) -> dict[str, Any]:
    shown = _shown(processor) | {"state": processor.state.value}
    if processor.state == State.STARTED and (stats := call.supervisor.stats(processor.id)) is not None:
        shown["stats"] = answer(stats)
    return shown
